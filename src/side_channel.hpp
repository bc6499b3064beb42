// Datagrams between the processes of a job, for when MPI is where they hang. Linux's UDP, IPv4.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "place.hpp"

namespace colonnade {

/// Of the job. Datagrams of others are dropped.
using Secret = std::array<std::uint64_t, 2>;

/// All that is ever sent. An answer is as long as its question, so that nobody can be made to
/// shout.
struct Datagram {
  enum class Kind : std::uint64_t { question = 1, answer = 2 };

  Secret secret{};
  Kind kind = Kind::question;
  std::uint64_t round = 0;  // of the one who asks
  std::int64_t rank = 0;    // that is asked about
  Sighting sighting{};      // of an answer
};

class SideChannel {
 public:
  SideChannel() = default;
  ~SideChannel();
  SideChannel(const SideChannel&) = delete;
  SideChannel& operator=(const SideChannel&) = delete;

  /// Names the network that loopback belongs to: what has the same name can use it.
  static std::string network();

  /// Opens a socket, for loopback alone or for all interfaces. Throws Error.
  void open(bool loopback_only);

  /// Where it can be reached: `PORT ADDRESS ADDRESS ...`.
  std::string address() const;

  /// The socket to poll, -1 until it is open.
  int descriptor() const { return socket_; }

  void set_secret(const Secret& secret) { secret_ = secret; }

  /// Sends to every address of a peer, whichever way there may be. What cannot be sent is lost.
  void send(Datagram datagram, const std::string& address) const;
  void reply(Datagram datagram) const;

  /// The next datagram of this job that has arrived, without waiting. reply() goes to its sender.
  std::optional<Datagram> receive();

 private:
  int socket_ = -1;
  bool loopback_only_ = true;
  Secret secret_{};
  sockaddr_in sender_{};
};

}  // namespace colonnade
