#include "colonnade/memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness.hpp"

using colonnade::RecyclingMemory;
using colonnade::tensor_alignment;

namespace {

/// Passes requests on and counts them.
class CountingMemory final : public std::pmr::memory_resource {
 public:
  int allocations = 0;
  std::size_t bytes_out = 0;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    ++allocations;
    bytes_out += bytes;
    return colonnade::system_memory()->allocate(bytes, alignment);
  }
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override {
    bytes_out -= bytes;
    colonnade::system_memory()->deallocate(address, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

/// What a training step does: a few sizes, some alive at once, given back in another order.
void step(std::pmr::memory_resource& memory) {
  void* x = memory.allocate(4096, tensor_alignment);
  void* y = memory.allocate(1024, tensor_alignment);
  void* z = memory.allocate(4096, tensor_alignment);
  memory.deallocate(y, 1024, tensor_alignment);
  void* dy = memory.allocate(1000, tensor_alignment);
  memory.deallocate(x, 4096, tensor_alignment);
  memory.deallocate(dy, 1000, tensor_alignment);
  memory.deallocate(z, 4096, tensor_alignment);
}

/// What Linux says of the mapping that an address lies in: `VmFlags: rd wr ... hg`.
std::string flags_of_mapping(std::uintptr_t address) {
  std::ifstream maps("/proc/self/smaps");
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      found = begin <= address && address < end;
    } else if (found && line.starts_with("VmFlags:")) {
      return line;
    }
  }
  return "";
}

}  // namespace

TEST_CASE("large blocks begin at a huge page and ask for such, small ones do neither") {
  constexpr std::size_t huge = 2 * 1024 * 1024;
  std::pmr::memory_resource* const memory = colonnade::system_memory();
  for (const std::size_t bytes : {std::size_t{100'000}, huge, 3 * huge + 100}) {
    CAPTURE(bytes);
    void* const block = memory->allocate(bytes, tensor_alignment);
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    if (bytes >= huge) CHECK(address % huge == 0);
    if (bytes >= huge && std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
      CHECK(flags_of_mapping(address).find(" hg") != std::string::npos);
      CHECK(flags_of_mapping(address + bytes / huge * huge - 1).find(" hg") != std::string::npos);
    }
    std::memset(block, 1, bytes);
    memory->deallocate(block, bytes, tensor_alignment);
  }
}

TEST_CASE("a step like the one before asks upstream for nothing") {
  CountingMemory upstream;
  RecyclingMemory memory(&upstream);
  step(memory);
  CHECK(upstream.allocations == 3);
  CHECK(memory.bytes_held() == 4096 + 1024 + 4096);
  for (int i = 0; i < 5; ++i) step(memory);
  CHECK(upstream.allocations == 3);
  CHECK(memory.bytes_held() == 4096 + 1024 + 4096);
}

TEST_CASE("everything goes back upstream at the end") {
  CountingMemory upstream;
  {
    RecyclingMemory memory(&upstream);
    step(memory);
    CHECK(upstream.bytes_out == memory.bytes_held());
  }
  CHECK(upstream.bytes_out == 0);
}

TEST_CASE("a kept block is taken unless more than half of it would be wasted") {
  const auto allocations_for = [](std::size_t bytes) {
    CountingMemory upstream;
    RecyclingMemory memory(&upstream);
    memory.deallocate(memory.allocate(1000, tensor_alignment), 1000, tensor_alignment);
    memory.deallocate(memory.allocate(bytes, tensor_alignment), bytes, tensor_alignment);
    return upstream.allocations;
  };
  CHECK(allocations_for(1000) == 1);
  CHECK(allocations_for(500) == 1);
  CHECK(allocations_for(499) == 2);
  CHECK(allocations_for(1001) == 2);
}

TEST_CASE("the smallest block that fits is taken") {
  RecyclingMemory memory;
  void* large = memory.allocate(900, tensor_alignment);
  void* small = memory.allocate(600, tensor_alignment);
  memory.deallocate(large, 900, tensor_alignment);
  memory.deallocate(small, 600, tensor_alignment);
  void* taken = memory.allocate(500, tensor_alignment);
  CHECK(taken == small);
  memory.deallocate(taken, 500, tensor_alignment);
}

TEST_CASE("what is reserved is nobody else's until the reservation ends") {
  CountingMemory upstream;
  RecyclingMemory memory(&upstream);
  step(memory);
  {
    RecyclingMemory::Reservation reservation(memory);
    step(memory);
    void* const still_used = memory.allocate(2000, tensor_alignment);
    reservation.close();
    CHECK(upstream.allocations == 4);
    memory.deallocate(still_used, 2000, tensor_alignment);  // was in use: anybody's from now on
    memory.deallocate(memory.allocate(2000, tensor_alignment), 2000, tensor_alignment);
    CHECK(upstream.allocations == 4);
    step(memory);  // has nothing but that block, which fits one of its three
    CHECK(upstream.allocations == 6);
  }
  const int allocations = upstream.allocations;
  for (int i = 0; i < 2; ++i) step(memory);
  CHECK(upstream.allocations == allocations);
  std::vector<void*> all;
  for (int i = 0; i < 4; ++i) all.push_back(memory.allocate(4096, tensor_alignment));
  CHECK(upstream.allocations == allocations);
  for (void* block : all) memory.deallocate(block, 4096, tensor_alignment);
}

TEST_CASE("blocks in use are aligned and don't overlap") {
  RecyclingMemory memory;
  const std::vector<std::size_t> sizes = {1, 64, 65, 100, 64, 1, 1000, 65};
  for (int round = 0; round < 3; ++round) {
    std::vector<unsigned char*> blocks;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      void* block = memory.allocate(sizes[i], tensor_alignment);
      CHECK(reinterpret_cast<std::uintptr_t>(block) % tensor_alignment == 0);
      std::memset(block, static_cast<int>(i), sizes[i]);
      blocks.push_back(static_cast<unsigned char*>(block));
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      CHECK(std::all_of(blocks[i], blocks[i] + sizes[i], [i](unsigned char c) { return c == i; }));
      memory.deallocate(blocks[i], sizes[i], tensor_alignment);
    }
  }
}
