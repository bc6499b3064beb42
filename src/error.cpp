#include "colonnade/error.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>

namespace colonnade {

namespace {

thread_local int error_rank = 0;

std::string one_line(const std::string& message, const ErrorDetails& details, SourceLine where) {
  std::string line = message;
  if (!details.wanted.empty()) line += ": wanted " + details.wanted;
  if (!details.found.empty())
    line += (details.wanted.empty() ? ": " : ", ") + ("found " + details.found);
  if (!details.hint.empty()) line += "; " + details.hint;
  const std::string path = where.file;
  line += " [rank " + std::to_string(error_rank) + ", " + path.substr(path.rfind('/') + 1) + ":" +
          std::to_string(where.line) + "]";
  return line;
}

}  // namespace

Error::Error(const std::string& message, const ErrorDetails& details, SourceLine where)
    : std::runtime_error(one_line(message, details, where)) {}

Error Error::of_system(const std::string& message, const ErrorDetails& details, SourceLine where) {
  Error error(message, details, where);
  error.is_of_system_ = true;
  return error;
}

Error Error::agreed(const std::string& text, bool is_of_system) {
  Error error(WholeText{}, text, true, true);
  error.is_of_system_ = is_of_system;
  return error;
}

Error Error::of_group(const std::string& text, bool speaks) {
  return Error(WholeText{}, text, false, speaks);
}

void require_finite(double number, const std::string& what) {
  if (std::isfinite(number)) return;
  const Error error("the " + what + " is no longer finite",
                    {.found = std::to_string(number), .hint = "try a smaller --lr or a --warmup"});
  throw Error::agreed(error.what());
}

void set_error_rank(int rank) {
  error_rank = rank;
}

std::string system_message() {
  return std::strerror(errno);
}

}  // namespace colonnade
