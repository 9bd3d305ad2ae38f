// --set, digests, warnings, and many errors at once.
#include <algorithm>

#include "src/input/digest.h"
#include "src/input/toml_file.h"
#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

namespace tailcube::test {
namespace {

using Messages = std::vector<std::string>;

TEST_CASE("--set replaces and adds") {
  const Job job =
      read(valid_job(), {"run.seed=7", "time.step=1Q", "cube.tail_scenarios = 5", "cube.levels=[\"pool\", \"book\"]",
                         "run.name='x y'", "files.positions.exposure=[\"exposures.csv\"]", "run.as_of=2027-01-31"});
  CHECK(job.seed == 7);
  CHECK(job.step_years == 0.25);
  CHECK(job.name == "x y");
  CHECK(job.as_of == "2027-01-31");
  CHECK(job.nodes[1].path == "total/a");
  CHECK(job.tables[0].positions.size() == 3);
}

TEST_CASE("--set errors are located at the argument") {
  CHECK(outcome(valid_job(), {"run.seed=x"}).messages ==
        Messages{"--set run.seed=x: \"x\" is not an integer from 0 to 9223372036854775807"});
  CHECK(outcome(valid_job(), {"run.seed"}).messages ==
        Messages{"--set run.seed: must be key=value, for instance run.seed=7"});
  CHECK(outcome(valid_job(), {"run.seed.x=1"}).messages ==
        Messages{"--set run.seed.x=1: the key leads through a value that is not a table"});
  CHECK(outcome(valid_job(), {"run sed=1"}).messages == Messages{"--set run sed=1: the key must be names joined by dots"});
  CHECK(outcome(valid_job(), {"run.sede=1"}).messages == Messages{"--set run.sede=1: unknown key; did you mean \"seed\"?"});
  CHECK(outcome(valid_job(), {"stress=[{name=\"a\", shocks=[{factor=\"BTX\", add=1}]}]"}).messages ==
        Messages{"--set stress=[{name=\"a\", shocks=[{factor=\"BTX\", add=1}]}]: \"BTX\" is not in files.factors; did you "
                 "mean \"BTC\"?"});
  CHECK(outcome(valid_job(), {"run.seed=1\nb=2"}).exit_code == 65);
}

TEST_CASE("the text of a job after --set reads as the same job") {
  JobFiles files = valid_job();
  const Job set = read(files, {"run.seed=7", "cube.confidence=[0.95, 0.999]", "run.name=\"a\\\"b\\u0007\""});
  files["job.toml"] = set.text;
  const Job again = read(files);
  CHECK(again.seed == 7);
  CHECK(again.name == set.name);
  CHECK(again.confidence == set.confidence);
  CHECK(again.cells.size() == set.cells.size());
  CHECK(again.tally_digest == set.tally_digest);
  CHECK(again.market.correlation == set.market.correlation);
}

TEST_CASE("SHA-256 of FIPS 180-4") {
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("digests tell jobs apart") {
  const Job job = read(valid_job());
  CHECK(job.digest.size() == 64);
  CHECK(read(valid_job()).digest == job.digest);
  CHECK(read(valid_job(), {"run.seed=42"}).digest != job.digest);
  CHECK(read(valid_job(), {"run.seed=42"}).tally_digest == job.tally_digest);
  CHECK(read(valid_job(), {"run.scenarios=5"}).digest != job.digest);
  CHECK(read(valid_job(), {"run.scenarios=5"}).tally_digest == job.tally_digest);
  CHECK(read(valid_job(), {"run.seed=43"}).tally_digest != job.tally_digest);
  for (const auto& [name, text] : valid_job()) {
    INFO(name);
    JobFiles files = valid_job();
    files[name] = text + "\n";
    CHECK(read(files).digest != job.digest);
    CHECK((read(files).tally_digest != job.tally_digest) == (name != "job.toml"));
  }
  std::vector<std::string> inputs;
  for (const auto& input : job.inputs) inputs.push_back(input.path);
  CHECK(inputs == Messages{"job.toml", "factors.csv", "correlation.csv", "curves.csv", "ratings.csv", "obligors.csv",
                           "exposures.csv", "more.csv", "path.csv"});
  CHECK(job.inputs[0].sha256 == sha256(valid_job()["job.toml"]));
}

TEST_CASE("warnings") {
  JobFiles files = valid_job();
  const auto has = [](const Job& job, const std::string& text) {
    return std::any_of(job.warnings.begin(), job.warnings.end(),
                       [&](const auto& w) { return w.find(text) != std::string::npos; });
  };
  const Job job = read(files);
  CHECK(
      job.warnings ==
      Messages{"factors.csv:8: driver TECH is uncorrelated with everything: silent independence thins tails "
               "[driver_uncorrelated]",
               "credit.copula: a Gaussian copula is reported at 99.9 %: it has no tail dependence; a t copula is the usual "
               "comparison [gaussian_tail]"});
  CHECK(has(read(files, {"run.scenarios=99999"}),
            "cube.confidence: 99 scenarios of 99999 beyond 99.9 %, fewer than 100 [thin_tail]"));
  CHECK_FALSE(has(read(files, {"run.scenarios=100000"}), "fewer than 100"));
  CHECK_FALSE(has(read(files, {"cube.confidence=[0.99]"}), "Gaussian"));
  files["factors.csv"] = replaced(files["factors.csv"], "12,-0.02,0.05", ",,");
  CHECK(has(read(files), "factors.csv:3: factor BTC looks like a crypto asset (volatility 0.6) but has no jumps"));
}

TEST_CASE("all errors of all files come at once, sorted") {
  JobFiles files = valid_job();
  files["job.toml"] = replaced(files["job.toml"], "seed = 42", "seed = -1");
  files["factors.csv"] = replaced(files["factors.csv"], "BTC,lognormal,100000", "BTC,lognormal,0");
  files["obligors.csv"] = replaced(files["obligors.csv"], "O1,0.01", "O1,2");
  files["exposures.csv"] = replaced(files["exposures.csv"], "O3,200", "O4,x");
  files["path.csv"] = replaced(files["path.csv"], "12,0.06", "12,nan");
  CHECK(outcome(files).messages ==
        Messages{"exposures.csv:2: ead: \"x\" is not a number; allowed: zero or more",
                 "exposures.csv:2: obligor: \"O4\" is not in files.obligors; did you mean \"O1\"?",
                 "factors.csv:3: initial: 0 is not positive",
                 "job.toml:3:8: run.seed: -1 is not an integer from 0 to 9223372036854775807",
                 "obligors.csv:3: pd_1y: 2 is not at least 0 and below 1",
                 "path.csv:4: UST: \"nan\" is not finite; allowed: finite"});
}

TEST_CASE("of very many errors the first are printed, with the total") {
  JobFiles files = valid_job();
  files["more.csv"] = "id,ead,obligor,pool,book\n";
  for (int i = 0; i < 30'000; ++i) files["more.csv"] += "Q" + std::to_string(i) + ",-1,O1,z,bank\n";
  const Folder folder;
  write(folder, files);
  try {
    read_job(folder.path / "job.toml", {});
    FAIL("the job is invalid");
  } catch (const InvalidInput& invalid) {
    CHECK(invalid.total == 30'000);
    const std::string text = to_string(invalid);
    CHECK(std::count(text.begin(), text.end(), '\n') == 201);
    CHECK(text.ends_with("\n30000 errors, the first 200 are listed\n"));
    CHECK(text.find("more.csv:2: ead: -1 is not zero or more\n") != std::string::npos);
    CHECK(text.find("more.csv:201: ") != std::string::npos);
  }
}

#ifndef TAILCUBE_SANITIZED  // three million comparisons of names take them a minute
TEST_CASE("a million wrong references end soon") {
  Issues issues;
  std::vector<std::string> names;
  for (int i = 0; i < 200'000; ++i) names.push_back("NAME" + std::to_string(i));
  const std::vector<std::string_view> known(names.begin(), names.end());
  CHECK(issues.suggest("NAME1999999", known) == "; did you mean \"NAME199999\"?");
  std::size_t suggested = 0;
  for (int i = 0; i < 1000; ++i) suggested += !issues.suggest("NAMF12345", known).empty();
  CHECK(suggested < 20);
}
#endif

}  // namespace
}  // namespace tailcube::test
