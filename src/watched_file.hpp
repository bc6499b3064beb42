// A shared file whose calls the watchdog sees, as it sees collectives.
#pragma once

#include <memory>

#include "colonnade/shared_file.hpp"
#include "place.hpp"

namespace colonnade {

/// `call` is what the watchdog says the rank is in while it writes or closes.
std::unique_ptr<SharedFile> watched(std::unique_ptr<SharedFile> file, std::shared_ptr<Place> place,
                                    const Fingerprint& call);

}  // namespace colonnade
