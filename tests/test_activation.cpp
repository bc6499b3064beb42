#include "colonnade/activation.hpp"

#include <string>

#include "harness.hpp"

using namespace colonnade;

TEST_CASE("activations have the names of the command line") {
  for (const std::string name : {"identity", "relu", "gelu-tanh", "gelu-erf"}) {
    CHECK(to_string(activation_from(name)) == name);
  }
  const std::string error = harness::error_of([] { activation_from("gelu"); });
  CHECK(error.find("found 'gelu'") != std::string::npos);
}
