#pragma once
// A job that was read, compiled, planned and timed, for `plan` and `submit`.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hpc/communicator.h"
#include "hpc/machine.h"
#include "src/app/options.h"
#include "src/report/plan_report.h"

namespace tailcube {

// Ranks as asked for, else as started; threads (0: OMP_NUM_THREADS, else the cores of a node shared out).
Layout choose_layout(const Communicator&, const PlanOptions&, int threads, const Machine&);

struct Planned {
  // On one rank alone. Throws what read_job, compile and make_plan throw, InvalidJob when reading and compiling took more
  // memory than is allowed, and Stop after a signal.
  Planned(const Communicator&, const Options&);
  PlanReport report(const Options&) const;  // refers to this object
  std::size_t rank_bytes() const { return std::max(start_bytes, plan.total_bytes); }

  Layout layout;
  std::size_t memory_bytes = 0;  // allowed to a rank
  std::size_t start_bytes = 0;   // what this process took at most to read and compile the job
  Job job;
  CompiledCredit credit;
  std::unique_ptr<CompiledBook> book;
  Plan plan;
  Calibration calibration;
  std::vector<std::string> notes;

 private:
  void compile_job();
  void measure(double seconds);
};

// Makes the plan and acts on it. What goes wrong is printed; returns the exit code.
int with_plan(const Communicator&, const Options&, const std::function<void(const Planned&)>& action);

}  // namespace tailcube
