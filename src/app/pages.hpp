// Pages that the program writes: one file each, which needs no other and no network. Their parts
// are files of src/app/pages and of third_party, of which the build makes text (tools/embed.sh).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace colonnade::app {

struct Page {
  std::string_view name;  // of the file, without its folder
  std::string_view text;
};

std::span<const Page> pages();

/// The text of the file of this name; throws if there is none.
std::string_view page(std::string_view name);

/// The file of this name with @NAME@ replaced by the file NAME, wherever one is called so, and
/// @data@ by `json`, written so that no text in it can end the <script> that it stands in.
std::string make_page(std::string_view name, std::string_view json);

}  // namespace colonnade::app
