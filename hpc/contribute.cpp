#include "hpc/contribute.h"

#include <algorithm>
#include <cstring>

#include "hpc/reduce.h"
#include "kernels/tally/byte_stream.h"

namespace tailcube {
namespace {

// This rank's part of a list of scenarios: whole blocks.
std::span<const std::uint32_t> share_of(const Communicator& communicator, std::span<const std::uint32_t> all) {
  const std::size_t blocks = (all.size() + lanes - 1) / lanes;
  const auto ranks = static_cast<std::size_t>(communicator.size()), rank = static_cast<std::size_t>(communicator.rank());
  const std::size_t begin = std::min(all.size(), blocks * rank / ranks * lanes);
  const std::size_t end = std::min(all.size(), blocks * (rank + 1) / ranks * lanes);
  return all.subspan(begin, end - begin);
}

class SecondLook {
 public:
  SecondLook(const CompiledBook& book, const Job& job, const WorkSettings& settings)
      : book_(book),
        settings_(settings),
        edges_(contribution_edges(job)),
        empty_(edges_, job.report_steps.size(), job.confidence.size()) {}

  // At rank 0 the sums of all ranks go to the estimator.
  Verdict look(CellRange cells, Communicator& communicator, Estimator* estimator) {
    ByteWriter out;
    if (estimator != nullptr)
      for (const CellTails& tails : estimator->contributions().tails(cells)) out.put_block(to_bytes(tails));
    const std::vector<std::byte> bytes = communicator.broadcast(std::move(out.bytes));
    Verdict verdict;
    std::vector<ContributionSums> sums = nothing(cells);
    try {
      std::vector<CellTails> tails;
      for (ByteReader in(bytes); in.left() > 0;) tails.push_back(cell_tails_from_bytes(in.block()));
      const std::vector<std::uint32_t> all = scenarios_of(tails);
      // None comes: looking for a message tells the others that this rank is alive.
      const auto tend = [&communicator] { communicator.poll(Tag::lease_request); };
      sums = add_up(cells, tails, share_of(communicator, all), tend, verdict);
    } catch (const std::exception& error) {
      const std::string rank = communicator.size() > 1 ? "rank " + std::to_string(communicator.rank()) + ": " : "";
      verdict.merge({Verdict::Kind::failed, 0, rank + error.what()});
    }
    reduce(communicator, verdict, sums);
    if (estimator != nullptr && verdict.kind == Verdict::Kind::fine) pass_on(cells, sums, *estimator);
    return verdict;
  }
  // The same without others.
  Verdict look(CellRange cells, Estimator& estimator) {
    const std::span<const CellTails> tails = estimator.contributions().tails(cells);
    const std::vector<std::uint32_t> all = scenarios_of(tails);
    Verdict verdict;
    const std::vector<ContributionSums> sums = add_up(
        cells, tails, all, [] {}, verdict);
    if (verdict.kind == Verdict::Kind::fine) pass_on(cells, sums, estimator);
    return verdict;
  }
  std::vector<CellRange> groups() const {
    std::vector<CellRange> out;
    const auto cells = static_cast<int>(book_.cells.size());
    for (int begin = 0; begin < cells && !edges_.edges.empty(); begin += cells_looked_at)
      out.push_back({begin, std::min(begin + cells_looked_at, cells)});
    return out;
  }

 private:
  std::vector<ContributionSums> nothing(CellRange cells) const {
    return std::vector<ContributionSums>(static_cast<std::size_t>(cells.end - cells.begin), empty_);
  }

  std::vector<ContributionSums> add_up(CellRange cells, std::span<const CellTails> tails,
                                       std::span<const std::uint32_t> mine, const std::function<void()>& tend,
                                       Verdict& verdict) {
    const auto poll = [&] {
      tend();
      const int stop = settings_.stop ? settings_.stop() : 0;
      if (stop != 0) verdict.merge({Verdict::Kind::stopped, stop, {}});
      return stop == 0;
    };
    return look_again(book_, edges_, tails, cells, mine, settings_.threads, poll);
  }

  static void pass_on(CellRange cells, const std::vector<ContributionSums>& sums, Estimator& estimator) {
    for (int cell = cells.begin; cell < cells.end; ++cell)
      estimator.set_contributions(cell, sums[static_cast<std::size_t>(cell - cells.begin)]);
  }

  // All ranks' verdict, and at rank 0 the sums.
  static void reduce(Communicator& communicator, Verdict& verdict, std::vector<ContributionSums>& sums) {
    ByteWriter out;
    out.put(verdict.kind);
    out.put(verdict.signal);
    out.put_text(verdict.text);
    for (const ContributionSums& of_cell : sums) out.put_block(std::as_bytes(std::span(of_cell.sums)));
    Verdict all;
    std::vector<ContributionSums> whole = sums;
    bool first = true;
    for (const std::vector<std::byte>& bytes : communicator.gather(out.bytes)) {
      ByteReader in(bytes);
      Verdict other;
      other.kind = in.get<Verdict::Kind>();
      other.signal = in.get<std::int32_t>();
      other.text = in.text();
      all.merge(other);
      for (std::size_t cell = 0; cell < sums.size(); ++cell) {
        ContributionSums part = sums[cell];
        const auto block = in.block();
        if (!block.empty()) std::memcpy(part.sums.data(), block.data(), block.size());
        if (first)
          whole[cell] = std::move(part);
        else
          whole[cell].merge(part);
      }
      first = false;
    }
    agree(communicator, all);
    verdict = all;
    sums = std::move(whole);
  }

  const CompiledBook& book_;
  const WorkSettings& settings_;
  ContributionEdges edges_;
  ContributionSums empty_;
};

}  // namespace

Ended contribute(const CompiledBook& book, const Job& job, Communicator& communicator, const WorkSettings& settings,
                 Estimator* estimator, int& stop) {
  SecondLook second(book, job, settings);
  for (const CellRange cells : second.groups()) {
    const Verdict verdict = second.look(cells, communicator, estimator);
    if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
    stop = verdict.signal;
    if (verdict.kind == Verdict::Kind::stopped) return Ended::stopped;
  }
  return Ended::complete;
}

Ended contribute(const CompiledBook& book, const Job& job, const WorkSettings& settings, Estimator& estimator, int& stop) {
  SecondLook second(book, job, settings);
  for (const CellRange cells : second.groups()) {
    const Verdict verdict = second.look(cells, estimator);
    stop = verdict.signal;
    if (verdict.kind == Verdict::Kind::stopped) return Ended::stopped;
  }
  return Ended::complete;
}

}  // namespace tailcube
