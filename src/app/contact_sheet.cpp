#include "app/contact_sheet.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace colonnade::app {

namespace {

constexpr int shades = 8;  // of ink; paper is none of them
constexpr int tile = 84;   // the longer side of an image, in units of the picture
constexpr int gap = 16;
constexpr int caption_height = 34;
constexpr int title_height = 44;
constexpr int most_columns = 10;

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

int shade_of(std::uint8_t pixel) {
  return (pixel * shades + 127) / 255;
}

/// A path for each shade but that of the paper, a line in it for each run of pixels in a row.
std::string drawing_of(const GreyImage& image) {
  std::array<std::string, shades + 1> paths;
  for (std::int64_t row = 0; row < image.rows; ++row) {
    const std::uint8_t* const pixels = image.pixels.data() + row * image.cols;
    for (std::int64_t begin = 0, end = 0; begin < image.cols; begin = end) {
      const int shade = shade_of(pixels[begin]);
      while (end < image.cols && shade_of(pixels[end]) == shade) ++end;
      paths[static_cast<std::size_t>(shade)] += "M" + std::to_string(begin) + " " +
                                                std::to_string(row) + "h" +
                                                std::to_string(end - begin);
    }
  }
  std::string text;
  for (int shade = 1; shade <= shades; ++shade) {
    const std::string& path = paths[static_cast<std::size_t>(shade)];
    if (path.empty()) continue;
    text += "<path opacity=\"" + number(static_cast<double>(shade) / shades) + "\" d=\"" + path +
            "\"/>";
  }
  return text;
}

std::string tile_at(int x, int y, const CaptionedImage& captioned) {
  const GreyImage& image = captioned.image;
  const double scale = tile / static_cast<double>(std::max(image.rows, image.cols));
  const std::string middle = "x=\"" + std::to_string(tile / 2) + "\" y=\"";
  // Lines are as wide as a pixel and lie on its middle.
  return "<g transform=\"translate(" + std::to_string(x) + " " + std::to_string(y) + ")\">" +
         "<rect class=\"paper\" width=\"" + std::to_string(tile) + "\" height=\"" +
         std::to_string(tile) + "\"/><g class=\"ink\" transform=\"scale(" + number(scale) +
         ") translate(0 .5)\">" + drawing_of(image) + "</g><text " + middle +
         std::to_string(tile + 15) + "\">" + escaped(captioned.caption.first) +
         "</text><text class=\"minor\" " + middle + std::to_string(tile + 30) + "\">" +
         escaped(captioned.caption.second) + "</text></g>\n";
}

constexpr std::string_view style = R"(<style>
.ground { fill: #fff } .paper { fill: #f1f3f5 } .ink path { stroke: #16191d; fill: none }
.ink { shape-rendering: crispEdges }
text { font: 13px system-ui, sans-serif; text-anchor: middle; fill: #16191d }
.title { font-size: 16px; text-anchor: start } .minor { font-size: 11px; fill: #5b6570 }
@media (prefers-color-scheme: dark) {
  .ground { fill: #14171a } .paper { fill: #22272c } .ink path { stroke: #f1f3f5 }
  text { fill: #e6e9ec } .minor { fill: #a3adb7 }
}
</style>
)";

}  // namespace

std::string contact_sheet(const std::string& title, const std::vector<CaptionedImage>& images) {
  const int count = static_cast<int>(images.size());
  const int columns = std::clamp(count, 6, most_columns);  // a title needs some width
  const int lines = (count + columns - 1) / columns;
  const int step = tile + gap;
  const std::string width = std::to_string(columns * step + gap);
  const std::string height = std::to_string(title_height + lines * (step + caption_height) + gap);
  std::string text = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" +
                     height + "\" viewBox=\"0 0 " + width + " " + height + "\">\n";
  text += style;
  text += "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n<text class=\"title\" x=\"" +
          std::to_string(gap) + "\" y=\"28\">" + escaped(title) + "</text>\n";
  for (int i = 0; i < count; ++i) {
    text += tile_at(gap + i % columns * step, title_height + i / columns * (step + caption_height),
                    images[static_cast<std::size_t>(i)]);
  }
  return text + "</svg>\n";
}

}  // namespace colonnade::app
