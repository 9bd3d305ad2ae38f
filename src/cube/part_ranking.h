#pragma once
// Who of PartChoice::crowded contributes most, and so is told apart: an estimate, by sums without squares.
#include "kernels/instruments/telling.h"
#include "src/cube/contribution.h"
#include "src/cube/tail_places.h"
#include "src/engine/engine.h"
#include "src/engine/parts.h"

namespace tailcube {

// Some of the scenarios of each list, in its order, as a list that has the same segments: `wanted` or so of each cut, of all
// its segments alike, and one of each segment at least. Which ones depends on their numbers alone, so that lists with the
// same scenarios keep the same.
CellTails thinned(const CellTails&, std::int64_t wanted);

// Who defaults is a matter of few scenarios, so that all of the tails are looked at. Where a batch tells what each default
// takes away (TellingBatch), a look at the leaves hears it; other positions whose obligors default get rows of their own.
// What is left follows prices, and rows in a sample of each tail are enough.
class PartRanking {
 public:
  enum class Look : std::uint8_t { all, sample };
  static constexpr Look looks[] = {Look::all, Look::sample};

  // `credit` is the job's; Part::parent counts the parents whose tails are looked at.
  PartRanking(const Job&, const CompiledBook& run, const CompiledCredit& credit, Parts crowded);
  // Whether there are positions to look at in this way; the tails to look at, of those of a cell.
  bool any(Look look) const { return !of(look).book.stages.empty(); }
  CellTails tails(Look, CellTails) const;
  // Sums of [part][horizon][segment] by cell, as look_again.
  std::vector<RankingSums> sums(Look, std::span<const CellTails> tails, CellRange, std::span<const std::uint32_t> scenarios,
                                int threads, const Poll&) const;
  RankingSums no_sums(std::size_t confidences) const { return {parts_.all.size(), horizons_, confidences}; }
  // Hears the defaults of a look at whole tails (look_again), by table of the job; adds them up as `sums` does.
  class Defaults {
   public:
    // All but `threads` outlive it.
    Defaults(const PartRanking&, std::span<const CellTails> tails, CellRange, std::span<const std::uint32_t> scenarios,
             int threads);
    // As Evaluator::Hear has them; threads call it concurrently.
    void hear(int thread, std::size_t table, std::span<const int> cells, std::size_t first,
              std::span<const DefaultListener::Hit>, const double* loss);
    std::vector<RankingSums> sums();  // once

   private:
    struct Thread {
      std::vector<RankingSums> sums;
      std::size_t block = ~std::size_t{0};  // its first place
      std::vector<std::uint64_t> listed;    // [cell]: lanes that are in any list
      std::vector<std::uint16_t> segment;   // [cell][list][lane]: of those of a list
      std::vector<Units> loss;
    };
    void read(Thread&, std::size_t first) const;
    const PartRanking& ranking_;
    CellRange cells_;
    std::size_t lists_, segments_;
    std::vector<TailPlaces> places_;  // [cell]
    std::vector<Thread> threads_;
  };
  // Of a cell: its whole tails, and the sums of both looks. Shares compare what is far apart: in each cell, horizon and
  // confidence, a part's contribution without its sign, of the sum over the parts of its column and parent; the largest of
  // a part counts.
  void add(const CellTails&, const RankingSums& all, const RankingSums& sample, std::int64_t scenarios,
           const std::vector<Confidence>&);
  // Of each part: 1 where it is among the `top` of its column and parent. Equal ones by their order.
  std::vector<std::uint8_t> kept(int top) const { return kept(parts_.all, share_, top); }
  static std::vector<std::uint8_t> kept(const std::vector<Part>&, const std::vector<double>& share, int top);

 private:
  struct Row {
    std::uint32_t group;
    Units today;
  };
  struct Book {
    CompiledBook book;                   // a few positions to a stage, each stage on the same rows of a ledger
    std::vector<std::vector<Row>> rows;  // [stage]
  };
  class Reader;
  enum class Obligors : std::uint8_t { kept, left_out };
  void add_table(const PositionTable&, const std::vector<std::uint32_t>& group, Obligors, std::vector<PositionTable>&) const;
  Book compiled(const Job&, const CompiledBook& run, const CompiledCredit&, const std::vector<PositionTable>&) const;
  const Book& of(Look look) const { return look == Look::all ? all_ : sample_; }

  Parts parts_;
  std::size_t horizons_;
  double unit_;
  std::vector<std::vector<std::uint32_t>> told_;  // [table][position]: its group; empty where no default is told
  Book all_, sample_;
  std::int64_t sampled_ = 0;   // scenarios of a tail
  std::vector<double> share_;  // [part]: the largest so far
};

}  // namespace tailcube
