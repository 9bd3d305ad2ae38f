#pragma once
// How far a run is, for people: a bar on a terminal, timed lines elsewhere.
#include <chrono>
#include <cstdint>

#include "hpc/worker.h"
#include "src/app/options.h"

namespace tailcube {

class ProgressReport {
 public:
  // Style `automatic` is a bar if standard error is a terminal; quiet is none.
  explicit ProgressReport(const Options&);
  ~ProgressReport();
  ProgressReport(const ProgressReport&) = delete;
  ProgressReport& operator=(const ProgressReport&) = delete;
  // May be called as often as one likes: it looks at the clock.
  void operator()(const Progress&);

 private:
  using Clock = std::chrono::steady_clock;
  void draw_bar(const Progress&, double elapsed_seconds);
  void log_line(const Progress&, double elapsed_seconds) const;
  ProgressStyle style_;
  Clock::time_point start_ = Clock::now(), next_ = start_;
  Clock::duration pause_;
  bool drawn_ = false;
};

}  // namespace tailcube
