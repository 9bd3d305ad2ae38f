#pragma once
// What every instrument is: a list of columns, the terms they fill, and a batch that values many positions in a block.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/market/market.h"

namespace tailcube {

enum class AccountIndex : std::uint32_t {};  // what positions of one instrument share: its first row of Block::factors

struct Range {
  double lower, upper;
  std::string_view words;  // how an error message says it: "positive", "between 0 and 1"
};
inline constexpr Range positive{0x1p-1022, 1e300, "positive"};
inline constexpr Range not_negative{0, 1e300, "zero or more"};
inline constexpr Range fraction{0, 1, "between 0 and 1"};
inline constexpr Range any{-1e300, 1e300, "finite"};

// "factor id or number": factor is `none` where it is the number; `blank` where the cell was empty.
struct Rate {
  double number;
  FactorIndex factor;
  bool blank;
};

// What has happened of something so long after it began, in total, as a share: both rise, up to 1 at most. A cell says
// "30:0.25 60:0.5 90:1".
struct ScheduledShare {
  double after, share;
  auto operator<=>(const ScheduledShare&) const = default;
};
using ShareSchedule = std::vector<ScheduledShare>;
// The share by then, 0 before the first.
inline double share_by(const ShareSchedule& schedule, double after) {
  double share = 0;
  for (const ScheduledShare& s : schedule)
    if (s.after <= after) share = s.share;
  return share;
}

// One line per input column: its name, where it goes, what is allowed. Reader, manual and batch share it.
template <class Terms>
struct Field {
  std::string_view name;
  std::variant<double Terms::*, FactorIndex Terms::*, CurveIndex Terms::*, Rate Terms::*, int Terms::*,
               ObligorIndex Terms::*, StreamId Terms::*, PoolIndex Terms::*, AccountIndex Terms::*, ShareSchedule Terms::*>
      member;
  Range allowed = any;  // of a factor: its value today; of a schedule: its times
  std::optional<double> otherwise =
      {};  // of a blank or missing column; none: required. A reference: `none` if set; a rate: NaN = stays blank
  std::string_view words = {};    // of an int: "bullet|annuity|linear", counted from 0
  std::string_view refused = {};  // of an int: words known to the format that this version cannot value: "pik"
  std::string_view meaning = {};  // for the manual, with the unit
  bool or_published = false;      // of a factor: may be a price that another position publishes
  // A number, word or schedule that only published values need: read where a job asks for them.
  bool of_published_value = false;
};
// The order of Field::member. A name is an id that positions may have in common; a batch sees stream(column, id) of it. A
// pool is the path of a node below the root. An account is an id that positions of one instrument have in common, too: they
// share what Instrument::publish_account makes of them.
enum class CellKind : std::uint8_t { number, factor, curve, rate, word, obligor, name, pool, account, schedule };
struct Column {
  std::string_view name;
  CellKind kind;
  Range allowed;
  std::optional<double> otherwise;
  std::string_view words, refused, meaning;
  bool or_published, of_published_value;
};

// One instrument's validated table, by column; no text but the ids. Sorted by id.
struct Positions {
  std::vector<std::string> id;
  std::vector<NodeIndex> leaf;
  std::vector<FactorIndex> currency;  // price of one unit in the job's currency; `none` = the job's currency
  std::vector<double> quantity;       // negative = short
  std::vector<ObligorIndex> obligor;  // `none` where the position has none
  std::vector<std::vector<double>>
      numbers;  // [column][position]; numbers, words as counts, rates (NaN if a factor or blank); empty: every `otherwise`
  std::vector<std::vector<std::uint32_t>> references;  // [column][position]; factors, curves, rates' factors, obligors,
                                                       // pools, accounts, places in `schedules`; empty otherwise
  std::vector<std::vector<StreamId>> names;            // [column][position]; of a blank cell 0; empty where it is no name
  std::vector<std::vector<std::uint32_t>>
      labels;                            // [column of Job::contribute_by][position]: place in its values, or `none`
  std::vector<ShareSchedule> schedules;  // of all cells that hold one, each once
  std::vector<FactorIndex> published;    // the first of what each publishes (PriceRow); empty: they publish nothing
  std::size_t size() const { return id.size(); }
};

enum class Detail : std::uint8_t { leaf, position };  // the run; or replay, contributions and oracle

// What the engine hands an instrument: indices for names, and which steps to value.
struct Wiring {
  Detail detail = Detail::leaf;
  const FactorModel* market = nullptr;
  std::uint32_t obligor_count = 0;
  std::vector<double>
      recovery_delay_years;           // per obligor: from default to the cash of an unsecured claim; empty: none waits
  std::vector<double> days_past_due;  // per obligor, today; empty: nobody is
  // P(default by a time of at least 0) before anything is known of the drivers, and the mean loss in a default.
  std::function<double(ObligorIndex, double years)> default_probability;
  std::vector<double> loss_given_default;  // per obligor
  std::vector<double> time_years;          // of steps 0 .. n
  std::vector<int> valued;                 // steps to value, ascending
  std::vector<RowIndex> row;               // per position: its ledger row (rows of a batch are contiguous)
  RowIndex first_row{};
  std::uint32_t row_count = 0;
  bool published_values = false;  // Ledger::published_value is asked for
  std::size_t ratio_gauges = 0;   // of each row, behind the others: Instrument::ratio_gauges, where they are
  std::uint32_t first_gauge = 0;  // gauge k of row r is gauge row first_gauge + (r - first_row) * gauges + k
  // Registers (curve, spread factor, date); the discount factor is then in Block::discounts.
  std::function<DiscountIndex(CurveIndex, FactorIndex spread, double date_years)> discount;
};

class Batch {
 public:
  virtual ~Batch() = default;
  // Sets value, cash, credit_loss and gauges of its rows at every valued step. One virtual call per block.
  virtual void evaluate(const Block&, Ledger&, Faults&) const noexcept = 0;

  std::vector<double> value_today;  // per row of the batch, job's currency
  // Ledger::published_value today, of a batch that sets it where it is there; empty: it leaves it alone, and the published
  // value is the value.
  std::vector<double> published_today;
  std::vector<double> gauges_today;  // per gauge row; empty: all 0
  std::vector<double>
      gross;  // per row: bound on |value + cash| in any ordinary scenario, for the rounding unit; + |published|
  std::vector<FactorIndex> reads;       // factors it reads directly
  std::vector<FactorIndex> reads_lows;  // factors whose path inside the steps it reads
  std::vector<CurveIndex> reads_curves;
  bool reads_defaults = false;
  bool checks_triggers = false;  // its result depends on Block::monitor_today,
  bool triggers_today = true;    // and also where step 0 has today's prices
  std::size_t bytes_per_thread = 0;
};

// What a position publishes: so many rows of Block::factors, of one unit, in the job's currency.
enum PriceRow : std::uint8_t {
  price_row,        // as others see it
  value_row,        // what a unit kept until then is worth to its holder
  cash_row,         // what its holder has received since today
  credit_loss_row,  // as Ledger::credit_loss
  happening_row,    // what the instrument's gauge counts
  price_rows
};
// What an account publishes, in the job's currency. It has as many rows as a price; an instrument may name more of them.
enum AccountRow : std::uint8_t {
  account_value,      // what is left of it
  account_shortfall,  // what was claimed of it since today and not met
  account_share,      // of what is claimed at this step, how much it meets
  account_rows
};
static_assert(int{account_rows} <= int{price_rows});
// Sets the rows of a position, or those of an account, at steps 0 .. n from the market, from what is published before it
// and, if it reads them, from the defaults.
class PricePath {
 public:
  virtual ~PricePath() = default;
  virtual void publish(Block&, FactorIndex first) const noexcept = 0;

  std::array<FactorModel::Published, price_rows> rows{};
  std::vector<FactorIndex> reads;
  bool reads_defaults = false;
};

struct Complaint {
  std::string_view column;
  std::string text;  // what was found and what is allowed; the reader adds file, line and column
};
struct Gauge {
  std::string_view name, unit;  // unit: "money" (the job's currency) or "1"
};
struct Instrument {
  std::string_view name;
  std::vector<Column> columns = {};
  std::vector<Gauge> gauges = {};
  std::vector<Gauge> ratio_gauges = {};  // what ratios are made of; behind `gauges` where a job asks for them
  enum class Credit : std::uint8_t { no, optional, required } obligor = Credit::no;
  bool foreign_currency = true;  // may have a currency other than the job's
  // True if, with a foreign currency, default turns into cash at a market price known only then (refused by terminal
  // timing).
  bool reads_market_at_default = false;
  bool sells_at_default = false;  // True if it does so in any currency: something is sold, or closed out
  std::optional<Complaint> (*check)(const Positions&, std::size_t position) = nullptr;  // an error
  // An error, where the factors matter.
  std::optional<Complaint> (*check_factors)(const Positions&, std::size_t position, const std::vector<Factor>&) = nullptr;
  std::optional<Complaint> (*warn)(const Positions&, std::size_t position) = nullptr;  // a warning of `check`
  std::unique_ptr<Batch> (*compile)(const Positions&, const Wiring&) = nullptr;
  // Of an instrument whose positions publish a price, which others refer to by the position's id.
  std::unique_ptr<PricePath> (*publish)(const Positions&, std::size_t position, const Wiring&) = nullptr;
  // Of an instrument with a column of accounts: what the positions that name one publish together, and an error where what
  // one says of it is not what the first says.
  std::unique_ptr<PricePath> (*publish_account)(const Positions& sharing, const Wiring&) = nullptr;
  std::optional<Complaint> (*check_account)(const Positions&, std::size_t first, std::size_t position) = nullptr;
};
// In the order of instruments.list; generated at build time.
std::span<const Instrument* const> instruments();

template <class Terms, std::size_t n>
std::vector<Column> columns(const Field<Terms> (&fields)[n]) {
  std::vector<Column> out;
  for (const auto& f : fields)
    out.push_back({f.name, static_cast<CellKind>(f.member.index()), f.allowed, f.otherwise, f.words, f.refused, f.meaning,
                   f.or_published, f.of_published_value});
  return out;
}
// `fields` are the columns from `first` on.
template <class Terms, std::size_t n>
Terms terms(const Positions& positions, const Field<Terms> (&fields)[n], std::size_t row, std::size_t first = 0) {
  Terms t{};
  for (std::size_t c = 0; c < n; ++c)
    std::visit(
        [&](auto member) {
          using T = std::remove_reference_t<decltype(t.*member)>;
          if constexpr (std::is_same_v<T, double> || std::is_same_v<T, int>) {
            const std::vector<double>& numbers = positions.numbers[first + c];
            t.*member = static_cast<T>(numbers.empty() ? *fields[c].otherwise : numbers[row]);
          } else if constexpr (std::is_same_v<T, Rate>) {
            const double number = positions.numbers[first + c][row];
            const FactorIndex factor{positions.references[first + c][row]};
            t.*member = Rate{number, factor, is_none(factor) && number != number};
          } else if constexpr (std::is_same_v<T, StreamId>) {
            t.*member = positions.names[first + c][row];
          } else if constexpr (std::is_same_v<T, ShareSchedule>) {
            const std::vector<std::uint32_t>& places = positions.references[first + c];
            if (!places.empty() && places[row] != none) t.*member = positions.schedules[places[row]];
          } else {
            t.*member = T{positions.references[first + c][row]};
          }
        },
        fields[c].member);
  return t;
}

}  // namespace tailcube
