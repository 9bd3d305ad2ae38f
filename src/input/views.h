#pragma once
// Views of the world as people write them: on the command line, or in a TOML file (docs/reverse.md).
#include <filesystem>
#include <string>
#include <vector>

#include "src/model/model.h"

namespace tailcube {

struct ViewText {
  enum class Kind : std::uint8_t { mean, volatility, probability } kind;
  std::string text;   // "BTC=-0.5sd", "BTC=1.2", "BTC<-30%=0.2"
  std::string where;  // for messages: "--mean", "views.toml: mean"
};
// The views of a file; `propagate` becomes what it says, if it says. Throws BadViews.
std::vector<ViewText> read_view_file(const std::filesystem::path&, bool& propagate);

struct Views {
  // Of the accumulated innovations: the mean and the deviation of each factor; `moved`: those with a view.
  std::vector<double> mean, scale;
  std::vector<std::uint32_t> moved;
  // On what the factor is at the horizon: its expected value, or the probability that it is below or above a level.
  struct Constraint {
    std::string text;
    std::uint32_t factor;
    enum class Of : std::uint8_t { value, below, above } of;
    bool innovation;       // the level is one of the innovation, not of the value
    double level, target;  // level unused for a value
    double operator()(double value, double innovation_value) const;
  };
  std::vector<Constraint> constraints;
};
// Throws BadViews with all that is wrong.
Views read_views(const Job&, const std::vector<ViewText>&);

class BadViews : public std::exception {
 public:
  explicit BadViews(std::vector<std::string> texts) : messages(std::move(texts)) {}
  const char* what() const noexcept override { return "views that cannot be read"; }
  std::vector<std::string> messages;
};

}  // namespace tailcube
