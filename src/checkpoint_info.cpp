// What a checkpoint's metadata say, as text and back.
#include <charconv>
#include <optional>
#include <system_error>

#include "colonnade/checkpoint.hpp"
#include "common_header.hpp"

namespace colonnade {

namespace {

constexpr const char* form_key = "colonnade.checkpoint";
constexpr const char* form = "1";
constexpr const char* option_prefix = "colonnade.option.";

/// Takes the metadata of one file apart.
class InfoReader {
 public:
  InfoReader(const std::string& file, const Metadata& metadata)
      : file_(file), metadata_(metadata) {}

  const std::string& text(const std::string& key) const {
    const auto found = metadata_.find("colonnade." + key);
    if (found == metadata_.end()) refuse(key, "a text", "none");
    return found->second;
  }

  std::int64_t number(const std::string& key, std::int64_t least) const {
    return number_in(key, text(key), least);
  }

  MeshShape mesh() const {
    const std::string& found = text("mesh");
    const std::size_t comma = found.find(',');
    if (!found.starts_with("dp=") || comma == found.npos || found.compare(comma, 4, ",tp=") != 0) {
      refuse("mesh", "dp=N,tp=N", in_quotes(found));
    }
    const auto size = [&](const std::string& digits) {
      return static_cast<int>(number_in("mesh", digits, 1, 1 << 30));
    };
    return {size(found.substr(3, comma - 3)), size(found.substr(comma + 4))};
  }

 private:
  std::int64_t number_in(const std::string& key, const std::string& digits, std::int64_t least,
                         std::int64_t most = INT64_MAX) const {
    std::int64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || stop != end || value < least || value > most) {
      refuse(key, "a whole number from " + std::to_string(least) + " on", in_quotes(digits));
    }
    return value;
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& wanted,
                           const std::string& found) const {
    throw Error(file_ + " is no checkpoint that can be read: colonnade." + key,
                {.wanted = wanted, .found = found});
  }

  const std::string& file_;
  const Metadata& metadata_;
};

}  // namespace

Metadata metadata_of(const CheckpointInfo& info) {
  Metadata metadata = {{"format", "pt"},
                       {form_key, form},
                       {"colonnade.version", info.version},
                       {"colonnade.scalar", info.scalar},
                       {"colonnade.step", std::to_string(info.position.step)},
                       {"colonnade.epoch", std::to_string(info.position.epoch)},
                       {"colonnade.batch", std::to_string(info.position.batch)},
                       {"colonnade.updates", std::to_string(info.updates)},
                       {"colonnade.mesh", to_string(info.mesh)},
                       {"colonnade.build", info.arithmetic.build},
                       {"colonnade.ranks", info.arithmetic.ranks},
                       {"colonnade.data", info.data}};
  for (const auto& [name, value] : info.options) metadata[option_prefix + name] = value;
  return metadata;
}

bool is_checkpoint(const Metadata& metadata) {
  return metadata.contains(form_key);
}

CheckpointInfo checkpoint_info(const std::string& file, const Metadata& metadata) {
  if (!is_checkpoint(metadata)) {
    throw Error(file + " is no checkpoint",
                {.wanted = "metadata with " + std::string(form_key),
                 .found = std::to_string(metadata.size()) + " other keys",
                 .hint = "--load takes parameters alone"});
  }
  const InfoReader read(file, metadata);
  if (read.text("checkpoint") != form) {
    // Not damage: the program that wrote it can read it.
    throw Error::of_system(file + " is a checkpoint of another form",
                           {.wanted = form,
                            .found = in_quotes(read.text("checkpoint")),
                            .hint = "it may come from a newer version"});
  }
  CheckpointInfo info = {
      .position = {read.number("step", 0), read.number("epoch", 1), read.number("batch", 0)},
      .updates = read.number("updates", 0),
      .mesh = read.mesh(),
      .data = read.text("data"),
      .arithmetic = {read.text("build"), read.text("ranks")},
      .scalar = read.text("scalar"),
      .version = read.text("version")};
  if (info.updates > info.position.step) {
    throw Error(file + " is no checkpoint that can be read: colonnade.updates",
                {.wanted = "at most its " + std::to_string(info.position.step) + " steps",
                 .found = std::to_string(info.updates)});
  }
  const std::string prefix = option_prefix;
  for (const auto& [key, value] : metadata) {
    if (key.starts_with(prefix)) info.options.emplace(key.substr(prefix.size()), value);
  }
  // What it read must be all that there is to read: 007 is no number that was written.
  for (const auto& [key, value] : metadata_of(info)) {
    const auto found = metadata.find(key);
    if (found != metadata.end() && found->second == value) continue;
    throw Error(file + " is no checkpoint that can be read: " + key,
                {.wanted = in_quotes(value),
                 .found = found == metadata.end() ? "none" : in_quotes(found->second)});
  }
  return info;
}

CheckpointInfo read_checkpoint_info(ProcessGroup& group, const std::string& path) {
  std::optional<File> file;
  const SafetensorsHeader header = read_common_header(group, path, file);
  CheckpointInfo info;
  collectively(group, [&] { info = checkpoint_info(path, header.metadata); });
  return info;
}

}  // namespace colonnade
