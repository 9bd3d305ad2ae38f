#include "src/input/views.h"

#include <toml++/toml.h>

#include <cmath>
#include <optional>
#include <sstream>

#include "src/input/issues.h"

namespace tailcube {
namespace {

bool is_price(const Factor& f) { return f.process == Process::lognormal || f.process == Process::log_ou; }

struct Amount {
  double number;
  enum class Unit { none, percent, deviations } unit;
};
std::optional<Amount> amount_of(std::string_view text) {
  Amount out{0, Amount::Unit::none};
  if (text.ends_with("sd"))
    out.unit = Amount::Unit::deviations, text.remove_suffix(2);
  else if (text.ends_with('%'))
    out.unit = Amount::Unit::percent, text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (parse_number(text, out.number) != NumberText::number) return std::nullopt;
  if (out.unit == Amount::Unit::percent) out.number /= 100;
  return out;
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

class Reader {
 public:
  explicit Reader(const Job& job) : job_(job) {
    out_.mean.assign(job.factor_ids.size(), 0);
    out_.scale.assign(job.factor_ids.size(), 1);
    mean_given_.assign(job.factor_ids.size(), false);
  }
  void read(const ViewText& view) {
    const std::size_t equals = view.text.rfind('=');
    if (equals == std::string::npos) return wrong(view, "has no '='");
    const std::string left = trimmed(std::string_view(view.text).substr(0, equals));
    const auto amount = amount_of(trimmed(std::string_view(view.text).substr(equals + 1)));
    if (!amount || !std::isfinite(amount->number)) return wrong(view, "ends with no number");
    if (view.kind == ViewText::Kind::probability) return probability(view, left, *amount);
    const std::optional<std::uint32_t> factor = find(view, left);
    if (!factor) return;
    view.kind == ViewText::Kind::mean ? mean(view, *factor, *amount) : volatility(view, *factor, *amount);
  }
  Views finish() {
    if (!problems_.empty()) throw BadViews(problems_);
    for (std::uint32_t f = 0; f < out_.mean.size(); ++f)
      if (out_.mean[f] != 0 || out_.scale[f] != 1) out_.moved.push_back(f);
    return std::move(out_);
  }

 private:
  void wrong(const ViewText& view, const std::string& what) {
    problems_.push_back(view.where + ": " + in_quotes(view.text) + " " + what);
  }
  std::optional<std::uint32_t> find(const ViewText& view, const std::string& id) {
    for (std::uint32_t f = 0; f < job_.factor_ids.size(); ++f)
      if (job_.factor_ids[f] == id) return f;
    const std::vector<std::string_view> known(job_.factor_ids.begin(), job_.factor_ids.end());
    wrong(view, "names no factor or driver of the job" + Issues().suggest(id, known));
    return std::nullopt;
  }
  const Factor& factor(std::uint32_t f) const { return job_.market.factors[f]; }
  // A level of the factor in its own unit; nothing, after a message, where the unit does not fit.
  std::optional<double> value_of(const ViewText& view, std::uint32_t f, const Amount& amount) {
    if (amount.unit == Amount::Unit::none) return amount.number;
    if (is_price(factor(f))) return factor(f).initial * (1 + amount.number);
    wrong(view, "takes % of something that is no price: give its value, or sd");
    return std::nullopt;
  }
  bool is_innovation(std::uint32_t f, const Amount& amount) const {
    return amount.unit == Amount::Unit::deviations ||
           (factor(f).process == Process::driver && amount.unit == Amount::Unit::none);
  }

  void mean(const ViewText& view, std::uint32_t f, const Amount& amount) {
    if (mean_given_[f]) return wrong(view, "gives a second mean");
    mean_given_[f] = true;
    if (is_innovation(f, amount)) {
      out_.mean[f] = amount.number;
      return;
    }
    if (const auto value = value_of(view, f, amount))
      out_.constraints.push_back({view.text, f, Views::Constraint::Of::value, false, 0, *value});
  }
  void volatility(const ViewText& view, std::uint32_t f, const Amount& amount) {
    if (out_.scale[f] != 1) return wrong(view, "gives a second volatility");
    if (amount.unit != Amount::Unit::none || amount.number <= 0)
      return wrong(view, "is not a number above 0, the volatility over that of the job");
    out_.scale[f] = amount.number;
  }
  void probability(const ViewText& view, const std::string& left, const Amount& target) {
    const std::size_t at = left.find_first_of("<>");
    if (at == std::string::npos) return wrong(view, "compares nothing: write FACTOR<LEVEL=P or FACTOR>LEVEL=P");
    const double p = target.number;
    if (target.unit == Amount::Unit::deviations || p <= 0 || p >= 1)
      return wrong(view, "does not end with a probability above 0 and below 1");
    const std::optional<std::uint32_t> f = find(view, trimmed(std::string_view(left).substr(0, at)));
    std::string_view level_text = std::string_view(left).substr(at + 1);
    if (level_text.starts_with('=')) level_text.remove_prefix(1);
    const auto level = amount_of(trimmed(level_text));
    if (!level) return wrong(view, "compares with no number");
    if (!f) return;
    const auto of = left[at] == '<' ? Views::Constraint::Of::below : Views::Constraint::Of::above;
    if (is_innovation(*f, *level)) {
      out_.constraints.push_back({view.text, *f, of, true, level->number, p});
    } else if (const auto value = value_of(view, *f, *level)) {
      out_.constraints.push_back({view.text, *f, of, false, *value, p});
    }
  }

  const Job& job_;
  Views out_;
  std::vector<bool> mean_given_;
  std::vector<std::string> problems_;
};

}  // namespace

double Views::Constraint::operator()(double value, double innovation_value) const {
  if (of == Of::value) return value;
  const double x = innovation ? innovation_value : value;
  return (of == Of::below ? x < level : x > level) ? 1 : 0;
}

Views read_views(const Job& job, const std::vector<ViewText>& texts) {
  Reader reader(job);
  for (const ViewText& text : texts) reader.read(text);
  return reader.finish();
}

std::vector<ViewText> read_view_file(const std::filesystem::path& path, bool& propagate) {
  std::vector<ViewText> out;
  std::vector<std::string> problems;
  const std::string name = path.string();
  try {
    const toml::table root = toml::parse_file(name);
    const auto add = [&](const std::string& key, const toml::node& node, ViewText::Kind kind) {
      const std::string where = name + ": " + key;
      const auto* table = node.as_table();
      if (!table) return problems.push_back(where + " is not a table, for instance { BTC = \"-0.5sd\" }");
      for (const auto& [id, value] : *table) {
        std::ostringstream text;
        text << id.str() << '=';
        if (const auto number = value.value<double>())
          text << shown(*number);
        else
          text << value.value<std::string>().value_or("");
        out.push_back({kind, text.str(), where});
      }
    };
    for (const auto& [id, node] : root) {
      const std::string key(id.str());
      if (key == "mean")
        add(key, node, ViewText::Kind::mean);
      else if (key == "volatility")
        add(key, node, ViewText::Kind::volatility);
      else if (key == "probability")
        add(key, node, ViewText::Kind::probability);
      else if (key == "propagate" && node.is_boolean())
        propagate = *node.value<bool>();
      else
        problems.push_back(name + ": " + in_quotes(key) +
                           " is none of mean, volatility, probability (tables) and propagate");
    }
  } catch (const toml::parse_error& error) {
    std::ostringstream text;
    text << name << ":" << error.source().begin.line << ": " << error.description();
    problems.push_back(text.str());
  }
  if (!problems.empty()) throw BadViews(problems);
  return out;
}

}  // namespace tailcube
