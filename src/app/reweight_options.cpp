#include "src/app/reweight_options.h"

#include <CLI/CLI.hpp>

namespace tailcube {

ParsedReweight parse_reweight(int argc, const char* const* argv) {
  ReweightOptions options;
  CLI::App app{"Weighs the scenarios of a cube by another view of the world and says what it does to the risk.",
               "tailcube reweight"};
  add_revisit(app, options.at);
  const auto add_view = [&](const char* name, ViewText::Kind kind, const char* help, const char* type) {
    app.add_option_function<std::vector<std::string>>(
           name,
           [&options, name, kind](const std::vector<std::string>& given) {
             for (const std::string& text : given) options.views.push_back({kind, text, name});
           },
           help)
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->type_name(type);
  };
  add_view("--mean", ViewText::Kind::mean,
           "shifts a factor or driver by standard deviations of its innovation (BTC=-0.5sd), or sets its expected value at "
           "the horizon (BTC=-20% of today, RATE=0.05) (repeatable)",
           "FACTOR=X");
  add_view("--volatility", ViewText::Kind::volatility,
           "multiplies the deviation of a factor's innovation (BTC=1.2), up to 1.41 (repeatable)", "FACTOR=X");
  add_view("--probability", ViewText::Kind::probability,
           "sets the probability that a factor is below or above a level at the horizon: \"BTC<-30%=0.2\", "
           "\"RATE>0.06=0.1\", \"GLOBAL<-1sd=0.3\" (repeatable)",
           "FACTOR<X=P");
  app.add_option("--views", options.file, "a TOML file with such views: tables mean, volatility, probability; propagate")
      ->type_name("FILE");
  app.add_flag("--propagate", options.propagate,
               "let all other factors and drivers follow those of --mean (sd) and --volatility by their correlation");
  app.add_option("--sample", options.sample, "scenarios besides the worst that are weighed (default 20000)")
      ->check(CLI::Range(std::size_t{1000}, std::size_t{100'000'000}).description(""))
      ->type_name("N");
  add_threads(app, options.threads);
  try {
    app.parse(argc - 1, argv + 1);
    if (options.views.empty() && options.file.empty())
      throw CLI::RequiredError("a view (--mean, --volatility, --probability or --views)");
    return {options, {}};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, refusal_of(app, error)};
  }
}

}  // namespace tailcube
