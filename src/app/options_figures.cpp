#include "src/app/options_figures.h"

#include <CLI/CLI.hpp>

namespace tailcube {
namespace {

// An option that may be given several times, one value each, so that what follows is not taken for a value.
CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<std::string>& values, const std::string& help) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [&values](const std::vector<std::string>& given) { values.insert(values.end(), given.begin(), given.end()); },
          help)
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
}

void add_cube(CLI::App& app, Options& options) {
  app.add_option("cube", options.input, "a cube, or the folder with cube.h5")->required();
}

void add_filters(CLI::App& app, FigureOptions& figures, const std::string& what) {
  Filters& filters = figures.filters;
  add_list(app, "--cell", filters.cells, "stress cells: a name, else a glob, else the beginning of names (repeatable)")
      ->type_name("NAME");
  add_list(app, "--node", filters.nodes, "nodes, the same; 'total/' may be left out (repeatable)")->type_name("NAME");
  add_list(app, "--horizon", filters.horizons, "horizons: 3M, 1Y, 0.25 or last (repeatable)")->type_name("TIME");
  add_list(app, "--confidence", filters.confidences, "confidence levels: 99, 99% or 0.99 (repeatable)")->type_name("LEVEL");
  add_list(app, "--quantity", filters.quantities, "kinds of loss: economic, credit, published, gap (repeatable)")
      ->type_name("NAME");
  add_list(app, "--what", figures.what, what)->delimiter(',')->type_name("LIST");
}

}  // namespace

void add_show(CLI::App& app, Options& options) {
  add_cube(app, options);
  add_filters(app, options.figures,
              "what to print, the first for comparisons: es, var, mean, std, worst, probability; contributions, "
              "distribution, gauges, tail (default es,var,mean,distribution)");
  app.add_flag_callback(
      "--contributions", [&options] { options.figures.what.emplace_back("contributions"); },
      "as --what contributions: what nodes add to the expected shortfall of --node (default: of the total)");
}

void add_export(CLI::App& app, Options& options) {
  add_cube(app, options);
  app.add_option("--format", options.figures.format, "csv or json")
      ->check(CLI::IsMember({"csv", "json"}).description(""))
      ->type_name("FORMAT")
      ->required();
  app.add_option("-o,--output", options.output, "file to write, whole or not at all (default: standard output)")
      ->type_name("FILE");
  add_filters(
      app, options.figures,
      "figures as in show, datasets (base_value, tail/loss), groups (tail, distribution, contribution) or all (default "
      "mean,std,worst,probability,var,es)");
}

void add_compare(CLI::App& app, Options& options) {
  add_cube(app, options);
  FigureOptions& figures = options.figures;
  app.add_option("other", figures.second, "the cube to compare it with, or its folder")->required();
  const auto number = [&](const char* name, double& value, const char* help) {
    app.add_option(name, value, help)->check(CLI::NonNegativeNumber.description(""))->type_name("X");
  };
  number("--tolerance-relative", figures.relative, "differences up to this share of the first cube's figure are none");
  number("--tolerance-absolute", figures.absolute, "differences up to this amount are none");
  app.add_option(
         "--sigma", figures.sigma,
         "standard errors that are put down to noise (default: so many that noise alone makes any figure differ with a "
         "probability of 5 %)")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("Z");
  app.add_option("--inputs", figures.inputs, "folder that may hold input files of the jobs, old or new (repeatable)")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all()
      ->type_name("DIR");
  figures.format = "text";
  app.add_option("--format", figures.format, "text (default) or json")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->type_name("FORMAT");
  add_filters(app, figures,
              "figures: value, mean, var, es, std, worst, probability, contributions (default value,mean,var,es)");
}

}  // namespace tailcube
