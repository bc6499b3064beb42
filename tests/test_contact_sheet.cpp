#include "app/contact_sheet.hpp"

#include "harness.hpp"

using namespace colonnade::app;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t number = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++number;
  return number;
}

}  // namespace

TEST_CASE("an image becomes a line for each run of equal pixels, by shade") {
  const GreyImage image{.rows = 2, .cols = 4, .pixels = {255, 255, 0, 127, 0, 255, 255, 255}};
  const std::string svg = contact_sheet("one", {{image, {"3 > 8", "of 5"}}});
  CHECK(has(svg, "<path opacity=\"1\" d=\"M0 0h2M1 1h3\"/>"));
  CHECK(has(svg, "<path opacity=\"0.5\" d=\"M3 0h1\"/>"));
  CHECK(count(svg, "<path") == 2);
  CHECK(has(svg, ">3 > 8</text>"));
  CHECK(has(svg, ">of 5</text>"));
}

TEST_CASE("paper alone is no line, and the longer side of an image fills its place") {
  const std::string svg = contact_sheet(
      "wide", {{{.rows = 1, .cols = 168, .pixels = std::vector<std::uint8_t>(168, 15)}, {}}});
  CHECK(count(svg, "<path") == 0);
  CHECK(has(svg, "scale(0.5)"));
}

TEST_CASE("words are text in the document, whatever they hold") {
  const GreyImage image{.rows = 1, .cols = 1, .pixels = {255}};
  const std::string svg = contact_sheet("<b> & c", {{image, {"<i>", "&amp;"}}});
  CHECK(has(svg, "&lt;b> &amp; c"));
  CHECK(has(svg, "&lt;i>"));
  CHECK(has(svg, "&amp;amp;"));
}

TEST_CASE("more images make more lines of them; none are a title") {
  const CaptionedImage image{{.rows = 1, .cols = 1, .pixels = {255}}, {}};
  const std::string many = contact_sheet("many", std::vector<CaptionedImage>(21, image));
  CHECK(count(many, "<path") == 21);
  CHECK(has(many, "translate(16 312)"));  // the last, in the third line
  CHECK(has(contact_sheet("none", {}), ">none</text>"));
}
