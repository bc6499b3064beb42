// The list of allocations, and their guard zones.
#include "device_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <string>

#include "address_range.hpp"
#include "devices.hpp"
#include "errors.hpp"

namespace pretended_gpu {
namespace {

constexpr std::size_t kPage = 4096;

// A page before, and what is left of the last page and one more after.
std::size_t room_for(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage + 2 * kPage;
}

struct Allocations {
  std::mutex mutex;
  std::map<const char*, Allocation> by_begin;
  std::array<std::size_t, kMostDevices> used{};
};

void check_all_guards();

// Never destroyed: memory is freed by destructors of static objects too.
Allocations& allocations() {
  static Allocations& the = []() -> Allocations& {
    std::atexit(check_all_guards);
    return *new Allocations;
  }();
  return the;
}

char* host_room(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  std::memset(memory, 0xff, bytes);
  return static_cast<char*>(memory);
}

bool untouched(const char* begin, const char* end) {
  return std::all_of(begin, end, [](char c) { return c == static_cast<char>(0xff); });
}

// Device memory must be open.
void check_guards(const Allocation& a) {
  const char* room = a.begin - kPage;
  const bool before = untouched(room, a.begin);
  if (before && untouched(a.begin + a.bytes, room + room_for(a.bytes))) return;
  fail("something was written " + std::string(before ? "behind" : "before") + " an allocation of " +
       std::to_string(a.bytes) + " bytes");
}

void check_all_guards() {
  const DeviceMemoryOpen open;
  const std::lock_guard lock(allocations().mutex);
  for (const auto& [begin, allocation] : allocations().by_begin) check_guards(allocation);
}

}  // namespace

void* allocate(std::size_t bytes, cudaMemoryType type, int device) {
  Allocations& all = allocations();
  const std::lock_guard lock(all.mutex);
  std::size_t& used = all.used[static_cast<std::size_t>(device)];
  const std::size_t room = room_for(bytes);
  const bool on_device = type == cudaMemoryTypeDevice;
  if (on_device && bytes > memory_size() - used) return nullptr;
  char* memory = on_device ? take_addresses(room) : host_room(room);
  if (memory == nullptr) return nullptr;
  if (on_device) used += bytes;
  char* begin = memory + kPage;
  all.by_begin[begin] = {begin, bytes, type, device};
  return begin;
}

cudaError_t release(void* pointer, bool of_host) {
  const DeviceMemoryOpen open;
  Allocations& all = allocations();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_begin.find(static_cast<char*>(pointer));
  if (found == all.by_begin.end() || (found->second.type == cudaMemoryTypeHost) != of_host) {
    complain(std::string(of_host ? "cudaFreeHost" : "cudaFree") +
             " of what is no allocation, or no longer one");
    return cudaErrorInvalidValue;
  }
  const Allocation a = found->second;
  check_guards(a);
  all.by_begin.erase(found);
  if (a.type == cudaMemoryTypeDevice) {
    all.used[static_cast<std::size_t>(a.device)] -= a.bytes;
    give_back_memory(a.begin - kPage, room_for(a.bytes));
  } else {
    munmap(a.begin - kPage, room_for(a.bytes));
  }
  return cudaSuccess;
}

std::optional<Allocation> find_allocation(const void* pointer) {
  Allocations& all = allocations();
  const std::lock_guard lock(all.mutex);
  const auto after = all.by_begin.upper_bound(static_cast<const char*>(pointer));
  if (after == all.by_begin.begin()) return {};
  const Allocation& a = std::prev(after)->second;
  // One past the end is a pointer that may be kept, as in C++, but not touched.
  if (static_cast<const char*>(pointer) > a.begin + a.bytes) return {};
  return a;
}

bool reachable(const void* pointer, std::size_t bytes, int device) {
  const std::optional<Allocation> a = find_allocation(pointer);
  if (!a || (a->type == cudaMemoryTypeDevice && a->device != device)) return false;
  return bytes <= static_cast<std::size_t>(a->begin + a->bytes - static_cast<const char*>(pointer));
}

std::size_t free_memory(int device) {
  Allocations& all = allocations();
  const std::lock_guard lock(all.mutex);
  return memory_size() - all.used[static_cast<std::size_t>(device)];
}

DeviceMemoryOpen::DeviceMemoryOpen() {
  open_range();
}
DeviceMemoryOpen::~DeviceMemoryOpen() {
  close_range();
}

}  // namespace pretended_gpu
