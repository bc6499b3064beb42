#include "colonnade/safetensors_header.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "files.hpp"
#include "harness.hpp"

using colonnade::element_count;
using colonnade::format_safetensors_header;
using colonnade::Index;
using colonnade::Metadata;
using colonnade::Range;
using colonnade::read_safetensors_header;
using colonnade::SafetensorsHeader;
using colonnade::shape_text;
using colonnade::StoredTensor;
using harness::error_of;
using harness::lacking;
using harness::source_of;

namespace {

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}

std::string file_of(const std::string& json, std::size_t data_bytes) {
  return with_length(json.size(), json + std::string(data_bytes, '\0'));
}

std::string error_of_file(const std::string& bytes) {
  return error_of([&] { read_safetensors_header(source_of(bytes)); });
}

std::string error_of_header(const std::string& json, std::size_t data_bytes = 24) {
  return error_of_file(file_of(json, data_bytes));
}

std::string entry(const std::string& name, const std::string& shape, const std::string& offsets,
                  const std::string& dtype = "F32") {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

}  // namespace

TEST_CASE("a safetensors header says what is where") {
  const std::string json =
      "{\"__metadata__\":{\"format\":\"pt\"}," + entry("b", "[2]", "[24,40]", "F64") + "," +
      entry("a", "[2, 3]", "[0,24]") + "," + entry("nothing", "[0,5]", "[40,40]") + "," +
      entry("one", "[]", "[40,41]", "U8") + "}  ";
  const std::string file = file_of(json, 41);
  const SafetensorsHeader header = read_safetensors_header(source_of(file));
  const Index data_begin = static_cast<Index>(8 + json.size());
  CHECK(header.metadata == Metadata{{"format", "pt"}});
  CHECK(header.tensors.size() == 4);
  CHECK(header.tensors.at("a").dtype == "F32");
  CHECK(header.tensors.at("a").shape == std::vector<Index>{2, 3});
  CHECK(header.tensors.at("a").bytes == Range{data_begin, data_begin + 24});
  CHECK(header.tensors.at("b").bytes == Range{data_begin + 24, data_begin + 40});
  CHECK(header.tensors.at("one").shape.empty());
  CHECK(read_safetensors_header(source_of(file_of("{}", 0))).tensors.empty());
}

TEST_CASE("what is written is read, and its numbers are aligned") {
  for (const char* const name : {"a", "ab", "abc", "quote\" and \\ and \xc3\xa9"}) {
    const std::vector<std::pair<std::string, StoredTensor>> tensors = {
        {name, {"F64", {2}, {0, 16}}}, {"0 comes later", {"F64", {}, {16, 24}}}};
    const std::string start = format_safetensors_header(tensors, {{"key", "line\nbreak"}});
    CHECK(start.size() % 8 == 0);
    CHECK(start.find("[2]") < start.find("later"));
    const std::string file = start + std::string(24, '\0');
    const SafetensorsHeader header = read_safetensors_header(source_of(file));
    CHECK(header.metadata.at("key") == "line\nbreak");
    CHECK(header.tensors.at(name).shape == std::vector<Index>{2});
    CHECK(header.tensors.at(name).bytes.begin == static_cast<Index>(start.size()));
  }
  // Text that isn't UTF-8 is no reason to lose a model.
  const std::string broken = format_safetensors_header({}, {{"path", "\xff"}});
  CHECK(error_of_file(broken) == "");
}

TEST_CASE("a length that doesn't fit the file is refused before anything is allocated") {
  CHECK(lacking(error_of_file("1234567"), {"made-up is too short", "at least 8", "found 7"}) == "");
  CHECK(lacking(error_of_file(with_length(~std::uint64_t{0}, "{}")),
                {"made-up is truncated", "at most 2 bytes", "18446744073709551615"}) == "");
  CHECK(lacking(error_of_file(with_length(3, "{}")), {"at most 2 bytes", "found 3"}) == "");
  std::string spaces;
  spaces.resize(100'000'002, ' ');
  CHECK(lacking(error_of_file(with_length(100'000'001, spaces)),
                {"at most 100000000 bytes", "found 100000001"}) == "");
}

TEST_CASE("a safetensors file that was cut off anywhere is refused") {
  const std::string file = file_of("{" + entry("a", "[2,3]", "[0,24]") + "}", 24);
  CHECK(error_of_file(file) == "");
  for (std::size_t length = 0; length < file.size(); ++length)
    CHECK(error_of_file(file.substr(0, length)) != "");
  CHECK(lacking(error_of_file(file.substr(0, file.size() - 1)),
                {"made-up holds 'a' outside of the file", "to 23 at most", "bytes 0 to 24"}) == "");
  CHECK(lacking(error_of_file(file + "x"), {"made-up is too long", "wanted 24", "found 25"}) == "");
}

TEST_CASE("tensors must follow each other without gap or overlap") {
  CHECK(lacking(error_of_header("{" + entry("a", "[4]", "[0,16]") + "," +
                                entry("b", "[3]", "[12,24]") + "}"),
                {"made-up holds 'b' overlapping", "bytes from 16 on", "found bytes 12 to 24"}) ==
        "");
  CHECK(lacking(error_of_header("{" + entry("a", "[2]", "[0,8]") + "," +
                                entry("b", "[3]", "[12,24]") + "}"),
                {"made-up holds 'b' after a gap", "bytes from 8 on"}) == "");
  CHECK(lacking(error_of_header("{" + entry("a", "[6]", "[0,24]") + "," +
                                entry("b", "[6]", "[0,24]") + "}"),
                {"'b' overlapping"}) == "");
  CHECK(lacking(error_of_header("{" +
                                entry("a", "[6]",
                                      "[9223372036854775783,"
                                      "9223372036854775807]") +
                                "}"),
                {"outside of the file"}) == "");
  CHECK(lacking(error_of_header("{" + entry("a", "[0]", "[24,0]") + "}"), {"data_offsets"}) == "");
  CHECK(error_of_header("{}") != "");
}

TEST_CASE("shape, type and bytes must agree") {
  CHECK(lacking(error_of_header("{" + entry("a", "[7]", "[0,24]") + "}"),
                {"made-up holds 'a' in the wrong number of bytes", "wanted F32 [7]",
                 "found 24 bytes"}) == "");
  CHECK(error_of_header("{" + entry("a", "[3]", "[0,24]", "F64") + "}") == "");
  CHECK(error_of_header("{" + entry("a", "[3]", "[0,24]", "F32") + "}") != "");
  // A type from the future is taken at its word, for whoever doesn't need this tensor.
  CHECK(error_of_header("{" + entry("a", "[48]", "[0,24]", "F4") + "}") == "");
  const std::string two_to_62 = "4611686018427387904";
  CHECK(lacking(error_of_header("{" + entry("a", "[" + two_to_62 + ",4]", "[0,24]") + "}"),
                {"impossible shape of 'a' in made-up", "fewer than 2^63"}) == "");
  CHECK(lacking(error_of_header("{" + entry("a", "[" + two_to_62 + "]", "[0,0]") + "}", 0),
                {"wrong number of bytes"}) == "");
  CHECK(error_of_header("{" + entry("a", "[" + two_to_62 + ",4,0]", "[0,0]") + "}", 0) == "");
}

TEST_CASE("a name that occurs twice is refused") {
  const std::string a = entry("a", "[0]", "[0,0]");
  CHECK(lacking(error_of_header("{" + a + "," + a + "}", 0), {"made-up, at 'a'", "twice"}) == "");
  const std::string metadata = "\"__metadata__\":{\"k\":\"v\"}";
  CHECK(error_of_header("{" + metadata + "," + a + "}", 0) == "");
  CHECK(lacking(error_of_header("{" + metadata + "," + metadata + "}", 0), {"twice"}) == "");
  CHECK(lacking(error_of_header("{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}}", 0),
                {"'k' twice"}) == "");
  CHECK(lacking(error_of_header("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F64\"}}", 0),
                {"'dtype' twice"}) == "");
}

TEST_CASE("JSON of another form is refused, whatever it is") {
  for (const std::string json : {"",
                                 " ",
                                 "[]",
                                 "1",
                                 "null",
                                 "\"text\"",
                                 "{",
                                 "{\"a\"}",
                                 "{\"a\":1}",
                                 "{\"a\":[]}",
                                 "{\"a\":null}",
                                 "{\"a\":{}}",
                                 "{\"a\":{\"dtype\":1}}",
                                 "{\"a\":{\"shape\":\"[1]\"}}",
                                 "{\"a\":{\"shape\":{}}}",
                                 "{\"a\":{\"shape\":[[1]]}}",
                                 "{\"a\":{\"shape\":[1.5]}}",
                                 "{\"a\":{\"shape\":[true]}}",
                                 "{\"a\":{\"dtype\":\"F32\",\"shape\":[0]}}",
                                 "{\"__metadata__\":1}",
                                 "{\"__metadata__\":{\"k\":1}}",
                                 "{\"__metadata__\":{\"k\":{}}}",
                                 "{\"__metadata__\":[]}",
                                 "{\"a\":\"\xff\"}",
                                 "{} {}",
                                 "{},",
                                 "{'a':1}",
                                 "nul"}) {
    CHECK_MESSAGE(
        lacking(error_of_header(json, 0), {"safetensors header", "made-up", "wanted"}) == "", json);
  }
  const auto with = [](const std::string& shape, const std::string& offsets) {
    return error_of_header("{" + entry("a", shape, offsets) + "}", 0);
  };
  CHECK(with("[0]", "[0,0]") == "");
  CHECK(lacking(with("[-1]", "[0,0]"), {"at 'a'", "found -1"}) == "");
  CHECK(lacking(with("[1e400]", "[0,0]"), {"made-up", "wanted JSON"}) == "");
  CHECK(lacking(with("[9223372036854775808]", "[0,0]"), {"9223372036854775808"}) == "");
  CHECK(lacking(with("[99999999999999999999999]", "[0,0]"), {"99999999999999999999999"}) == "");
  CHECK(with("[0]", "[0]") != "");
  CHECK(with("[0]", "[0,0,0]") != "");
  CHECK(with("[0],\"more\":1", "[0,0]") != "");
}

TEST_CASE("no byte of a safetensors header is left unread") {
  const std::string hidden("{}\0{\"a\":1}", 10);
  CHECK(lacking(error_of_header(hidden, 0), {"made-up", "no zero byte", "one at byte 2"}) == "");
  CHECK(lacking(error_of_header(std::string("{\0}", 3), 0), {"one at byte 1"}) == "");
  CHECK(lacking(error_of_header("\xef\xbb\xbf{}", 0), {"begins with {", "found '?'"}) == "");
  CHECK(lacking(error_of_header(" {}", 0), {"begins with {", "found ' '"}) == "");
  CHECK(error_of_header("{} \n", 0) == "");
}

TEST_CASE("depth and length of hostile JSON cost nothing") {
  CHECK(error_of_header(std::string(5'000'000, '['), 0) != "");
  std::string nested;
  for (int i = 0; i < 1'000'000; ++i) nested += "{\"a\":";
  CHECK(error_of_header(nested, 0) != "");
  const std::string error = error_of_header("{\"" + std::string(5'000'000, 'x') + "\":1}", 0);
  CHECK(error != "");
  CHECK(error.size() < 500);
  std::string offsets = "[0";
  for (int i = 0; i < 100'000; ++i) offsets += ",0";
  CHECK(lacking(error_of_header("{" + entry("a", "[0]", offsets + "]") + "}", 0),
                {"at 'a'", "other data_offsets"}) == "");
  std::string sizes = "[0";
  for (int i = 0; i < 100'000; ++i) sizes += ",1";
  CHECK(error_of_header("{" + entry("a", sizes + "]", "[0,0]") + "}", 0) == "");
  CHECK(error_of_header("{" + entry("a", sizes + "]", "[0,8]") + "}", 8).size() < 500);
}

TEST_CASE("no byte of a safetensors header can do worse than an error") {
  const std::string good =
      file_of("{\"__metadata__\":{\"k\":\"v\"}," + entry("a", "[2,3]", "[0,24]") + "}", 24);
  int refused = 0;
  for (std::size_t place = 0; place < good.size() - 24; ++place) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = good;
      changed[place] = static_cast<char>(value);
      if (!error_of_file(changed).empty()) ++refused;
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("elements of a shape are counted without overflow") {
  const auto count = [](std::vector<Index> shape) { return element_count(shape, "'a'"); };
  const Index half = Index{1} << 32;
  CHECK(count({}) == 1);
  CHECK(count({2, 3, 5}) == 30);
  CHECK(count({half, half, 0}) == 0);
  CHECK(lacking(error_of([&] { count({half, half}); }), {"impossible shape of 'a'", "2^63"}) == "");
  CHECK(error_of([&] { count({-1, 0}); }) != "");
  CHECK(error_of([&] { count({-1, -1}); }) != "");
  CHECK(shape_text(std::vector<Index>{}) == "[]");
  CHECK(shape_text(std::vector<Index>{2, 3}) == "[2, 3]");
  CHECK(shape_text(std::vector<Index>(9, 1)) == "[1, 1, 1, 1, 1, 1, 1, 1, ...]");
}

TEST_CASE("a header with checksums notices every changed byte") {
  const std::vector<std::pair<std::string, StoredTensor>> tensors = {{"a", {"F32", {2}, {0, 8}}},
                                                                     {"b", {"F32", {1}, {8, 12}}}};
  const std::string header =
      format_safetensors_header(tensors, {{"colonnade.checksum", ""},
                                          {"colonnade.checksum.a", "0123456789abcdef"},
                                          {"colonnade.checksum.b", "0123456789abcdef"},
                                          {"step", "12"}});
  const std::string data(12, '\1');
  CHECK(error_of([&] { read_safetensors_header(source_of(header + data)); }) == "");
  for (std::size_t place = 0; place < header.size(); ++place) {
    for (const int flip : {1, 2, 32, 128, 255}) {
      std::string bad = header;
      bad[place] = static_cast<char>(bad[place] ^ flip);
      CAPTURE(place);
      CAPTURE(flip);
      CHECK(error_of([&] { read_safetensors_header(source_of(bad + data)); }) != "");
    }
  }
}

TEST_CASE("a tensor without a checksum among others is refused") {
  const std::pair<std::string, StoredTensor> tensor = {"a", {"F32", {2}, {0, 8}}};
  const std::string header =
      format_safetensors_header(std::span(&tensor, 1), {{"colonnade.checksum", ""}});
  CHECK(lacking(error_of([&] { read_safetensors_header(source_of(header + "12345678")); }),
                {"made-up is damaged", "'a' has no checksum"}) == "");
}
