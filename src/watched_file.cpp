#include "watched_file.hpp"

#include <utility>

namespace colonnade {

namespace {

class WatchedFile final : public SharedFile {
 public:
  WatchedFile(std::unique_ptr<SharedFile> file, std::shared_ptr<Place> place,
              const Fingerprint& call)
      : file_(std::move(file)), place_(std::move(place)), call_(call) {}

  void write(std::span<const FilePart> parts) override {
    const Inside inside(place_.get(), Whereabouts::inside, call_);
    file_->write(parts);
  }
  void close() override {
    const Inside inside(place_.get(), Whereabouts::inside, call_);
    file_->close();
  }

 private:
  std::unique_ptr<SharedFile> file_;
  std::shared_ptr<Place> place_;
  Fingerprint call_;
};

}  // namespace

std::unique_ptr<SharedFile> watched(std::unique_ptr<SharedFile> file, std::shared_ptr<Place> place,
                                    const Fingerprint& call) {
  return std::make_unique<WatchedFile>(std::move(file), std::move(place), call);
}

}  // namespace colonnade
