// Datagrams between processes: what arrives and what is dropped.
#include "side_channel.hpp"

#include <poll.h>

#include "harness.hpp"

using namespace colonnade;

namespace {

/// What arrives within ten seconds, which on loopback is at once.
std::optional<Datagram> wait_for_datagram(SideChannel& channel) {
  pollfd event{channel.descriptor(), POLLIN, 0};
  poll(&event, 1, 10'000);
  return channel.receive();
}

}  // namespace

TEST_CASE("a question is answered to the one who asked") {
  for (const bool loopback_only : {true, false}) {
    SideChannel asks, answers;
    for (SideChannel* channel : {&asks, &answers}) {
      channel->open(loopback_only);
      channel->set_secret({1, 2});
    }
    asks.send({.round = 3, .rank = 4}, answers.address());
    std::optional<Datagram> question = wait_for_datagram(answers);
    REQUIRE(question);
    CHECK(question->kind == Datagram::Kind::question);
    CHECK(question->round == 3);
    CHECK(question->rank == 4);
    question->kind = Datagram::Kind::answer;
    question->sighting.nanoseconds = 5;
    answers.reply(*question);
    const std::optional<Datagram> answer = wait_for_datagram(asks);
    REQUIRE(answer);
    CHECK(answer->kind == Datagram::Kind::answer);
    CHECK(answer->sighting.nanoseconds == 5);
  }
}

TEST_CASE("what isn't of this job is dropped, and what comes after it is not") {
  SideChannel stranger, friendly, channel;
  for (SideChannel* each : {&stranger, &friendly, &channel}) {
    each->open(true);
    each->set_secret({1, 2});
  }
  stranger.set_secret({1, 3});
  CHECK(!channel.receive());
  stranger.send({.rank = 1}, channel.address());
  std::istringstream words(channel.address());
  std::string port;
  words >> port;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  const std::vector<char> bytes(sizeof(Datagram) + 1);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, bytes.size()}) {
    CHECK(sendto(friendly.descriptor(), bytes.data(), size, 0, reinterpret_cast<sockaddr*>(&to),
                 sizeof to) == static_cast<ssize_t>(size));
  }
  friendly.send({.rank = 2}, channel.address());
  std::optional<Datagram> first;
  while (!first) first = wait_for_datagram(channel);
  CHECK(first->rank == 2);
  CHECK(!channel.receive());
}

TEST_CASE("addresses that make no sense are nobody's") {
  SideChannel channel;
  channel.open(true);
  channel.send({}, "");
  channel.send({}, "no port");
  channel.send({}, "5 here");
  CHECK(!channel.receive());
}
