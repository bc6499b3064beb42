// The files of fuzz/corpus, tried on the parsers as the fuzzers try theirs, but with every compiler
// and in both precisions.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "../fuzz/idx.hpp"
#include "../fuzz/npy.hpp"
#include "../fuzz/safetensors.hpp"
#include "files.hpp"
#include "harness.hpp"

namespace fs = std::filesystem;

namespace {

/// Tries all files of a parser. Names say the verdict where someone decided on it: `taken-...` and
/// `refused-...`; the names of files that a fuzzer found say nothing.
void try_corpus(const std::string& parser, bool (*read_as)(fuzz::Bytes)) {
  const fs::path folder = fs::path("fuzz/corpus") / parser;
  REQUIRE_MESSAGE(fs::is_directory(folder), "tests run in the folder of the Makefile");
  int taken = 0, refused = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const std::string bytes = harness::read_file(entry.path());
    CAPTURE(name);
    try {
      const bool is_taken = read_as(std::as_bytes(std::span(bytes)));
      CHECK_FALSE((is_taken && name.starts_with("refused-")));
      CHECK_FALSE((!is_taken && name.starts_with("taken-")));
      ++(is_taken ? taken : refused);
    } catch (const std::exception& error) {
      FAIL_CHECK(std::string(error.what()));
    }
  }
  CHECK(taken > 0);
  CHECK(refused > 0);
}

}  // namespace

TEST_CASE("the kept IDX files disprove nothing") {
  try_corpus("idx", fuzz::read_as_idx);
}

TEST_CASE("the kept NPY files disprove nothing") {
  try_corpus("npy", fuzz::read_as_npy);
}

TEST_CASE("the kept safetensors files disprove nothing") {
  try_corpus("safetensors", fuzz::read_as_safetensors);
}
