#pragma once
// Messages between ranks. communicator_mpi.cpp is the only file that includes mpi.h; alone it is rank 0 of 1.
// Not thread-safe: one thread of a rank, always the one that called connect(), uses it.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hpc/watchdog.h"

namespace tailcube {

// Messages of one (sender, tag) arrive in the order they were sent; tags do not wait for one another.
enum class Tag : int { lease_request = 1, lease = 2, reduce = 3, text = 4, broadcast = 5, report = 6, heartbeat = 7 };
struct Message {
  int from;
  std::vector<std::byte> bytes;
};

// How a rank waits for another: it looks often at first, then sleeps a quarter of the time for which it has slept already,
// so that a short wait ends at once and a long one costs no core. On a crowded machine a look can cost more than a short
// sleep.
class Pause {
 public:
  explicit Pause(int looks = 16, std::chrono::microseconds longest = std::chrono::milliseconds(1))
      : looks_(looks), longest_(longest) {}
  void operator()();  // between two looks

 private:
  int looks_;  // left, without sleeping
  std::chrono::nanoseconds longest_, next_ = std::chrono::microseconds(20);
};

// A call that fails throws std::runtime_error naming the MPI function and its reason.
class Communicator {
 public:
  // Waits for every rank: after an error that not all ranks share, call abort(). Once all have come, an MPI that does not
  // let go within half a minute is left behind, with the exit code of leave_with().
  virtual ~Communicator() = default;
  void leave_with(int exit_code) { exit_code_ = exit_code; }
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int ranks_on_this_node() const = 0;
  // Any length, up to the receiver's memory. Short messages return at once, long ones when the receiver takes them.
  virtual void send(int to, Tag, std::span<const std::byte>) = 0;
  // The next message with this tag (from that rank, or from any), or nothing. Does not block.
  virtual std::optional<Message> poll(std::optional<int> from, Tag) = 0;
  std::optional<Message> poll(Tag tag) { return poll(std::nullopt, tag); }
  // Ends every rank that can be reached with this exit code, and this one in any case, within seconds.
  [[noreturn]] virtual void abort(int exit_code) = 0;

  // From now on a rank that is not heard of for this long is lost: `lost` is called with it, in whatever call this rank
  // looks or waits for a message, and must not return. Every rank calls it, or none. The patience must exceed the time that
  // any rank computes between such calls.
  void watch(double patience_seconds, std::function<void(int rank)> lost);

  // Blocks; a waiting rank sleeps instead of spinning, so its core is free for others.
  Message receive(std::optional<int> from, Tag);
  // Rank 0's bytes, on every rank. Every rank calls it.
  std::vector<std::byte> broadcast(std::vector<std::byte> bytes);
  // Every rank's bytes, by rank, on rank 0; empty elsewhere. Every rank calls it.
  std::vector<std::vector<std::byte>> gather(std::span<const std::byte> bytes);

 protected:
  // Says that this rank is alive and notices who is not. Cheap; for calls that look or wait for a message.
  void tend();
  int exit_code() const { return exit_code_; }

 private:
  // An empty message with Tag::heartbeat, unless the last one is still on its way. Never waits.
  virtual void beat(int to) = 0;

  std::optional<Watchdog> watchdog_;
  std::function<void(int)> lost_;
  bool tending_ = false;
  int exit_code_ = 0;
};

// How the environment says that this process was started. Pure: `get` looks up a variable and returns null if it is not set.
struct Launch {
  std::string by;  // the variable that tells; empty: started alone
  int ranks = 0;   // 0: the launcher does not say
};
Launch find_launch(const std::function<const char*(const char*)>& get);

// Initialises MPI when a launcher (mpirun, srun) started the program, otherwise is alone at once. Throws std::runtime_error
// where the launcher started several processes that cannot see each other: each would be rank 0 and write the same files.
// Longer messages travel in parts, because MPI counts in int; tests make the parts small.
inline constexpr std::size_t longest_part = std::size_t{1} << 30;
std::unique_ptr<Communicator> connect(int& argc, char**& argv, std::size_t part = longest_part);
std::string mpi_version();  // "none" in a serial build

}  // namespace tailcube
