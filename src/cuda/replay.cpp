// A CUDA graph.
#include "replay.hpp"

#include "cuda/gpu.hpp"

namespace colonnade {

namespace {

class Graph final : public Replay {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() override { forget(); }

  void record(const std::function<void()>& work) override {
    forget();
    const cudaStream_t stream = gpu::stream();
    // What other threads ask of the GPU meanwhile is none of it, and memory may be asked for: to
    // have it is no part of the graph.
    gpu::check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed),
               "cudaStreamBeginCapture");
    cudaGraph_t graph = nullptr;
    try {
      work();
    } catch (...) {
      cudaStreamEndCapture(stream, &graph);
      if (graph != nullptr) cudaGraphDestroy(graph);
      throw;
    }
    gpu::check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    const cudaError_t code = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    gpu::check(code, "cudaGraphInstantiate");
    run();
  }

  void run() override { gpu::check(cudaGraphLaunch(graph_, gpu::stream()), "cudaGraphLaunch"); }

 private:
  // At the end of the program the driver may be gone, and its answer says nothing.
  void forget() {
    if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
    graph_ = nullptr;
  }

  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace

// Ops on memory that the host reaches wait for their end, which can't be recorded.
std::unique_ptr<Replay> make_replay() {
  if (host_reaches_device_memory()) return nullptr;
  return std::make_unique<Graph>();
}

}  // namespace colonnade
