// The engine's loop on a book whose losses are known: rounding, node sums, tiles, threads, reuse between cells, faults.
#include "kernels/evaluate.h"

#include <omp.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <numeric>
#include <thread>

#include "tests/catch_any.h"

using namespace tailcube;

namespace {

// Row r is worth factor r at each valued step; it counts how often it was evaluated.
class Holdings final : public Batch {
 public:
  Holdings(std::uint32_t first_row, std::vector<FactorIndex> factors, std::vector<int> valued, double poison = 0)
      : first_row_(first_row), valued_(std::move(valued)), poison_(poison) {
    reads = std::move(factors);
    value_today.assign(reads.size(), 100.0);
    gross.assign(reads.size(), 1e6);
  }
  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    ++evaluated;
    if (held_until.valid() && omp_get_thread_num() != 0) {
      ++held;
      held_until.wait_for(std::chrono::minutes(1));
    }
    for (std::size_t r = 0; r < reads.size(); ++r)
      for (std::size_t v = 0; v < valued_.size(); ++v)
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          const std::size_t row = first_row_ + r;
          const double value = block.factors(reads[r], valued_[v])[lane];
          ledger.value(row, static_cast<int>(v))[lane] = poison_ != 0 && block.first_scenario + lane == 70 ? poison_ : value;
          ledger.cash(row, static_cast<int>(v))[lane] = 0.25;
          ledger.credit_loss(row, static_cast<int>(v))[lane] = 1.0 + static_cast<double>(r);
          if (ledger.gauges.series() > 0) ledger.gauges(row, static_cast<int>(v))[lane] = value / 4;
        }
  }
  mutable std::atomic<int> evaluated{0};
  std::shared_future<void> held_until;  // threads other than the caller's
  mutable std::atomic<int> held{0};

 private:
  std::uint32_t first_row_;
  std::vector<int> valued_;
  double poison_;
};

// Keeps its first row.
class Keeper final : public KeepingBatch {
 public:
  Keeper(std::uint32_t first_row, const std::vector<FactorIndex>& factors, const std::vector<int>& valued)
      : plain_(first_row, factors, valued), row_(first_row) {
    reads = factors, value_today = plain_.value_today, gross = plain_.gross;
    reads_apart.assign(factors.begin() + 1, factors.end());
  }
  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    plain_.evaluate(block, ledger, faults);
  }
  void evaluate_keeping(const Block& block, Ledger& ledger, Faults& faults, Kept& kept) const noexcept override {
    if (kept.memory == nullptr) kept.memory = std::make_unique<Row>();
    std::vector<double>& first = static_cast<Row&>(*kept.memory).value;
    evaluate(block, ledger, faults);
    double* const row = ledger.value(row_, 0).data();
    const auto count = static_cast<std::size_t>(ledger.value.steps()) * lanes;
    if (kept.known)
      std::copy_n(first.data(), count, row), ++known;
    else
      first.assign(row, row + count);
  }
  mutable std::atomic<int> known{0};

 private:
  struct Row final : Kept::Memory {
    std::vector<double> value;
  };
  Holdings plain_;
  std::uint32_t row_;
};

// total / {a, b}; a holds factor 0, b holds factors 0 and 1 in two batches; cells: unshocked, and factor 1 halved.
CompiledBook book(double poison = 0) {
  CompiledBook out;
  out.seed = 7;
  out.market.step_years = 0.25;
  out.market.steps = 2;
  out.market.valued = {1, 2};
  for (const char* id : {"A", "B"}) {
    Factor f;
    f.innovation = stream("factor", id);
    f.initial = 100, f.drift = 0.02, f.volatility = 0.3;
    out.market.factors.push_back(f);
  }
  out.market.correlation = out.market.root = {1, 0, 0, 1};
  prepare(out.market);
  out.parent = {NodeIndex{none}, NodeIndex{0}, NodeIndex{0}};
  const auto cell = [&] {
    CellShocks c;
    c.initial = {100, 100};
    c.touched = {0, 0};
    return c;
  };
  out.unshocked = cell();
  out.cells = {cell(), cell()};
  out.cells[1].value_shocks = {{FactorIndex{1}, Operation::multiply, 1, 2, 0.5}};
  out.cells[1].touched = {0, 1};
  Stage first, second;
  first.batch = std::make_unique<Holdings>(0, std::vector{FactorIndex{0}}, out.market.valued, poison);
  first.first_row = RowIndex{0}, first.row_count = 1;
  second.batch = std::make_unique<Holdings>(1, std::vector{FactorIndex{0}, FactorIndex{1}}, out.market.valued);
  second.first_row = RowIndex{1}, second.row_count = 2;
  out.stages.push_back(std::move(first));
  out.stages.push_back(std::move(second));
  out.leaf_of_row = {NodeIndex{1}, NodeIndex{2}, NodeIndex{2}};
  out.today = {102400, 102400, 102400};
  return out;
}

// Every row has gauge 0; nobody has gauge 1.
void add_gauges(CompiledBook& b) {
  for (const NodeIndex leaf : b.leaf_of_row) b.gauge_rows.push_back({leaf, 0});
  for (Stage& s : b.stages) s.first_gauge = static_cast<std::uint32_t>(s.first_row), s.gauge_count = s.row_count;
  b.gauges = 2;
  b.gauge_unit = {1.0 / 1024, 1.0 / 1024};
}

Shape shape(int cells, int gauges = 0) {
  Shape s;
  s.cells = cells, s.quantities = quantities(false), s.nodes = 3, s.horizons = 2, s.gauges = gauges;
  return s;
}

Tallies run(const CompiledBook& b, CellRange cells, int threads, std::vector<Tile> tiles) {
  Tallies tallies(shape(cells.end - cells.begin, b.gauges), {});
  Evaluator evaluate(b, cells, threads);
  for (const Tile tile : tiles) evaluate(tile, tallies, {});
  return tallies;
}

bool equal(Tallies& a, Tallies& b) { return to_bytes(a) == to_bytes(b); }

}  // namespace

TEST_CASE("parents are exactly the sum of their children, rows are rounded once") {
  const CompiledBook b = book();
  Tallies t = run(b, {0, 2}, 1, {{0, 1000}});
  for (int cell = 0; cell < 2; ++cell)
    for (int q = 0; q < quantities(false); ++q)
      for (int h = 0; h < 2; ++h) {
        const auto sum = [&](int node) { return t.loss(t.shape.loss(0, cell, q, node, h)).moments.sum; };
        CHECK(sum(0) == sum(1) + sum(2));
        CHECK(t.loss(t.shape.loss(0, cell, q, 0, h)).moments.count == 1000);
      }
  // The credit loss is 1 in node a and 1 + 2 in node b, in every scenario (sums carry 20 more bits).
  CHECK(static_cast<long long>(t.loss(t.shape.loss(0, 0, 1, 1, 0)).moments.sum >> 20) == 1000LL * 1024);
  CHECK(static_cast<long long>(t.loss(t.shape.loss(0, 0, 1, 2, 1)).moments.sum >> 20) == 3000LL * 1024);
}

TEST_CASE("a stage is valued once for all cells that it sees alike, and each gets what it gets alone") {
  CompiledBook b = book();
  add_gauges(b);
  const auto shocked = [&](double first, double second) {
    CellShocks c = b.unshocked;
    for (const auto& [factor, by] : {std::pair{0u, first}, std::pair{1u, second}})
      if (by != 1) {
        c.value_shocks.push_back({FactorIndex{factor}, Operation::multiply, 1, 2, by});
        c.touched[factor] = touch_overlay;
      }
    return c;
  };
  b.cells.clear();
  for (const double first : {1.0, 0.5, 0.25})
    for (const double second : {0.5, 1.0}) b.cells.push_back(shocked(first, second));
  b.cells.push_back(b.cells[2]);
  const auto cells = static_cast<int>(b.cells.size());
  const auto counted = [&](std::size_t stage) -> std::atomic<int>& {
    return dynamic_cast<const Holdings&>(*b.stages[stage].batch).evaluated;
  };
  Tallies together = run(b, {0, cells}, 1, {{0, 128}});
  CHECK(counted(0) == 2 * 3);  // blocks x levels of factor 0
  CHECK(counted(1) == 2 * 6);  // blocks x levels of both
  for (int c = 0; c < cells; ++c) {
    Tallies alone = run(b, {c, c + 1}, 1, {{0, 128}});
    for (int q = 0; q < quantities(false); ++q)
      for (int node = 0; node < 3; ++node)
        for (int h = 0; h < 2; ++h) {
          INFO("cell " << c << ", node " << node);
          CHECK(together.loss(together.shape.loss(0, c, q, node, h)).moments ==
                alone.loss(alone.shape.loss(0, 0, q, node, h)).moments);
          CHECK(together.gauges[together.shape.gauge(c, q, node, h)] == alone.gauges[alone.shape.gauge(0, q, node, h)]);
          CHECK((alone.gauges[alone.shape.gauge(0, q, node, h)].sum != 0) == (q == 0));
        }
  }
  auto keeper = std::make_unique<Keeper>(1, std::vector{FactorIndex{0}, FactorIndex{1}}, b.market.valued);
  const std::atomic<int>& known = keeper->known;
  b.stages[1].batch = std::move(keeper);
  Tallies kept = run(b, {0, cells}, 1, {{0, 128}});
  CHECK(known == 2 * 3);  // blocks x levels of factor 0: each serves a second level of factor 1
  CHECK(equal(kept, together));
  // Node b differs in every cell but the last, node a with the levels of factor 0.
  CHECK(together.holder[together.shape.loss(0, 6, 0, 0, 1)] == together.shape.loss(0, 2, 0, 0, 1));
  CHECK(together.holder[together.shape.loss(0, 5, 1, 1, 0)] == together.shape.loss(0, 4, 1, 1, 0));
  CHECK(together.holder[together.shape.loss(0, 5, 1, 2, 0)] == together.shape.loss(0, 5, 1, 2, 0));
}

TEST_CASE("tallies do not depend on tiles or threads", "[threads]") {
  const CompiledBook b = book();
  Tallies whole = run(b, {0, 2}, 1, {{0, 1000}});
  for (const int threads : {1, 2, 3, 5}) {
    Tallies parts = run(b, {0, 2}, threads, {{640, 1000}, {0, 64}, {64, 640}});
    INFO("threads " << threads);
    CHECK(equal(whole, parts));
  }
}

TEST_CASE("a tile may begin and end anywhere", "[threads]") {
  CompiledBook b = book();
  b.gauge_rows = {{NodeIndex{1}, 0}, {NodeIndex{2}, 0}, {NodeIndex{2}, 0}};
  b.gauges = 1;
  b.gauge_unit = {b.unit};
  b.stages[0].gauge_count = 1;
  b.stages[1].first_gauge = 1, b.stages[1].gauge_count = 2;
  const auto in_tiles = [&](int threads, const std::vector<Tile>& tiles) {
    Shape with_gauges = shape(2);
    with_gauges.gauges = 1;
    Tallies tallies(with_gauges, {});
    Evaluator evaluate(b, {0, 2}, threads);
    for (const Tile tile : tiles) evaluate(tile, tallies, {});
    return tallies;
  };
  Tallies whole = in_tiles(1, {{0, 1000}});
  for (const int threads : {1, 3})
    for (const std::vector<Tile>& tiles : {std::vector<Tile>{{0, 1}, {1, 63}, {63, 65}, {65, 1000}},
                                           {{700, 1000}, {100, 700}, {0, 100}},
                                           {{0, 130}, {130, 140}, {140, 1000}}}) {
      Tallies cut = in_tiles(threads, tiles);
      CHECK(equal(whole, cut));
      CHECK(cut.gauges[0].count == 1000);
    }
}

TEST_CASE("a group of cells gives what the cells give alone", "[threads]") {
  const CompiledBook b = book();
  Tallies both = run(b, {0, 2}, 2, {{0, 512}}), first = run(b, {0, 1}, 2, {{0, 512}}),
          second = run(b, {1, 2}, 2, {{0, 512}});
  for (int q = 0; q < quantities(false); ++q)
    for (int node = 0; node < 3; ++node)
      for (int h = 0; h < 2; ++h) {
        CHECK(both.loss(both.shape.loss(0, 0, q, node, h)).moments ==
              first.loss(first.shape.loss(0, 0, q, node, h)).moments);
        CHECK(both.loss(both.shape.loss(0, 1, q, node, h)).moments ==
              second.loss(second.shape.loss(0, 0, q, node, h)).moments);
      }
}

TEST_CASE("what a shock does not reach is not evaluated again") {
  const CompiledBook b = book();
  run(b, {0, 2}, 1, {{0, 64}});
  CHECK(dynamic_cast<const Holdings&>(*b.stages[0].batch).evaluated == 1);
  CHECK(dynamic_cast<const Holdings&>(*b.stages[1].batch).evaluated == 2);
}

TEST_CASE("a value that is not finite or too large fails with its scenario", "[threads]") {
  const double poison = GENERATE(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e300);
  const CompiledBook b = book(poison);
  for (const int threads : {1, 3}) {
    Tallies t(shape(2), {});
    Evaluator evaluate(b, {0, 2}, threads);
    try {
      evaluate({0, 256}, t, {});
      FAIL("no fault was reported");
    } catch (const ValuationFault& e) {
      CHECK(std::string(e.what()).rfind("scenario 70, cell 0, row 0: ", 0) == 0);
    }
  }
}

TEST_CASE("a fault is found in every cell, whichever of them posts it") {
  const CompiledBook b = book(std::numeric_limits<double>::quiet_NaN());
  Tallies t(shape(2), {});
  FaultLog faults;
  Evaluator(b, {0, 2}, 1)({0, 256}, t, faults, {});
  for (const int cell : {0, 1}) CHECK(faults.counts().at({RowIndex{0}, cell}) == 1);
}

TEST_CASE("triggers that nobody hits today are checked today only where a shock moves their prices") {
  CompiledBook b = book();
  b.cells[1].monitor_today = true;  // shocks factor 1
  auto& first = dynamic_cast<Holdings&>(*b.stages[0].batch);
  first.checks_triggers = true;
  run(b, {0, 2}, 1, {{0, 64}});
  CHECK(first.evaluated == 2);
  first.triggers_today = false;
  run(b, {0, 2}, 1, {{0, 64}});
  CHECK(first.evaluated == 3);
  auto& second = dynamic_cast<Holdings&>(*b.stages[1].batch);
  second.checks_triggers = true, second.triggers_today = false, second.evaluated = 0;
  b.cells[0] = b.cells[1];
  b.cells[0].monitor_today = false;
  run(b, {0, 2}, 1, {{0, 64}});
  CHECK(second.evaluated == 2);
}

TEST_CASE("what a block holds beyond the last scenario is no fault") {
  Tallies good = run(book(), {0, 2}, 1, {{0, 70}});
  Tallies poisoned = run(book(std::numeric_limits<double>::quiet_NaN()), {0, 2}, 1, {{0, 70}});  // at scenario 70
  CHECK(equal(good, poisoned));
}

TEST_CASE("a tile that is left keeps the blocks that were begun, and the rest can follow", "[threads]") {
  CompiledBook b = book();
  b.gauges = 1;
  b.gauge_unit = {1};
  for (const std::uint32_t leaf : {1u, 2u, 2u}) b.gauge_rows.push_back({NodeIndex{leaf}, 0});
  b.stages[0].gauge_count = 1, b.stages[1].first_gauge = 1, b.stages[1].gauge_count = 2;
  Shape s = shape(2);
  s.gauges = 1;
  Tallies whole(s, {});
  CHECK(Evaluator(b, {0, 2}, 1)({0, 1000}, whole, {}) == 1000);
  for (const int threads : {1, 3})
    for (const int polls : {0, 1, 2, 5}) {
      INFO("threads " << threads << ", polls " << polls);
      Tallies t(s, {});
      Evaluator evaluate(b, {0, 2}, threads);
      int left = polls;
      const std::uint64_t done = evaluate({0, 1000}, t, [&] { return left-- > 0; });
      if (threads == 1) CHECK(done == 64 * static_cast<std::uint64_t>(polls + 1));
      CHECK((done % 64 == 0 || done == 1000));
      CHECK(t.losses[0].moments.count == static_cast<std::int64_t>(done));
      CHECK(t.gauges[0].count == static_cast<std::int64_t>(done));
      CHECK(t.conditional_pd[1].count == static_cast<std::int64_t>(done));
      if (done < 1000) CHECK(evaluate({done, 1000}, t, {}) == 1000 - done);
      CHECK(equal(t, whole));
    }
}

// In a tile of at least as many blocks as threads the caller then has one: until it is polled the others wait in their
// first.
const Holdings& hold_others(const CompiledBook& b, std::promise<void>& polled) {
  auto& batch = dynamic_cast<Holdings&>(*b.stages[0].batch);
  batch.held_until = polled.get_future().share();
  return batch;
}

TEST_CASE("a tile that ends by an exception leaves tallies and faults as they were", "[threads]") {
  const double poison = GENERATE(0.0, std::numeric_limits<double>::quiet_NaN());
  for (const int threads : {1, 3}) {
    const CompiledBook b = book(poison);
    Tallies expected = run(b, {0, 2}, threads, {{128, 640}});
    Tallies t = run(b, {0, 2}, threads, {{128, 320}});
    Evaluator evaluate(b, {0, 2}, threads);
    FaultLog faults;
    std::promise<void> polled;
    hold_others(b, polled);
    const auto interrupt = [&]() -> bool {
      polled.set_value();
      throw std::runtime_error("not now");
    };
    CHECK_THROWS_WITH(evaluate({0, 256}, t, faults, interrupt), "not now");
    CHECK(faults.empty());
    evaluate({320, 640}, t, {});
    CHECK(equal(t, expected));
  }
}

TEST_CASE("the caller is polled by its own thread", "[threads]") {
  const CompiledBook b = book();
  Tallies t(shape(2), {});
  Evaluator evaluate(b, {0, 2}, 2);
  std::promise<void> polled;
  const Holdings& batch = hold_others(b, polled);
  const auto caller = std::this_thread::get_id();
  int own = 0, foreign = 0;
  const auto poll = [&] {
    ++(std::this_thread::get_id() == caller ? own : foreign);
    if (own + foreign > 1) return true;
    for (int i = 0; i < 60000 && batch.held == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    polled.set_value();
    return true;
  };
  CHECK(evaluate({0, 512}, t, poll) == 512);
  CHECK(batch.held > 0);
  CHECK(own > 0);
  CHECK(foreign == 0);
}
