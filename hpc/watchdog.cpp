#include "hpc/watchdog.h"

#include <algorithm>

namespace tailcube {

Watchdog::Watchdog(int rank, int ranks, double patience_seconds, double now)
    : rank_(rank),
      patience_(patience_seconds),
      limit_(patience_seconds + std::max(1.0, 0.05 * patience_seconds) * std::min(rank, 10)),
      looked_(now),
      due_(now),
      last_heard_(rank == 0 ? static_cast<std::size_t>(ranks) : 1, 0.0) {}

bool Watchdog::due(double now) {
  if (now < due_) return false;
  awake_ += std::min(now - looked_, patience_ / 10);
  looked_ = now;
  due_ = now + patience_ / 40;
  return true;
}

std::optional<int> Watchdog::silent() const {
  for (std::size_t i = rank_ == 0 ? 1 : 0; i < last_heard_.size(); ++i)
    if (awake_ - last_heard_[i] > limit_) return static_cast<int>(i);
  return std::nullopt;
}

}  // namespace tailcube
