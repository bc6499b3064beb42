// The memory that ops compute in. On the CPU it is memory like any other, which the program reads
// and writes as it likes; on a GPU the program reaches it through the functions below alone. A
// backend is a directory of src that defines them.
//
// Ops and these functions take effect in the order in which a thread calls them, but on a GPU they
// may return before: what they write is there for later ops and copies at once, and for the
// program after a copy to its own memory.
#pragma once

#include <cstddef>
#include <memory_resource>

namespace colonnade {

/// Where ops find their operands and leave their results.
std::pmr::memory_resource* device_memory();

/// Whether the program may touch device memory as its own.
bool host_reaches_device_memory();

/// Makes it so from now on, at the price of speed: on a GPU tensors then live in the computer's
/// memory, which the GPU reads through its bus, and every op has ended when it returns. For tests,
/// and whatever else looks at single elements all the time. To be called before the first tensor is
/// made.
void let_host_reach_device_memory();

/// Returns when all that this thread has asked the device to do is done.
void finish_device_work();

/// Copies bytes within device memory, or between it and the program's own. `from` may be changed
/// as soon as it returns, and in the program's own memory `to` is complete then.
void copy_bytes(const void* from, void* to, std::size_t bytes);

/// Copies `count` pieces of `bytes` each. Their begins lie from_stride and to_stride bytes apart.
void copy_pieces(const void* from, std::size_t from_stride, void* to, std::size_t to_stride,
                 std::size_t bytes, std::size_t count);

/// Zeroes bytes of device memory.
void zero_bytes(void* to, std::size_t bytes);

}  // namespace colonnade
