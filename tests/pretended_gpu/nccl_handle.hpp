// Behind ncclComm_t. Queued calls keep the communicator itself.
#pragma once

#include <memory>
#include <thread>

#include "nccl.hpp"

struct ncclComm {
  std::shared_ptr<pretended_gpu::Communicator> communicator;
  std::jthread helper{pretended_gpu::help, communicator};
};
