// What tests call while they run, on any thread.
#include <cstdlib>
#include <exception>
#include <system_error>
#include <vector>

#include "harness.hpp"

namespace harness {

namespace {

std::mutex folders_mutex;
std::vector<std::filesystem::path> folders;

}  // namespace

std::mutex& context_mutex() {
  static std::mutex mutex;
  return mutex;
}

void require_all(colonnade::ProcessGroup& group, const std::function<bool()>& condition,
                 const char* text, const char* file, int line) {
  bool holds = false;
  std::exception_ptr exception;
  try {
    holds = condition();
  } catch (...) {
    exception = std::current_exception();
  }
  if (group.all_reduce<std::int64_t>(holds ? 0 : 1) == 0) return;
  if (exception) std::rethrow_exception(exception);
  if (!holds)
    ADD_FAIL_AT(file, line, "REQUIRE_ALL( " << std::string(text) << " ) is false on this rank");
  doctest::detail::throwException();
}

std::filesystem::path temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "colonnade-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    throw colonnade::Error("cannot make " + name, {.found = colonnade::system_message()});
  const std::lock_guard lock(folders_mutex);
  folders.emplace_back(name);
  return name;
}

std::filesystem::path temporary_folder(colonnade::ProcessGroup& group) {
  std::string name;
  colonnade::collectively(group, [&] {
    if (group.rank() == 0) name = temporary_folder().string();
  });
  return colonnade::gather_text(group, name)[0];
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const colonnade::Error& error) {
    return error.what();
  }
  return {};
}

void remove_temporary_folders() {
  const std::lock_guard lock(folders_mutex);
  std::error_code ignored;
  for (const auto& folder : folders) std::filesystem::remove_all(folder, ignored);
  folders.clear();
}

}  // namespace harness
