// Files that are part of the program: those of src/app/pages, and what they need of third_party.
// The build makes text of them (tools/embed.sh).
#pragma once

#include <span>
#include <string_view>

namespace colonnade::app {

struct Page {
  std::string_view name;  // of the file, without its folder
  std::string_view text;
};

std::span<const Page> pages();

/// The text of the file of this name; throws if there is none.
std::string_view page(std::string_view name);

}  // namespace colonnade::app
