// Where tensors of common memory lie: the same place on every rank, never where one may still be
// read, and in little more memory than there are tensors at a time.
#include "common_memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "colonnade/memory.hpp"
#include "harness.hpp"

using namespace colonnade;

namespace {

constexpr std::size_t page = 4096, mib = std::size_t{1} << 20;

SharedBlock block_of(std::size_t bytes) {
  auto* const memory = static_cast<std::byte*>(std::calloc(1, bytes));
  return {{memory, [](std::byte* data) { std::free(data); }}, bytes};
}

/// Common memory by itself: blocks of this process, and a count of meetings.
struct Places {
  std::uint64_t meetings = 0;
  int blocks = 0;
  int own_meetings = 0;  // that the memory asked for
  CommonMemory memory{{.grow =
                           [this](std::size_t bytes) {
                             ++blocks;
                             return block_of(bytes);
                           },
                       .meet =
                           [this](std::size_t) {
                             ++own_meetings;
                             ++meetings;
                           }},
                      meetings};

  std::uint64_t take(std::size_t bytes, std::size_t tensors = 1) {
    return *memory.place_of(memory.take({bytes, tensors}));
  }
  void give_back(std::uint64_t place, std::size_t bytes, std::size_t tensors = 1) {
    memory.give_back(memory.at(place), {bytes, tensors});
  }
};

}  // namespace

TEST_CASE("a place is taken again after a meeting") {
  Places places;
  const std::uint64_t first = places.take(1000);
  places.give_back(first, 1000);
  CHECK(places.take(1000) != first);
  ++places.meetings;
  CHECK(places.take(1000) == first);
  const int elsewhere = 0;
  CHECK(!places.memory.place_of(&elsewhere));
}

TEST_CASE("free neighbours become one, and a tensor takes the smallest that it fits into") {
  Places places;
  const std::uint64_t one = places.take(page), two = places.take(2 * page);
  const std::uint64_t kept = places.take(page), small = places.take(page);
  places.take(page);
  places.give_back(two, 2 * page);
  places.give_back(one, page);
  places.give_back(small, page);
  ++places.meetings;
  CHECK(places.take(page) == small);
  CHECK(places.take(3 * page) == one);
  places.give_back(one, 3 * page);
  ++places.meetings;
  // Of what is left of a larger one all is used, and a long tensor begins a page.
  const std::uint64_t line = places.take(100);
  CHECK(line == one);
  CHECK(places.take(100) == one + 128);
  CHECK(places.take(2 * page) == one + page);
  CHECK(places.take(page) > kept);
}

TEST_CASE("a tensor of each rank's own is taken again at once, by one of its size") {
  Places places;
  const std::uint64_t first = places.take(1000, 2);
  places.give_back(first, 1000, 2);
  CHECK(places.take(2048) != first);    // another rank may still write to its half
  CHECK(places.take(500, 4) != first);  // would begin in it
  CHECK(places.take(1000, 2) == first);
}

TEST_CASE("memory grows by much only where a meeting would not do") {
  Places places;
  const std::uint64_t first = places.take(4 * mib);
  places.give_back(first, 4 * mib);
  CHECK(places.take(4 * mib) == first);
  CHECK(places.own_meetings == 1);
  const std::uint64_t second = places.take(4 * mib);
  CHECK(places.own_meetings == 1);
  places.give_back(second, 4 * mib);
  CHECK(places.take(8 * mib) == second);  // of which half is new
  CHECK(places.own_meetings == 2);

  const std::uint64_t little = places.take(mib / 2);
  places.give_back(little, mib / 2);
  CHECK(places.take(mib / 2) != little);
  CHECK(places.own_meetings == 2);
  CHECK(places.blocks == 1);
}

// A chain of four layers on two ranks: outputs of 4 MiB, gradients of inputs of as many on each
// rank, and that of the last output. A reduce-scatter is two meetings.
TEST_CASE("step after step lies in the memory of the first") {
  Places places;
  const auto reduce_scatter = [&] { places.meetings += 2; };
  std::uint64_t end = 0;
  const auto take = [&](std::size_t bytes, std::size_t tensors) {
    const std::uint64_t place = places.take(bytes, tensors);
    end = std::max<std::uint64_t>(end, place + bytes * tensors);
    return place;
  };
  for (int step = 1; step <= 5; ++step) {
    std::vector<std::uint64_t> outputs;
    for (int layer = 0; layer < 4; ++layer) {
      outputs.push_back(take(4 * mib, 1));
      ++places.meetings;
    }
    const std::uint64_t dy = take(2 * mib, 2);
    places.give_back(outputs[3], 4 * mib);
    places.give_back(dy, 2 * mib, 2);
    for (std::size_t layer = 3; layer > 0; --layer) {
      const std::uint64_t dx = take(4 * mib, 2);
      reduce_scatter();
      places.give_back(dx, 4 * mib, 2);
      places.give_back(outputs[layer - 1], 4 * mib);
    }
    CHECK(end == 20 * mib);
    CHECK(places.own_meetings == step);  // before the first dx
  }
}

TEST_CASE("whatever is taken and given back, ranks agree and nothing is written where it is read") {
  struct Taken {
    std::uint64_t begin, end, since;
    CommonMemory::Room room;
  };
  Places one, other;
  std::vector<Taken> taken, given_back;
  std::minstd_rand random(1);
  const auto overlap = [](const Taken& a, const Taken& b) {
    return a.begin < b.end && b.begin < a.end;
  };
  int wrong = 0;
  for (int i = 0; i < 4000; ++i) {
    if (random() % 20 == 0) {
      ++one.meetings;
      ++other.meetings;
    }
    if (!taken.empty() && random() % 40 < taken.size()) {
      const auto last = taken.begin() + static_cast<std::ptrdiff_t>(random() % taken.size());
      for (Places* places : {&one, &other})
        places->give_back(last->begin, last->room.bytes, last->room.tensors);
      last->since = one.meetings;
      given_back.push_back(*last);
      taken.erase(last);
      continue;
    }
    const std::size_t sizes[] = {10, 640, page, 3 * page + 1, mib, 5 * mib / 2};
    const CommonMemory::Room room{sizes[random() % 6], 1 + random() % 3};
    Taken next{one.take(room.bytes, room.tensors), 0, 0, room};
    next.end = next.begin + room.bytes * room.tensors;
    if (other.take(room.bytes, room.tensors) != next.begin) ++wrong;
    for (const Taken& present : taken) wrong += overlap(present, next) ? 1 : 0;
    for (const Taken& past : given_back) {
      const bool own = room.tensors > 1 && past.room == room && past.begin == next.begin;
      if (past.since == one.meetings && !own && overlap(past, next)) ++wrong;
    }
    taken.push_back(next);
  }
  CHECK(wrong == 0);
  CHECK(one.own_meetings > 0);
  CHECK(one.meetings == other.meetings);
  CHECK(one.memory.history() == other.memory.history());
}

TEST_CASE("ranks that don't take and give back the same can tell") {
  Places one, other;
  other.give_back(other.take(64), 64);
  CHECK(one.memory.history() != other.memory.history());
  // For one of two ranks, or for both.
  Places shared, own;
  shared.take(128, 1);
  own.take(64, 2);
  CHECK(shared.memory.history() != own.memory.history());
}

TEST_CASE("a tensor too long for what is left begins a block, and the rest is used") {
  Places places;
  const std::uint64_t first = places.take(60 * mib);
  const std::uint64_t longer = places.take(100 * mib);
  CHECK(places.blocks == 2);
  ++places.meetings;
  CHECK(places.take(4 * mib) == first + 60 * mib);
  places.give_back(longer, 100 * mib);
  ++places.meetings;
  CHECK(places.take(100 * mib) == longer);
  CHECK(places.blocks == 2);
}

TEST_CASE("tensors in visible memory have places of their own on each rank") {
  Places places;
  VisibleMemory first(places.memory, 0, 2), second(places.memory, 1, 2);
  auto* const a = static_cast<std::byte*>(first.allocate(100, tensor_alignment));
  auto* const b = static_cast<std::byte*>(second.allocate(100, tensor_alignment));
  CHECK(b - a == 128 + 256);  // 100 bytes are two lines, and each takes them for both ranks
  second.deallocate(b, 100, tensor_alignment);
  CHECK(second.allocate(100, tensor_alignment) == b);
}
