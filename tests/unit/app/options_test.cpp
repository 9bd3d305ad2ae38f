#include "src/app/options.h"

#include <algorithm>

#include "tests/catch_any.h"

namespace tailcube {
namespace {

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "tailcube");
  return parse_options(static_cast<int>(words.size()), words.data());
}

TEST_CASE("memory limits are sizes or shares") {
  CHECK(parse_memory("4G")->bytes == 4000000000);
  CHECK(parse_memory("500MB")->bytes == 500000000);
  CHECK(parse_memory("1.5GiB")->bytes == 1610612736);
  CHECK(parse_memory("2Ki")->bytes == 2048);
  CHECK(parse_memory("1000000")->bytes == 1000000);
  CHECK(parse_memory("60%")->bytes == 0);
  CHECK(parse_memory("60%")->share == 0.6);
  for (const char* wrong : {"", "G", "-1G", "0", "0%", "101%", "4X", "4GG", "4G 5", "nan", "1e30", "4 potatoes"}) {
    INFO(wrong);
    CHECK_FALSE(parse_memory(wrong));
  }
}

TEST_CASE("run takes its options") {
  const Parsed p = parse({"run", "job.toml", "--set", "run.seed=3", "--set", "run.name=a=b", "-o", "out", "--threads", "2",
                          "--memory", "1G", "--overwrite", "--progress", "none", "--simd", "avx2", "--slow-rank", "1:10"});
  REQUIRE(p.options);
  const Options& o = *p.options;
  CHECK(o.command == Command::run);
  CHECK(o.input == "job.toml");
  CHECK(o.settings == std::vector<std::string>{"run.seed=3", "run.name=a=b"});
  CHECK(o.output == "out");
  CHECK(o.threads == 2);
  CHECK(o.memory.bytes == 1000000000);
  CHECK(o.overwrite);
  CHECK_FALSE(o.dry_run);
  CHECK(o.progress == ProgressStyle::silent);
  CHECK(o.avx2_only);
  CHECK(o.slow_rank == 1);
  CHECK(o.slow_factor == 10);
}

TEST_CASE("a --set before the job does not swallow it") {
  const Parsed p = parse({"run", "--set", "run.seed=3", "job.toml"});
  REQUIRE(p.options);
  CHECK(p.options->input == "job.toml");
  CHECK(p.options->settings.size() == 1);
}

TEST_CASE("parts of a job are named, and files may follow a --set") {
  const Parsed run = parse({"run", "job.toml", "--shard", "3/16", "--extend", "cube.tally", "--keep-tally"});
  REQUIRE(run.options);
  CHECK(run.options->shard == 3);
  CHECK(run.options->shards == 16);
  CHECK(run.options->extend == "cube.tally");
  CHECK(run.options->keep_tally);
  for (const char* wrong : {"0/4", "5/4", "4", "/4", "1/4x", "-1/4", "1/-4"}) {
    INFO(wrong);
    CHECK(parse({"run", "job.toml", "--shard", wrong}).refusal.exit_code == 64);
  }
  const Parsed merge = parse({"merge", "job.toml", "-o", "out", "--set", "run.seed=3", "a.tally", "b"});
  REQUIRE(merge.options);
  CHECK(merge.options->command == Command::merge);
  CHECK(merge.options->settings == std::vector<std::string>{"run.seed=3"});
  CHECK(merge.options->parts == std::vector<std::filesystem::path>{"a.tally", "b"});
  CHECK(parse({"merge", "job.toml", "a.tally"}).refusal.exit_code == 64);  // no folder
  CHECK(parse({"merge", "job.toml", "-o", "out"}).refusal.exit_code == 64);
}

TEST_CASE("plan takes what it plans for") {
  const Parsed p = parse({"plan", "job.toml", "--ranks", "64", "--threads", "8", "--ranks-per-node", "4", "--set",
                          "run.seed=3", "--scenarios", "1000000", "--memory", "4G", "--calibrate", "0.5", "--json"});
  REQUIRE(p.options);
  const Options& o = *p.options;
  CHECK(o.command == Command::plan);
  CHECK(o.plan.ranks == 64);
  CHECK(o.threads == 8);
  CHECK(o.plan.ranks_per_node == 4);
  CHECK(o.memory.bytes == 4000000000);
  CHECK(o.plan.calibrate_seconds == 0.5);
  CHECK(o.plan.json);
  CHECK(std::count(o.settings.begin(), o.settings.end(), "run.scenarios=1000000") == 1);
  CHECK(std::count(o.settings.begin(), o.settings.end(), "run.seed=3") == 1);
}

TEST_CASE("submit prints a script for Slurm, of one run or of shards") {
  const Parsed p = parse({"submit", "job.toml", "--slurm", "--print", "--shards", "16", "-o", "out", "--calibrate", "0"});
  REQUIRE(p.options);
  CHECK(p.options->command == Command::submit);
  CHECK(p.options->submit.shards == 16);
  CHECK(p.options->output == "out");
}

TEST_CASE("what reads a cube takes filters, as often as they are given") {
  using Names = std::vector<std::string>;
  const Parsed shown =
      parse({"show", "--cell", "base", "--cell", "severe", "cube.h5", "--node", "credit*", "--horizon", "3M", "--confidence",
             "99.9", "--quantity", "credit", "--what", "es,var", "--what", "gauges", "--contributions"});
  REQUIRE(shown.options);
  CHECK(shown.options->command == Command::show);
  CHECK(shown.options->input == "cube.h5");
  const FigureOptions& figures = shown.options->figures;
  CHECK(figures.filters.cells == Names{"base", "severe"});
  CHECK(figures.filters.nodes == Names{"credit*"});
  CHECK(figures.filters.horizons == Names{"3M"});
  CHECK(figures.filters.confidences == Names{"99.9"});
  CHECK(figures.filters.quantities == Names{"credit"});
  CHECK(std::count(figures.what.begin(), figures.what.end(), "contributions") == 1);
  CHECK(std::count(figures.what.begin(), figures.what.end(), "gauges") == 1);
  CHECK(figures.what.size() == 4);

  const Parsed exported = parse({"export", "cube.h5", "--format", "csv", "-o", "all.csv", "--what", "all"});
  REQUIRE(exported.options);
  CHECK(exported.options->command == Command::export_rows);
  CHECK(exported.options->figures.format == "csv");
  CHECK(exported.options->output == "all.csv");

  const Parsed compared = parse({"compare", "a", "b", "--tolerance-relative", "0.01", "--tolerance-absolute", "5",
                                 "--inputs", "old", "--inputs", "new", "--node", "total"});
  REQUIRE(compared.options);
  CHECK(compared.options->command == Command::compare);
  CHECK(compared.options->input == "a");
  CHECK(compared.options->figures.second == "b");
  CHECK(compared.options->figures.relative == 0.01);
  CHECK(compared.options->figures.absolute == 5);
  CHECK_FALSE(compared.options->figures.sigma);
  CHECK(compared.options->figures.inputs == std::vector<std::filesystem::path>{"old", "new"});
  CHECK(compared.options->figures.format == "text");
  CHECK(parse({"compare", "a", "b", "--sigma", "0", "--format", "json"}).options->figures.sigma == 0.0);

  const Parsed page = parse({"report", "cube.h5", "--without-charts", "-o", "page.html"});
  REQUIRE(page.options);
  CHECK(page.options->command == Command::report);
  CHECK(page.options->without_charts);
  CHECK(page.options->output == "page.html");
  CHECK(parse({"info", "shard-1-of-2.tally"}).options->command == Command::info);
}

TEST_CASE("merge takes what limits a run and what becomes of the sum") {
  const Parsed p = parse({"merge", "job.toml", "parts", "-o", "parts", "--keep-tally", "--overwrite", "--memory", "2G",
                          "--threads", "3", "-q"});
  REQUIRE(p.options);
  CHECK(p.options->keep_tally);
  CHECK(p.options->overwrite);
  CHECK(p.options->memory.bytes == 2000000000);
  CHECK(p.options->threads == 3);
  CHECK(p.options->quiet);
}

TEST_CASE("help is not an error, everything misspelt is 64") {
  CHECK(parse({"--help"}).refusal.exit_code == 0);
  CHECK(parse({"run", "--help"}).refusal.text.find("--overwrite") != std::string::npos);
  CHECK(parse({"run", "--help"}).refusal.text.find("--slow-rank") == std::string::npos);
  const std::vector<std::vector<const char*>> wrong{
      {},
      {"fly"},
      {"run"},
      {"run", "a.toml", "b.toml"},
      {"run", "a.toml", "--sett", "x=1"},
      {"run", "a.toml", "--set", "seed"},
      {"run", "a.toml", "--set", "=1"},
      {"run", "a.toml", "--threads", "0"},
      {"run", "a.toml", "--threads", "two"},
      {"run", "a.toml", "--memory", "lots"},
      {"run", "a.toml", "--progress", "loud"},
      {"run", "a.toml", "--simd", "sse2"},
      {"run", "a.toml", "--slow-rank", "1"},
      {"run", "a.toml", "-q", "-v"},
      {"run", "a.toml", "--ranks", "2"},
      {"plan"},
      {"plan", "a.toml", "--ranks", "0"},
      {"plan", "a.toml", "--calibrate", "-1"},
      {"plan", "a.toml", "-o", "out"},
      {"submit", "a.toml"},
      {"submit", "a.toml", "--slurm"},
      {"submit", "a.toml", "--print"},
      {"submit", "a.toml", "--slurm", "--print", "--shards", "0"},
      {"submit", "a.toml", "--slurm", "--print", "--shards", "2", "--ranks", "2"},
      {"plan", "a.toml", "--scenarios", "many"},
      {"plan", "a.toml", "--ranks-per-node", "0"},
      {"plan", "a.toml", "--json", "--shards", "2"},
      {"submit", "a.toml", "--slurm", "--print", "--shards", "2", "--ranks-per-node", "2"},
      {"submit", "a.toml", "--slurm", "--print", "--json"},
      {"merge"},
      {"merge", "a.toml", "b.tally", "-o", "out", "--shard", "1/2"},
      {"merge", "a.toml", "b.tally", "-o", "out", "--threads", "0"},
      {"merge", "a.toml", "b.tally", "-o", "out", "-q", "-v"},
      {"run", "a.toml", "--max-hours", "0"},
      {"run", "a.toml", "--checkpoint-every", "-1"},
      {"run", "a.toml", "--patience", "0"},
      {"run", "a.toml", "--watts-per-core", "0"},
      {"show"},
      {"show", "a.h5", "b.h5"},
      {"show", "a.h5", "--contributions", "total", "total/credit"},
      {"show", "a.h5", "--cell"},
      {"show", "a.h5", "--format", "csv"},
      {"export", "a.h5"},
      {"export", "a.h5", "--format", "xml"},
      {"export", "a.h5", "--format", "csv", "--contributions"},
      {"compare", "a.h5"},
      {"compare", "a.h5", "b.h5", "c.h5"},
      {"compare", "a.h5", "b.h5", "--sigma", "-1"},
      {"compare", "a.h5", "b.h5", "--sigma", "two"},
      {"compare", "a.h5", "b.h5", "--tolerance-relative", "-0.1"},
      {"compare", "a.h5", "b.h5", "--tolerance-absolute", "much"},
      {"compare", "a.h5", "b.h5", "--format", "csv"},
      {"report"},
      {"report", "a.h5", "--without"},
      {"report", "a.h5", "--format", "pdf"},
      {"check"},
      {"check", "a.toml", "--threads", "2"},
      {"info"},
      {"info", "a.h5", "b.h5"},
      {"version", "now"}};
  for (const auto& words : wrong) {
    std::string line;
    for (const char* word : words) line += std::string(word) + " ";
    INFO(line);
    const Parsed p = parse(words);
    CHECK_FALSE(p.options);
    CHECK(p.refusal.exit_code == 64);
    CHECK_FALSE(p.refusal.text.empty());
  }
}

}  // namespace
}  // namespace tailcube
