// Files through MPI-IO. Where ranks' parts lie side by side each rank writes its own; where they
// alternate, as the columns of a row-major tensor do, MPI first exchanges them, so that the file
// system sees a few long writes instead of one for each row.
#include "mpi_file.hpp"

#include <algorithm>
#include <climits>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/file.hpp"
#include "mpi_transport.hpp"

namespace colonnade {

namespace {

/// Frees an MPI type at the end of its scope.
class Type {
 public:
  Type() = default;
  Type(const Type&) = delete;
  Type& operator=(const Type&) = delete;
  ~Type() {
    if (type_ != MPI_DATATYPE_NULL) MPI_Type_free(&type_);
  }

  /// Blocks of bytes at these displacements.
  void make(const std::vector<int>& lengths, const std::vector<MPI_Aint>& displacements) {
    check_mpi(MPI_Type_create_hindexed(static_cast<int>(lengths.size()), lengths.data(),
                                       displacements.data(), MPI_BYTE, &type_),
              "MPI_Type_create_hindexed");
    check_mpi(MPI_Type_commit(&type_), "MPI_Type_commit");
  }
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

class MpiFile final : public SharedFile {
 public:
  MpiFile(MPI_Comm communicator, const std::string& path) : path_(path) {
    MPI_Info hints = MPI_INFO_NULL;
    MPI_Info_create(&hints);
    // Data sieving would read what lies between a rank's parts and write it back: other ranks'.
    MPI_Info_set(hints, "romio_ds_write", "disable");
    // A colon in a path would be taken for the end of a file system's name.
    const std::string name = path.find(':') == path.npos ? path : "ufs:" + path;
    attempt(MPI_File_open(communicator, name.c_str(), MPI_MODE_WRONLY, hints, &file_),
            "MPI_File_open");
    MPI_Info_free(&hints);
  }
  MpiFile(const MpiFile&) = delete;
  MpiFile& operator=(const MpiFile&) = delete;
  // Without close() this rank alone is leaving, and to close is collective: the job will end.
  ~MpiFile() override = default;

  // A rank that failed goes on, with nothing to write if need be: its peers may wait for it in the
  // exchange.
  void write(std::span<const FilePart> parts) override {
    if (file_ == MPI_FILE_NULL) return;  // on all ranks: they open together or not at all
    Type in_file, in_memory;
    try {
      describe(parts, in_file, in_memory);
    } catch (...) {
      if (!failure_) failure_ = std::current_exception();
      parts = {};
      lengths_.clear();
    }
    const bool scattered = lengths_.size() > 1;
    attempt(
        MPI_File_set_view(file_, static_cast<MPI_Offset>(parts.empty() ? 0 : parts[0].offset),
                          MPI_BYTE, scattered ? in_file.get() : MPI_BYTE, "native", MPI_INFO_NULL),
        "MPI_File_set_view");
    const void* const bytes = parts.empty() ? nullptr : parts[0].bytes.data();
    const int count = lengths_.empty() ? 0 : lengths_[0];
    attempt(scattered ? MPI_File_write_all(file_, MPI_BOTTOM, 1, in_memory.get(), MPI_STATUS_IGNORE)
                      : MPI_File_write_all(file_, bytes, count, MPI_BYTE, MPI_STATUS_IGNORE),
            "MPI_File_write_all");
  }

  void close() override {
    if (file_ != MPI_FILE_NULL) {
      attempt(MPI_File_sync(file_), "MPI_File_sync");
      attempt(MPI_File_close(&file_), "MPI_File_close");
      file_ = MPI_FILE_NULL;
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  /// Offsets in the file count from the first part's.
  void describe(std::span<const FilePart> parts, Type& in_file, Type& in_memory) {
    lengths_.clear();
    offsets_.clear();
    addresses_.clear();
    for (const FilePart& part : parts) add(part);
    if (lengths_.size() < 2) return;
    for (MPI_Aint& offset : offsets_) offset -= static_cast<MPI_Aint>(parts[0].offset);
    in_file.make(lengths_, offsets_);
    in_memory.make(lengths_, addresses_);
  }

  // MPI counts the bytes of a block with an int.
  void add(const FilePart& part) {
    constexpr std::size_t longest = 1 << 30;
    for (std::size_t begin = 0; begin < part.bytes.size(); begin += longest) {
      MPI_Aint address = 0;
      MPI_Get_address(part.bytes.data() + begin, &address);
      lengths_.push_back(static_cast<int>(std::min(longest, part.bytes.size() - begin)));
      offsets_.push_back(static_cast<MPI_Aint>(part.offset + begin));
      addresses_.push_back(address);
    }
  }

  void attempt(int code, const char* call) {
    if (code == MPI_SUCCESS || failure_) return;
    try {
      check_mpi(code, call);
    } catch (const Error& error) {
      failure_ = std::make_exception_ptr(Error("cannot write " + path_, {.found = error.what()}));
    }
  }

  std::string path_;
  MPI_File file_ = MPI_FILE_NULL;
  std::exception_ptr failure_;
  std::vector<int> lengths_;
  std::vector<MPI_Aint> offsets_;
  std::vector<MPI_Aint> addresses_;
};

}  // namespace

std::unique_ptr<SharedFile> open_mpi_file(MPI_Comm communicator, const std::string& path) {
  return std::make_unique<MpiFile>(communicator, path);
}

}  // namespace colonnade
