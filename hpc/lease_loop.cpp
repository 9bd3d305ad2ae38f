#include "hpc/lease_loop.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>
#include <type_traits>

#include "hpc/leases.h"

namespace tailcube {
namespace {

enum class Ask : std::uint8_t { tile, tile_but_stop, stop };  // `stop` is told without expecting an answer
enum class Answer : std::uint8_t { tile, none_left, stop };
struct Request {
  std::uint64_t done;  // scenarios this rank has finished
  Ask ask;
};
struct Reply {
  Tile tile;
  Answer answer;
};
struct Interrupted {};  // thrown through `evaluate` to leave a tile in the middle

template <class T>
std::vector<std::byte> pack(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<std::byte> bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}
template <class T>
T unpack(const std::vector<std::byte>& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof(T), bytes.size()));
  return value;
}

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
void rest() { std::this_thread::sleep_for(std::chrono::microseconds(50)); }

// What both sides share: evaluating a tile and keeping the verdict.
class Side {
 public:
  Side(Communicator& communicator, const LeaseHooks& hooks, LeaseCount& count)
      : communicator_(communicator), hooks_(hooks), count_(count) {}

 protected:
  ~Side() = default;
  bool fine() const { return verdict_.kind == Verdict::Kind::fine; }
  void look_for_signal() {
    if (const int number = hooks_.stop ? hooks_.stop() : 0; number != 0) {
      verdict_.merge({Verdict::Kind::stopped, number, ""});
    }
  }
  // `poll` throws Interrupted when the tile is not wanted any more.
  template <class Poll>
  void evaluate(Tile tile, const Poll& poll) {
    const auto start = Clock::now();
    try {
      hooks_.evaluate(tile, poll);
      const double busy = seconds_since(start);
      count_.busy_seconds += busy;
      while (seconds_since(start) < busy * hooks_.slow_down) {
        poll();
        rest();
      }
      ++count_.tiles;
      done_ += tile.end - tile.begin;
    } catch (const Interrupted&) {
    } catch (const std::exception& error) {
      verdict_.merge({Verdict::Kind::failed, 0, error.what()});
    } catch (...) {
      verdict_.merge({Verdict::Kind::failed, 0, "unknown exception"});
    }
  }

  Communicator& communicator_;
  const LeaseHooks& hooks_;
  LeaseCount& count_;
  Verdict verdict_;
  std::uint64_t done_ = 0;
};

class Server : Side {
 public:
  Server(Communicator& communicator, const std::vector<Tile>& tiles, const LeaseHooks& hooks, LeaseCount& count)
      : Side(communicator, hooks, count),
        leases_(tiles),
        done_by_(static_cast<std::size_t>(communicator.size()), 0),
        working_(communicator.size() - 1) {}

  Verdict run() {
    const auto poll = [this] {
      serve();
      if (!fine()) throw Interrupted{};
    };
    while (const auto tile = leases_.next(0)) {
      evaluate(*tile, poll);
      done_by_[0] = done_;
      serve();
      report();
    }
    while (working_ > 0) {
      rest();
      serve();
    }
    report();
    return verdict_;
  }

 private:
  void serve() {
    look_for_signal();
    while (const auto message = communicator_.poll(Tag::lease_request))
      answer(message->from, unpack<Request>(message->bytes));
    if (!fine()) leases_.stop();
  }
  void answer(int from, const Request& request) {
    done_by_[static_cast<std::size_t>(from)] = request.done;
    // Why it stops is known to the sender, which says so when the verdicts are merged.
    if (request.ask != Ask::tile) verdict_.merge({Verdict::Kind::stopped, 0, ""});
    if (request.ask == Ask::stop) return;
    if (!fine()) leases_.stop();
    const auto tile = leases_.next(from);
    if (!tile) --working_;
    const Answer kind = tile ? Answer::tile : fine() ? Answer::none_left : Answer::stop;
    communicator_.send(from, Tag::lease, pack(Reply{tile.value_or(Tile{}), kind}));
  }
  void report() const {
    if (hooks_.done) hooks_.done(std::accumulate(done_by_.begin(), done_by_.end(), std::uint64_t{0}));
  }

  Leases leases_;
  std::vector<std::uint64_t> done_by_;
  int working_;  // workers that have not been told to leave
};

class Client : Side {
 public:
  using Side::Side;
  Verdict run() {
    const auto poll = [this] {
      tell_trouble();
      if (!reply_) look_for_reply();
      if (!fine() || (reply_ && reply_->answer == Answer::stop)) throw Interrupted{};
    };
    ask();
    for (Reply reply = wait(); reply.answer == Answer::tile; reply = wait()) {
      ask();
      if (fine()) evaluate(reply.tile, poll);
    }
    return verdict_;
  }

 private:
  void ask() {
    tell_trouble();
    send(fine() ? Ask::tile : Ask::tile_but_stop);
  }
  void send(Ask what) { communicator_.send(0, Tag::lease_request, pack(Request{done_, what})); }
  void tell_trouble() {
    look_for_signal();
    if (fine() || told_) return;
    told_ = true;
    send(Ask::stop);
  }
  void look_for_reply() {
    if (const auto message = communicator_.poll(0, Tag::lease)) reply_ = unpack<Reply>(message->bytes);
  }
  Reply wait() {
    for (;; rest()) {
      tell_trouble();
      if (!reply_) look_for_reply();
      if (reply_) break;
    }
    const Reply reply = *reply_;
    reply_.reset();
    if (reply.answer == Answer::stop) verdict_.merge({Verdict::Kind::stopped, 0, ""});
    return reply;
  }

  std::optional<Reply> reply_;  // came while a tile was being evaluated
  bool told_ = false;
};

}  // namespace

void Verdict::merge(const Verdict& other) {
  if (other.kind > kind) {
    *this = other;
  } else if (other.kind == kind && signal == 0) {
    signal = other.signal;  // a rank that merely heard of the stop does not know the signal
  }
}

Verdict share_tiles(Communicator& communicator, const std::vector<Tile>& tiles, const LeaseHooks& hooks, LeaseCount& count) {
  if (communicator.rank() == 0) return Server(communicator, tiles, hooks, count).run();
  return Client(communicator, hooks, count).run();
}

}  // namespace tailcube
