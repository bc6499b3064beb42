// Files: bytes that can be read at any place, and files that are replaced as a whole or not at all.
// Every parser of the library reads from a ByteSource, so it can be handed a file, or bytes made up
// by a test or a fuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "colonnade/error.hpp"

namespace colonnade {

/// A known number of bytes that can be read at any place. Reading is safe from several threads.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// What errors call it: the path of a file.
  virtual const std::string& name() const = 0;

  virtual std::uint64_t size() const = 0;

  /// Fills all of `into` with the bytes from `offset` on. Throws if the source ends before that.
  virtual void read(std::uint64_t offset, std::span<std::byte> into) const = 0;
};

/// Someone else's bytes in memory, under a name.
class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::span<const std::byte> bytes)
      : name_(std::move(name)), bytes_(bytes) {}

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  std::string name_;
  std::span<const std::byte> bytes_;
};

/// An open regular file. Move-only; closed at the end of its scope. Transfers that the system cuts
/// short or interrupts are continued, so read and write do all that they were asked or throw.
class File final : public ByteSource {
 public:
  /// For reading. A folder, a pipe or a device is refused: a size that can be trusted is needed.
  /// `hint` is what the error tells the user to do about a file that can't be opened.
  static File open(const std::string& path, const std::string& hint = {});

  /// For writing, a file that exists.
  static File open_to_write(const std::string& path);

  /// For writing, a new and empty file in the folder of `path`, named after it and unlike any
  /// other.
  static File create_beside(const std::string& path);

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File() override;

  const std::string& name() const override { return path_; }

  /// As it was when the file was opened, or as allocate() made it.
  std::uint64_t size() const override { return size_; }

  void read(std::uint64_t offset, std::span<std::byte> into) const override;

  /// Makes the file this long and reserves the disk space where the file system can, so that a full
  /// disk is found before the first byte is written.
  void allocate(std::uint64_t bytes);

  /// Throws instead of raising SIGXFSZ where the file would grow beyond `ulimit -f`.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);

  /// Returns once the device has the bytes (fsync).
  void flush();

 private:
  File(std::string path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// Lets the device begin with the bytes that a file has, on a thread of its own, until the end of
/// the scope. It promises nothing: whoever wrote them still has to flush, which then takes less.
class BackgroundFlush {
 public:
  explicit BackgroundFlush(const std::string& path);

 private:
  std::jthread thread_;
};

/// The next version of the file at `path`, written under another name in the same folder. commit()
/// puts it in the place of the old one in one step; without commit() nothing has happened to the
/// old one, and the new one is removed at the end of the scope. At every instant, also when the
/// machine fails, `path` holds one of the two as a whole.
class FileReplacement {
 public:
  /// Throws if `path` can't be replaced: its folder is missing or not writable, or `path` is there
  /// and is no regular file or is write-protected. A symbolic link is followed.
  explicit FileReplacement(const std::string& path);
  ~FileReplacement();
  FileReplacement(const FileReplacement&) = delete;
  FileReplacement& operator=(const FileReplacement&) = delete;

  /// The new version. Others who know its name() may open it too and write their part.
  File& file() { return file_; }

  /// Flushes the new version, renames it to `path` and flushes the folder.
  void commit();

 private:
  std::string path_;
  File file_;
  bool committed_ = false;
};

/// Makes `text` the content of the file at `path`, as a FileReplacement does: as a whole or not.
void replace_file(const std::string& path, std::string_view text);

/// Throws if a FileReplacement of `path` would: an output that can't be written is found before the
/// work is done. What is at `path` stays untouched.
void check_writable(const std::string& path);

/// Throws where `ulimit -f` doesn't allow a file of so many bytes. Beyond the limit the system
/// would end the process instead of returning a code.
void check_size_limit(const std::string& path, std::uint64_t bytes);

/// Text from a file as it may be shown: on one line, without control characters, and not too long.
std::string printable(std::string_view text);

/// The same in quotes, as errors have it.
std::string in_quotes(std::string_view text);

/// Runs `allocate`; where memory is short, throws an Error that says for what and how much of it.
template <class Allocate>
auto with_memory_for(const std::string& what, std::uint64_t bytes, Allocate&& allocate) {
  try {
    return allocate();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  throw Error::of_system("not enough memory for " + what,
                         {.wanted = std::to_string(bytes) + " bytes"});
}

}  // namespace colonnade
