#include "src/app/reverse_options.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "src/cube/plausibility.h"
#include "src/input/issues.h"

namespace tailcube {
namespace {

template <class Parse>
void add_number(CLI::App* app, const char* name, std::optional<double>& to, Parse parse, const char* rule, const char* help,
                const char* type) {
  app->add_option_function<std::string>(
         name,
         [&to, parse, name, rule](const std::string& text) {
           to = parse(text);
           if (!to) throw CLI::ValidationError(name, text + " is not " + rule);
         },
         help)
      ->type_name(type);
}

}  // namespace

std::optional<double> parse_amount(const std::string& text) {
  static const std::string prefixes = "kMB";
  const std::size_t power = text.empty() ? std::string::npos : prefixes.find(text.back() == 'K' ? 'k' : text.back());
  const bool scaled = power != std::string::npos;
  double number = 0;
  if (parse_number(scaled ? text.substr(0, text.size() - 1) : text, number) != NumberText::number) return std::nullopt;
  if (scaled) number *= std::pow(1000.0, static_cast<double>(power + 1));
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<double> parse_share(const std::string& text) {
  const bool percent = text.ends_with('%');
  double number = 0;
  if (parse_number(percent ? text.substr(0, text.size() - 1) : text, number) != NumberText::number) return std::nullopt;
  if (percent) number /= 100;
  return number > 0 && number < 1 ? std::optional(number) : std::nullopt;
}

ParsedReverse parse_reverse(int argc, const char* const* argv) {
  ReverseOptions options;
  CLI::App app{"Says which moves of factors, and whose defaults, go with a loss above a limit.", "tailcube reverse"};
  add_revisit(app, options.at);
  auto* what = app.add_option_group("what", "one of");
  add_number(what, "--loss", options.loss, parse_amount, "an amount, for instance 25M",
             "loss of the node that is exceeded, in the job's currency: 25M, 1.5B, 300k, 25000000", "AMOUNT");
  add_number(what, "--quantile", options.quantile, parse_share, "a number above 0 and below 1, for instance 0.999",
             "the same as the VaR at this confidence: 0.999 or 99.9%", "Q");
  what->require_option(1);
  app.add_option("--clusters", options.clusters, "number of clusters (default: as many as the tail has)")
      ->check(CLI::Range(1, static_cast<int>(most_clusters)).description(""))
      ->type_name("K");
  add_threads(app, options.threads);
  try {
    app.parse(argc - 1, argv + 1);
    return {options, {}};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, refusal_of(app, error)};
  }
}

}  // namespace tailcube
