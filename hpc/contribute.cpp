#include "hpc/contribute.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "hpc/reduce.h"
#include "kernels/tally/byte_stream.h"
#include "src/cube/second_look.h"

namespace tailcube {
namespace {

constexpr std::size_t message_bytes = std::size_t{1} << 20;  // of sums, from each rank at a time

// This rank's part of a list of scenarios: whole blocks.
std::span<const std::uint32_t> share_of(const Communicator& communicator, std::span<const std::uint32_t> all) {
  const std::size_t blocks = (all.size() + lanes - 1) / lanes;
  const auto ranks = static_cast<std::size_t>(communicator.size()), rank = static_cast<std::size_t>(communicator.rank());
  const std::size_t begin = std::min(all.size(), blocks * rank / ranks * lanes);
  const std::size_t end = std::min(all.size(), blocks * (rank + 1) / ranks * lanes);
  return all.subspan(begin, end - begin);
}

// On all ranks, or without a communicator on this one; then exceptions pass as they are.
class SecondLook {
 public:
  SecondLook(const CompiledBook& book, const Job& job, const WorkSettings& settings, Communicator* communicator,
             Estimator* estimator)
      : book_(book), job_(job), settings_(settings), communicator_(communicator), estimator_(estimator) {}

  // What all of it ends with.
  Verdict operator()() {
    ContributionEdges tree = contribution_edges(job_);
    if (tree.parents.empty()) return {};
    std::unique_ptr<LookBook> look;
    if (job_.contribute_by.empty()) {
      look = std::make_unique<LookBook>(book_, tree);
    } else {
      std::optional<PartChoice> choice;
      Parts crowded;
      together([&] {
        credit_ = compile_credit(job_);
        choice.emplace(job_);
        crowded = choice->crowded();
      });
      std::vector<std::uint8_t> kept;
      if (!crowded.all.empty())
        if (Verdict verdict = rank_parts(std::move(crowded), tree, kept); verdict.kind != Verdict::Kind::fine)
          return verdict;
      together([&] {
        Parts parts = choice->chosen(kept);
        choice.reset();
        if (estimator_ != nullptr) estimator_->set_parts(parts.all);
        look = std::make_unique<LookBook>(job_, book_, credit_, tree, std::move(parts));
      });
    }
    return look_at_all<LossPowers>(*look, [&](int cell, const CellTails&, const ContributionSums& sums) {
      estimator_->set_contributions(cell, look->edges(), sums);
    });
  }

 private:
  bool leads() const { return estimator_ != nullptr; }

  // A first pass over the candidates alone: `kept` tells, on every rank, which are to be told apart.
  Verdict rank_parts(Parts crowded, const ContributionEdges& tree, std::vector<std::uint8_t>& kept) {
    std::optional<LookBook> look;
    std::optional<PartRanking> ranking;
    together([&] {
      look.emplace(job_, book_, credit_, without_edges(tree), std::move(crowded));
      ranking.emplace(*look);
    });
    const auto scenarios = static_cast<std::int64_t>(job_.scenarios);
    Verdict verdict = look_at_all<LossSum>(*look, [&](int, const CellTails& tails, const RankingSums& sums) {
      ranking->add(tails, sums, scenarios, job_.confidence);
    });
    if (verdict.kind != Verdict::Kind::fine) return verdict;
    if (leads()) kept = ranking->kept(job_.contribute_top);
    if (communicator_ == nullptr) return verdict;
    const auto known = std::as_bytes(std::span(kept));
    const std::vector<std::byte> bytes = communicator_->broadcast({known.begin(), known.end()});
    kept.resize(bytes.size());
    if (!bytes.empty()) std::memcpy(kept.data(), bytes.data(), bytes.size());
    return verdict;
  }

  // Groups of cells one after the other; at rank 0 `take` gets the sums of all ranks.
  template <class Sum, class Take>
  Verdict look_at_all(const LookBook& look, const Take& take) {
    const SegmentSums<Sum> empty(look.edges().edges.size(), job_.report_steps.size(), job_.confidence.size());
    const auto cells = static_cast<int>(book_.cells.size()), step = cells_looked_at(empty.sums.size() * sizeof(Sum));
    for (int begin = 0; begin < cells; begin += step) {
      const CellRange group{begin, std::min(begin + step, cells)};
      Verdict verdict = look_at<Sum>(look, group, empty, take);
      if (verdict.kind != Verdict::Kind::fine) return verdict;
    }
    return {};
  }

  template <class Sum, class Take>
  Verdict look_at(const LookBook& look, CellRange cells, const SegmentSums<Sum>& empty, const Take& take) {
    const std::vector<std::byte> bytes = tails_of(cells);
    std::vector<CellTails> tails;
    std::vector<SegmentSums<Sum>> sums(static_cast<std::size_t>(cells.end - cells.begin), empty);
    Verdict verdict;
    attempt(verdict, [&] {
      for (ByteReader in(bytes); in.left() > 0;) tails.push_back(cell_tails_from_bytes(in.block()));
      const std::vector<std::uint32_t> all = scenarios_of(tails);
      const auto mine = communicator_ != nullptr ? share_of(*communicator_, all) : std::span(all);
      const auto poll = [&] {
        // None comes: looking for a message tells the others that this rank is alive.
        if (communicator_ != nullptr) communicator_->poll(Tag::lease_request);
        const int stop = settings_.stop ? settings_.stop() : 0;
        if (stop != 0) verdict.merge({Verdict::Kind::stopped, stop, {}});
        return stop == 0;
      };
      sums = look_again<Sum>(look, tails, cells, mine, settings_.threads, poll);
    });
    settle(verdict);
    if (verdict.kind != Verdict::Kind::fine) return verdict;
    for (std::size_t cell = 0; cell < sums.size(); ++cell) {
      add_up(sums[cell].sums);
      if (leads()) take(cells.begin + static_cast<int>(cell), tails[cell], sums[cell]);
      sums[cell] = {};
    }
    return verdict;
  }

  std::vector<std::byte> tails_of(CellRange cells) {
    ByteWriter out;
    if (leads())
      for (const CellTails& tails : estimator_->contributions().tails(cells)) out.put_block(to_bytes(tails));
    return communicator_ != nullptr ? communicator_->broadcast(std::move(out.bytes)) : std::move(out.bytes);
  }

  // Of what is the same on all ranks: on all of them or on none. Throws WorkFailed.
  template <class Body>
  void together(const Body& body) {
    Verdict verdict;
    attempt(verdict, body);
    settle(verdict);
    if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
  }

  template <class Body>
  void attempt(Verdict& verdict, const Body& body) {
    if (communicator_ == nullptr) return body();
    try {
      body();
    } catch (const std::exception& error) {
      const std::string rank = communicator_->size() > 1 ? "rank " + std::to_string(communicator_->rank()) + ": " : "";
      verdict.merge({Verdict::Kind::failed, 0, rank + error.what()});
    }
  }

  // All ranks' verdict, on every rank.
  void settle(Verdict& verdict) {
    if (communicator_ == nullptr) return;
    ByteWriter out;
    out.put(verdict.kind);
    out.put(verdict.signal);
    out.put_text(verdict.text);
    Verdict all;
    for (const std::vector<std::byte>& bytes : communicator_->gather(out.bytes)) {
      ByteReader in(bytes);
      Verdict other;
      other.kind = in.get<Verdict::Kind>();
      other.signal = in.get<std::int32_t>();
      other.text = in.text();
      all.merge(other);
    }
    agree(*communicator_, all);
    verdict = all;
  }

  // At rank 0 the sums of all ranks, a message at a time.
  template <class Sum>
  void add_up(std::vector<Sum>& sums) {
    if (communicator_ == nullptr || communicator_->size() == 1) return;
    constexpr std::size_t step = message_bytes / sizeof(Sum);
    for (std::size_t begin = 0; begin < sums.size(); begin += step) {
      const std::span<Sum> some = std::span(sums).subspan(begin, std::min(step, sums.size() - begin));
      const std::vector<std::vector<std::byte>> parts = communicator_->gather(std::as_bytes(some));
      std::vector<Sum> other(some.size());
      for (std::size_t rank = 1; rank < parts.size(); ++rank) {
        std::memcpy(other.data(), parts[rank].data(), parts[rank].size());
        for (std::size_t i = 0; i < other.size(); ++i) some[i].merge(other[i]);
      }
    }
  }

  const CompiledBook& book_;
  const Job& job_;
  const WorkSettings& settings_;
  Communicator* communicator_;
  Estimator* estimator_;
  CompiledCredit credit_;
};

Ended ended(const Verdict& verdict, int& stop) {
  if (verdict.kind == Verdict::Kind::failed) throw WorkFailed(verdict.text);
  stop = verdict.signal;
  return verdict.kind == Verdict::Kind::stopped ? Ended::stopped : Ended::complete;
}

}  // namespace

Ended contribute(const CompiledBook& book, const Job& job, Communicator& communicator, const WorkSettings& settings,
                 Estimator* estimator, int& stop) {
  return ended(SecondLook(book, job, settings, &communicator, estimator)(), stop);
}

Ended contribute(const CompiledBook& book, const Job& job, const WorkSettings& settings, Estimator& estimator, int& stop) {
  return ended(SecondLook(book, job, settings, nullptr, &estimator)(), stop);
}

}  // namespace tailcube
