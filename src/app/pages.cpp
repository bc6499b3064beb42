#include "app/pages.hpp"

#include <string>

#include "colonnade/error.hpp"

namespace colonnade::app {

std::string_view page(std::string_view name) {
  for (const Page& page : pages()) {
    if (page.name == name) return page.text;
  }
  throw Error("the program was built without the page " + std::string(name));
}

}  // namespace colonnade::app
