#include "hpc/lease_loop.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <type_traits>
#include <utility>

#include "hpc/leases.h"

namespace tailcube {
namespace {

enum class Ask : std::uint8_t { tile, stop, leave };  // `stop` is told without expecting an answer
// The last two come unasked, once, when the work is to stop or the round to end: a worker in the middle of a long tile has
// its next one already.
enum class Answer : std::uint8_t { tile, none_left, bye, stop, end_round };
struct Request {
  std::uint64_t done;   // scenarios this rank has finished
  std::uint64_t limit;  // no tile is wanted from here on
  Ask ask;
};
struct Reply {
  Tile tile;
  Answer answer;
};

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

// What both sides share: evaluating a tile and keeping the verdict.
class Side {
 public:
  Side(Communicator& communicator, const LeaseHooks& hooks, LeaseCount& count)
      : communicator_(communicator), hooks_(hooks), count_(count) {}

 protected:
  ~Side() = default;
  bool fine() const { return verdict_.kind == Verdict::Kind::fine; }
  bool going_on() const { return fine() && !over_; }
  void look_for_stop() {
    if (const int why = hooks_.stop ? hooks_.stop() : 0; why != 0) verdict_.merge({Verdict::Kind::stopped, why, ""});
  }
  std::uint64_t limit() const { return hooks_.limit ? hooks_.limit() : ~std::uint64_t{0}; }
  void evaluate(Tile tile, const Poll& poll) {
    if (tile.begin >= limit()) return;
    const auto start = Clock::now();
    try {
      const std::uint64_t scenarios = hooks_.evaluate(tile, poll);
      count_.done.add({tile.begin, tile.begin + scenarios});
      done_ += scenarios;
      count_.tiles += scenarios > 0 ? 1 : 0;
    } catch (const std::exception& error) {
      verdict_.merge({Verdict::Kind::failed, 0, error.what()});
    } catch (...) {
      verdict_.merge({Verdict::Kind::failed, 0, "unknown exception"});
    }
    const double busy = seconds_since(start);
    count_.busy_seconds += busy;
    for (Pause pause; seconds_since(start) < busy * hooks_.slow_down && poll();) pause();
  }

  Communicator& communicator_;
  const LeaseHooks& hooks_;
  LeaseCount& count_;
  Verdict verdict_;
  bool over_ = false;  // the round ends though there are tiles
  std::uint64_t done_ = 0;
};

class Server : Side {
 public:
  Server(Communicator& communicator, const std::vector<Tile>& tiles, const LeaseHooks& hooks, LeaseCount& count)
      : Side(communicator, hooks, count),
        leases_(tiles),
        done_by_(static_cast<std::size_t>(communicator.size()), 0),
        here_(static_cast<std::size_t>(communicator.size()), true),
        working_(communicator.size() - 1) {}

  Verdict run() {
    const auto poll = [this] {
      serve();
      return going_on();
    };
    while (const auto tile = leases_.next(0)) {
      evaluate(*tile, poll);
      leases_.limit(limit());
      done_by_[0] = done_;
      serve();
      report();
    }
    for (; working_ > 0; serve()) pause_();
    report();
    return verdict_;
  }

 private:
  void serve() {
    look_for_stop();
    if (!over_ && hooks_.due && hooks_.due()) over_ = true;
    while (const auto message = communicator_.poll(Tag::lease_request)) {
      answer(message->from, unpack<Request>(message->bytes));
    }
    if (!going_on() && !noticed_) give_notice();
  }
  void answer(int from, const Request& request) {
    pause_ = Pause();
    const auto r = static_cast<std::size_t>(from);
    done_by_[r] = request.done;
    leases_.limit(request.limit);
    if (request.ask == Ask::leave) {
      here_[r] = false;
      --working_;
      reply(from, Answer::bye);
    } else if (request.ask == Ask::stop) {
      verdict_.merge({Verdict::Kind::stopped, 0, ""});  // why is said by the sender when the verdicts are merged
      leases_.stop();
    } else {
      const auto tile = leases_.next(from);
      reply(from, tile ? Answer::tile : Answer::none_left, tile.value_or(Tile{}));
    }
  }
  void give_notice() {
    noticed_ = true;
    leases_.stop();
    for (int rank = 1; rank < communicator_.size(); ++rank) {
      if (here_[static_cast<std::size_t>(rank)]) reply(rank, fine() ? Answer::end_round : Answer::stop);
    }
  }
  void reply(int to, Answer kind, Tile tile = {}) { communicator_.send(to, Tag::lease, pack(Reply{tile, kind})); }
  void report() const {
    if (hooks_.done) hooks_.done(std::accumulate(done_by_.begin(), done_by_.end(), std::uint64_t{0}));
  }

  Leases leases_;
  std::vector<std::uint64_t> done_by_;
  std::vector<bool> here_;  // ranks that have not left
  int working_;             // how many of them are workers
  bool noticed_ = false;
  Pause pause_;  // since the last request
};

class Client : Side {
 public:
  using Side::Side;
  Verdict run() {
    const auto poll = [this] {
      listen();
      return going_on();
    };
    ask(Ask::tile);
    for (Reply reply = wait(); reply.answer == Answer::tile; reply = wait()) {
      ask(Ask::tile);
      if (going_on()) evaluate(reply.tile, poll);
    }
    ask(Ask::leave);
    wait();
    return verdict_;
  }

 private:
  void ask(Ask what) { communicator_.send(0, Tag::lease_request, pack(Request{done_, limit(), what})); }
  void listen() {
    look_for_stop();
    if (!fine() && !told_) {
      told_ = true;
      ask(Ask::stop);
    }
    while (const auto message = communicator_.poll(0, Tag::lease)) {
      const auto reply = unpack<Reply>(message->bytes);
      if (reply.answer == Answer::end_round) {
        over_ = true;
      } else if (reply.answer == Answer::stop) {
        told_ = true;
        verdict_.merge({Verdict::Kind::stopped, 0, ""});
      } else {
        reply_ = reply;
      }
    }
  }
  Reply wait() {
    Pause pause;
    for (listen(); !reply_; listen()) pause();
    return *std::exchange(reply_, std::nullopt);
  }

  std::optional<Reply> reply_;  // came while a tile was being evaluated
  bool told_ = false;           // rank 0 knows that the work is to stop
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
