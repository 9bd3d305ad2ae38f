#pragma once
// Which rank has not been heard of for too long. Pure: tested in virtual time.
//
// Rank 0 listens to all others, they listen to rank 0: whoever waits for a rank that waits for a third hears of the third
// from rank 0. Time in which this rank did not look (it computed, or was stopped as a whole job may be) hardly counts: what
// the others sent meanwhile has not been read yet.
#include <optional>
#include <vector>

namespace tailcube {

class Watchdog {
 public:
  // Seconds of any steady clock. Ranks above 0 are a little more patient, the higher the longer, up to rank 10 (half as long
  // again, or ten seconds), so that one of them speaks first.
  Watchdog(int rank, int ranks, double patience_seconds, double now);
  // Time to say that this rank is alive, to read what others said, and to ask silent(): forty times within the patience.
  bool due(double now);
  void heard(int rank) { last_heard_[index(rank)] = awake_; }
  std::optional<int> silent() const;  // the first rank that was last heard of longer ago than the patience
  double patience_seconds() const { return patience_; }

 private:
  std::size_t index(int rank) const { return rank_ == 0 ? static_cast<std::size_t>(rank) : 0; }
  int rank_;
  double patience_, limit_;
  double awake_ = 0;                // seconds this rank has been looking
  double looked_, due_;             // on the clock
  std::vector<double> last_heard_;  // in awake_ seconds; of rank 0 alone on the others
};

}  // namespace tailcube
