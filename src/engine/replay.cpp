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
  double unit;
  std::unique_ptr<Scene> leaves, by_step;  // as in the run; with every step valued
  Ledger leaf_ledger, step_ledger, ledger, default_ledger;
  std::vector<Part> parts;
  std::vector<std::uint32_t> obligor;  // of ObligorIndex: of Job::obligors
  std::size_t horizons() const { return job.report_steps.size(); }
  std::size_t steps() const { return static_cast<std::size_t>(job.steps); }

  Impl(const Job& whole, int cell, double loss_unit)
      : job(of_one_cell(whole, cell)), credit(compile_credit(job)), unit(loss_unit) {
    leaves = scene(job, Detail::leaf, leaf_ledger);
    obligor.resize(credit.order.size());
    for (std::uint32_t i = 0; i < credit.order.size(); ++i) obligor[static_cast<std::size_t>(credit.order[i])] = i;
    split();
    std::vector<PositionTable> tables;
    tables.swap(job.tables);  // not copied
    every_step = job;
    tables.swap(job.tables);
    every_step.report_steps.resize(steps());
    std::iota(every_step.report_steps.begin(), every_step.report_steps.end(), 1);
    every_step.market.valued = every_step.report_steps;
    every_step.tables = job.tables;
    by_step = scene(every_step, Detail::leaf, step_ledger);
    every_step.tables.clear();
  }
  std::unique_ptr<Scene> scene(const Job& frame, Detail detail, Ledger& room) const {
    auto out = std::make_unique<Scene>(compile(frame, detail, credit, unit));
    const CompiledBook& book = out->book();
    make_room(room, book.leaf_of_row.size(), book.gauge_rows.size(), static_cast<int>(frame.report_steps.size()));
    return out;
  }

  void split() {
    Job frame = job;
    frame.tables.clear();
    const std::size_t most = std::max<std::size_t>(64, kept_bytes / (5 * horizons() * lanes * sizeof(double)));
    std::size_t room = most;
    Part part;
    const auto close = [&] {
      if (part.pieces.empty()) return;
      part.scene = scene(frame, Detail::position, ledger);
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
  void add_positions(Part&, Replay&, std::size_t lane);
  void add_defaults(Replay&, std::size_t lane);
  void add_liquidations(Replay&, std::size_t lane) const;
  void add_cash(Replay&, std::size_t lane);
  void compare(Replay&, std::size_t lane) const;

  Job every_step;  // the job with every step valued, without positions
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

void Replayer::Impl::add_positions(Part& part, Replay& out, std::size_t lane) {
  const CompiledBook& book = part.scene->book();
  part.scene->evaluate(leaves->block().first_scenario, leaves->block().scenarios, ledger);
  for (std::size_t s = 0; s < part.pieces.size(); ++s) {
    const Stage& stage = book.stages[s];
    const auto [t, first] = part.pieces[s];
    const Stage& leaf_stage = leaves->book().stages[t];
    const auto leaf_rows = leaves->book().leaf_of_row.begin() + static_cast<std::ptrdiff_t>(leaf_stage.first_row);
    for (std::uint32_t r = 0; r < stage.row_count; ++r) {
      const std::size_t row = static_cast<std::size_t>(stage.first_row) + r;
      ReplayedPosition position{t,  first + r, book.leaf_of_row[row], static_cast<double>(book.today[row]) * book.unit,
                                {}, {}};
      const std::size_t leaf_row =
          static_cast<std::size_t>(leaf_stage.first_row) +
          static_cast<std::size_t>(std::lower_bound(leaf_rows, leaf_rows + leaf_stage.row_count, position.leaf) - leaf_rows);
      for (std::size_t h = 0; h < horizons(); ++h) {
        const std::size_t at = leaf_row * horizons() + h;
        const int v = static_cast<int>(h);
        const double money = ledger.value(row, v)[lane] + ledger.cash(row, v)[lane];
        const double lost = ledger.credit_loss(row, v)[lane];
        const auto units = static_cast<Units>(book.today[row] - std::llrint(money / book.unit));
        const auto lost_units = static_cast<Units>(std::llrint(lost / book.unit));
        position.loss.push_back(static_cast<double>(units) * book.unit);
        position.credit_loss.push_back(static_cast<double>(lost_units) * book.unit);
        worth[at] += money, credit_loss[at] += lost;
        worth_units[at] += units, credit_units[at] += lost_units;
      }
      out.positions.push_back(std::move(position));
    }
  }
}

// The positions of those who default, at every step.
void Replayer::Impl::add_defaults(Replay& out, std::size_t lane) {
  std::vector<std::uint32_t> default_of(job.obligors.size(), none);
  for (std::uint32_t d = 0; d < out.defaults.size(); ++d) default_of[out.defaults[d].obligor] = d;
  struct Owed {
    std::uint32_t number, of_default;  // of Replay::positions, of Replay::defaults
  };
  std::vector<std::vector<Owed>> owed;  // [table of every_step]
  every_step.tables.clear();
  std::uint32_t number = 0;
  for (const PositionTable& table : job.tables) {
    std::vector<std::uint32_t> rows;
    std::vector<Owed> here;
    for (std::uint32_t p = 0; p < table.positions.size(); ++p, ++number) {
      const ObligorIndex who = table.positions.obligor[p];
      if (is_none(who) || default_of[static_cast<std::size_t>(who)] == none) continue;
      rows.push_back(p);
      here.push_back({number, default_of[static_cast<std::size_t>(who)]});
    }
    if (rows.empty()) continue;
    every_step.tables.push_back({table.instrument, selected(table.positions, rows)});
    owed.push_back(std::move(here));
  }
  if (owed.empty()) return;
  const std::unique_ptr<Scene> scene = this->scene(every_step, Detail::position, default_ledger);
  scene->evaluate(leaves->block().first_scenario, leaves->block().scenarios, default_ledger);
  const int last = job.steps - 1;
  for (std::size_t s = 0; s < owed.size(); ++s) {
    const Stage& stage = scene->book().stages[s];
    const Instrument& instrument = *every_step.tables[s].instrument;
    const int exposed = gauge_of(instrument, "defaulted_exposure");
    for (std::uint32_t r = 0; r < stage.row_count; ++r) {
      const std::size_t row = static_cast<std::size_t>(stage.first_row) + r;
      const auto cash = [&](int v) { return v < 0 ? 0.0 : default_ledger.cash(row, v)[lane]; };
      ReplayedDefault& what = out.defaults[owed[s][r].of_default];
      if (exposed >= 0) {
        const std::size_t gauge_row = stage.first_gauge + r * instrument.gauges.size() + static_cast<std::size_t>(exposed);
        what.exposure += default_ledger.gauges(gauge_row, what.step - 1)[lane];
      }
      what.recovery += default_ledger.value(row, last)[lane] + cash(last) - cash(what.step - 2);
      what.loss += default_ledger.credit_loss(row, last)[lane];
      what.positions.push_back(owed[s][r].number);
    }
  }
}

void Replayer::Impl::add_liquidations(Replay& out, std::size_t lane) const {
  std::uint32_t number = 0;
  for (const PositionTable& table : job.tables)
    for (std::uint32_t p = 0; p < table.positions.size(); ++p, ++number) {
      if (gauge_of(*table.instrument, "liquidated") < 0) continue;
      for (ReplayedLiquidation event : liquidations(table, p, leaves->book().market, leaves->block(), lane)) {
        event.position = number;
        out.liquidations.push_back(event);
      }
    }
  std::stable_sort(out.liquidations.begin(), out.liquidations.end(),
                   [](const ReplayedLiquidation& a, const ReplayedLiquidation& b) { return a.step < b.step; });
}

void Replayer::Impl::add_cash(Replay& out, std::size_t lane) {
  const CompiledBook& book = by_step->book();
  by_step->evaluate(leaves->block().first_scenario, leaves->block().scenarios, step_ledger);
  out.cash.assign(job.nodes.size() * steps(), 0);
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row) {
    double* const received = out.cash.data() + static_cast<std::size_t>(book.leaf_of_row[row]) * steps();
    double before = 0;
    for (std::size_t v = 0; v < steps(); ++v) {
      const double now = step_ledger.cash(row, static_cast<int>(v))[lane];
      received[v] += now - before;
      before = now;
    }
  }
  add_up(job.nodes, steps(), out.cash);
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
  for (auto* sums : {&worth, &credit_loss}) sums->assign(leaves->book().leaf_of_row.size() * horizons(), 0);
  for (auto* sums : {&worth_units, &credit_units}) sums->assign(worth.size(), 0);
  for (Part& part : parts) add_positions(part, out, lane);
  add_defaults(out, lane);
  add_liquidations(out, lane);
  add_cash(out, lane);
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
