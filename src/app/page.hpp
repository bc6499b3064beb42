// Pages that the program writes: one file each, which needs no other and no network.
#pragma once

#include <string>
#include <string_view>

namespace colonnade::app {

/// Files of src/app/pages, which the build makes into strings.
struct PageParts {
  std::string_view html;  // with {{style}}, {{data}} and {{script}} where these belong
  std::string_view style;
  std::string_view script;
};

/// The page with `json` as its data, of which no text can end the element that it stands in.
std::string make_page(const PageParts& parts, std::string_view json);

}  // namespace colonnade::app
