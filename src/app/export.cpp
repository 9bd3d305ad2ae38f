#include <iostream>
#include <span>

#include "hpc/file_output.h"
#include "src/app/commands.h"
#include "src/app/cube_input.h"
#include "src/app/export_rows.h"
#include "src/report/json.h"

namespace tailcube {
namespace {

std::string about(const CubeHeader& h) {
  return Json()
      .add("title", h.title)
      .add("source", h.source)
      .add("job_digest", h.job_digest)
      .add("seed", h.seed)
      .add("scenarios", h.scenarios)
      .add("sampler", h.sampler)
      .add("tail_mode", h.tail_mode)
      .add("currency", h.currency)
      .text();
}

}  // namespace

int export_command(const Options& options) {
  return run_reader([&] {
    const ChosenDatasets chosen = choose_datasets(options.figures.what);
    const LoadedCube loaded = load_cube(options.input, groups_without(chosen));
    const ExportRows rows(loaded.cube, options.figures.filters, chosen);
    const auto text = [&](const std::function<void(std::string_view)>& write) {
      if (options.figures.format == "json")
        export_json(rows, about(loaded.header), write);
      else
        export_csv(rows, write);
    };
    if (options.output.empty()) {
      text([](std::string_view part) { std::cout << part; });
      std::cout.flush();
      if (!std::cout) throw FileError("standard output: cannot be written");
      return;
    }
    PartFile file(options.output);
    text([&](std::string_view part) { file.write(std::as_bytes(std::span(part))); });
    file.keep();
  });
}

}  // namespace tailcube
