// What the tests of the pretended GPU share. All of it is CUDA that nvcc compiles too.
#pragma once

#include <cuda_runtime.h>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

// An array on the device, of values of the host if there are any.
template <typename T>
class OnDevice {
 public:
  explicit OnDevice(std::size_t size) : size_(size) {
    REQUIRE(cudaMalloc(&data_, size * sizeof(T)) == cudaSuccess);
  }
  explicit OnDevice(const std::vector<T>& values) : OnDevice(values.size()) {
    REQUIRE(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice) ==
            cudaSuccess);
  }
  ~OnDevice() { cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  T* data() { return data_; }
  std::vector<T> to_host() const {
    std::vector<T> values(size_);
    REQUIRE(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost) ==
            cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

class Stream {
 public:
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

inline cudaLaunchConfig_t grid_of(dim3 blocks, dim3 threads, cudaStream_t stream = nullptr) {
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks;
  config.blockDim = threads;
  config.stream = stream;
  return config;
}

// What became of a child process.
struct Ending {
  int signal;          // that ended it, or 0
  int status;          // it exited with
  std::string output;  // on stderr
};

// A child whose report of doctest nobody reads: the parent judges by how it ends.
inline pid_t fork_quietly() {
  std::fflush(stdout);
  std::cout.flush();
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child != 0) return child;
  alarm(100);  // a rank that waits for one that failed shall not stay for ever
  if (std::freopen("/dev/null", "w", stdout) == nullptr) _exit(3);
  return child;
}

// Runs `body` in a child.
template <typename Body>
Ending in_child(Body body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork_quietly();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    std::exit(0);
  }
  close(ends[1]);
  Ending ending = {};
  char buffer[512];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    ending.output.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  ending.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  ending.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ending;
}

// Runs a test case that is skipped otherwise, in a new process: the environment is read only once.
inline Ending in_environment(const char* name, const char* value, const char* test_case) {
  return in_child([&] {
    setenv(name, value, 1);
    const std::string which = std::string("--test-case=") + test_case;
    execl("/proc/self/exe", "tests", "--no-skip", which.c_str(), nullptr);
  });
}

// Ends a child that was to do something else. For ranks, where doctest's checks would not be seen.
inline void must(bool done, const char* what) {
  if (done) return;
  std::fprintf(stderr, "a rank failed: %s\n", what);
  _exit(2);
}
#define MUST(condition) must(condition, #condition)

// Runs `body(rank)` in as many processes; all must end well.
template <typename Body>
void in_processes(int ranks, Body body) {
  std::vector<pid_t> children;
  for (int rank = 0; rank < ranks; ++rank) {
    children.push_back(fork_quietly());
    if (children.back() > 0) continue;
    body(rank);
    std::exit(0);
  }
  while (!children.empty()) {
    int status = 0;
    const pid_t ended = wait(&status);
    REQUIRE(ended > 0);
    CHECK(status == 0);
    std::erase(children, ended);
    if (status == 0) continue;
    for (const pid_t child : children)
      kill(child, SIGKILL);  // they may wait for the one that failed
  }
}

inline bool says(const Ending& ending, const char* words) {
  return ending.output.find(words) != std::string::npos;
}
