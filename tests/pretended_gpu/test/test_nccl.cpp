// NCCL: ranks are processes, and threads.
#include <nccl.h>

#include <csignal>
#include <numeric>
#include <thread>

#include "helpers.hpp"

namespace {

constexpr int kMany = 50000;  // doubles: several chunks

template <typename T>
T* on_device(const std::vector<T>& values) {
  T* data = nullptr;
  MUST(cudaMalloc(&data, values.size() * sizeof(T)) == cudaSuccess);
  MUST(cudaMemcpy(data, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice) ==
       cudaSuccess);
  return data;
}

template <typename T>
std::vector<T> to_host(const T* data, std::size_t size, cudaStream_t stream) {
  std::vector<T> values(size);
  MUST(cudaMemcpyAsync(values.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost, stream) ==
       cudaSuccess);
  return values;
}

cudaStream_t new_stream() {
  cudaStream_t stream = nullptr;
  MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  return stream;
}

ncclComm_t join(const ncclUniqueId& id, int ranks, int rank) {
  MUST(cudaSetDevice(rank) == cudaSuccess);
  ncclComm_t comm = nullptr;
  MUST(ncclCommInitRank(&comm, ranks, id, rank) == ncclSuccess);
  return comm;
}

ncclUniqueId new_id() {
  ncclUniqueId id;
  REQUIRE(ncclGetUniqueId(&id) == ncclSuccess);
  return id;
}

// Every collective once, with values that tell ranks and places apart.
void try_collectives(const ncclUniqueId& id, int ranks, int rank) {
  const ncclComm_t comm = join(id, ranks, rank);
  const cudaStream_t stream = new_stream();
  const auto n = static_cast<std::size_t>(ranks);
  const auto value = [](int of_rank, std::size_t i) {
    return static_cast<double>(of_rank * 1000000 + static_cast<int>(i));
  };
  std::vector<double> mine(kMany * n);
  for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = value(rank, i);
  double* const data = on_device(mine);
  double* const gathered = on_device(std::vector<double>(kMany * n));
  const double of_ranks = ranks * (ranks - 1) / 2 * 1000000.0;

  MUST(ncclAllGather(data, gathered, kMany, ncclDouble, comm, stream) == ncclSuccess);
  std::vector<double> got = to_host(gathered, kMany * n, stream);
  for (std::size_t i = 0; i < got.size(); ++i) {
    MUST(got[i] == value(static_cast<int>(i / kMany), i % kMany));
  }

  MUST(ncclReduceScatter(data, gathered, kMany, ncclDouble, ncclSum, comm, stream) == ncclSuccess);
  got = to_host(gathered, kMany, stream);
  for (std::size_t i = 0; i < got.size(); ++i) {
    MUST(got[i] ==
         of_ranks + ranks * static_cast<double>(i + kMany * static_cast<std::size_t>(rank)));
  }

  MUST(ncclAllReduce(data, gathered, kMany, ncclDouble, ncclMax, comm, stream) == ncclSuccess);
  MUST(to_host(gathered, kMany, stream)[7] == value(ranks - 1, 7));

  MUST(ncclBroadcast(data, gathered, kMany, ncclDouble, ranks - 1, comm, stream) == ncclSuccess);
  MUST(to_host(gathered, kMany, stream)[kMany - 1] == value(ranks - 1, kMany - 1));

  // In place.
  MUST(ncclAllReduce(data, data, kMany, ncclDouble, ncclSum, comm, stream) == ncclSuccess);
  got = to_host(data, kMany, stream);
  for (std::size_t i = 0; i < got.size(); ++i) {
    MUST(got[i] == of_ranks + ranks * static_cast<double>(i));
  }

  MUST(cudaFree(data) == cudaSuccess);
  MUST(cudaFree(gathered) == cudaSuccess);
  MUST(ncclCommDestroy(comm) == ncclSuccess);
}

// To the next rank and from the one before, in one group: alone, each would wait for ever.
void pass_around(const ncclUniqueId& id, int ranks, int rank) {
  const ncclComm_t comm = join(id, ranks, rank);
  const cudaStream_t stream = new_stream();
  float* const mine = on_device(std::vector<float>(kMany, static_cast<float>(rank)));
  float* const received = on_device(std::vector<float>(kMany, -1));
  MUST(ncclGroupStart() == ncclSuccess);
  MUST(ncclSend(mine, kMany, ncclFloat, (rank + 1) % ranks, comm, stream) == ncclSuccess);
  MUST(ncclRecv(received, kMany, ncclFloat, (rank + ranks - 1) % ranks, comm, stream) ==
       ncclSuccess);
  MUST(ncclGroupEnd() == ncclSuccess);
  MUST(to_host(received, kMany, stream)[kMany - 1] ==
       static_cast<float>((rank + ranks - 1) % ranks));
  MUST(cudaFree(mine) == cudaSuccess);
  MUST(cudaFree(received) == cudaSuccess);
  MUST(ncclCommDestroy(comm) == ncclSuccess);
}

}  // namespace

TEST_CASE("collectives of processes") {
  for (const int ranks : {1, 2, 3, 4}) {
    const ncclUniqueId id = new_id();
    in_processes(ranks, [&](int rank) { try_collectives(id, ranks, rank); });
  }
}

TEST_CASE("collectives of threads") {
  const ncclUniqueId id = new_id();
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 3; ++rank) {
    threads.emplace_back([&id, rank] { try_collectives(id, 3, rank); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("messages around a ring") {
  const ncclUniqueId id = new_id();
  in_processes(3, [&](int rank) { pass_around(id, 3, rank); });
}

TEST_CASE("calls of one communicator keep their order, in whatever streams") {
  const ncclUniqueId id = new_id();
  in_processes(2, [&](int rank) {
    const ncclComm_t comm = join(id, 2, rank);
    const cudaStream_t streams[] = {new_stream(), new_stream()};
    int* const data[] = {on_device(std::vector<int>{1}), on_device(std::vector<int>(2, 10))};
    for (int i = 0; i < 2; ++i) {
      MUST(ncclAllReduce(data[i], data[i], static_cast<std::size_t>(i) + 1, ncclInt32, ncclSum,
                         comm, streams[i]) == ncclSuccess);
    }
    for (const int i : {rank, 1 - rank}) {
      MUST(to_host(data[i], 1, streams[i])[0] == (i == 0 ? 2 : 20));
    }
    MUST(ncclCommDestroy(comm) == ncclSuccess);
  });
}

TEST_CASE("all types are summed") {
  const ncclUniqueId id = new_id();
  in_processes(2, [&](int rank) {
    const ncclComm_t comm = join(id, 2, rank);
    const cudaStream_t stream = new_stream();
    const auto sum = [&](auto one, ncclDataType_t type) {
      using T = decltype(one);
      T* const data = on_device(std::vector<T>{static_cast<T>(rank + 1), static_cast<T>(10)});
      MUST(ncclAllReduce(data, data, 2, type, ncclSum, comm, stream) == ncclSuccess);
      MUST(to_host(data, 2, stream) == (std::vector<T>{static_cast<T>(3), static_cast<T>(20)}));
      MUST(cudaFree(data) == cudaSuccess);
    };
    sum(float{}, ncclFloat);
    sum(double{}, ncclDouble);
    sum(static_cast<long long>(0), ncclInt64);
    sum(static_cast<unsigned char>(0), ncclUint8);
    sum(static_cast<signed char>(0), ncclInt8);
    MUST(ncclCommDestroy(comm) == ncclSuccess);
  });
}

TEST_CASE("a communicator splits by color, ordered by key") {
  const ncclUniqueId id = new_id();
  in_processes(4, [&](int rank) {
    const ncclComm_t comm = join(id, 4, rank);
    for (int round = 0; round < 2; ++round) {
      ncclComm_t part = nullptr;
      const int color = rank == 3 ? NCCL_SPLIT_NOCOLOR : rank % 2;
      MUST(ncclCommSplit(comm, color, -rank, &part, nullptr) == ncclSuccess);
      if (rank == 3) {
        MUST(part == nullptr);
        continue;
      }
      int size = 0;
      int place = -1;
      MUST(ncclCommCount(part, &size) == ncclSuccess);
      MUST(ncclCommUserRank(part, &place) == ncclSuccess);
      MUST(size == (color == 0 ? 2 : 1));
      MUST(place == (rank == 0 ? 1 : 0));
      MUST(ncclCommDestroy(part) == ncclSuccess);
    }
    MUST(ncclCommDestroy(comm) == ncclSuccess);
  });
}

TEST_CASE("collectives are captured into graphs") {
  const ncclUniqueId id = new_id();
  in_processes(2, [&](int rank) {
    const ncclComm_t comm = join(id, 2, rank);
    const cudaStream_t stream = new_stream();
    int* const data = on_device(std::vector<int>(kMany, 1));
    MUST(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    MUST(ncclAllReduce(data, data, kMany, ncclInt32, ncclSum, comm, stream) == ncclSuccess);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    MUST(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
    MUST(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
    for (int i = 0; i < 5; ++i) MUST(cudaGraphLaunch(executable, stream) == cudaSuccess);
    MUST(to_host(data, kMany, stream)[kMany - 1] == 32);
    MUST(cudaGraphExecDestroy(executable) == cudaSuccess);
    MUST(cudaGraphDestroy(graph) == cudaSuccess);
    MUST(ncclCommDestroy(comm) == ncclSuccess);
  });
}

TEST_CASE("a communicator that does not block is asked until it is ready") {
  const ncclUniqueId id = new_id();
  in_processes(2, [&](int rank) {
    MUST(cudaSetDevice(rank) == cudaSuccess);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    ncclComm_t comm = nullptr;
    const ncclResult_t begun = ncclCommInitRankConfig(&comm, 2, id, rank, &config);
    MUST(begun == ncclInProgress || begun == ncclSuccess);
    ncclResult_t state = ncclInProgress;
    const auto wait = [&] {
      do {
        MUST(ncclCommGetAsyncError(comm, &state) == ncclSuccess);
      } while (state == ncclInProgress);
      MUST(state == ncclSuccess);
    };
    wait();
    const cudaStream_t stream = new_stream();
    int* const data = on_device(std::vector<int>{1});
    const ncclResult_t queued = ncclAllReduce(data, data, 1, ncclInt32, ncclSum, comm, stream);
    MUST(queued == ncclInProgress || queued == ncclSuccess);
    wait();
    MUST(to_host(data, 1, stream)[0] == 2);
    MUST(ncclCommAbort(comm) == ncclSuccess);
  });
}

TEST_CASE("two ranks cannot share a device") {
  const ncclUniqueId id = new_id();
  in_processes(2, [&](int rank) {
    ncclComm_t comm = nullptr;
    MUST(ncclCommInitRank(&comm, 2, id, rank) == ncclInvalidUsage);
    MUST(comm == nullptr);
    MUST(std::string(ncclGetLastError(nullptr)).find("Duplicate GPU detected") == 0);
  });
}

#ifndef __CUDACC__  // real ranks hang, or compute nonsense

TEST_CASE("ranks that do different things are found out") {
  const ncclUniqueId id = new_id();
  const Ending ending = in_child([&] {
    const auto run = [&](int rank) {
      const ncclComm_t comm = join(id, 2, rank);
      int* const data = on_device(std::vector<int>(4));
      ncclAllReduce(data, data, rank == 0 ? 3 : 4, ncclInt32, ncclSum, comm, nullptr);
      cudaStreamSynchronize(nullptr);
    };
    std::thread other(run, 1);
    run(0);
    other.join();
  });
  CHECK(ending.signal == SIGABRT);
  CHECK(says(ending, "ncclAllReduce of 3 values"));
  CHECK(says(ending, "ncclAllReduce of 4 values"));
}

TEST_CASE("buffers that are not the device's are refused") {
  const ncclUniqueId id = new_id();
  in_processes(1, [&](int) {
    const ncclComm_t comm = join(id, 1, 0);
    int host[4] = {};
    int* const data = on_device(std::vector<int>(4));
    MUST(ncclAllReduce(host, data, 4, ncclInt32, ncclSum, comm, nullptr) == ncclInvalidArgument);
    MUST(ncclAllReduce(data, data, 5, ncclInt32, ncclSum, comm, nullptr) == ncclInvalidArgument);
  });
}

TEST_CASE("an aborted communicator waits for nobody") {
  const ncclUniqueId id = new_id();
  in_processes(2, [&](int rank) {
    const ncclComm_t comm = join(id, 2, rank);
    if (rank == 1) return;
    int* const data = on_device(std::vector<int>(4));
    const cudaStream_t stream = new_stream();
    MUST(ncclAllReduce(data, data, 4, ncclInt32, ncclSum, comm, stream) == ncclSuccess);
    std::thread abort([comm] { ncclCommAbort(comm); });
    MUST(cudaStreamSynchronize(stream) == cudaSuccess);
    abort.join();
  });
}

#endif
