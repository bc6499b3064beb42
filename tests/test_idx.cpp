#include "colonnade/idx.hpp"

#include <string>
#include <vector>

#include "files.hpp"
#include "harness.hpp"

using colonnade::IdxImages;
using colonnade::read_idx_images;
using colonnade::read_idx_labels;
using harness::error_of;
using harness::lacking;
using harness::source_of;
using namespace std::string_literals;

namespace {

const std::string two_images = "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03"s + "abcdef";
const std::string four_labels = "\0\0\x08\x01\0\0\0\x04"s + "\x03\x01\x04\x01";

std::string images_error(const std::string& bytes) {
  return error_of([&] { read_idx_images(source_of(bytes)); });
}

std::string labels_error(const std::string& bytes) {
  return error_of([&] { read_idx_labels(source_of(bytes)); });
}

}  // namespace

TEST_CASE("images and labels are read from bytes made by hand") {
  const IdxImages images = read_idx_images(source_of(two_images));
  CHECK(images.count == 2);
  CHECK(images.rows == 1);
  CHECK(images.cols == 3);
  CHECK(images.pixels == std::vector<std::uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'});
  CHECK(read_idx_labels(source_of(four_labels)) == std::vector<std::uint8_t>{3, 1, 4, 1});
}

TEST_CASE("a file of another kind is named by its magic number") {
  CHECK(lacking(images_error(four_labels + "        "),
                {"made-up holds no IDX images", "wanted the magic number 0x00000803",
                 "found 0x00000801"}) == "");
  CHECK(lacking(labels_error(two_images),
                {"made-up holds no IDX labels", "wanted the magic number 0x00000801",
                 "found 0x00000803"}) == "");
  CHECK(lacking(images_error("\x1f\x8b\x08\x08"s + std::string(20, 'z')),
                {"found 0x1f8b0808", "gunzip"}) == "");
}

TEST_CASE("an IDX file is exactly as long as its sizes say") {
  for (std::size_t length = 0; length < two_images.size(); ++length)
    CHECK(images_error(two_images.substr(0, length)) != "");
  for (std::size_t length = 0; length < four_labels.size(); ++length)
    CHECK(labels_error(four_labels.substr(0, length)) != "");
  CHECK(lacking(images_error(two_images.substr(0, 15)),
                {"made-up is too short", "wanted at least 16 bytes", "found 15"}) == "");
  CHECK(lacking(images_error(two_images.substr(0, 21)),
                {"made-up is truncated", "wanted 2 x 1 x 3 bytes", "found 5"}) == "");
  CHECK(lacking(labels_error(four_labels + "x"),
                {"made-up is too long", "wanted 4 bytes", "found 5"}) == "");
}

TEST_CASE("sizes of nothing and sizes beyond all memory are refused before anything is allocated") {
  CHECK(lacking(labels_error("\0\0\x08\x01\0\0\0\0"s), {"made-up is empty", "found 0"}) == "");
  CHECK(lacking(images_error("\0\0\x08\x03\0\0\0\x02\0\0\0\0\0\0\0\x03"s),
                {"made-up is empty", "found 2 x 0 x 3"}) == "");
  const std::string most = "\xff\xff\xff\xff";
  CHECK(lacking(images_error("\0\0\x08\x03"s + most + most + most + "abc"),
                {"made-up is truncated", "4294967295 x 4294967295 x 4294967295", "found 3"}) == "");
  CHECK(lacking(labels_error("\0\0\x08\x01"s + most + "abc"), {"is truncated"}) == "");
  // 2^31 * 2^31 * 4 is 0 in 64 bits.
  const std::string wraps = "\x80\0\0\0"s + "\x80\0\0\0"s + "\0\0\0\x04"s;
  CHECK(lacking(images_error("\0\0\x08\x03"s + wraps), {"is truncated"}) == "");
}
