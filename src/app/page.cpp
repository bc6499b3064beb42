#include "app/page.hpp"

#include <array>
#include <utility>

#include "colonnade/error.hpp"

namespace colonnade::app {

namespace {

/// In JSON `<` stands in strings alone, where it may be written like this too.
std::string safe_in_html(std::string_view json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char letter : json) {
    if (letter == '<')
      safe += "\\u003c";
    else
      safe += letter;
  }
  return safe;
}

}  // namespace

// In one pass from front to back: what was put in is not searched.
std::string make_page(const PageParts& parts, std::string_view json) {
  const std::string data = safe_in_html(json);
  std::string page;
  std::string_view rest = parts.html;
  const std::array<std::pair<std::string_view, std::string_view>, 3> places = {
      {{"{{style}}", parts.style}, {"{{data}}", data}, {"{{script}}", parts.script}}};
  for (const auto& [mark, text] : places) {
    const std::size_t at = rest.find(mark);
    if (at == rest.npos) throw Error("a page has no place for its " + std::string(mark));
    page.append(rest.substr(0, at)).append(text);
    rest = rest.substr(at + mark.size());
  }
  return page.append(rest);
}

}  // namespace colonnade::app
