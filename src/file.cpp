#include "colonnade/file.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

namespace colonnade {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_system_error(const std::string& message, const std::string& hint = {},
                                     SourceLine where = SourceLine::here()) {
  const std::string found = system_message();
  throw Error::of_system(message, {.found = found, .hint = hint}, where);
}

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "a regular file";
}

// Where a write to `path` ends up: renaming over a symbolic link would replace the link only.
std::string follow_links(const std::string& path) {
  std::error_code failed;
  const fs::path target = fs::canonical(path, failed);
  return failed ? path : target.string();
}

void check_replaceable(const std::string& path) {
  struct stat status {};
  if (path.empty() || path.back() == '/') {
    throw Error("cannot write " + in_quotes(path),
                {.wanted = "the name of a file", .found = path.empty() ? "none" : "a folder"});
  }
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;  // a missing folder shows when the neighbour is created
    throw_system_error("cannot write " + path);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error("cannot write " + path,
                {.wanted = "a regular file or nothing there", .found = kind_of(status.st_mode)});
  }
  if (access(path.c_str(), W_OK) != 0) throw_system_error("cannot write " + path);
}

}  // namespace

void MemorySource::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (offset > bytes_.size() || into.size() > bytes_.size() - offset) {
    throw Error(name_ + " is truncated",
                {.wanted = std::to_string(into.size()) + " bytes at " + std::to_string(offset),
                 .found = std::to_string(bytes_.size()) + " bytes in all"});
  }
  if (!into.empty()) std::memcpy(into.data(), bytes_.data() + offset, into.size());
}

File File::open(const std::string& path, const std::string& hint) {
  // Without O_NONBLOCK a pipe that nobody writes to would be waited for, here and forever.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw_system_error("cannot open " + path, hint);
  File file(path, descriptor, 0);
  struct stat status {};
  if (fstat(descriptor, &status) != 0) throw_system_error("cannot read " + path, hint);
  if (!S_ISREG(status.st_mode)) {
    throw Error("cannot read " + path,
                {.wanted = "a regular file", .found = kind_of(status.st_mode), .hint = hint});
  }
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

File File::open_to_write(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) throw_system_error("cannot write " + path);
  File file(path, descriptor, 0);
  struct stat status {};
  if (fstat(descriptor, &status) != 0) throw_system_error("cannot write " + path);
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

File File::create_beside(const std::string& path) {
  // Process and number keep two jobs apart; O_EXCL proves it, also across machines.
  const std::string stem = path + ".partial-" + std::to_string(getpid()) + "-";
  for (int number = 0;; ++number) {
    const std::string name = stem + std::to_string(number);
    const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return File(name, descriptor, 0);
    if (errno != EEXIST)
      throw_system_error("cannot write " + path, "is its folder there and writable?");
  }
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(std::exchange(other.size_, 0)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

void File::read(std::uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t done = pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_system_error("cannot read " + path_);
    if (done == 0) {
      throw Error(path_ + " is truncated",
                  {.wanted = std::to_string(into.size()) + " bytes at " + std::to_string(offset),
                   .found = "the end of the file"});
    }
    offset += static_cast<std::uint64_t>(done);
    into = into.subspan(static_cast<std::size_t>(done));
  }
}

void File::allocate(std::uint64_t bytes) {
  check_size_limit(path_, bytes);
  const off_t length = static_cast<off_t>(bytes);
  int failed = ftruncate(descriptor_, length);
  if (failed == 0 && bytes > 0) {
    do {
      failed = fallocate(descriptor_, 0, 0, length);
    } while (failed != 0 && errno == EINTR);
    // A file system that can't reserve (NFS before 4.2, for one) finds a full disk later.
    if (failed != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) failed = 0;
  }
  if (failed != 0)
    throw_system_error("cannot write " + path_ + " (" + std::to_string(bytes) + " bytes)");
  size_ = bytes;
}

void File::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  check_size_limit(path_, offset + bytes.size());
  while (!bytes.empty()) {
    const ssize_t done =
        pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) throw_system_error("cannot write " + path_);
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  if (offset > size_) size_ = offset;
}

void File::flush() {
  int failed = 0;
  do {
    failed = fsync(descriptor_);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) throw_system_error("cannot flush " + path_);
}

BackgroundFlush::BackgroundFlush(const std::string& path) {
  const auto flush = [path] {
    try {
      File::open_to_write(path).flush();
    } catch (const std::exception&) {  // whoever wrote the file will meet the error too
    }
  };
  try {
    thread_ = std::jthread(flush);
  } catch (const std::system_error&) {  // no more threads to be had
  }
}

FileReplacement::FileReplacement(const std::string& path)
    : path_((check_replaceable(path), follow_links(path))), file_(File::create_beside(path_)) {}

FileReplacement::~FileReplacement() {
  if (!committed_) unlink(file_.name().c_str());
}

void FileReplacement::commit() {
  struct stat old {};
  // Whoever may read the old version may read the new one.
  if (stat(path_.c_str(), &old) == 0) chmod(file_.name().c_str(), old.st_mode & 07777);
  file_.flush();
  if (rename(file_.name().c_str(), path_.c_str()) != 0)
    throw_system_error("cannot rename " + file_.name() + " to " + path_);
  committed_ = true;

  // The new name is safe once the folder is on the device too.
  const fs::path folder = fs::path(path_).parent_path();
  const int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a folder that may be written but not read
  const int failed = fsync(descriptor);
  const int code = errno;
  close(descriptor);
  errno = code;
  // EINVAL: a file system whose folders need no flush.
  if (failed != 0 && code != EINVAL) throw_system_error("cannot flush the folder of " + path_);
}

void check_size_limit(const std::string& path, std::uint64_t bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  if (bytes <= limit.rlim_cur) return;
  throw Error("cannot write " + path,
              {.wanted = std::to_string(bytes) + " bytes",
               .found = "a file-size limit of " + std::to_string(limit.rlim_cur) + " bytes",
               .hint = "raise it with ulimit -f"});
}

void replace_file(const std::string& path, std::string_view text) {
  FileReplacement replacement(path);
  replacement.file().allocate(text.size());
  replacement.file().write(0, std::as_bytes(std::span(text)));
  replacement.commit();
}

void check_writable(const std::string& path) {
  const FileReplacement probe(path);
}

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string shown;
  for (const char c : text.substr(0, longest)) shown += c >= ' ' && c <= '~' ? c : '?';
  return shown + (text.size() > longest ? "..." : "");
}

std::string in_quotes(std::string_view text) {
  return "'" + printable(text) + "'";
}

}  // namespace colonnade
