#include "app/pages.hpp"

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

std::string_view page(std::string_view name) {
  for (const Page& page : pages()) {
    if (page.name == name) return page.text;
  }
  throw Error("the program was built without the page " + std::string(name));
}

// In one pass from front to back: what was put in is not searched.
std::string make_page(std::string_view name, std::string_view json) {
  std::string made;
  std::string_view rest = page(name);
  while (true) {
    const std::size_t begin = rest.find('@');
    const std::size_t end = begin == rest.npos ? rest.npos : rest.find('@', begin + 1);
    if (end == rest.npos) return made.append(rest);
    const std::string_view mark = rest.substr(begin + 1, end - begin - 1);
    made.append(rest.substr(0, begin));
    if (mark == "data")
      made += safe_in_html(json);
    else
      made += page(mark);
    rest = rest.substr(end + 1);
  }
}

}  // namespace colonnade::app
