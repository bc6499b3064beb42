#include "common_header.hpp"

#include <vector>

namespace colonnade {

SafetensorsHeader read_common_header(ProcessGroup& group, const std::string& path,
                                     std::optional<File>& file) {
  SafetensorsHeader header;
  collectively(group, [&] {
    file.emplace(File::open(path));
    header = read_safetensors_header(*file);
  });
  const std::vector<std::int64_t> checksums =
      group.all_gather(static_cast<std::int64_t>(header.checksum));
  for (std::size_t rank = 0; rank < checksums.size(); ++rank) {
    if (checksums[rank] == checksums[0]) continue;
    throw Error::agreed("ranks read different files at " + path + ": rank " + std::to_string(rank) +
                            " has another header than rank 0",
                        true);
  }
  return header;
}

}  // namespace colonnade
