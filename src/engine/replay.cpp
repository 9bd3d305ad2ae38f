// Stages 1 to 3 of a run for the one block that holds a scenario, by leaf and by position.
#include "src/engine/replay.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>
#include <tuple>

#include "kernels/posting.h"
#include "src/engine/replay_vaults.h"
#include "src/engine/selection.h"

namespace tailcube {
namespace {

constexpr std::size_t kept_bytes = std::size_t{256} << 20;  // of a ledger by position

LaneTable factor_table(const FactorModel& market) { return {market.factors.size(), market.steps + 1}; }

Block empty_block(const CompiledBook& book) {
  Block block;
  block.seed = book.seed;
  block.factors = factor_table(book.market);
  if (!book.market.bridged.empty()) {
    block.lows = factor_table(book.market);
    block.landings.resize(book.market.factors.size());
  }
  block.discounts = LaneTable(book.market.discounts.size(), static_cast<int>(book.market.valued.size()));
  block.weight.fill(std::int64_t{1} << 56);
  return block;
}

// A book with the one cell that is replayed, and the block that is looked at.
class Scene {
 public:
  explicit Scene(CompiledBook book)
      : book_(std::move(book)),
        base_(empty_block(book_)),
        block_(empty_block(book_)),
        innovations_(factor_table(book_.market)),
        scratch_(factor_table(book_.market)) {
    faults_.reserve(4096);
  }
  const CompiledBook& book() const { return book_; }
  const Block& block() const { return block_; }

  void walk(std::uint64_t first_scenario, std::size_t scenarios) {
    for (Block* b : {&base_, &block_}) b->first_scenario = first_scenario, b->scenarios = scenarios;
    draw_innovations(book_.market, base_, innovations_);
    draw_paths(book_.market, book_.unshocked, innovations_, nullptr, scratch_, base_);
    draw_paths(book_.market, book_.cells.front(), innovations_, &base_, scratch_, block_);
  }
  void evaluate(std::uint64_t first_scenario, std::size_t scenarios, Ledger& ledger) {
    walk(first_scenario, scenarios);
    draw_defaults(book_.credit, credit_, block_);
    discount(book_.market, block_);
    for (const Stage& stage : book_.stages) stage.batch->evaluate(block_, ledger, faults_);
    faults_.clear();  // a run with this cube had none that matter
  }

 private:
  CompiledBook book_;
  Block base_, block_;
  LaneTable innovations_, scratch_;
  CreditScratch credit_;
  Faults faults_;
};

void make_room(Ledger& ledger, std::size_t rows, std::size_t gauge_rows, int valued) {
  if (ledger.value.series() < rows)
    for (LaneTable* table : {&ledger.value, &ledger.cash, &ledger.credit_loss}) *table = LaneTable(rows, valued);
  if (ledger.gauges.series() < gauge_rows) ledger.gauges = LaneTable(gauge_rows, valued);
}

// Some of the positions, each with a row of its own.
struct Part {
  struct Piece {  // a stage of the book
    std::uint32_t table, first;
  };
  std::vector<Piece> pieces;
  std::unique_ptr<Scene> scene;
};

Job of_one_cell(const Job& job, int cell) {
  Job out = job;
  out.cells = {job.cells[static_cast<std::size_t>(cell)]};
  return out;
}

int gauge_of(const Instrument& instrument, std::string_view name) {
  for (std::size_t g = 0; g < instrument.gauges.size(); ++g)
    if (instrument.gauges[g].name == name) return static_cast<int>(g);
  return -1;
}

void add_up(const std::vector<Node>& nodes, std::size_t width, std::vector<double>& values) {
  for (std::size_t n = nodes.size(); n-- > 1;)
    for (std::size_t i = 0; i < width; ++i)
      values[static_cast<std::size_t>(nodes[n].parent) * width + i] += values[n * width + i];
}

}  // namespace

struct Replayer::Impl {
  Job job;  // with one cell
  CompiledCredit credit;
  std::unique_ptr<Scene> leaves;
  Ledger leaf_ledger, ledger;
  std::vector<Part> parts;
  std::vector<std::uint32_t> obligor;  // of ObligorIndex: of Job::obligors
  std::size_t horizons() const { return job.report_steps.size(); }
  std::size_t steps() const { return static_cast<std::size_t>(job.steps); }

  Impl(const Job& whole, int cell, double unit) : job(of_one_cell(whole, cell)), credit(compile_credit(job)) {
    leaves = std::make_unique<Scene>(compile(job, Detail::leaf, credit, unit));
    const CompiledBook& book = leaves->book();
    make_room(leaf_ledger, book.leaf_of_row.size(), book.gauge_rows.size(), static_cast<int>(horizons()));
    obligor.resize(credit.order.size());
    for (std::uint32_t i = 0; i < credit.order.size(); ++i) obligor[static_cast<std::size_t>(credit.order[i])] = i;
    split(unit);
  }

  void split(double unit) {
    Job frame = job;
    frame.report_steps.resize(steps());
    std::iota(frame.report_steps.begin(), frame.report_steps.end(), 1);
    frame.market.valued = frame.report_steps;
    frame.tables.clear();
    const std::size_t most = std::max<std::size_t>(64, kept_bytes / (5 * steps() * lanes * sizeof(double)));
    std::size_t room = most;
    Part part;
    const auto close = [&] {
      if (part.pieces.empty()) return;
      part.scene = std::make_unique<Scene>(compile(frame, Detail::position, credit, unit));
      const CompiledBook& book = part.scene->book();
      make_room(ledger, book.leaf_of_row.size(), book.gauge_rows.size(), job.steps);
      parts.push_back(std::move(part));
      part = {};
      frame.tables.clear();
      room = most;
    };
    for (std::uint32_t t = 0; t < job.tables.size(); ++t) {
      const PositionTable& table = job.tables[t];
      for (std::size_t at = 0; at < table.positions.size();) {
        std::vector<std::uint32_t> rows(std::min(room, table.positions.size() - at));
        std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(at));
        part.pieces.push_back({t, static_cast<std::uint32_t>(at)});
        frame.tables.push_back({table.instrument, selected(table.positions, rows)});
        at += rows.size(), room -= rows.size();
        if (room == 0) close();
      }
    }
    close();
  }

  Replay replay(std::uint64_t scenario);
  void post_leaves(Replay&, std::size_t lane, std::size_t scenarios);
  void add_part(Part&, Replay&, std::size_t lane, const std::vector<std::uint32_t>& default_of);
  void compare(Replay&, std::size_t lane) const;

  // Sums over the positions of each leaf row: [row][reporting step].
  std::vector<double> worth, credit_loss;
  std::vector<Units> worth_units, credit_units;
};

void Replayer::Impl::post_leaves(Replay& out, std::size_t lane, std::size_t scenarios) {
  const CompiledBook& book = leaves->book();
  Valuation valuation;
  valuation.of_row.assign(book.leaf_of_row.size(), &leaf_ledger);
  valuation.of_gauge_row.assign(book.gauge_rows.size(), &leaf_ledger);
  valuation.mean_conditional_pd = &leaves->block().mean_conditional_pd;
  const Shape shape = tally_shape(job, book, {0, 1});
  const Columns columns(book, {0, 1}, shape);
  LossSheet sheet(columns, lanes);
  SideSums side(columns);
  Faults faults;
  post(book, valuation, columns, 0, 0, {0, scenarios}, sheet, side, faults);
  for (int node = 0; node < shape.nodes; ++node)
    for (int h = 0; h < shape.horizons; ++h) {
      out.economic.push_back(sheet.column(shape.loss(0, 0, 0, node, h))[lane]);
      out.credit.push_back(sheet.column(shape.loss(0, 0, 1, node, h))[lane]);
    }
  for (int gauge = 0; gauge < shape.gauges; ++gauge)
    for (int node = 0; node < shape.nodes; ++node)
      for (int h = 0; h < shape.horizons; ++h) {
        const std::uint32_t column = columns.gauge(shape.gauge(0, gauge, node, h));
        const Units units = column == none ? 0 : side.buffer[std::size_t{column} * lanes + lane];
        out.gauges.push_back(static_cast<double>(units) * book.gauge_unit[static_cast<std::size_t>(gauge)]);
      }
}

void Replayer::Impl::add_part(Part& part, Replay& out, std::size_t lane, const std::vector<std::uint32_t>& default_of) {
  const CompiledBook& book = part.scene->book();
  part.scene->evaluate(leaves->block().first_scenario, leaves->block().scenarios, ledger);
  const int last = job.steps - 1;
  for (std::size_t s = 0; s < part.pieces.size(); ++s) {
    const Stage& stage = book.stages[s];
    const auto [t, first] = part.pieces[s];
    const PositionTable& table = job.tables[t];
    const int exposed = gauge_of(*table.instrument, "defaulted_exposure"), sold = gauge_of(*table.instrument, "liquidated");
    const std::size_t gauges = table.instrument->gauges.size();
    const Stage& leaf_stage = leaves->book().stages[t];
    const auto leaf_rows = leaves->book().leaf_of_row.begin() + static_cast<std::ptrdiff_t>(leaf_stage.first_row);
    for (std::uint32_t r = 0; r < stage.row_count; ++r) {
      const std::size_t row = static_cast<std::size_t>(stage.first_row) + r;
      const auto value = [&](int v) { return ledger.value(row, v)[lane]; };
      const auto cash = [&](int v) { return v < 0 ? 0.0 : ledger.cash(row, v)[lane]; };
      const auto gauge = [&](int g, int v) {
        return ledger.gauges(stage.first_gauge + r * gauges + static_cast<std::size_t>(g), v)[lane];
      };
      ReplayedPosition position{t,  first + r, book.leaf_of_row[row], static_cast<double>(book.today[row]) * book.unit,
                                {}, {}};
      const std::size_t leaf_row =
          static_cast<std::size_t>(leaf_stage.first_row) +
          static_cast<std::size_t>(std::lower_bound(leaf_rows, leaf_rows + leaf_stage.row_count, position.leaf) - leaf_rows);
      for (std::size_t h = 0; h < horizons(); ++h) {
        const int v = job.report_steps[h] - 1;
        const std::size_t at = leaf_row * horizons() + h;
        const double lost = ledger.credit_loss(row, v)[lane];
        const auto units = static_cast<Units>(book.today[row] - std::llrint((value(v) + cash(v)) / book.unit));
        const auto lost_units = static_cast<Units>(std::llrint(lost / book.unit));
        position.loss.push_back(static_cast<double>(units) * book.unit);
        position.credit_loss.push_back(static_cast<double>(lost_units) * book.unit);
        worth[at] += value(v) + cash(v), credit_loss[at] += lost;
        worth_units[at] += units, credit_units[at] += lost_units;
      }
      double* const received = out.cash.data() + static_cast<std::size_t>(position.leaf) * steps();
      for (int v = 0; v <= last; ++v) received[v] += cash(v) - cash(v - 1);
      const auto number = static_cast<std::uint32_t>(out.positions.size());
      const ObligorIndex who = table.positions.obligor[first + r];
      if (const std::uint32_t d = is_none(who) ? none : default_of[static_cast<std::size_t>(who)]; d != none) {
        ReplayedDefault& what = out.defaults[d];
        if (exposed >= 0) what.exposure += gauge(exposed, what.step - 1);
        what.recovery += value(last) + cash(last) - cash(what.step - 2);
        what.loss += ledger.credit_loss(row, last)[lane];
        what.positions.push_back(number);
      }
      if (sold >= 0 && gauge(sold, last) != 0)
        for (ReplayedLiquidation event : liquidations(table, first + r, book.market, part.scene->block(), lane)) {
          event.position = number;
          out.liquidations.push_back(event);
        }
      out.positions.push_back(std::move(position));
    }
  }
}

void Replayer::Impl::compare(Replay& out, std::size_t lane) const {
  const CompiledBook& book = leaves->book();
  const auto rounded = [&](double money) { return std::llrint(money / book.unit); };
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row)
    for (std::size_t h = 0; h < horizons(); ++h) {
      const std::size_t at = row * horizons() + h;
      const int v = static_cast<int>(h);
      const auto own = rounded(leaf_ledger.value(row, v)[lane] + leaf_ledger.cash(row, v)[lane]);
      const auto own_credit = rounded(leaf_ledger.credit_loss(row, v)[lane]);
      const auto larger = [](double& most, Units difference) {
        most = std::max(most, std::abs(static_cast<double>(difference)));
      };
      larger(out.largest_difference, own - rounded(worth[at]));
      larger(out.largest_difference, own_credit - rounded(credit_loss[at]));
      larger(out.largest_rounding, book.today[row] - own - worth_units[at]);
      larger(out.largest_rounding, own_credit - credit_units[at]);
    }
}

Replay Replayer::Impl::replay(std::uint64_t scenario) {
  if (scenario >= job.scenarios) throw std::out_of_range("a scenario that the job does not have");
  const std::uint64_t first = scenario / lanes * lanes;
  const std::size_t lane = scenario - first, scenarios = std::min<std::uint64_t>(lanes, job.scenarios - first);
  leaves->evaluate(first, scenarios, leaf_ledger);
  const Block& block = leaves->block();

  Replay out;
  out.scenario = scenario;
  out.unit = leaves->book().unit;
  for (std::size_t f = 0; f < job.market.factors.size(); ++f) {
    out.path.emplace_back();
    for (int n = 0; n <= job.steps; ++n) out.path.back().push_back(block.factors(f, n)[lane]);
  }
  post_leaves(out, lane, scenarios);
  for (const Default& d : block.defaults)
    if (d.lane == lane)
      out.defaults.push_back({obligor[static_cast<std::size_t>(d.obligor)], d.step, d.loss_given_default, 0, 0, 0, {}});
  std::sort(out.defaults.begin(), out.defaults.end(), [](const ReplayedDefault& a, const ReplayedDefault& b) {
    return std::tie(a.step, a.obligor) < std::tie(b.step, b.obligor);
  });
  std::vector<std::uint32_t> default_of(job.obligors.size(), none);
  for (std::uint32_t d = 0; d < out.defaults.size(); ++d) default_of[out.defaults[d].obligor] = d;

  out.cash.assign(job.nodes.size() * steps(), 0);
  for (auto* sums : {&worth, &credit_loss}) sums->assign(leaves->book().leaf_of_row.size() * horizons(), 0);
  for (auto* sums : {&worth_units, &credit_units}) sums->assign(worth.size(), 0);
  for (Part& part : parts) add_part(part, out, lane, default_of);
  add_up(job.nodes, steps(), out.cash);
  std::stable_sort(out.liquidations.begin(), out.liquidations.end(),
                   [](const ReplayedLiquidation& a, const ReplayedLiquidation& b) { return a.step < b.step; });
  compare(out, lane);
  return out;
}

Replayer::Replayer(const Job& job, int cell, double unit) : impl_(std::make_unique<Impl>(job, cell, unit)) {}
Replayer::~Replayer() = default;

Replay Replayer::operator()(std::uint64_t scenario) { return impl_->replay(scenario); }

std::vector<std::vector<double>> Replayer::sample(int step, std::size_t scenarios) {
  const std::uint64_t count = std::min<std::uint64_t>(scenarios, impl_->job.scenarios);
  std::vector<std::vector<double>> out(impl_->job.market.factors.size());
  for (std::uint64_t first = 0; first < count; first += lanes) {
    const std::size_t some = std::min<std::uint64_t>(lanes, count - first);
    impl_->leaves->walk(first, some);
    for (std::size_t f = 0; f < out.size(); ++f) {
      const ConstLanes values = impl_->leaves->block().factors(f, step);
      out[f].insert(out[f].end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(some));
    }
  }
  return out;
}

void leave_out(Job& job, const std::vector<std::string>& ids) {
  const std::set<std::string> out(ids.begin(), ids.end());
  for (PositionTable& table : job.tables) {
    std::vector<std::uint32_t> rows;
    for (std::uint32_t p = 0; p < table.positions.size(); ++p)
      if (!out.contains(table.positions.id[p])) rows.push_back(p);
    if (rows.size() < table.positions.size()) table.positions = selected(table.positions, rows);
  }
  std::erase_if(job.tables, [](const PositionTable& table) { return table.positions.size() == 0; });
}

}  // namespace tailcube
