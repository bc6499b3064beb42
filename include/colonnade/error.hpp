// The one error type of the library: what went wrong, what was wanted, what was found, where, and
// what to do about it, on one line.
#pragma once

#include <stdexcept>
#include <string>

namespace colonnade {

/// A place in the sources. `SourceLine where = SourceLine::here()` as a default argument names the
/// caller. (std::source_location needs a builtin that clang 14 lacks.)
struct SourceLine {
  const char* file;
  int line;
  static constexpr SourceLine here(const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// What an error line says beside its message; parts that are empty are left out.
struct ErrorDetails {
  std::string wanted = {};
  std::string found = {};
  std::string hint = {};
};

/// Thrown by every function of the library that cannot do what it was asked.
/// what() reads `message: wanted X, found Y; hint [rank R, file.cpp:LINE]`.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, const ErrorDetails& details = {},
                 SourceLine where = SourceLine::here());

  /// The same, where not what was given but the machine is the cause: a file that can't be opened
  /// or read, no memory. Another try, or another node, may do.
  static Error of_system(const std::string& message, const ErrorDetails& details = {},
                         SourceLine where = SourceLine::here());

  /// The same error as all ranks of a group throw it once they have agreed on it: the text of the
  /// rank that found it, so that one rank may print it and all may end in order. See
  /// collectively().
  static Error agreed(const std::string& text, bool is_of_system = false);

  /// The same error as all ranks of one group throw it, which know nothing of the rest of the job.
  /// `speaks` on the one of them that is to report it.
  static Error of_group(const std::string& text, bool speaks);

  /// True when every rank of the job throws this same error, false when this rank is alone with it
  /// and the others may be waiting in a collective.
  bool is_agreed() const { return agreed_; }

  bool is_of_system() const { return is_of_system_; }

  /// False when another rank of a group reports this same error and ends the job.
  bool speaks() const { return speaks_; }

 private:
  struct WholeText {};
  Error(WholeText, const std::string& text, bool agreed, bool speaks)
      : std::runtime_error(text), agreed_(agreed), speaks_(speaks) {}
  bool is_of_system_ = false;
  bool agreed_ = false;
  bool speaks_ = true;
};

/// Throws an agreed error unless `number` is finite: for one that all ranks have in common, which
/// therefore is finite on all of them or on none.
void require_finite(double number, const std::string& what);

/// The rank that errors of this thread are tagged with; set once by whoever joins a world.
void set_error_rank(int rank);

/// The message of the operating system for the present errno, for `found` of an error.
std::string system_message();

}  // namespace colonnade
