#pragma once
// A book of one type beside the bare loop for it, in turns: the best of a few rounds, one thread. The market, the draw of
// defaults and the value of pools are not counted.
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "kernels/math/functions.h"
#include "kernels/publishing.h"
#include "tests/bench/bare_world.h"
#include "tests/bench/instruments.h"

namespace tailcube::bench {

using Cells = std::map<std::string_view, double>;
using Loop = std::function<void(std::uint32_t, bare::World&)>;

// Equal rows of a type, twenty to a leaf.
struct Asset {
  std::string_view type, words;
  Cells cells = {};                                   // numbers; words as counts
  std::map<std::string_view, bare::Row> refers = {};  // factors and pools
  Loop loop = {};                                     // of a position, or of all that share an account
  std::uint32_t count = 1000, sharing = 1;            // positions; to an account
  std::string_view account = {};                      // the column that names it
  double default_rate = 0;                            // within the year
  std::function<void(std::uint32_t, Cells&)> vary = {};
};

// A market with what the loops read: a price, a curve, a spread, a pool and what that has lost.
struct AssetBench : Bench {
  std::array<std::uint32_t, 121> discount_of{};
  std::vector<std::unique_ptr<PricePath>> paths;
  std::vector<FactorIndex> first;

  AssetBench() : Bench(bare::steps, bare::dt, {bare::valued.begin(), bare::valued.end()}) {
    add(Process::lognormal, 1.0, 0.2);
    market.curves.push_back({{1, add(Process::normal, 0.03, 0.01)}});
    add(Process::lognormal, 0.02, 0.4);
    add(Process::lognormal, bare::pool_today, 0.1);
    add(Process::lognormal, 1e5, 0);
  }
  void draw_pool() {
    for (std::size_t k = 0; k < lanes; ++k) {
      double lost = 0;
      for (int n = 0; n <= bare::steps; ++n) {
        block.factors(std::size_t{bare::pool_loss_row}, n)[k] = lost;
        lost += uniform(0, 1) < 0.2 ? uniform(0, 0.02) * bare::pool_today : 0;
      }
    }
  }
  void draw_defaults(std::uint32_t count, double rate) {
    for (std::uint32_t o = 0; o < count; ++o)
      for (std::uint16_t k = 0; k < lanes; ++k)
        if (uniform(0, 1) < rate)
          block.defaults.push_back({ObligorIndex{o}, k, static_cast<std::uint16_t>(1 + pick(bare::steps)), 0.6});
  }
  void find_discounts() {
    for (std::size_t i = 0; i < market.discounts.size(); ++i) {
      const double months = market.discounts[i].date_years / bare::dt, month = std::nearbyint(months);
      if (std::abs(months - month) < 1e-6) discount_of[static_cast<std::size_t>(month)] = static_cast<std::uint32_t>(i);
    }
  }
  // What positions or accounts publish, behind the market.
  FactorIndex next_row() {
    first.push_back(FactorIndex{static_cast<std::uint32_t>(market.rows())});
    market.published.resize(market.published.size() + price_rows);
    return first.back();
  }
  void publishes(std::unique_ptr<PricePath> path) {
    const auto at = static_cast<std::size_t>(first[paths.size()]) - market.factors.size();
    std::copy(path->rows.begin(), path->rows.end(), market.published.begin() + static_cast<std::ptrdiff_t>(at));
    paths.push_back(std::move(path));
  }
  void evaluate() {
    for (std::size_t i = 0; i < paths.size(); ++i) paths[i]->publish(block, first[i]);
    batch->evaluate(block, ledger, faults);
  }
  // The largest difference of all value and cash in a scenario and at a horizon.
  double differs(const bare::World& w) const {
    double largest = 0;
    for (std::size_t v = 0; v < bare::valued.size(); ++v)
      for (std::size_t k = 0; k < lanes; ++k) {
        double ours = 0, size = 0;
        for (std::size_t row = 0; row < rows; ++row)
          for (const LaneTable* t : {&ledger.value, &ledger.cash}) {
            const double x = (*t)(row, static_cast<int>(v))[k];
            ours += x, size += std::abs(x);
          }
        largest = std::max(largest, std::abs(ours - w.value[v][k] - w.cash[v][k]) / size);
      }
    return largest;
  }
};

inline void add_position(const Asset& a, const Instrument& type, std::uint32_t i, Positions& p) {
  Cells cells = a.cells;
  if (a.vary) a.vary(i, cells);
  p.id.push_back(std::to_string(i));
  p.leaf.push_back(NodeIndex{pick(std::max(a.count / 20, 1u))});
  p.currency.push_back(FactorIndex{none});
  p.quantity.push_back(1);
  p.obligor.push_back(ObligorIndex{i});
  for (std::size_t c = 0; c < type.columns.size(); ++c) {
    const Column& column = type.columns[c];
    const auto at = cells.find(column.name);
    const auto refers = a.refers.find(column.name);
    const double otherwise = column.kind == CellKind::rate ? std::numeric_limits<double>::quiet_NaN() : 0;
    p.numbers[c].push_back(at != cells.end() ? at->second : column.otherwise.value_or(otherwise));
    p.references[c].push_back(refers != a.refers.end() ? refers->second : column.kind == CellKind::curve ? 0 : none);
    p.names[c].push_back(StreamId{0});
  }
}

inline Positions table(const Asset& a, const Instrument& type, std::uint32_t begin, std::uint32_t end) {
  Positions p;
  p.numbers.resize(type.columns.size()), p.references.resize(type.columns.size()), p.names.resize(type.columns.size());
  for (std::uint32_t i = begin; i < end; ++i) add_position(a, type, i, p);
  return p;
}

inline void name_account(const Asset& a, const Instrument& type, FactorIndex account, Positions& p) {
  for (std::size_t c = 0; c < type.columns.size(); ++c)
    if (type.columns[c].name == a.account)
      for (std::uint32_t& to : p.references[c]) to = static_cast<std::uint32_t>(account);
}

inline void append(Positions& to, const Positions& more) {
  const auto add = [](auto& all, const auto& some) { all.insert(all.end(), some.begin(), some.end()); };
  add(to.id, more.id), add(to.leaf, more.leaf), add(to.currency, more.currency), add(to.quantity, more.quantity);
  add(to.obligor, more.obligor), add(to.published, more.published);
  for (std::size_t c = 0; c < to.numbers.size(); ++c) {
    add(to.numbers[c], more.numbers[c]);
    add(to.references[c], more.references[c]);
    add(to.names[c], more.names[c]);
  }
}

inline std::string only;  // of this type, or by these words; empty: all

inline void run(const Asset& a) {
  if (!only.empty() && only != a.type && only != a.words) return;
  AssetBench b;
  b.rows = std::max(a.count / 20, 1u);
  const Instrument& type = instrument(a.type);
  b.wiring.loss_given_default.assign(a.count, 0.6);
  b.wiring.default_probability = [](ObligorIndex, double years) { return -tailcube::expm1(-0.03 * years); };
  Positions p = table(a, type, 0, 0);
  for (std::uint32_t i = 0; i < a.count; i += a.sharing) {
    Positions some = table(a, type, i, i + a.sharing);
    if (!a.account.empty() || type.publish != nullptr) {
      some.published.assign(a.sharing, b.next_row());
      if (!a.account.empty()) {
        name_account(a, type, b.first.back(), some);
        b.publishes(type.publish_account(some, b.wiring));
        some.published.clear();
      } else {
        b.publishes(type.publish(some, 0, b.wiring));
      }
    }
    append(p, some);
  }
  b.draw();
  b.draw_pool();
  if (a.default_rate > 0) b.draw_defaults(a.count, a.default_rate);
  b.compile(type, p, a.count);
  b.find_discounts();
  b.evaluate();
  double ours = 1e300, theirs = 1e300, difference = 0;
  const int rounds = 20, repeats = static_cast<int>(std::max(1u, 200 / a.count));
  for (int round = 0; round < rounds; ++round) {
    double begin = now();
    for (int i = 0; i < repeats; ++i) b.evaluate();
    ours = std::min(ours, (now() - begin) / repeats);
    begin = now();
    for (int i = 0; i < repeats; ++i) {
      bare::World w{b.block, b.discount_of};
      bare::look_at_index(w);
      for (std::uint32_t k = 0; k < a.count / a.sharing; ++k) a.loop(k, w);
      if (i + 1 == repeats) theirs = std::min(theirs, (now() - begin) / repeats), difference = b.differs(w);
    }
  }
  const double each = static_cast<double>(lanes) * a.count;
  std::printf("%-11.*s %-34.*s %7.2f %7.3f | %7.2f %7.3f | %5.2f  %.1e\n", static_cast<int>(a.type.size()), a.type.data(),
              static_cast<int>(a.words.size()), a.words.data(), ours / each, ours / each / bare::steps, theirs / each,
              theirs / each / bare::steps, ours / theirs, difference);
  std::fflush(stdout);
}

}  // namespace tailcube::bench
