#include "src/app/options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <sstream>

#include "src/app/options_figures.h"

namespace tailcube {
namespace {

void add_job(CLI::App& command, Options& options) {
  command.add_option("job", options.input, "the job file (TOML)")->required();
  command
      .add_option_function<std::vector<std::string>>(
          "--set",
          [&options](const std::vector<std::string>& given) {
            options.settings.insert(options.settings.end(), given.begin(), given.end());
          },
          "change a setting of the job: key=value, for instance run.scenarios=1000 (repeatable)")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)  // files may follow
      ->take_all()
      ->check([](const std::string& text) {
        const std::size_t equals = text.find('=');
        return equals == 0 || equals == std::string::npos ? "'" + text + "' is not key=value" : std::string();
      });
}

void add_patience(CLI::App& run, Options& options) {
  run.add_option("--patience", options.patience_seconds,
                 "how long a rank may be silent before it counts as lost and the run ends (default 600)")
      ->check(CLI::Range(1.0, 1e9).description(""))
      ->type_name("SECONDS");
}

void add_logging(CLI::App& command, Options& options) {
  auto* quiet = command.add_flag("-q,--quiet", options.quiet, "print warnings and errors only");
  command.add_flag("-v,--verbose", options.verbose, "print details")->excludes(quiet);
  command.add_flag("--json-log", options.json_log, "log lines as JSON objects");
}

void add_folder(CLI::App& command, Options& options) {
  command.add_option("-o,--output", options.output, "folder for cube.h5, run.json and run.log (default ./NAME of the job)")
      ->type_name("DIR");
}

void add_output(CLI::App& run, Options& options) {
  add_folder(run, options);
  run.add_flag("--overwrite", options.overwrite, "replace what an existing output folder holds");
  run.add_flag("--dry-run", options.dry_run, "check the job, print how it would be run and what memory it takes, and stop");
  static const std::map<std::string, ProgressStyle> styles{{"auto", ProgressStyle::automatic},
                                                           {"bar", ProgressStyle::bar},
                                                           {"log", ProgressStyle::lines},
                                                           {"none", ProgressStyle::silent}};
  run.add_option("--progress", options.progress, "auto (a bar on a terminal, else timed lines), bar, log or none")
      ->transform(CLI::CheckedTransformer(styles, CLI::ignore_case).description(""))
      ->type_name("STYLE");
}

std::string read_shard(const std::string& text, Options& options) {
  char rest = 0;
  if (std::sscanf(text.c_str(), "%d/%d%c", &options.shard, &options.shards, &rest) == 2 && options.shard >= 1 &&
      options.shard <= options.shards)
    return {};
  return "'" + text + "' is not K/N, the K-th of N parts, K from 1 to N";
}

void add_parts(CLI::App& run, Options& options) {
  run.add_option_function<std::string>(
         "--shard",
         [&options](const std::string& text) {
           const std::string wrong = read_shard(text, options);
           if (!wrong.empty()) throw CLI::ValidationError("--shard", wrong);
         },
         "evaluate the K-th of N parts only and write shard-K-of-N.tally, for tailcube merge")
      ->type_name("K/N");
  run.add_option("--extend", options.extend, "evaluate only the scenarios that this .tally of a smaller run lacks")
      ->type_name("FILE");
  run.add_flag("--keep-tally", options.keep_tally, "keep the tallies as cube.tally, so that scenarios can be added later");
}

std::string read_slow_rank(const std::string& text, Options& options) {
  char rest = 0;
  if (std::sscanf(text.c_str(), "%d:%lf%c", &options.slow_rank, &options.slow_factor, &rest) == 2 &&
      options.slow_rank >= 0 && options.slow_factor >= 1)
    return {};
  return "'" + text + "' is not RANK:FACTOR with a factor of one or more";
}

void add_memory(CLI::App& command, Options& options) {
  command
      .add_option_function<std::string>(
          "--memory",
          [&options](const std::string& text) {
            const auto limit = parse_memory(text);
            if (!limit)
              throw CLI::ValidationError("--memory",
                                         "'" + text + "' is neither a size like 4G or 500M nor a share like 60%");
            options.memory = *limit;
          },
          "memory each rank may use, 4G or 500M; or the share of a node's memory for all its ranks, 60% (default)")
      ->type_name("SIZE");
}

void add_shares(CLI::App& run, Options& options) {
  run.add_option("--threads", options.threads, "threads of each rank (default: all cores the rank may use)")
      ->check(CLI::Range(1, 4096).description(""))
      ->type_name("N");
  add_memory(run, options);
}

void add_energy(CLI::App& run, Options& options) {
  run.add_option("--watts-per-core", options.watts_per_core,
                 "power of a busy core, to estimate energy where it cannot be read (default 5, or TAILCUBE_WATTS_PER_CORE)")
      ->envname("TAILCUBE_WATTS_PER_CORE")
      ->check(CLI::Range(1e-3, 1e6).description(""))
      ->type_name("W");
}

void add_tests(CLI::App& run, Options& options) {
  run.add_option("--simd", "tests: leave out the vector instructions above this level")
      ->check(CLI::IsMember({"avx2"}))
      ->each([&options](const std::string&) { options.avx2_only = true; })
      ->group("");
  run.add_option("--slow-rank", "tests: RANK:FACTOR, make this rank slower")
      ->each([&options](const std::string& text) {
        const std::string wrong = read_slow_rank(text, options);
        if (!wrong.empty()) throw CLI::ValidationError("--slow-rank", wrong);
      })
      ->group("");
  run.add_option("--pause-at", options.pause_at, "tests: wait where this file is about to appear")->group("");
}

void add_plan(CLI::App& plan, Options& options) {
  const auto count = [&](const char* name, int& value, const char* help) {
    plan.add_option(name, value, help)->check(CLI::Range(1, 1'000'000).description(""))->type_name("N");
  };
  count("--ranks", options.plan.ranks, "ranks to plan for (default: as started, alone 1)");
  count("--ranks-per-node", options.plan.ranks_per_node, "ranks on each node (default: as many as this machine has cores)");
  plan.add_option_function<std::uint64_t>(
          "--scenarios", [&options](std::uint64_t n) { options.settings.push_back("run.scenarios=" + std::to_string(n)); },
          "scenarios in each cell, as --set run.scenarios=N")
      ->type_name("N");
  plan.add_option("--calibrate", options.plan.calibrate_seconds,
                  "seconds to spend on timing tiles (default 5); 0: time nothing")
      ->check(CLI::Range(0.0, 1e5).description(""))
      ->type_name("SECONDS");
}

void add_submit(CLI::App& submit, Options& options) {
  submit.add_flag("--slurm", options.submit.slurm, "for Slurm")->required();
  submit.add_flag("--print", options.submit.print, "print the script, for sbatch to read")->required();
  submit.add_option("--shards", options.submit.shards, "run in N parts without MPI, as a job array, and merge them")
      ->check(CLI::Range(1, 100'000).description(""))
      ->excludes("--ranks")
      ->excludes("--ranks-per-node")
      ->type_name("N");
}

void add_stops(CLI::App& run, Options& options) {
  run.add_option("--checkpoint-every", options.checkpoint_minutes,
                 "minutes between checkpoints, 0: only when stopped (default 10, more where they are dear)")
      ->check(CLI::Range(0.0, 1e6).description(""))
      ->each([&options](const std::string&) { options.checkpoint_exactly = true; })
      ->type_name("MINUTES");
  run.add_option("--resume", options.resume,
                 "auto (go on with the checkpoint in the output folder, if there is one), never, or a .tally file")
      ->type_name("HOW");
  run.add_option("--max-hours", options.max_hours, "stop in good time with a checkpoint and exit code 75")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("HOURS");
}

}  // namespace

std::optional<MemoryLimit> parse_memory(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  double number = 0;
  std::string unit;
  if (!(in >> number) || !std::isfinite(number) || number <= 0) return std::nullopt;
  in >> unit;
  if (std::string rest; in >> rest) return std::nullopt;
  if (unit == "%") return number <= 100 ? std::optional(MemoryLimit{0, number / 100}) : std::nullopt;
  static const std::string prefixes = "kMGT";
  double factor = 1;
  if (!unit.empty() && unit != "B") {
    const std::size_t power = prefixes.find(unit[0] == 'K' ? 'k' : unit[0]);
    const std::string tail = unit.substr(1);
    if (power == std::string::npos || (!tail.empty() && tail != "B" && tail != "i" && tail != "iB")) return std::nullopt;
    factor = std::pow(tail.starts_with("i") ? 1024.0 : 1000.0, static_cast<double>(power + 1));
  }
  if (number * factor < 1 || number * factor > 1e18) return std::nullopt;
  return MemoryLimit{static_cast<std::uint64_t>(number * factor), 0};
}

Parsed parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app{"Tail risk of portfolios of tokenized assets, reduced to one file.", "tailcube"};
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("tailcube ") + "(use: tailcube version)");
  const auto command = [&](const char* name, const char* help, Command which) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([&options, which] { options.command = which; });
    return sub;
  };
  CLI::App& run = *command("run", "check a job, evaluate it and write its cube", Command::run);
  add_job(run, options);
  add_patience(run, options);
  add_output(run, options);
  add_shares(run, options);
  add_energy(run, options);
  add_stops(run, options);
  add_tests(run, options);
  add_parts(run, options);
  add_logging(run, options);
  CLI::App& merge = *command("merge", "add up shards, or more scenarios, and write the cube", Command::merge);
  add_job(merge, options);
  merge.add_option("parts", options.parts, "their .tally files, or a folder with shards")->required();
  merge.add_option("-o,--output", options.output, "folder for cube.h5, run.json and run.log; may be that of the shards")
      ->type_name("DIR")
      ->required();
  merge.add_flag("--overwrite", options.overwrite, "replace a cube that is there");
  merge.add_flag("--keep-tally", options.keep_tally, "keep the sum as cube.tally");
  add_shares(merge, options);
  add_energy(merge, options);
  add_logging(merge, options);
  CLI::App& check = *command("check", "check a job and print what was understood, assumed and doubted", Command::check);
  add_job(check, options);
  add_logging(check, options);
  CLI::App& plan = *command("plan", "time a few tiles of a job and print what a run of it would take", Command::plan);
  add_job(plan, options);
  add_shares(plan, options);
  add_energy(plan, options);
  add_plan(plan, options);
  plan.add_flag("--json", options.plan.json, "print the plan as JSON");
  add_logging(plan, options);
  CLI::App& submit = *command("submit", "plan a run and print a job script for it", Command::submit);
  add_job(submit, options);
  add_folder(submit, options);
  add_shares(submit, options);
  add_energy(submit, options);
  add_plan(submit, options);
  add_submit(submit, options);
  add_logging(submit, options);
  CLI::App& info = *command("info", "print what a cube or a .tally file holds", Command::info);
  info.add_option("cube", options.input, "a cube, a .tally file, or the folder with cube.h5")->required();
  // These read their own command lines (replay_options.h, reverse_options.h); here for the list of commands.
  command("replay", "compute a scenario of a cube again and tell what happened in it", Command::version);
  command("reverse", "say which moves of factors, and whose defaults, go with a loss above a limit", Command::version);
  command("reweight", "weigh the scenarios of a cube by another view of the world", Command::version);
  CLI::App& report = *command("report", "write what a cube says as one HTML page", Command::report);
  report.add_option("cube", options.input, "a cube, or the folder with cube.h5")->required();
  report.add_option("-o,--output", options.output, "the page (default report.html beside the cube)")->type_name("FILE");
  report.add_option("--stories", options.stories, "worst scenarios of each cell that are told (default 3); 0: none")
      ->check(CLI::Range(0, 20).description(""))
      ->type_name("N");
  report
      .add_option("--job", options.job_folder,
                  "folder of the job's files, for stories (default: this one, or that of the cube)")
      ->type_name("FOLDER");
  report.add_flag("--without-charts", options.without_charts, "leave out the charts: the tables alone, about 130 kB less");
  add_show(*command("show", "print figures of a cube with their errors, as tables and small plots", Command::show), options);
  add_export(*command("export", "write any slice of a cube as CSV or JSON, a row for each number", Command::export_rows),
             options);
  add_compare(
      *command("compare", "say what changed between two cubes, beyond noise; exit code 1 if anything did", Command::compare),
      options);
  command("version", "print the version and what it was built with", Command::version);

  try {
    app.parse(argc, argv);
    return {options, {}};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, refusal_of(app, error)};
  }
}

}  // namespace tailcube
