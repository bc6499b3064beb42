// The addresses of all devices' memory: one reserved range, closed to the host except while queued
// work runs. Addresses are never used twice, so that a stale pointer stays one.
#pragma once

#include <cstddef>

namespace pretended_gpu {

// `bytes`, a multiple of a page, filled with 0xff. Large rooms take no memory until they are
// written to. Null at the range's end.
char* take_addresses(std::size_t bytes);

// Gives their memory back; what reads them afterwards gets zeros.
void give_back_memory(char* begin, std::size_t bytes);

// Counted: opened by the first, closed by the last.
void open_range();
void close_range();

}  // namespace pretended_gpu
