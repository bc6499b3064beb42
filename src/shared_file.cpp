#include "colonnade/shared_file.hpp"

#include <exception>
#include <optional>
#include <utility>

#include "colonnade/file.hpp"

namespace colonnade {

namespace {

class OwnFile final : public SharedFile {
 public:
  explicit OwnFile(const std::string& path) {
    attempt([&] { file_.emplace(File::open_to_write(path)); });
  }

  void write(std::span<const FilePart> parts) override {
    attempt([&] {
      for (const FilePart& part : parts) file_->write(part.offset, part.bytes);
    });
  }

  void close() override {
    attempt([&] { file_->flush(); });
    file_.reset();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  template <class Work>
  void attempt(Work&& work) {
    if (failure_) return;
    try {
      work();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  std::optional<File> file_;
  std::exception_ptr failure_;
};

}  // namespace

std::unique_ptr<SharedFile> make_own_file(const std::string& path) {
  return std::make_unique<OwnFile>(path);
}

}  // namespace colonnade
