#include "colonnade/layout.hpp"

#include <string>

#include "colonnade/error.hpp"

namespace colonnade {

std::string_view to_string(Layout layout) {
  return layout == Layout::gather ? "gather" : "pair";
}

Layout layout_from(std::string_view name) {
  if (name == "gather") return Layout::gather;
  if (name == "pair") return Layout::pair;
  throw Error("unknown layout",
              {.wanted = "gather or pair", .found = "'" + std::string(name) + "'"});
}

}  // namespace colonnade
