// What a backend puts between a group and its transport.
#pragma once

#include <memory>

#include "colonnade/transport.hpp"

namespace colonnade {

/// The same ranks, whose collectives take buffers in device memory too. On the CPU that is what
/// any transport does, and this one is returned as it is. Groups that a result of this is split
/// into have their own transports as they are, to be given to this function again. Collective.
std::unique_ptr<Transport> backend_transport(std::unique_ptr<Transport> transport);

}  // namespace colonnade
