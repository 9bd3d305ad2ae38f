#include "hpc/contribute.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "hpc/reduce.h"
#include "kernels/random/stream.h"
#include "kernels/sharing.h"
#include "kernels/tally/byte_stream.h"
#include "src/cube/part_ranking.h"
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
    tree_ = contribution_edges(job_);
    if (tree_.parents.empty()) return {};
    together([&] {
      looks_ = looks(book_, tree_);
      if (job_.contribute_by.empty()) return;
      credit_ = {book_.credit, order_of_run(), {}};
      choice_.emplace(job_);
    });
    if (Verdict verdict = choose(); verdict.kind != Verdict::Kind::fine) return verdict;
    for (std::size_t i = 0; i < looks_.size(); ++i) {
      const ContributionEdges tree = edges_of(tree_, looks_[i]);
      std::optional<LookBook> look;
      together([&] {
        if (!choice_)
          look.emplace(book_, tree);
        else if (kept_[i].empty())
          look.emplace(job_, book_, credit_, tree, choice_->chosen({}, looks_[i]));
        else
          look.emplace(LookBook::named(job_, book_, credit_, tree, choice_->chosen(kept_[i], looks_[i])));
      });
      if (Verdict verdict = look_at_all(*look, looks_[i]); verdict.kind != Verdict::Kind::fine) return verdict;
    }
    return {};
  }

 private:
  bool leads() const { return estimator_ != nullptr; }

  // CompiledCredit::order of the run, without solving for its thresholds again.
  std::vector<ObligorIndex> order_of_run() const {
    std::unordered_map<StreamId, std::uint32_t> place;
    for (const auto& obligor : book_.credit.obligors)
      place.emplace(obligor.stream, static_cast<std::uint32_t>(place.size()));
    std::vector<ObligorIndex> order;
    for (const std::string& id : job_.obligors.id) order.push_back(ObligorIndex{place.at(stream("default", id))});
    return order;
  }

  // Which values are told apart, of all looks.
  Verdict choose() {
    kept_.resize(looks_.size());
    if (!choice_) return {};
    std::vector<Part> all;
    for (std::size_t i = 0; i < looks_.size(); ++i) {
      Parts crowded;
      together([&] { crowded = choice_->crowded(looks_[i]); });
      if (!crowded.all.empty())
        if (Verdict verdict = rank_parts(i, std::move(crowded)); verdict.kind != Verdict::Kind::fine) return verdict;
      together([&] {
        if (!leads()) return;
        for (Part& part : choice_->chosen(kept_[i], looks_[i]).all) {
          part.parent = looks_[i][part.parent];
          all.push_back(std::move(part));
        }
      });
    }
    std::stable_sort(all.begin(), all.end(), [](const Part& a, const Part& b) { return a.parent < b.parent; });
    if (leads()) estimator_->set_parts(all);
    return {};
  }

  // A look at the tree, and at the candidates: which of them, on every rank, are to be told apart.
  Verdict rank_parts(std::size_t number, Parts crowded) {
    std::vector<std::uint8_t>& kept = kept_[number];
    std::optional<LookBook> tree;
    std::optional<PartRanking> ranking;
    together([&] {
      tree.emplace(book_, edges_of(tree_, looks_[number]));
      ranking.emplace(job_, book_, credit_, std::move(crowded));
    });
    for (const CellRange cells : groups(bytes(no_sums(*tree)) + bytes(ranking->no_sums(job_.confidence.size()))))
      if (Verdict verdict = rank_at(*tree, *ranking, looks_[number], cells); verdict.kind != Verdict::Kind::fine)
        return verdict;
    if (leads()) kept = ranking->kept(job_.contribute_top);
    if (communicator_ == nullptr) return {};
    const auto known = std::as_bytes(std::span(kept));
    const std::vector<std::byte> bytes = communicator_->broadcast({known.begin(), known.end()});
    kept.resize(bytes.size());
    if (!bytes.empty()) std::memcpy(kept.data(), bytes.data(), bytes.size());
    return {};
  }

  Verdict rank_at(const LookBook& tree, PartRanking& ranking, const std::vector<std::uint32_t>& parents, CellRange cells) {
    const auto count = static_cast<std::size_t>(cells.end - cells.begin);
    std::vector<ContributionSums> of_tree(count, no_sums(tree));
    std::vector<RankingSums> defaults(count, ranking.no_sums(job_.confidence.size())), sums[std::size(PartRanking::looks)];
    const auto listening = [&](const std::vector<CellTails>& tails, const Share& share, const Poll& poll) {
      const std::vector<std::uint32_t> all = scenarios_of(tails);
      PartRanking::Defaults heard(ranking, tails, cells, share(all), settings_.threads);
      of_tree = listen(tree, tails, cells, share(all), settings_.threads, poll,
                       std::bind_front(&PartRanking::Defaults::hear, &heard));
      defaults = heard.sums();
    };
    if (Verdict verdict = look_at(parents, cells, listening, of_tree, defaults); verdict.kind != Verdict::Kind::fine)
      return verdict;
    set(cells, tree, of_tree);
    for (const PartRanking::Look look : PartRanking::looks) {
      std::vector<RankingSums>& mine = sums[static_cast<std::size_t>(look)];
      mine.assign(count, ranking.no_sums(job_.confidence.size()));
      if (!ranking.any(look)) continue;
      const auto sum = [&](std::vector<CellTails>& tails, const Share& share, const Poll& poll) {
        for (CellTails& of_cell : tails) of_cell = ranking.tails(look, std::move(of_cell));
        const std::vector<std::uint32_t> all = scenarios_of(tails);
        mine = ranking.sums(look, tails, cells, share(all), settings_.threads, poll);
      };
      if (Verdict verdict = look_at(parents, cells, sum, mine); verdict.kind != Verdict::Kind::fine) return verdict;
    }
    for (std::size_t cell = 0; cell < count && leads(); ++cell) {
      sums[0][cell].merge(defaults[cell]);
      ranking.add(tails_below(cells.begin + static_cast<int>(cell), parents), sums[0][cell], sums[1][cell],
                  static_cast<std::int64_t>(job_.scenarios), job_.confidence);
    }
    return {};
  }

  Verdict look_at_all(const LookBook& look, const std::vector<std::uint32_t>& parents) {
    const ContributionSums empty = no_sums(look);
    for (const CellRange cells : groups(bytes(empty))) {
      std::vector<ContributionSums> sums(static_cast<std::size_t>(cells.end - cells.begin), empty);
      const auto sum = [&](std::vector<CellTails>& tails, const Share& share, const Poll& poll) {
        const std::vector<std::uint32_t> all = scenarios_of(tails);
        sums = look_again(look, tails, cells, share(all), settings_.threads, poll);
      };
      if (Verdict verdict = look_at(parents, cells, sum, sums); verdict.kind != Verdict::Kind::fine) return verdict;
      set(cells, look, sums);
    }
    return {};
  }

  void set(CellRange cells, const LookBook& look, const std::vector<ContributionSums>& sums) {
    for (std::size_t cell = 0; cell < sums.size() && leads(); ++cell)
      estimator_->set_contributions(cells.begin + static_cast<int>(cell), look.edges(), sums[cell]);
  }
  ContributionSums no_sums(const LookBook& look) const {
    return {look.edges().edges.size(), job_.report_steps.size(), job_.confidence.size()};
  }
  template <class Sum>
  static std::size_t bytes(const SegmentSums<Sum>& of_cell) {
    return of_cell.sums.size() * sizeof(Sum);
  }

  // Cells that are looked at together.
  std::vector<CellRange> groups(std::size_t bytes_of_cell) const {
    const auto cells = static_cast<int>(book_.cells.size()), step = cells_looked_at(bytes_of_cell);
    std::vector<CellRange> out;
    for (int begin = 0; begin < cells; begin += step) out.push_back({begin, std::min(begin + step, cells)});
    return out;
  }

  // `sum(tails, share, poll)` sets all sums of this rank's share of the scenarios; at rank 0 they end as those of all ranks.
  // Of these cells those that are alike below the parents are looked at once.
  using Share = std::function<std::span<const std::uint32_t>(std::span<const std::uint32_t>)>;
  template <class Look, class... Sum>
  Verdict look_at(const std::vector<std::uint32_t>& parents, CellRange cells, const Look& sum,
                  std::vector<SegmentSums<Sum>>&... sums) {
    std::vector<std::size_t> first;  // at rank 0, of each of the cells: which has its sums
    const std::vector<std::byte> bytes = tails_at(cells, parents, first);
    Verdict verdict;
    attempt(verdict, [&] {
      std::vector<CellTails> tails;
      for (ByteReader in(bytes); in.left() > 0;) tails.push_back(cell_tails_from_bytes(in.block()));
      const auto share = [&](std::span<const std::uint32_t> all) {
        return communicator_ != nullptr ? share_of(*communicator_, all) : all;
      };
      const auto poll = [&] {
        // None comes: looking for a message tells the others that this rank is alive.
        if (communicator_ != nullptr) communicator_->poll(Tag::lease_request);
        const int stop = settings_.stop ? settings_.stop() : 0;
        if (stop != 0) verdict.merge({Verdict::Kind::stopped, stop, {}});
        return stop == 0;
      };
      sum(tails, share, poll);
    });
    settle(verdict);
    if (verdict.kind != Verdict::Kind::fine) return verdict;
    const auto add_up_all = [&](auto& of_cells) {
      for (auto& of_cell : of_cells) add_up(of_cell.sums);
      for (std::size_t cell = 0; cell < first.size(); ++cell)
        if (first[cell] != cell) of_cells[cell] = of_cells[first[cell]];
    };
    (add_up_all(sums), ...);
    return verdict;
  }

  CellTails tails_below(int cell, const std::vector<std::uint32_t>& parents) const {
    return tails_of(estimator_->contributions().tails(cell), tree_.parents.size(), parents);
  }
  // Those of a cell that is evaluated as an earlier one is are left out, after a look at whether they are the same indeed.
  std::vector<std::byte> tails_at(CellRange cells, const std::vector<std::uint32_t>& parents,
                                  std::vector<std::size_t>& first) {
    ByteWriter out;
    if (leads()) {
      const int node = tree_.parents[parents.front()].node;  // with the same stages below as the others
      for (const int cell : first_alike(book_, cells, node)) first.push_back(static_cast<std::size_t>(cell));
    }
    std::vector<CellTails> all;
    for (std::size_t cell = 0; cell < first.size(); ++cell) {
      all.push_back(tails_below(cells.begin + static_cast<int>(cell), parents));
      if (first[cell] != cell && all[first[cell]].lists != all.back().lists) first[cell] = cell;
      if (first[cell] != cell) all.back().lists.assign(all.back().lists.size(), {});
      out.put_block(to_bytes(all.back()));
    }
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
  ContributionEdges tree_;
  std::vector<std::vector<std::uint32_t>> looks_;
  CompiledCredit credit_;
  std::optional<PartChoice> choice_;             // where there are columns
  std::vector<std::vector<std::uint8_t>> kept_;  // by look, as PartChoice::chosen takes it
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
