#include "colonnade/error.hpp"

#include <cerrno>

#include "harness.hpp"

using colonnade::Error;
using colonnade::SourceLine;

TEST_CASE("an error is one line that leaves out what it doesn't know") {
  const SourceLine where{"/some/folder/layer.cpp", 12};
  const auto text = [&](const colonnade::ErrorDetails& details) {
    return std::string(Error("bad width", details, where).what());
  };
  CHECK(text({}) == "bad width [rank 0, layer.cpp:12]");
  CHECK(text({.wanted = "4"}) == "bad width: wanted 4 [rank 0, layer.cpp:12]");
  CHECK(text({.found = "5"}) == "bad width: found 5 [rank 0, layer.cpp:12]");
  CHECK(text({.hint = "widen it"}) == "bad width; widen it [rank 0, layer.cpp:12]");
  CHECK(text({.wanted = "4", .found = "5", .hint = "widen it"}) ==
        "bad width: wanted 4, found 5; widen it [rank 0, layer.cpp:12]");
}

TEST_CASE("an error names the line that made it and the rank of the process") {
  colonnade::set_error_rank(3);
  const std::string text = Error("lost").what();
  const int line = __LINE__ - 1;
  colonnade::set_error_rank(0);
  CHECK(text == "lost [rank 3, test_error.cpp:" + std::to_string(line) + "]");
}

TEST_CASE("an agreed error keeps the text of the rank that found it") {
  const Error error = Error::agreed("lost [rank 2, x.cpp:1]");
  CHECK(std::string(error.what()) == "lost [rank 2, x.cpp:1]");
  CHECK(error.is_agreed());
  CHECK_FALSE(Error("lost").is_agreed());
}

TEST_CASE("system_message is errno in words") {
  errno = ENOENT;
  CHECK(colonnade::system_message() == "No such file or directory");
}

RANKS_TEST_CASE("each rank's errors carry its own number", "1-8") {
  const std::string text = Error("lost").what();
  CHECK(text.find("[rank " + std::to_string(world.rank()) + ",") != std::string::npos);
}
