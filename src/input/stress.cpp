// [[stress]] and [[stress_axis]]: the cells.
#include <algorithm>
#include <cmath>
#include <limits>

#include "src/input/reading.h"
#include "src/input/stress_path.h"

namespace tailcube {
namespace {

constexpr std::size_t most_cells = 10'000;

struct Level {
  std::string name;
  std::vector<ShockSpec> shocks;
};
struct Axis {
  std::string name;
  std::vector<Level> levels;
};

class StressReader {
 public:
  explicit StressReader(Reading& reading) : reading_(reading), paths_(reading) {}

  void read() {
    read_cells();
    read_axes();
    if (cells().empty()) {
      cells().push_back({"base", std::nullopt, {}, false});
      reading_.job.defaults_used.push_back("stress = one cell \"base\"");
    }
  }

 private:
  std::vector<CellSpec>& cells() { return reading_.job.cells; }

  // The tables of an array of tables; anything else is reported.
  std::vector<const toml::table*> tables(const toml::node* node, Section& section, std::string_view key) {
    std::vector<const toml::table*> out;
    if (!node) return out;
    const auto* array = node->as_array();
    if (!array)
      section.wrong(*node, key, "an array of tables");
    else
      for (const auto& element : *array) {
        if (element.is_table())
          out.push_back(element.as_table());
        else
          section.wrong(element, key, "a table");
      }
    return out;
  }

  static std::string indexed(std::string_view path, std::size_t i) {
    return std::string(path) + "[" + std::to_string(i) + "]";
  }

  // Free text, but ',' and '=' build the names of crossed cells.
  std::string read_name(Section& section) {
    std::string name = section.text("name");
    const auto* node = section.table().get("name");
    if (!node || !node->is_string()) return name;
    const bool control = std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (name.empty() || control || name.find_first_of(",=") != std::string::npos)
      section.wrong(*node, "name", "a name: some text without ',' and '='");
    return name;
  }

  template <class List>
  void check_new(const List& list, const std::string& name, Section& section) {
    const auto* node = section.table().get("name");
    if (node && std::any_of(list.begin(), list.end(), [&](const auto& other) { return other.name == name; }))
      section.error(*node, "name", in_quotes(name) + " is there twice");
  }

  void read_cells() {
    Section root(reading_.context(), "");
    const auto found = tables(root.find("stress"), root, "stress");
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string path = indexed("stress", i);
      Section section(reading_.context(), *found[i], path);
      CellSpec cell;
      cell.name = read_name(section);
      check_new(cells(), cell.name, section);
      if (const auto* file = section.find("path")) cell.path = paths_.read(section, *file);
      cell.shocks = read_shocks(section, path);
      cell.propagate = section.boolean("propagate", false);
      section.finish();
      cells().push_back(std::move(cell));
    }
  }

  std::vector<ShockSpec> read_shocks(Section& section, const std::string& path) {
    std::vector<ShockSpec> out;
    const auto found = tables(section.find("shocks"), section, "shocks");
    for (std::size_t i = 0; i < found.size(); ++i) {
      Section shock(reading_.context(), *found[i], indexed(path + ".shocks", i));
      if (const auto spec = read_shock(shock)) out.push_back(*spec);
      shock.finish();
    }
    return out;
  }

  void whole(Section& shock, std::string text) {
    reading_.issues.add(
        reading_.toml.issue(shock.where(), shock.dotted("").substr(0, shock.dotted("").size() - 1), std::move(text)));
  }

  std::optional<ShockSpec> read_shock(Section& shock) {
    ShockSpec out{FactorIndex{none}, Operation::add, 0};
    const auto* factor = shock.find("factor");
    const auto* driver = shock.find("driver");
    if (!factor == !driver) whole(shock, "a shock names one factor or one driver");
    const std::string_view key = factor ? "factor" : "driver";
    if (const auto* node = factor ? factor : driver) {
      const auto complain = [&](std::string why) { shock.error(*node, key, std::move(why)); };
      const auto* text = node->as_string();
      if (!text)
        shock.wrong(*node, key, "an id");
      else
        out.factor = reading_.factor(text->get(), factor ? Reading::Want::market_factor : Reading::Want::driver, complain);
    }
    read_operation(shock, out);
    if (driver)
      refuse_on_driver(shock);
    else
      read_times(shock, out);
    if (is_none(out.factor)) return std::nullopt;
    return out;
  }

  void read_operation(Section& shock, ShockSpec& out) {
    constexpr std::string_view keys[] = {"add", "multiply", "set"};  // the order of Operation
    int given = 0;
    for (int k = 0; k < 3; ++k) {
      if (!shock.find(keys[k])) continue;
      ++given;
      out.operation = static_cast<Operation>(k);
      const std::size_t before = reading_.issues.total();
      out.amount = shock.number(keys[k], any);
      const auto* node = shock.table().get(keys[k]);
      if (reading_.issues.total() == before && out.amount <= 0 && k != 0 && positive_only(out.factor))
        shock.wrong(*node, keys[k],
                    "positive; " + in_quotes(reading_.job.factor_ids[static_cast<std::size_t>(out.factor)]) +
                        " is lognormal or log_ou and stays above zero");
    }
    if (given != 1) whole(shock, "a shock has one of add, multiply and set");
  }
  bool positive_only(FactorIndex factor) const {
    if (is_none(factor)) return false;
    const Process process = reading_.job.market.factors[static_cast<std::size_t>(factor)].process;
    return process == Process::lognormal || process == Process::log_ou;
  }

  void refuse_on_driver(Section& shock) {
    for (const std::string_view key : {"multiply", "from", "to", "on"})
      if (const auto* node = shock.find(key))
        shock.error(*node, key, "not for drivers: a driver takes set or add, over the whole time");
  }

  void read_times(Section& shock, ShockSpec& out) {
    const auto* from = shock.find("from");
    const auto* to = shock.find("to");
    if (from) out.from = static_cast<int>(shock.integer("from", {1, reading_.last_step}));
    if (to) out.to = static_cast<int>(shock.integer("to", {1, reading_.last_step}, reading_.last_step));
    if (from && to && out.to < out.from)
      shock.error(*to, "to", canonical(*to) + " is before from = " + std::to_string(out.from));
    const auto* on = shock.find("on");
    if (!on) return;
    const auto* word = on->as_string();
    if (!word || word->get() != "initial")
      return shock.wrong(*on, "on", "\"initial\"; leave it out for a shock of the simulated value");
    out.initial = true;
    for (const std::string_view key : {"from", "to"})
      if (const auto* node = shock.table().get(key))
        shock.error(*node, key, "a shock of the initial value has no " + std::string(key));
  }

  void read_axes() {
    Section root(reading_.context(), "");
    const auto found = tables(root.find("stress_axis"), root, "stress_axis");
    std::vector<Axis> axes;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string path = indexed("stress_axis", i);
      Section section(reading_.context(), *found[i], path);
      Axis axis;
      axis.name = read_name(section);
      check_new(axes, axis.name, section);
      axis.levels = read_levels(section, path);
      section.finish();
      axes.push_back(std::move(axis));
    }
    if (!axes.empty()) cross(axes);
  }

  std::vector<Level> read_levels(Section& section, const std::string& path) {
    std::vector<Level> out;
    const auto* node = section.find("levels");
    if (!node) return section.missing("levels", "a list of levels, each with a name and shocks"), out;
    const auto found = tables(node, section, "levels");
    if (node->is_array() && found.empty()) section.wrong(*node, "levels", "a list of at least one level");
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string level_path = indexed(path + ".levels", i);
      Section level(reading_.context(), *found[i], level_path);
      Level made;
      made.name = read_name(level);
      check_new(out, made.name, level);
      made.shocks = read_shocks(level, level_path);
      level.finish();
      out.push_back(std::move(made));
    }
    return out;
  }

  // The last axis runs fastest; shocks apply in the order of the axes.
  void cross(const std::vector<Axis>& axes) {
    std::size_t count = cells().size(), product = 1;
    for (const auto& axis : axes) product = std::min(most_cells + 1, product * std::max<std::size_t>(1, axis.levels.size()));
    if (count + product > most_cells) {
      reading_.issues.add({reading_.files.all().front().shown, 0, 0, "stress_axis",
                           "more than " + std::to_string(most_cells) + " stress cells"});
      return;
    }
    std::vector<CellSpec> crossed(1);
    for (const auto& axis : axes) {
      std::vector<CellSpec> next;
      for (const auto& cell : crossed)
        for (const auto& level : axis.levels) {
          CellSpec& made = next.emplace_back(cell);
          made.name += (made.name.empty() ? "" : ",") + axis.name + "=" + level.name;
          made.shocks.insert(made.shocks.end(), level.shocks.begin(), level.shocks.end());
        }
      crossed = std::move(next);
    }
    for (auto& cell : crossed) cells().push_back(std::move(cell));
  }

  Reading& reading_;
  PathReader paths_;
};

}  // namespace

void read_stress(Reading& reading) { StressReader(reading).read(); }

}  // namespace tailcube
