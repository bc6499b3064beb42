#include "colonnade/file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <new>
#include <string>
#include <utility>

#include "files.hpp"
#include "harness.hpp"

using colonnade::check_writable;
using colonnade::File;
using colonnade::FileReplacement;
using colonnade::in_quotes;
using harness::error_of;
using harness::files_in;
using harness::lacking;
using harness::read_file;
using harness::source_of;
using harness::temporary_folder;
using harness::write_file;

namespace fs = std::filesystem;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

void replace(const fs::path& path, std::string_view text) {
  FileReplacement replacement(path.string());
  replacement.file().allocate(text.size());
  replacement.file().write(0, bytes_of(text));
  replacement.commit();
}

/// `ulimit -f` for the length of a scope.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("a file is read at any place") {
  const fs::path path = temporary_folder() / "digits";
  write_file(path, "0123456789");
  const File file = File::open(path.string());
  CHECK(file.size() == 10);
  CHECK(file.name() == path.string());
  std::string text(4, ' ');
  file.read(3, std::as_writable_bytes(std::span(text)));
  CHECK(text == "3456");
  file.read(10, {});
  CHECK(lacking(error_of([&] { file.read(8, std::as_writable_bytes(std::span(text))); }),
                {"digits is truncated", "found the end of the file"}) == "");
}

TEST_CASE("memory is read like a file") {
  std::string text(4, ' ');
  source_of("0123456789").read(6, std::as_writable_bytes(std::span(text)));
  CHECK(text == "6789");
  const auto read_at = [&](std::uint64_t offset) {
    return error_of(
        [&] { source_of("01234").read(offset, std::as_writable_bytes(std::span(text))); });
  };
  CHECK(read_at(1) == "");
  CHECK(lacking(read_at(2), {"made-up is truncated", "wanted 4 bytes at 2", "found 5"}) == "");
  CHECK(read_at(~std::uint64_t{0}) != "");
}

TEST_CASE("what is no regular file is not opened") {
  const fs::path folder = temporary_folder();
  const auto open = [](const fs::path& path) {
    return error_of([&] { File::open(path.string(), "look elsewhere"); });
  };
  CHECK(lacking(open(folder / "nothing"),
                {"cannot open", "nothing", "No such file", "look elsewhere"}) == "");
  CHECK(lacking(open(folder), {"wanted a regular file", "found a folder"}) == "");
  CHECK(lacking(open("/dev/null"), {"wanted a regular file", "found a device"}) == "");
  // Nobody writes to this pipe: opening it must not wait.
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(lacking(open(folder / "pipe"), {"found a pipe"}) == "");
}

TEST_CASE("a moved file is open in its new place only") {
  const fs::path path = temporary_folder() / "text";
  write_file(path, "abc");
  File first = File::open(path.string());
  File second = std::move(first);
  std::string text(3, ' ');
  second.read(0, std::as_writable_bytes(std::span(text)));
  CHECK(text == "abc");
  first = std::move(second);
  first.read(0, std::as_writable_bytes(std::span(text)));
}

TEST_CASE("a replacement appears as a whole or not at all") {
  const fs::path folder = temporary_folder();
  const fs::path path = folder / "out";
  replace(path, "first");
  CHECK(read_file(path) == "first");
  CHECK(files_in(folder) == 1);

  chmod(path.c_str(), 0640);
  replace(path, "the second");
  CHECK(read_file(path) == "the second");
  CHECK(fs::status(path).permissions() == fs::perms(0640));
  {
    FileReplacement abandoned(path.string());
    abandoned.file().write(0, bytes_of("third"));
    FileReplacement another(path.string());
    CHECK(files_in(folder) == 3);
    CHECK(read_file(path) == "the second");
  }
  CHECK(read_file(path) == "the second");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("a replacement whose place is taken in the meantime is an error") {
  const fs::path folder = temporary_folder();
  const fs::path path = folder / "out";
  const std::string error = error_of([&] {
    FileReplacement replacement(path.string());
    fs::create_directory(path);
    replacement.commit();
  });
  CHECK(lacking(error, {"cannot rename", "out.partial-", "out"}) == "");
  CHECK(fs::is_directory(path));
  CHECK(files_in(folder) == 1);
}

TEST_CASE("a replacement follows a symbolic link and keeps it") {
  const fs::path folder = temporary_folder();
  fs::create_directory(folder / "elsewhere");
  write_file(folder / "elsewhere" / "real", "old");
  fs::create_symlink("elsewhere/real", folder / "link");
  replace(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_file(folder / "elsewhere" / "real") == "new");
  CHECK(files_in(folder / "elsewhere") == 1);
}

TEST_CASE("what can't be written is known before, and nothing is touched") {
  const fs::path folder = temporary_folder();
  const auto check = [](const std::string& path) {
    return error_of([&] { check_writable(path); });
  };
  write_file(folder / "old", "old");
  const fs::file_time_type written = fs::last_write_time(folder / "old");
  CHECK(check((folder / "old").string()) == "");
  CHECK(check((folder / "new").string()) == "");
  CHECK(files_in(folder) == 1);
  CHECK(read_file(folder / "old") == "old");
  CHECK(fs::last_write_time(folder / "old") == written);

  CHECK(lacking(check(folder.string()), {"cannot write", "found a folder"}) == "");
  CHECK(lacking(check(folder.string() + "/"), {"cannot write", "found a folder"}) == "");
  CHECK(lacking(check(""), {"wanted the name of a file", "found none"}) == "");
  CHECK(lacking(check("/dev/null"), {"cannot write /dev/null", "found a device"}) == "");
  CHECK(lacking(check((folder / "missing" / "out").string()),
                {"cannot write", "missing/out", "No such file", "folder"}) == "");
  CHECK(lacking(check((folder / "old" / "out").string()), {"cannot write", "old/out"}) == "");
  if (geteuid() != 0) {  // root may write everywhere
    chmod(folder.c_str(), 0500);
    CHECK(lacking(check((folder / "new").string()), {"Permission denied"}) == "");
    chmod(folder.c_str(), 0700);
    chmod((folder / "old").c_str(), 0400);
    CHECK(lacking(check((folder / "old").string()), {"Permission denied"}) == "");
  }
}

TEST_CASE("a file-size limit is an error and not the end of the process") {
  const fs::path folder = temporary_folder();
  replace(folder / "out", "old");
  const FileSizeLimit limit(1000);
  const std::string large(1001, 'x');
  CHECK(lacking(error_of([&] { replace(folder / "out", large); }),
                {"out.partial-", "wanted 1001 bytes", "found a file-size limit of 1000 bytes",
                 "ulimit -f"}) == "");
  CHECK(lacking(error_of([&] {
                  FileReplacement replacement((folder / "out").string());
                  replacement.file().write(500, bytes_of(large).first(501));
                }),
                {"found a file-size limit"}) == "");
  CHECK(read_file(folder / "out") == "old");
  CHECK(files_in(folder) == 1);
  replace(folder / "out", large.substr(1));
}

TEST_CASE("text from a file stays on one line in an error") {
  CHECK(in_quotes("plain text") == "'plain text'");
  CHECK(in_quotes("a\nb\x1b[31m\xff") == "'a?b?[31m?'");
  CHECK(in_quotes(std::string(1000, 'x')).size() < 100);
}

TEST_CASE("short memory is named") {
  const auto fail = []() -> int { throw std::bad_alloc(); };
  CHECK(colonnade::with_memory_for("x.npy", 123, [] { return 7; }) == 7);
  CHECK(lacking(error_of([&] { colonnade::with_memory_for("x.npy", 123, fail); }),
                {"not enough memory for x.npy", "wanted 123 bytes"}) == "");
}
