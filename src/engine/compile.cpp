// A job's tables become batches of rows; names are gone by now, only indices are left.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <stdexcept>

#include "kernels/credit/thresholds.h"
#include "src/engine/engine.h"

namespace tailcube {
namespace {

struct Rows {
  std::vector<RowIndex> of_position;
  std::vector<NodeIndex> leaf;  // per row of the batch
};

// One row per leaf in the order of nodes, or one per position.
Rows rows(const Positions& positions, Detail detail, std::uint32_t first) {
  Rows out;
  out.of_position.reserve(positions.size());
  if (detail == Detail::position) {
    for (std::uint32_t i = 0; i < positions.size(); ++i) out.of_position.push_back(RowIndex{first + i});
    out.leaf = positions.leaf;
    return out;
  }
  out.leaf = positions.leaf;
  std::sort(out.leaf.begin(), out.leaf.end());
  out.leaf.erase(std::unique(out.leaf.begin(), out.leaf.end()), out.leaf.end());
  for (const NodeIndex leaf : positions.leaf) {
    const auto at = std::lower_bound(out.leaf.begin(), out.leaf.end(), leaf) - out.leaf.begin();
    out.of_position.push_back(RowIndex{first + static_cast<std::uint32_t>(at)});
  }
  return out;
}

const Gauge& gauge_of(std::string_view name) {
  for (const Instrument* instrument : instruments())
    for (const std::vector<Gauge>* gauges : {&instrument->gauges, &instrument->ratio_gauges})
      for (const Gauge& gauge : *gauges)
        if (gauge.name == name) return gauge;
  throw std::logic_error("no instrument has a gauge " + std::string(name));
}

int gauge_index(std::string_view name) {
  const std::vector<std::string> names = gauge_names(true);
  return static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin());
}

// Whether some position may read what the book publishes.
bool refers_to_book(std::span<const PositionTable> tables) {
  return std::any_of(tables.begin(), tables.end(), [](const PositionTable& table) {
    const std::vector<Column>& columns = table.instrument->columns;
    return table.instrument->publish != nullptr || std::any_of(columns.begin(), columns.end(), [](const Column& c) {
             return c.or_published || c.kind == CellKind::pool || c.kind == CellKind::account;
           });
  });
}

class Compiler {
 public:
  Compiler(const Job& job, Detail detail) : job_(job) {
    book_.seed = job.seed;
    book_.detail = detail;
    book_.market = job.market;
    prepare(book_.market);
    book_.gauges = static_cast<int>(gauge_names(job.ratios).size());
    for (const Node& node : job.nodes) book_.parent.push_back(node.parent);
    book_.published_values = job.published_values;
  }
  Compiler(const Job& job, CompiledBook&& book) : job_(job), book_(std::move(book)) {
    book_.published_values = false;
    for (const Discount& d : book_.market.discounts)
      discounts_.try_emplace(d, static_cast<std::uint32_t>(discounts_.size()));
  }
  CompiledBook operator()(const CompiledCredit& credit, double unit) {
    book_.credit = credit.model;
    look_up_obligors(credit.order);
    book_.cells = compile_cells(job_);
    book_.unshocked = unshocked_cell(job_);
    if (job_.chain && refers_to_book(job_.tables)) publish(*job_.chain, credit.order);
    for (const PositionTable& table : job_.tables) add(table, credit.order);
    if (unit > 0)
      book_.unit = unit;
    else
      choose_unit();
    round();
    return std::move(book_);
  }
  CompiledBook operator()(const CompiledCredit& credit, std::span<const PositionTable> more) {
    look_up_obligors(credit.order);
    for (const PositionTable& table : more) {
      add(table, credit.order);
      round(book_.stages.back());
    }
    return std::move(book_);
  }
  CompiledBook apart(const CompiledCredit& credit, std::span<const PositionTable> tables) {
    look_up_obligors(credit.order);
    std::vector<NodeIndex> leaves;
    std::vector<CompiledBook::GaugeRow> gauges;
    book_.stages.clear();
    for (const PositionTable& table : tables) {
      book_.leaf_of_row.clear(), book_.gauge_rows.clear();
      add(table, credit.order);
      if (book_.leaf_of_row.size() > leaves.size()) leaves = book_.leaf_of_row;
      if (book_.gauge_rows.size() > gauges.size()) gauges = book_.gauge_rows;
    }
    book_.leaf_of_row = std::move(leaves), book_.gauge_rows = std::move(gauges);
    book_.today.assign(book_.leaf_of_row.size(), 0);
    return std::move(book_);
  }

 private:
  void add(const PositionTable& table, const std::vector<ObligorIndex>& order) {
    const auto first_row = static_cast<std::uint32_t>(book_.leaf_of_row.size());
    const auto first_gauge = static_cast<std::uint32_t>(book_.gauge_rows.size());
    const Rows batch_rows = rows(table.positions, book_.detail, first_row);
    Wiring wiring = usual_wiring(book_.detail);
    wiring.published_values = book_.published_values;
    if (job_.ratios) wiring.ratio_gauges = table.instrument->ratio_gauges.size();
    wiring.valued = job_.report_steps;
    wiring.row = batch_rows.of_position;
    wiring.first_row = RowIndex{first_row};
    wiring.row_count = static_cast<std::uint32_t>(batch_rows.leaf.size());
    wiring.first_gauge = first_gauge;
    wiring.discount = [this](CurveIndex curve, FactorIndex spread, double date) {
      return discount_index(discounts_, book_.market.discounts, {curve, spread, date});
    };
    Stage stage;
    stage.batch = table.instrument->compile(by_bucket(table, order), wiring);
    bridge(*stage.batch);
    stage.first_row = wiring.first_row;
    stage.row_count = wiring.row_count;
    stage.first_gauge = first_gauge;
    for (const NodeIndex leaf : batch_rows.leaf) {
      book_.leaf_of_row.push_back(leaf);
      for (const Gauge& gauge : table.instrument->gauges) book_.gauge_rows.push_back({leaf, gauge_index(gauge.name)});
      if (!job_.ratios) continue;
      for (const Gauge& gauge : table.instrument->ratio_gauges) book_.gauge_rows.push_back({leaf, gauge_index(gauge.name)});
    }
    stage.gauge_count = static_cast<std::uint32_t>(book_.gauge_rows.size()) - first_gauge;
    book_.stages.push_back(std::move(stage));
  }

  Wiring usual_wiring(Detail detail) {
    Wiring wiring;
    wiring.detail = detail;
    wiring.market = &book_.market;
    wiring.obligor_count = static_cast<std::uint32_t>(book_.credit.obligors.size());
    wiring.recovery_delay_years = delays_;
    wiring.days_past_due = days_past_due_;
    wiring.loss_given_default = loss_given_default_;
    wiring.default_probability = [this](ObligorIndex o, double years) { return default_probability(o, years); };
    for (int n = 0; n <= job_.steps; ++n) wiring.time_years.push_back(job_.step_years * n);
    return wiring;
  }
  // The positions with obligors as the book counts them.
  static Positions by_bucket(const PositionTable& table, const std::vector<ObligorIndex>& order) {
    Positions positions = table.positions;
    for (ObligorIndex& o : positions.obligor)
      if (!is_none(o)) o = order[static_cast<std::size_t>(o)];
    for (std::size_t c = 0; c < table.instrument->columns.size(); ++c)
      if (table.instrument->columns[c].kind == CellKind::obligor)
        for (std::uint32_t& o : positions.references[c])
          if (o != none) o = static_cast<std::uint32_t>(order[o]);
    return positions;
  }
  void bridge(const Batch& batch) {
    for (const FactorIndex f : batch.reads_lows) {
      auto& bridged = book_.market.bridged;
      const auto at = std::lower_bound(bridged.begin(), bridged.end(), f);
      if (at == bridged.end() || *at != f) bridged.insert(at, f);
    }
  }

  // What positions refer to in the book, valued at every step.
  void publish(const Chain& chain, const std::vector<ObligorIndex>& order) {
    auto out = std::make_shared<Publishing>();
    out->every_step = book_.market;
    out->every_step.valued.resize(static_cast<std::size_t>(job_.steps));
    std::iota(out->every_step.valued.begin(), out->every_step.valued.end(), 1);
    book_.market.published.resize(chain.rows);
    std::map<Discount, std::uint32_t> known;
    Wiring wiring = usual_wiring(Detail::leaf);
    wiring.valued = out->every_step.valued;
    wiring.row_count = 1;
    wiring.discount = [&](CurveIndex curve, FactorIndex spread, double date) {
      return discount_index(known, out->every_step.discounts, {curve, spread, date});
    };
    out->links.reserve(chain.links.size());
    for (const ChainLink& link : chain.links) {
      Link& made = out->links.emplace_back();
      made.first = link.first;
      made.rows = link.kind == ChainLink::Kind::pool ? int{pool_rows} : int{price_rows};  // an account has room for as many
      if (link.kind == ChainLink::Kind::pool) {
        compile_pool(link, order, wiring, *out);
      } else if (!link.tables.empty()) {  // an account may have lost all who share it
        const PositionTable& table = link.tables.front();
        made.price = link.kind == ChainLink::Kind::account
                         ? table.instrument->publish_account(by_bucket(table, order), wiring)
                         : table.instrument->publish(by_bucket(table, order), 0, wiring);
        made.today = made.price->rows.front().today;
        out->reads_defaults |= made.price->reads_defaults;
        std::copy_n(made.price->rows.begin(), made.rows, published(link.first));
      }
    }
    book_.publishing = std::move(out);
  }
  std::vector<FactorModel::Published>::iterator published(FactorIndex first) {
    return book_.market.published.begin() + static_cast<std::ptrdiff_t>(first) -
           static_cast<std::ptrdiff_t>(book_.market.factors.size());
  }
  void compile_pool(const ChainLink& pool, const std::vector<ObligorIndex>& order, Wiring& wiring, Publishing& out) {
    Link& made = out.links.back();
    double gross = 0;
    wiring.first_gauge = 0;
    for (const PositionTable& table : pool.tables) {
      wiring.first_row = RowIndex{static_cast<std::uint32_t>(made.batches.size())};
      wiring.row.assign(table.positions.size(), wiring.first_row);
      const Batch& batch = *made.batches.emplace_back(table.instrument->compile(by_bucket(table, order), wiring));
      bridge(batch);
      made.today += batch.value_today.front();
      gross += batch.gross.front();
      out.reads_defaults |= batch.reads_defaults;
      wiring.first_gauge += static_cast<std::uint32_t>(table.instrument->gauges.size());
    }
    out.ledger_rows = std::max(out.ledger_rows, made.batches.size());
    out.gauge_rows = std::max<std::size_t>(out.gauge_rows, wiring.first_gauge);
    if (!(made.today > 0))
      throw InvalidJob({"the pool " + pool.name + " is worth " + std::to_string(made.today) + " " + job_.currency +
                        " today; what refers to it needs a positive value"});
    published(pool.first)[pool_value] = {made.today, gross};
    published(pool.first)[pool_credit_loss] = {0, 2 * gross};
  }

  void look_up_obligors(const std::vector<ObligorIndex>& order) {
    delays_ = by_bucket(job_.obligors.recovery_delay_years, order);
    days_past_due_ = by_bucket(job_.obligors.days_past_due, order);
    laws(order);
  }
  // Empty where all are 0.
  static std::vector<double> by_bucket(const std::vector<double>& given, const std::vector<ObligorIndex>& order) {
    if (std::all_of(given.begin(), given.end(), [](double d) { return d == 0; })) return {};
    std::vector<double> out(given.size());
    for (std::size_t i = 0; i < given.size(); ++i) out[static_cast<std::size_t>(order[i])] = given[i];
    return out;
  }

  void laws(const std::vector<ObligorIndex>& order) {
    place_.resize(order.size());
    loss_given_default_.resize(order.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      const auto o = static_cast<std::size_t>(order[i]);
      place_[o] = i;
      loss_given_default_[o] = job_.obligors.loss_given_default[i];
    }
  }
  double default_probability(ObligorIndex obligor, double years) const {
    const std::uint32_t i = place_[static_cast<std::size_t>(obligor)];
    const ObligorTable& table = job_.obligors;
    if (years <= 0) return 0;
    if (table.days_past_due[i] >= days_in_default) return 1;
    if (table.term_of(i) == none) return default_curve(table.pd_1y[i], years, 1).front();
    return default_curve(table.terms[table.term_of(i)], years, 1).front();
  }

  static DiscountIndex discount_index(std::map<Discount, std::uint32_t>& known, std::vector<Discount>& all,
                                      const Discount& discount) {
    const auto [at, fresh] = known.try_emplace(discount, static_cast<std::uint32_t>(all.size()));
    if (fresh) all.push_back(discount);
    return DiscountIndex{at->second};
  }

  // The loss unit: 1/1024 of the currency, coarsened by powers of two until sums of squares over all scenarios fit 126 bits
  // and every row fits the rounding; gross amounts bound what a scenario can lose.
  void choose_unit() {
    double gross = 0, largest_row = 0;
    for (const Stage& stage : book_.stages)
      for (const double row : stage.batch->gross) gross += row, largest_row = std::max(largest_row, row);
    const int scenario_bits = static_cast<int>(std::bit_width(job_.scenarios));
    const auto largest = [&] { return static_cast<Units>(std::min(std::ceil(gross / book_.unit), 0x1p61)); };
    const auto fits = [&] {
      return largest_row / book_.unit < 0x1p50 && 2 * (std::ilogb(gross / book_.unit + 1) + 1) + scenario_bits <= 126 &&
             tally_fits(tally_settings(job_), static_cast<std::int64_t>(job_.scenarios), largest());
    };
    while (!fits()) {
      book_.unit *= 2;
      if (!(book_.unit < 0x1p60))
        throw InvalidJob(
            {"the book's gross amounts are too large to be summed exactly: " + std::to_string(gross) + " " + job_.currency});
    }
    book_.largest_loss = largest();
  }
  void round() {
    for (const std::string& name : gauge_names(job_.ratios))
      book_.gauge_unit.push_back(gauge_of(name).unit == "money" ? book_.unit : 1.0 / 1024);
    for (const Stage& stage : book_.stages) round(stage);
    book_.base_value = by_node(book_.today);
    if (book_.published_values) book_.base_published_value = by_node(book_.published_today);
    if (job_.ratios) add_base_gauges();
  }
  void add_base_gauges() {
    const std::size_t nodes = job_.nodes.size();
    book_.base_gauge.assign(static_cast<std::size_t>(book_.gauges) * nodes, 0.0);
    for (const Stage& stage : book_.stages)
      for (std::size_t i = 0; i < stage.batch->gauges_today.size(); ++i) {
        const CompiledBook::GaugeRow& row = book_.gauge_rows[stage.first_gauge + i];
        const double today = stage.batch->gauges_today[i];
        for (NodeIndex n = row.leaf; !is_none(n); n = job_.nodes[static_cast<std::size_t>(n)].parent)
          book_.base_gauge[static_cast<std::size_t>(row.gauge) * nodes + static_cast<std::size_t>(n)] += today;
      }
  }
  std::vector<double> by_node(const std::vector<Units>& rows) const {
    std::vector<double> node(job_.nodes.size(), 0.0);
    for (std::size_t row = 0; row < rows.size(); ++row)
      node[static_cast<std::size_t>(book_.leaf_of_row[row])] += static_cast<double>(rows[row]) * book_.unit;
    for (std::size_t n = node.size(); n-- > 1;) node[static_cast<std::size_t>(job_.nodes[n].parent)] += node[n];
    return node;
  }
  void round(const Stage& stage) {
    const auto add = [this](const std::vector<double>& values, std::vector<Units>& units) {
      for (const double value : values) units.push_back(static_cast<Units>(std::nearbyint(value / book_.unit)));
    };
    const Batch& batch = *stage.batch;
    add(batch.value_today, book_.today);
    if (book_.published_values)
      add(batch.published_today.empty() ? batch.value_today : batch.published_today, book_.published_today);
  }

  const Job& job_;
  CompiledBook book_;
  std::vector<double> delays_, days_past_due_;  // as Wiring's
  std::vector<double> loss_given_default_;
  std::vector<std::uint32_t> place_;  // of an obligor in ObligorTable
  std::map<Discount, std::uint32_t> discounts_;
};

}  // namespace

CompiledBook compile(const Job& job, Detail detail) { return compile(job, detail, compile_credit(job)); }

CompiledBook compile(const Job& job, Detail detail, const CompiledCredit& credit, double unit) {
  return Compiler(job, detail)(credit, unit);
}

CompiledBook with_tables(CompiledBook book, const Job& job, const CompiledCredit& credit,
                         std::span<const PositionTable> tables) {
  return Compiler(job, std::move(book))(credit, tables);
}

CompiledBook tables_apart(CompiledBook book, const Job& job, const CompiledCredit& credit,
                          std::span<const PositionTable> tables) {
  return Compiler(job, std::move(book)).apart(credit, tables);
}

std::vector<std::string> gauge_names(bool ratios) {
  std::vector<std::string> out;
  const auto add = [&out](const std::vector<Gauge>& gauges) {
    for (const Gauge& gauge : gauges)
      if (std::find(out.begin(), out.end(), gauge.name) == out.end()) out.emplace_back(gauge.name);
  };
  for (const Instrument* instrument : instruments()) add(instrument->gauges);
  for (const Instrument* instrument : instruments())
    if (ratios) add(instrument->ratio_gauges);
  return out;
}

std::vector<std::string> gauge_units(const Job& job) {
  std::vector<std::string> out;
  for (const std::string& name : gauge_names(job.ratios)) out.push_back(gauge_of(name).unit == "money" ? job.currency : "1");
  return out;
}

}  // namespace tailcube
