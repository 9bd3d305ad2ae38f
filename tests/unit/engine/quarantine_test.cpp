// Who is to blame for a row without a value, and what is left of the job.
#include "src/engine/quarantine.h"

#include "tests/catch_any.h"
#include "tests/run_job.h"

using namespace tailcube;
using namespace tailcube::test;

namespace {

// Holdings of SOL, of which a shock makes `factor` times as much.
Files job(const std::string& holdings, const std::string& factor) {
  return {{"job.toml",
           "[run]\nname = \"q\"\nseed = 3\nscenarios = 200\ncurrency = \"USD\"\nfaults = \"quarantine\"\n"
           "[time]\nstep = \"1Q\"\nsteps = 1\n"
           "[files]\nfactors = \"factors.csv\"\npositions.holding = \"holdings.csv\"\n"
           "[market]\nuncorrelated = [\"SOL\", \"GOLD\"]\n[cube]\nlevels = [\"pool\"]\nconfidence = [0.9]\n"
           "[[stress]]\nname = \"mania\"\nshocks = [ { factor = \"SOL\", multiply = " +
               factor + " } ]\n"},
          {"factors.csv", "id,kind,initial,drift,volatility\nSOL,lognormal,128,0,0.01\nGOLD,lognormal,2048,0,0.01\n"},
          {"holdings.csv", "id,pool,factor,quantity\n" + holdings}};
}

FaultLog faults_of(const Job& job, const CompiledBook& book) {
  FaultLog log;
  Evaluator(book, {0, 1}, 1).examine({0, job.scenarios}, {}, log, {});
  return log;
}

std::vector<std::string> ids(const Quarantine& quarantine) {
  std::vector<std::string> out;
  for (const Quarantine::Position& p : quarantine.positions()) out.push_back(p.id);
  return out;
}

struct Taken {
  Job job;
  Quarantine quarantine;
  double unit = 0;
};
void take_out(Taken& taken) {
  const CompiledCredit credit = compile_credit(taken.job);
  const CompiledBook book = compile(taken.job, Detail::leaf, credit);
  taken.unit = book.unit;
  taken.quarantine.take_out(taken.job, book, credit, faults_of(taken.job, book), 2);
}

}  // namespace

TEST_CASE("only what has no value by itself is taken out of its row") {
  std::string many;
  for (int i = 1000; i < 3500; ++i) many += "g" + std::to_string(i) + ",a,GOLD,0.001\n";
  Taken taken{load(job("s1,a,SOL,1\ns2,a,SOL,0.000001\n" + many + "s3,b,SOL,-2\ng1,b,GOLD,1\n", "1e15")), {}};
  take_out(taken);
  CHECK(ids(taken.quarantine) == std::vector<std::string>{"s1", "s3"});
  REQUIRE(taken.job.tables.size() == 1);
  CHECK(taken.job.tables[0].positions.size() == 2502);
  CHECK(taken.job.nodes.size() == 3);
  const double total = 128 * 3 + 128e-6 + 2.5 * 2048 + 2048;
  CHECK(taken.quarantine.share(0) == Approx(384 / total));
  CHECK(taken.quarantine.share(2) == Approx(256.0 / (256 + 2048)));
  CHECK(taken.quarantine.positions()[0].alone);
  CHECK(faults_of(taken.job, compile(taken.job, Detail::leaf)).empty());
}

TEST_CASE("where only the sum has no value, those far beyond their bound are taken out") {
  // 2^51 units of 1/1024 are 2.2e12: each is worth 1.3e12 under stress, the two 2.6e12. Gold is within its bound.
  Taken taken{load(job("s1,a,SOL,1\ns2,a,SOL,1\ng1,a,GOLD,1\n", "1e10")), {}};
  take_out(taken);
  CHECK(ids(taken.quarantine) == std::vector<std::string>{"s1", "s2"});
  CHECK_FALSE(taken.quarantine.positions()[0].alone);
  const CompiledCredit credit = compile_credit(taken.job);
  const auto counts = taken.quarantine.count(taken.job, credit, taken.unit,
                                             [&](const CompiledBook& part, const std::vector<double>& bound, FaultLog& log) {
                                               Evaluator(part, {0, 1}, 1).examine({0, taken.job.scenarios}, bound, log, {});
                                             });
  CHECK(counts == std::vector<std::int64_t>{400, 400});
}

TEST_CASE("a job of which nothing would be left is refused") {
  Taken taken{load(job("s1,a,SOL,1\n", "1e15")), {}};
  CHECK_THROWS_AS(take_out(taken), InvalidJob);
}
