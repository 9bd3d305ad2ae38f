// Stages 1 to 3 of a run for one block of any scenarios, by leaf and by position.
#include "src/engine/replay.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "kernels/instruments/telling.h"
#include "kernels/posting.h"
#include "src/engine/replay_scene.h"
#include "src/engine/replay_vaults.h"
#include "src/engine/selection.h"

namespace tailcube {
namespace {

constexpr std::size_t ledger_bytes = std::size_t{16} << 20;  // of a ledger by position: used again, it stays in the cache
constexpr std::size_t kept_bytes = std::size_t{256} << 20;   // of replays

// Some of the positions, each with a row of its own.
struct Portion {
  struct Piece {  // a stage of the book
    std::uint32_t table;
    std::vector<std::uint32_t> rows;  // of the table
  };
  std::vector<Piece> pieces;
  std::unique_ptr<ReplayScene> scene;
};

Job without_tables(Job& job) {  // which are not copied
  std::vector<PositionTable> tables;
  tables.swap(job.tables);
  Job out = job;
  tables.swap(job.tables);
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
  std::unique_ptr<ReplayScene> leaves, by_step;  // as in the run; with every step valued
  Ledger leaf_ledger, step_ledger, ledger, default_ledger;
  std::vector<Portion> parts;
  std::vector<std::uint32_t> obligor;       // of ObligorIndex: of Job::obligors
  std::vector<std::uint32_t> first_number;  // of each table: of Replay::positions
  std::vector<std::uint32_t> scenarios;     // that are looked at, one in each lane
  std::size_t horizons() const { return job.report_steps.size(); }
  std::size_t steps() const { return static_cast<std::size_t>(job.steps); }

  Impl(const Job& whole, int cell, double loss_unit) : job(whole), credit(compile_credit(job)), unit(loss_unit) {
    job.cells = {whole.cells[static_cast<std::size_t>(cell)]};
    leaves = scene(job, Detail::leaf, leaf_ledger);
    obligor.resize(credit.order.size());
    for (std::uint32_t i = 0; i < credit.order.size(); ++i) obligor[static_cast<std::size_t>(credit.order[i])] = i;
    std::uint32_t positions = 0;
    std::vector<std::vector<std::uint32_t>> all;
    for (const PositionTable& table : job.tables) {
      first_number.push_back(positions);
      all.emplace_back(table.positions.size());
      std::iota(all.back().begin(), all.back().end(), 0U);
      positions += static_cast<std::uint32_t>(table.positions.size());
    }
    Job frame = without_tables(job);
    frame.published_values = false;
    each_part(frame, all, ledger, [this](Portion part) { parts.push_back(std::move(part)); });
    const std::size_t bytes = positions * (sizeof(ReplayedPosition) + 2 * horizons() * sizeof(double) + 32) +
                              job.nodes.size() * (steps() + 3 * horizons()) * sizeof(double);
    together = std::clamp<std::size_t>(kept_bytes / bytes, 1, lanes);
    every_step = std::move(frame);
    every_step.report_steps.resize(steps());
    std::iota(every_step.report_steps.begin(), every_step.report_steps.end(), 1);
    every_step.market.valued = every_step.report_steps;
    every_step.tables = job.tables;
    by_step = scene(every_step, Detail::leaf, step_ledger);
    every_step.tables.clear();
  }
  std::unique_ptr<ReplayScene> scene(const Job& frame, Detail detail, Ledger& room) const {
    auto out = std::make_unique<ReplayScene>(compile(frame, detail, credit, unit));
    make_room(room, out->book(), static_cast<int>(frame.report_steps.size()));
    return out;
  }

  // Positions (`rows` of each table) with a row each, in parts whose ledger fits into ledger_bytes. `frame`: the job without
  // tables, before and after, and the steps to value.
  template <class Take>
  void each_part(Job& frame, const std::vector<std::vector<std::uint32_t>>& rows, Ledger& into, const Take& take) const {
    const std::size_t most =
        std::max<std::size_t>(64, ledger_bytes / (5 * frame.report_steps.size() * lanes * sizeof(double)));
    std::size_t room = most;
    Portion part;
    const auto close = [&] {
      if (part.pieces.empty()) return;
      part.scene = scene(frame, Detail::position, into);
      take(std::exchange(part, {}));
      frame.tables.clear();
      room = most;
    };
    for (std::uint32_t t = 0; t < rows.size(); ++t)
      for (std::size_t at = 0; at < rows[t].size();) {
        const auto some = std::span(rows[t]).subspan(at, std::min(room, rows[t].size() - at));
        part.pieces.push_back({t, {some.begin(), some.end()}});
        frame.tables.push_back({job.tables[t].instrument, selected(job.tables[t].positions, some)});
        at += some.size(), room -= some.size();
        if (room == 0) close();
      }
    close();
  }

  std::vector<Replay> replay(std::span<const std::uint64_t>);  // the others fill one Replay for each lane
  void start(Replay&, std::size_t lane) const;
  void post_leaves(std::vector<Replay>&);
  void add_positions(Portion&, std::vector<Replay>&);
  void add_defaults(std::vector<Replay>&);
  void add_liquidations(Replay&, std::size_t lane) const;
  void add_cash(std::vector<Replay>&);
  void compare(Replay&, std::size_t lane) const;
  std::size_t at(std::size_t leaf_row, std::size_t horizon, std::size_t lane) const {
    return (leaf_row * horizons() + horizon) * lanes + lane;
  }

  std::size_t together = 1;
  Job every_step;  // the job with every step valued, without positions
  // Sums over the positions of each leaf row: [row][reporting step][lane].
  std::vector<double> worth, credit_loss;
  std::vector<Units> worth_units, credit_units;
};

void Replayer::Impl::post_leaves(std::vector<Replay>& out) {
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
  post(book, valuation, columns, 0, 0, {0, out.size()}, sheet, side, faults);
  for (int node = 0; node < shape.nodes; ++node)
    for (int h = 0; h < shape.horizons; ++h)
      for (std::size_t lane = 0; lane < out.size(); ++lane) {
        const auto units = [&](Quantity q) { return sheet.column(shape.loss(0, 0, q, node, h))[lane]; };
        out[lane].economic.push_back(units(economic_loss));
        out[lane].credit.push_back(units(Quantity::credit_loss));
        if (!book.published_values) continue;
        out[lane].published_loss.push_back(units(published_loss));
        out[lane].gap.push_back(units(value_gap));
      }
  for (int gauge = 0; gauge < shape.gauges; ++gauge)
    for (int node = 0; node < shape.nodes; ++node)
      for (int h = 0; h < shape.horizons; ++h) {
        const std::uint32_t column = columns.gauge(shape.gauge(0, gauge, node, h));
        for (std::size_t lane = 0; lane < out.size(); ++lane) {
          const Units units = column == none ? 0 : side.buffer[std::size_t{column} * lanes + lane];
          out[lane].gauges.push_back(static_cast<double>(units) * book.gauge_unit[static_cast<std::size_t>(gauge)]);
        }
      }
}

void Replayer::Impl::add_positions(Portion& part, std::vector<Replay>& out) {
  const CompiledBook& book = part.scene->book();
  part.scene->evaluate(scenarios, ledger);
  for (std::size_t s = 0; s < part.pieces.size(); ++s) {
    const Stage& stage = book.stages[s];
    const auto& [t, rows] = part.pieces[s];
    const Stage& leaf_stage = leaves->book().stages[t];
    const auto leaf_rows = leaves->book().leaf_of_row.begin() + static_cast<std::ptrdiff_t>(leaf_stage.first_row);
    for (std::uint32_t r = 0; r < stage.row_count; ++r) {
      const std::size_t row = static_cast<std::size_t>(stage.first_row) + r;
      const NodeIndex leaf = book.leaf_of_row[row];
      const std::size_t leaf_row =
          static_cast<std::size_t>(leaf_stage.first_row) +
          static_cast<std::size_t>(std::lower_bound(leaf_rows, leaf_rows + leaf_stage.row_count, leaf) - leaf_rows);
      for (std::size_t lane = 0; lane < out.size(); ++lane) {
        ReplayedPosition position{t, rows[r], leaf, static_cast<double>(book.today[row]) * book.unit, {}, {}};
        position.loss.reserve(horizons()), position.credit_loss.reserve(horizons());
        for (std::size_t h = 0; h < horizons(); ++h) {
          const int v = static_cast<int>(h);
          const double money = ledger.value(row, v)[lane] + ledger.cash(row, v)[lane];
          const double lost = ledger.credit_loss(row, v)[lane];
          const auto units = static_cast<Units>(book.today[row] - std::llrint(money / book.unit));
          const auto lost_units = static_cast<Units>(std::llrint(lost / book.unit));
          position.loss.push_back(static_cast<double>(units) * book.unit);
          position.credit_loss.push_back(static_cast<double>(lost_units) * book.unit);
          const std::size_t sum = at(leaf_row, h, lane);
          worth[sum] += money, credit_loss[sum] += lost;
          worth_units[sum] += units, credit_units[sum] += lost_units;
        }
        out[lane].positions.push_back(std::move(position));
      }
    }
  }
}

// The positions of those who default, at every step.
void Replayer::Impl::add_defaults(std::vector<Replay>& out) {
  struct Claim {
    std::size_t lane, place;  // of Replay::defaults
  };
  std::vector<std::vector<Claim>> against(job.obligors.size());
  for (std::size_t lane = 0; lane < out.size(); ++lane)
    for (std::size_t d = 0; d < out[lane].defaults.size(); ++d) against[out[lane].defaults[d].obligor].push_back({lane, d});
  std::vector<std::vector<std::uint32_t>> owed(job.tables.size());
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    const std::vector<ObligorIndex>& who = job.tables[t].positions.obligor;
    for (std::uint32_t p = 0; p < who.size(); ++p)
      if (!is_none(who[p]) && !against[static_cast<std::size_t>(who[p])].empty()) owed[t].push_back(p);
  }
  const int last = job.steps - 1;
  each_part(every_step, owed, default_ledger, [&](const Portion& part) {
    part.scene->evaluate(scenarios, default_ledger);
    for (std::size_t s = 0; s < part.pieces.size(); ++s) {
      const Stage& stage = part.scene->book().stages[s];
      const PositionTable& table = job.tables[part.pieces[s].table];
      const int exposed = gauge_of(*table.instrument, "defaulted_exposure");
      const auto* const claims = dynamic_cast<const TellingBatch*>(stage.batch.get());
      for (std::uint32_t r = 0; r < stage.row_count; ++r) {
        const std::size_t row = static_cast<std::size_t>(stage.first_row) + r;
        const std::uint32_t p = part.pieces[s].rows[r];
        for (const Claim& claim : against[static_cast<std::size_t>(table.positions.obligor[p])]) {
          const std::size_t lane = claim.lane;
          const auto cash = [&](int v) { return v < 0 ? 0.0 : default_ledger.cash(row, v)[lane]; };
          ReplayedDefault& what = out[lane].defaults[claim.place];
          if (exposed >= 0) {
            const std::size_t gauge_row =
                stage.first_gauge + r * (stage.gauge_count / stage.row_count) + static_cast<std::size_t>(exposed);
            what.exposure += default_ledger.gauges(gauge_row, what.step - 1)[lane];
          }
          what.recovery += default_ledger.value(row, last)[lane] + cash(last) - cash(what.step - 2);
          const Default seen{table.positions.obligor[p], static_cast<std::uint16_t>(lane),
                             static_cast<std::uint16_t>(what.step), what.loss_given_default};
          if (claims != nullptr) what.recovery += claims->drawn(r, seen, part.scene->block());
          what.loss += default_ledger.credit_loss(row, last)[lane];
          what.positions.push_back(first_number[part.pieces[s].table] + p);
        }
      }
    }
  });
}

void Replayer::Impl::add_liquidations(Replay& out, std::size_t lane) const {
  for (std::size_t t = 0; t < job.tables.size(); ++t) {
    const PositionTable& table = job.tables[t];
    if (table.instrument->name != "vault") continue;  // others are liquidated once, and show it by their cash
    for (std::uint32_t p = 0; p < table.positions.size(); ++p)
      for (ReplayedLiquidation event : liquidations(table, p, leaves->book().market, leaves->block(), lane)) {
        event.position = first_number[t] + p;
        out.liquidations.push_back(event);
      }
  }
  std::stable_sort(out.liquidations.begin(), out.liquidations.end(),
                   [](const ReplayedLiquidation& a, const ReplayedLiquidation& b) { return a.step < b.step; });
}

void Replayer::Impl::add_cash(std::vector<Replay>& out) {
  const CompiledBook& book = by_step->book();
  by_step->evaluate(scenarios, step_ledger);
  for (std::size_t lane = 0; lane < out.size(); ++lane) {
    std::vector<double>& cash = out[lane].cash;
    cash.assign(job.nodes.size() * steps(), 0);
    for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row) {
      double* const received = cash.data() + static_cast<std::size_t>(book.leaf_of_row[row]) * steps();
      double before = 0;
      for (std::size_t v = 0; v < steps(); ++v) {
        const double now = step_ledger.cash(row, static_cast<int>(v))[lane];
        received[v] += now - before;
        before = now;
      }
    }
    add_up(job.nodes, steps(), cash);
  }
}

void Replayer::Impl::compare(Replay& out, std::size_t lane) const {
  const CompiledBook& book = leaves->book();
  const auto rounded = [&](double money) { return std::llrint(money / book.unit); };
  for (std::size_t row = 0; row < book.leaf_of_row.size(); ++row)
    for (std::size_t h = 0; h < horizons(); ++h) {
      const std::size_t sum = at(row, h, lane);
      const int v = static_cast<int>(h);
      const auto own = rounded(leaf_ledger.value(row, v)[lane] + leaf_ledger.cash(row, v)[lane]);
      const auto own_credit = rounded(leaf_ledger.credit_loss(row, v)[lane]);
      const auto larger = [](double& most, Units difference) {
        most = std::max(most, std::abs(static_cast<double>(difference)));
      };
      larger(out.largest_difference, own - rounded(worth[sum]));
      larger(out.largest_difference, own_credit - rounded(credit_loss[sum]));
      larger(out.largest_rounding, book.today[row] - own - worth_units[sum]);
      larger(out.largest_rounding, own_credit - credit_units[sum]);
    }
}

// What the block shows before anything is valued by position.
void Replayer::Impl::start(Replay& out, std::size_t lane) const {
  const Block& block = leaves->block();
  out.scenario = scenarios[lane];
  out.unit = leaves->book().unit;
  for (std::size_t f = 0; f < job.market.factors.size(); ++f) {
    out.path.emplace_back();
    for (int n = 0; n <= job.steps; ++n) out.path.back().push_back(block.factors(f, n)[lane]);
  }
  if (const auto& publishing = leaves->book().publishing)
    for (const Link& link : publishing->links) {
      Replay::Published& told = out.published.emplace_back();
      const std::uint32_t row = link.rows == price_rows ? std::uint32_t{credit_loss_row} : std::uint32_t{pool_credit_loss};
      const FactorIndex lost{static_cast<std::uint32_t>(link.first) + row};
      for (int n = 0; n <= job.steps; ++n) {
        told.value.push_back(block.factors(link.first, n)[lane]);
        told.credit_loss.push_back(block.factors(lost, n)[lane]);
      }
    }
  for (const Default& d : block.defaults)
    if (d.lane == lane)
      out.defaults.push_back({obligor[static_cast<std::size_t>(d.obligor)], d.step, d.loss_given_default, 0, 0, 0, {}});
  std::sort(out.defaults.begin(), out.defaults.end(), [](const ReplayedDefault& a, const ReplayedDefault& b) {
    return std::tie(a.step, a.obligor) < std::tie(b.step, b.obligor);
  });
}

std::vector<Replay> Replayer::Impl::replay(std::span<const std::uint64_t> wanted) {
  if (wanted.empty()) return {};
  if (wanted.size() > together) throw std::out_of_range("more scenarios than can be replayed together");
  scenarios.clear();
  for (const std::uint64_t scenario : wanted) {
    if (scenario >= job.scenarios) throw std::out_of_range("a scenario that the job does not have");
    scenarios.push_back(static_cast<std::uint32_t>(scenario));
  }
  leaves->evaluate(scenarios, leaf_ledger);
  std::vector<Replay> out(scenarios.size());
  for (std::size_t lane = 0; lane < out.size(); ++lane) start(out[lane], lane);
  post_leaves(out);
  for (auto* sums : {&worth, &credit_loss}) sums->assign(leaves->book().leaf_of_row.size() * horizons() * lanes, 0);
  for (auto* sums : {&worth_units, &credit_units}) sums->assign(worth.size(), 0);
  for (Portion& part : parts) add_positions(part, out);
  add_defaults(out);
  add_cash(out);
  for (std::size_t lane = 0; lane < out.size(); ++lane) {
    add_liquidations(out[lane], lane);
    compare(out[lane], lane);
  }
  return out;
}

Replayer::Replayer(const Job& job, int cell, double unit) : impl_(std::make_unique<Impl>(job, cell, unit)) {}
Replayer::~Replayer() = default;

Replay Replayer::operator()(std::uint64_t scenario) { return std::move(impl_->replay({&scenario, 1}).front()); }
std::vector<Replay> Replayer::operator()(std::span<const std::uint64_t> scenarios) { return impl_->replay(scenarios); }
std::size_t Replayer::together() const { return impl_->together; }

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
  take_out_of_pools(job, [&out](const std::string& id) { return out.contains(id); });
}

}  // namespace tailcube
