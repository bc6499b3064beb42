#include "side_channel.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <type_traits>

namespace colonnade {

namespace {

static_assert(std::is_trivially_copyable_v<Datagram>);

/// The IPv4 addresses of this host's interfaces that are up, without loopback.
std::vector<std::string> interface_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    if ((entry->ifa_flags & IFF_UP) == 0 || (entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
    sockaddr_in address{};
    std::memcpy(&address, entry->ifa_addr, sizeof address);
    char text[INET_ADDRSTRLEN] = {};
    if (inet_ntop(AF_INET, &address.sin_addr, text, sizeof text) != nullptr)
      addresses.emplace_back(text);
  }
  freeifaddrs(list);
  return addresses;
}

}  // namespace

SideChannel::~SideChannel() {
  if (socket_ >= 0) close(socket_);
}

// The kernel's boot and its network namespace: containers of one host share only the first.
std::string SideChannel::network() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  char name[64] = {};
  const ssize_t length = readlink("/proc/self/ns/net", name, sizeof name - 1);
  return boot + "/" + (length > 0 ? name : "");
}

void SideChannel::open(bool loopback_only) {
  loopback_only_ = loopback_only;
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(loopback_only ? INADDR_LOOPBACK : INADDR_ANY);
  if (socket_ >= 0 && bind(socket_, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0) return;
  throw Error("cannot open a socket for the watchdog",
              {.found = system_message(), .hint = "train without --watchdog"});
}

std::string SideChannel::address() const {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  if (getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size) != 0) return "";
  std::string text = std::to_string(ntohs(own.sin_port)) + " 127.0.0.1";
  if (!loopback_only_)
    for (const std::string& address : interface_addresses()) text += " " + address;
  return text;
}

void SideChannel::send(Datagram datagram, const std::string& address) const {
  datagram.secret = secret_;
  std::istringstream words(address);
  unsigned port = 0;
  words >> port;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  for (std::string host; words >> host;) {
    if (inet_pton(AF_INET, host.c_str(), &to.sin_addr) != 1) continue;
    sendto(socket_, &datagram, sizeof datagram, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to),
           sizeof to);
  }
}

void SideChannel::reply(Datagram datagram) const {
  datagram.secret = secret_;
  sendto(socket_, &datagram, sizeof datagram, MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&sender_), sizeof sender_);
}

std::optional<Datagram> SideChannel::receive() {
  Datagram datagram;
  for (;;) {
    socklen_t size = sizeof sender_;
    const ssize_t length = recvfrom(socket_, &datagram, sizeof datagram, MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&sender_), &size);
    if (length < 0) return std::nullopt;
    if (static_cast<std::size_t>(length) == sizeof datagram && datagram.secret == secret_)
      return datagram;
  }
}

}  // namespace colonnade
