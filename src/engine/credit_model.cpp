// Obligors become buckets with thresholds.
#include "src/engine/credit_model.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <unordered_map>

#include "kernels/credit/recoveries.h"
#include "kernels/credit/thresholds.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// What an obligor's law depends on.
struct Profile {
  double pd_1y;
  std::uint32_t term;             // of ObligorTable::terms
  std::vector<Loading> loadings;  // none of them zero
  friend auto operator<=>(const Profile&, const Profile&) = default;
};
struct ProfileHash {
  std::size_t operator()(const Profile& p) const {
    std::uint64_t h = std::bit_cast<std::uint64_t>(p.pd_1y);
    const auto mix = [&h](std::uint64_t x) { h = (h ^ x) * 0x9E3779B97F4A7C15u, h ^= h >> 29; };
    mix(p.term);
    for (const Loading& l : p.loadings)
      mix(static_cast<std::uint32_t>(l.driver)), mix(std::bit_cast<std::uint64_t>(l.loading));
    mix(h >> 32);
    return h;
  }
};

std::string hex(double x) {
  char text[17] = {};
  std::to_chars(text, text + 16, std::bit_cast<std::uint64_t>(x), 16);
  return text;
}

// Thresholds and kappa per distinct (PD curve, a'Ca).
struct Pair {
  double pd_1y;
  std::uint32_t term;
  double square;
  friend auto operator<=>(const Pair&, const Pair&) = default;
};
struct Law {
  double kappa = 1, first_step_joint_ratio = 1, pd_at_end = 0;
  std::vector<double> threshold;
  std::uint32_t obligors = 0;
  bool scored = false;  // a loss given default depends on the score
  ScoreLaw scores;
};

class Laws {
 public:
  explicit Laws(const Job& job) : job_(job), match_(job.credit.matched ? matching_step(job.step_years, job.steps) : 0) {}

  void add(const Pair& pair, std::uint32_t obligors, bool scored) {
    Law& law = laws_[pair];
    if (law.obligors == 0 && pair.term != none) ++laws_of_term_[pair.term];
    scored_ |= scored;
    law.obligors += obligors;
    law.scored |= scored;
  }
  const Law& at(const Pair& pair) const { return laws_.at(pair); }
  const std::map<Pair, Law>& all() const { return laws_; }
  // Those that are equal but for rounding are one pair.
  static Pair pair(const Profile& p, double square) { return {p.pd_1y, p.term, std::nearbyint(square * 0x1p40) * 0x1p-40}; }

  void solve() {
    const double dof = job_.credit.dof;
    const bool adapted = job_.credit.timing == Timing::adapted && job_.steps > 1;
    const bool many = adapted && laws_.size() > exact_pairs(job_.steps, dof);
    for (auto& [pair, law] : laws_) {
      const std::vector<double> curve = curve_of(pair);
      law.pd_at_end = curve.back();
      if (!adapted) {
        for (const double p : curve) law.threshold.push_back(marginal_threshold(p, dof));
        if (law.scored) law.scores = terminal_scores(law.threshold, pair.square, dof);
        continue;
      }
      if (const PassageGrid* const grid = many ? grid_for(pair, curve) : nullptr) {
        PassageGrid::Value value =
            pair.term == none ? (*grid)(pair.pd_1y, pair.square) : (*grid)(std::span(curve), pair.square);
        law.kappa = value.kappa, law.threshold = std::move(value.threshold), law.scores = value.scores;
      } else {
        Matched matched = matched_passage(curve, pair.square, match_, dof);
        law.kappa = matched.kappa, law.threshold = std::move(matched.passage.threshold);
        if (law.scored) law.scores = adapted_scores(law.threshold, law.kappa * law.kappa * pair.square, dof);
      }
      if (curve[0] > 0)
        law.first_step_joint_ratio =
            copula_joint(curve[0], law.kappa * law.kappa * pair.square, dof) / copula_joint(curve[0], pair.square, dof);
    }
  }

 private:
  std::vector<double> curve_of(const Pair& pair) const {
    if (pair.term == none) return default_curve(pair.pd_1y, job_.step_years, job_.steps);
    return default_curve(job_.obligors.terms[pair.term], job_.step_years, job_.steps);
  }

  // One for all constant hazards, and one for each term structure with enough distinct a'Ca; null where the pair is solved.
  const PassageGrid* grid_for(const Pair& pair, std::span<const double> curve) {
    const auto scores = scored_ ? PassageGrid::Scores::yes : PassageGrid::Scores::no;
    if (pair.term == none) {
      if (!PassageGrid::contains(pair.pd_1y, pair.square)) return nullptr;
      if (!grid_) grid_.emplace(job_.step_years, job_.steps, match_, job_.credit.dof, scores);
      return &*grid_;
    }
    if (!PassageGrid::contains(pair.square) || laws_of_term_[pair.term] <= PassageGrid::node_count_of_curve())
      return nullptr;
    const auto at = grid_of_term_.find(pair.term);
    if (at != grid_of_term_.end()) return &at->second;
    return &grid_of_term_.emplace(pair.term, PassageGrid(curve, match_, job_.credit.dof, scores)).first->second;
  }

  const Job& job_;
  int match_;
  bool scored_ = false;  // any law is
  std::map<Pair, Law> laws_;
  std::map<std::uint32_t, std::size_t> laws_of_term_;
  std::optional<PassageGrid> grid_;
  std::map<std::uint32_t, PassageGrid> grid_of_term_;
};

void refuse_what_cannot_be(const Job& job) {
  std::vector<std::string> errors;
  if (job.credit.timing == Timing::terminal && job.steps > 1)
    for (const PositionTable& table : job.tables) {
      const bool always = table.instrument->sells_at_default;
      if (!table.instrument->reads_market_at_default && !always) continue;
      const Positions& p = table.positions;
      for (std::size_t i = 0; i < p.size(); ++i)
        if (!is_none(p.obligor[i]) && (always || !is_none(p.currency[i]))) {
          errors.push_back("credit.timing = terminal with several steps: " + std::string(table.instrument->name) + " " +
                           p.id[i] + " turns into " + (always ? "" : "foreign ") +
                           "cash at the market of a default, which would know the future; use adapted");
          break;
        }
    }
  for (std::size_t i = 0; i < job.obligors.size(); ++i)
    if (const double square = squared_loading(job.market, job.obligors.loadings[i]); !(square < 1))
      errors.push_back("obligor " + job.obligors.id[i] + ": squared loading a'Ca = " + std::to_string(square) +
                       " is not below 1");
  if (!errors.empty()) throw InvalidJob(std::move(errors));
}

struct Group {
  Profile profile;
  std::vector<std::uint32_t> members;  // places in ObligorTable, which is sorted by id
};
std::span<const DefaultBy> term_of(const ObligorTable& table, const Profile& profile) {
  if (profile.term == none) return {};
  return table.terms[profile.term];
}
bool in_default(const ObligorTable& table, std::size_t i) { return table.days_past_due[i] >= days_in_default; }

std::vector<Group> group(const ObligorTable& table) {
  std::unordered_map<Profile, std::uint32_t, ProfileHash> place;
  std::vector<Group> groups;
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    if (in_default(table, i)) continue;
    Profile profile{table.pd_1y[i] + 0.0, table.term_of(i), {}};
    for (const Loading& l : table.loadings[i])
      if (l.loading != 0) profile.loadings.push_back(l);
    const auto [at, fresh] = place.try_emplace(profile, static_cast<std::uint32_t>(groups.size()));
    if (fresh) groups.push_back({std::move(profile), {}});
    groups[at->second].members.push_back(i);
  }
  std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.profile < b.profile; });
  return groups;
}

// What defaults lose where that is random. Equal laws are solved once, and kept once.
class Recoveries {
 public:
  Recoveries(const Job& job, CreditModel& model) : table_(job.obligors), model_(model) {
    const auto& sd = table_.lgd_sd;
    random_ = std::any_of(sd.begin(), sd.end(), [](double x) { return x > 0; });
  }

  // Obligor i of the table is the next one of the model; square is its a'Ca. `scores` is null where it is in default
  // already: its score is then standard normal, and Y too.
  void add(std::uint32_t i, const std::vector<Loading>& loadings, double square, const ScoreLaw* scores) {
    if (!random_) return;
    RecoveryDraw recovery;
    if (table_.lgd_sd[i] > 0) {
      recovery.stream = stream("lgd", table_.id[i]);
      recovery.law =
          law({scores, table_.loss_given_default[i], table_.lgd_sd[i], square > 0 ? table_.lgd_correlation[i] : 0}, loadings,
              square);
    }
    model_.recoveries.push_back(recovery);
  }

 private:
  struct Shape {
    const ScoreLaw* scores;
    double mean, deviation, correlation;
    friend auto operator<=>(const Shape&, const Shape&) = default;
  };
  std::uint32_t law(const Shape& shape, const std::vector<Loading>& loadings, double square) {
    const auto [at, fresh] = place_.try_emplace({shape, loadings}, static_cast<std::uint32_t>(model_.recovery_laws.size()));
    if (!fresh) return at->second;
    const auto [solved, unknown] = solved_.try_emplace(shape);
    if (unknown)
      solved->second = shape.scores ? probit_normal(shape.mean, shape.deviation, shape.correlation, *shape.scores)
                                    : probit_normal(shape.mean, shape.deviation, 0, ScoreLaw{});
    const auto [centre, spread] = solved->second;
    RecoveryLaw out{centre, spread * std::sqrt(1 - shape.correlation * shape.correlation), {}};
    if (shape.correlation > 0)
      for (const Loading& l : loadings)
        out.loadings.push_back({l.driver, -spread * shape.correlation * l.loading / std::sqrt(square)});
    model_.recovery_laws.push_back(std::move(out));
    return at->second;
  }

  const ObligorTable& table_;
  CreditModel& model_;
  bool random_;
  std::map<Shape, ProbitNormal> solved_;
  std::map<std::pair<Shape, std::vector<Loading>>, std::uint32_t> place_;
};

// Equal streams would be dependent draws; with 64-bit hashes a matter of bad luck, which must not pass in silence.
void refuse_equal_streams(const Job& job, const CreditModel& model, const std::vector<ObligorIndex>& order) {
  std::vector<StreamId> streams;
  streams.reserve(model.obligors.size() + model.buckets.size() + 1);
  for (const Obligor& o : model.obligors) streams.push_back(o.stream);
  for (const Bucket& b : model.buckets) streams.push_back(b.stream);
  for (const RecoveryDraw& r : model.recoveries)
    if (r.law != none) streams.push_back(r.stream);
  streams.push_back(model.mixing);
  for (const Factor& f : job.market.factors)
    for (const StreamId id : {f.innovation, f.jump_count, f.jump_size, f.bridge, f.bridge_path, f.jump_time, f.jump_part})
      if (id != StreamId{}) streams.push_back(id);
  std::sort(streams.begin(), streams.end());
  const auto twice = std::adjacent_find(streams.begin(), streams.end());
  if (twice == streams.end()) return;
  std::string names;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto o = static_cast<std::size_t>(order[i]);
    if (model.obligors[o].stream == *twice || (!model.recoveries.empty() && model.recoveries[o].stream == *twice))
      names += " obligor " + job.obligors.id[i];
  }
  throw InvalidJob({"two random streams have the same number, rename one of:" + (names.empty() ? " the drivers" : names)});
}

}  // namespace

std::size_t exact_pairs(int steps, double dof) {
  const std::size_t nodes = PassageGrid::node_count(dof);
  return dof > 0 ? nodes : std::max(nodes, 4800 / static_cast<std::size_t>(steps));
}

int matching_step(double step_years, int steps) {
  const double first = std::ceil(1 / step_years - 1e-9);
  return first < steps ? std::max(1, static_cast<int>(first)) : steps;
}

double squared_loading(const FactorModel& market, const std::vector<Loading>& loadings) {
  const std::size_t n = market.factors.size();
  double sum = 0;
  for (const Loading& a : loadings)
    for (const Loading& b : loadings)
      sum += a.loading * b.loading *
             market.correlation[static_cast<std::size_t>(a.driver) * n + static_cast<std::size_t>(b.driver)];
  return sum;
}

std::string bucket_name(double pd_1y, std::span<const DefaultBy> term, const std::vector<Loading>& loadings,
                        const std::vector<std::string>& factor_ids) {
  std::string name = "pd " + hex(pd_1y);
  for (const DefaultBy& by : term)
    if (by.years != 1) name += " /" + std::to_string(static_cast<int>(by.years)) + " " + hex(by.probability);
  for (const Loading& l : loadings) name += " " + factor_ids[static_cast<std::size_t>(l.driver)] + " " + hex(l.loading);
  return name;
}

CompiledCredit compile_credit(const Job& job) {
  refuse_what_cannot_be(job);
  const std::vector<Group> groups = group(job.obligors);
  std::vector<double> squares;
  Laws laws(job);
  for (const Group& g : groups) {
    squares.push_back(squared_loading(job.market, g.profile.loadings));
    const bool scored = std::any_of(g.members.begin(), g.members.end(), [&](std::uint32_t i) {
      return job.obligors.lgd_sd[i] > 0 && job.obligors.lgd_correlation[i] > 0;
    });
    laws.add(Laws::pair(g.profile, squares.back()), static_cast<std::uint32_t>(g.members.size()), scored);
  }
  laws.solve();

  CompiledCredit out;
  CreditModel& model = out.model;
  model.sampler = job.credit.sampler;
  model.timing = job.credit.timing;
  model.dof = job.credit.dof;
  model.mixing = stream("mixing", "credit");
  model.steps = job.steps;
  model.obligors.reserve(job.obligors.size());
  out.order.resize(job.obligors.size());
  Recoveries recoveries(job, model);
  const auto add = [&](std::uint32_t i, double square, const ScoreLaw* scores) {
    recoveries.add(i, job.obligors.loadings[i], square, scores);
    out.order[i] = ObligorIndex{static_cast<std::uint32_t>(model.obligors.size())};
    model.obligors.push_back({stream("default", job.obligors.id[i]), job.obligors.loss_given_default[i]});
  };
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& [profile, members] = groups[g];
    const Law& law = laws.at(Laws::pair(profile, squares[g]));
    Bucket bucket;
    bucket.stream =
        stream("bucket", bucket_name(profile.pd_1y, term_of(job.obligors, profile), profile.loadings, job.factor_ids));
    bucket.loadings = profile.loadings;
    for (Loading& l : bucket.loadings) l.loading *= law.kappa;
    bucket.residual = std::sqrt(1 - law.kappa * law.kappa * squares[g]);
    bucket.threshold = law.threshold;
    bucket.first = static_cast<std::uint32_t>(model.obligors.size());
    bucket.count = static_cast<std::uint32_t>(members.size());
    for (const std::uint32_t i : members) add(i, squares[g], &law.scores);
    model.buckets.push_back(std::move(bucket));
  }
  for (std::uint32_t i = 0; i < job.obligors.size(); ++i)
    if (in_default(job.obligors, i))
      add(i, squared_loading(job.market, job.obligors.loadings[i]), nullptr), ++model.in_default;
  refuse_equal_streams(job, model, out.order);
  for (const auto& [pair, law] : laws.all())
    out.reports.push_back(
        {pair.pd_1y, law.pd_at_end, pair.term, pair.square, law.kappa, law.first_step_joint_ratio, law.obligors});
  return out;
}

}  // namespace tailcube
