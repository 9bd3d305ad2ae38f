#include "src/input/warnings.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr WarningKind catalogue[] = {
    {"correlation_repaired", "`market.repair_correlation` replaced the matrix",
     "look at the largest change; ask where a matrix that cannot be comes from"},
    {"obligors_in_default", "obligors are past due for 90 days or more", "expect them in default at the first step"},
    {"obligors_past_due", "obligors are past due for fewer days",
     "let their `pd_1y` know it: the days change published values only"},
    {"constant_spread", "positions with credit risk have a number or nothing as spread",
     "name a factor: a constant cannot widen when times are bad"},
    {"driver_uncorrelated", "a driver is uncorrelated with everything",
     "give its correlations: silent independence makes tails thin"},
    {"crypto_without_jumps",
     "a `lognormal` factor without jumps has a well-known ticker before the first `_ . : + -` of its id, or a volatility of "
     "0.5 or more",
     "give it jumps: without gaps bad debt is too small"},
    {"thin_tail", "fewer than 100 scenarios lie beyond a confidence", "ask for more scenarios or for less confidence"},
    {"gaussian_tail", "a Gaussian copula is reported at 99.9 % or beyond",
     "compare with a t copula: a Gaussian one has no tail dependence"},
    {"doubtful_position", "a position is legal but odd, such as a vault whose threshold x (1 + bonus) is above 1",
     "look at the row; ten are listed per type, then their number"},
    {"distant_cell", "what a stress cell pins is less likely than five standard deviations of a single number",
     "make sure that the story is meant to be that extreme"},
    {"coarse_loss_unit", "the book is worth fewer than 10 000 loss units today",
     "state the book in a smaller currency unit, or look for a position with a gross amount far above the others"},
};
static_assert(std::size(catalogue) == static_cast<std::size_t>(Warning::coarse_loss_unit) + 1);

std::string percent(const Confidence& c) { return shown(100 * c.value()) + " %"; }
std::string counted(std::size_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

void add(Job& job, Warning kind, const std::string& text) { job.warnings.push_back(named(kind, text)); }

void arrears(Job& job) {
  std::size_t late = 0, in_default = 0;
  for (const double days : job.obligors.days_past_due) (days >= days_in_default ? in_default : late) += days > 0;
  if (in_default > 0)
    add(job, Warning::obligors_in_default,
        "days_past_due: " + counted(in_default, "obligor is", "obligors are") + " " + shown(days_in_default) +
            " days past due or more: in default at the first step of every scenario");
  if (late > 0)
    add(job, Warning::obligors_past_due,
        "days_past_due: " + counted(late, "obligor is", "obligors are") + " past due by less than " +
            shown(days_in_default) + " days: that changes published values only, their pd_1y should know it");
}

// Credit positions whose rate ("factor id or number") is not a factor: their spread cannot widen.
void constant_spreads(Job& job) {
  for (const auto& table : job.tables)
    for (std::size_t c = 0; c < table.instrument->columns.size(); ++c) {
      const Column& column = table.instrument->columns[c];
      if (column.kind != CellKind::rate || column.name != "spread") continue;
      std::size_t count = 0;
      for (std::size_t row = 0; row < table.positions.size(); ++row)
        count += !is_none(table.positions.obligor[row]) && table.positions.references[c][row] == none;
      if (count > 0)
        add(job, Warning::constant_spread,
            std::string(table.instrument->name) + ": " + counted(count, "credit position has", "credit positions have") +
                " a constant " + std::string(column.name) + "; a factor there would let it widen in bad scenarios");
    }
}

void lonely_drivers(const Reading& reading, Job& job) {
  const std::size_t n = job.market.factors.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (job.market.factors[i].process != Process::driver || n == 1) continue;
    bool alone = true;
    for (std::size_t j = 0; j < n; ++j) alone = alone && (j == i || job.market.correlation[i * n + j] == 0);
    if (alone)
      add(job, Warning::driver_uncorrelated,
          reading.factor_place[i] + ": driver " + job.factor_ids[i] +
              " is uncorrelated with everything: silent independence thins tails");
  }
}

// There is no kind "crypto": known tickers, or a volatility that few other assets reach.
bool looks_like_crypto(std::string_view id, double volatility) {
  constexpr std::array<std::string_view, 24> tickers = {"BTC", "WBTC", "CBBTC", "ETH",  "WETH", "STETH", "WSTETH", "SOL",
                                                        "BNB", "XRP",  "ADA",   "AVAX", "DOT",  "LINK",  "UNI",    "AAVE",
                                                        "MKR", "ARB",  "OP",    "POL",  "DOGE", "ATOM",  "LTC",    "TON"};
  std::string name;
  for (const char c : id.substr(0, id.find_first_of("_.:+-")))
    name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (name.size() == 6 && name.ends_with("USD")) name.resize(3);
  return volatility >= 0.5 || std::find(tickers.begin(), tickers.end(), name) != tickers.end();
}

void smooth_crypto(const Reading& reading, Job& job) {
  for (std::size_t i = 0; i < job.market.factors.size(); ++i) {
    const Factor& f = job.market.factors[i];
    if (f.process == Process::lognormal && f.jump_rate == 0 && looks_like_crypto(job.factor_ids[i], f.volatility))
      add(job, Warning::crypto_without_jumps,
          reading.factor_place[i] + ": factor " + job.factor_ids[i] + " looks like a crypto asset (volatility " +
              shown(f.volatility) + ") but has no jumps: gaps, and with them bad debt, will be too small");
  }
}

void thin_tails(Job& job) {
  for (const auto& c : job.confidence) {
    const std::uint64_t beyond =
        job.scenarios * static_cast<std::uint64_t>(c.denominator - c.numerator) / static_cast<std::uint64_t>(c.denominator);
    if (beyond < 100)
      add(job, Warning::thin_tail,
          "cube.confidence: " + counted(beyond, "scenario", "scenarios") + " of " + std::to_string(job.scenarios) +
              " beyond " + percent(c) + ", fewer than 100");
  }
  const bool far = !job.confidence.empty() && job.confidence.back().value() >= 0.999;
  if (far && job.credit.dof == 0 && job.obligors.size() > 1)
    add(job, Warning::gaussian_tail,
        "credit.copula: a Gaussian copula is reported at " + percent(job.confidence.back()) +
            ": it has no tail dependence; a t copula is the usual comparison");
}

}  // namespace

std::span<const WarningKind> warning_catalogue() { return catalogue; }

std::string named(Warning kind, const std::string& text) {
  return text + " [" + std::string(catalogue[static_cast<std::size_t>(kind)].name) + "]";
}

void list_warnings(Reading& reading) {
  Job& job = reading.job;
  if (job.correlation_repair > 0)
    add(job, Warning::correlation_repaired,
        "files.correlation: the matrix was replaced by the nearest one; the largest change of an entry is " +
            rounded(job.correlation_repair));
  arrears(job);
  constant_spreads(job);
  lonely_drivers(reading, job);
  smooth_crypto(reading, job);
  thin_tails(job);
}

}  // namespace tailcube
