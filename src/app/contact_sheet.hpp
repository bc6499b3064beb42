// A picture of images beside one another with a few words below each, as SVG.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace colonnade::app {

struct GreyImage {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::vector<std::uint8_t> pixels;  // row by row; 0 is the paper, 255 the ink
};

struct Caption {
  std::string first;
  std::string second;
};

struct CaptionedImage {
  GreyImage image;
  Caption caption;
};

/// An SVG document of lines and text alone, on a light ground and on a dark one. Grey is rounded to
/// eight steps, of which runs of equal pixels make short lines.
std::string contact_sheet(const std::string& title, const std::vector<CaptionedImage>& images);

}  // namespace colonnade::app
