#include "app/pages.hpp"

#include <string>

#include "harness.hpp"

using namespace colonnade;

TEST_CASE("a page has in it all files that it names, and its data") {
  const std::string made = app::make_page("explain.html", R"({"steps":[]})");
  CHECK(made.find(app::page("explain.css")) != std::string::npos);
  CHECK(made.find(app::page("explain_steps.js")) != std::string::npos);
  CHECK(made.find(R"({"steps":[]})") != std::string::npos);
  CHECK(made.find("@explain") == std::string::npos);
  CHECK(made.find("@data@") == std::string::npos);
}

TEST_CASE("a page's data cannot end its script, nor name a file") {
  const std::string made =
      app::make_page("report.html", R"({"a":"</script><!--@data@@report.js@"})");
  CHECK(made.find(R"({"a":"\u003c/script>\u003c!--@data@@report.js@"})") != std::string::npos);
}

TEST_CASE("a page that the program doesn't have is named") {
  CHECK(harness::error_of([] { app::page("none.html"); }).find("none.html") != std::string::npos);
}
