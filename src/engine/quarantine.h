#pragma once
// run.faults = "quarantine": positions that cannot be valued are taken out of the job, in all cells and scenarios, and told.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/engine/engine.h"

namespace tailcube {

class Quarantine {
 public:
  struct Position {
    const Instrument* instrument;
    std::string id;
    NodeIndex leaf;
    double worth;     // value today without its sign, in the job's currency
    FaultSite first;  // of those that were looked at
    // True: it has no value by itself. False: it exceeds twice the gross amount that the plan took for it, and its row, the
    // sum over a leaf, has no value.
    bool alone;
  };

  // Removes from `job` the positions to blame for the faults of its `book`, whatever the order in which those were found:
  // the ones that a batch names, and of a row those without a value of their own in one of the scenarios logged; if there
  // are none, those that exceed twice their gross amount. Throws InvalidJob if nobody can be blamed or nothing would be
  // left.
  void take_out(Job& job, const CompiledBook& book, const CompiledCredit&, const FaultLog&, int threads);
  bool empty() const { return positions_.empty(); }
  const std::vector<Position>& positions() const { return positions_; }  // by instrument and id
  // Of the value today of a node's positions, each without its sign: how much was taken out. NaN where a node is worth
  // nothing today and something was taken out.
  double share(std::size_t node) const;
  double share(const Position&) const;  // of the root

  // Pairs of position and scenario, by cell and node, in which a position that was taken out has no value. `examine` looks
  // at all scenarios and cells of a part of the book.
  using Examine = std::function<void(const CompiledBook&, const std::vector<double>& bound, FaultLog&)>;
  std::vector<std::int64_t> count(const Job&, const CompiledCredit&, double unit, const Examine& examine);

 private:
  struct Suspects;
  class Replay;
  void start(Job&, const CompiledCredit&, double unit);
  void remove(Job&, const CompiledCredit&, double unit, const std::vector<Suspects>&);
  CompiledBook compile_part(const Instrument*, Positions, const CompiledCredit&, double unit);

  Job frame_;                            // the job with one node and a part of the positions
  std::vector<PositionTable> taken_;     // as they were in the job, by instrument
  std::vector<Position> positions_;      // the same
  std::vector<double> worth_, missing_;  // by node, of the whole job and of what was taken out
  std::vector<bool> touched_;            // nodes from which something was taken out
};

}  // namespace tailcube
