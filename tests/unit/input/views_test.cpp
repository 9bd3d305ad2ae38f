// Views as people write them.
#include "src/input/views.h"

#include "job_files.h"
#include "tests/catch_any.h"

using namespace tailcube;
using Kind = ViewText::Kind;

namespace {

const Job& job() {
  static const Job read = test::read(test::valid_job());
  return read;
}
std::uint32_t factor(const std::string& id) {
  std::uint32_t f = 0;
  while (job().factor_ids[f] != id) ++f;
  return f;
}
std::vector<std::string> problems(const std::vector<ViewText>& texts) {
  try {
    read_views(job(), texts);
  } catch (const BadViews& bad) {
    return bad.messages;
  }
  return {};
}

}  // namespace

TEST_CASE("views of innovations", "[views]") {
  const Views v = read_views(job(), {{Kind::mean, "BTC=-0.5sd", "--mean"},
                                     {Kind::mean, "SME = -1", "--mean"},
                                     {Kind::volatility, "UST=1.2", "--volatility"}});
  CHECK(v.mean[factor("BTC")] == -0.5);
  CHECK(v.mean[factor("SME")] == -1);
  CHECK(v.scale[factor("UST")] == 1.2);
  CHECK(v.scale[factor("BTC")] == 1);
  CHECK(v.moved.size() == 3);
  CHECK(v.constraints.empty());
}

TEST_CASE("views of values", "[views]") {
  using Of = Views::Constraint::Of;
  const Views v = read_views(job(), {{Kind::mean, "BTC=-20%", "--mean"},
                                     {Kind::mean, "UST=0.05", "--mean"},
                                     {Kind::probability, "BTC<-30%=0.2", "--probability"},
                                     {Kind::probability, "UST >= 0.06 = 10%", "--probability"},
                                     {Kind::probability, "BTC<-1sd=0.3", "--probability"}});
  CHECK(v.moved.empty());
  REQUIRE(v.constraints.size() == 5);
  CHECK(v.constraints[0].target == Approx(80'000));
  CHECK(v.constraints[1].target == 0.05);
  CHECK(v.constraints[2].of == Of::below);
  CHECK(v.constraints[2].level == Approx(70'000));
  CHECK(v.constraints[2].target == 0.2);
  CHECK(v.constraints[2](69'000, 5) == 1);
  CHECK(v.constraints[2](71'000, -5) == 0);
  CHECK(v.constraints[3].of == Of::above);
  CHECK(v.constraints[3].target == Approx(0.1));
  CHECK(v.constraints[3](0.07, 0) == 1);
  CHECK(v.constraints[4].innovation);
  CHECK(v.constraints[4](1e9, -1.5) == 1);
}

TEST_CASE("all that is wrong with views is said at once", "[views]") {
  const auto said = problems({{Kind::mean, "BTD=-0.5sd", "--mean"},
                              {Kind::mean, "BTC", "--mean"},
                              {Kind::mean, "BTC=low", "--mean"},
                              {Kind::mean, "UST=-10%", "--mean"},
                              {Kind::volatility, "BTC=-1", "--volatility"},
                              {Kind::probability, "BTC=0.2", "--probability"},
                              {Kind::probability, "BTC<-30%=1.2", "--probability"},
                              {Kind::probability, "BTC<x=0.2", "--probability"}});
  REQUIRE(said.size() == 8);
  CHECK(said[0] == "--mean: \"BTD=-0.5sd\" names no factor or driver of the job; did you mean \"BTC\"?");
  CHECK(said[1] == "--mean: \"BTC\" has no '='");
  CHECK(said[2] == "--mean: \"BTC=low\" ends with no number");
  CHECK(said[3] == "--mean: \"UST=-10%\" takes % of something that is no price: give its value, or sd");
  CHECK(said[4] == "--volatility: \"BTC=-1\" is not a number above 0, the volatility over that of the job");
  CHECK(said[5] == "--probability: \"BTC=0.2\" compares nothing: write FACTOR<LEVEL=P or FACTOR>LEVEL=P");
  CHECK(said[6] == "--probability: \"BTC<-30%=1.2\" does not end with a probability above 0 and below 1");
  CHECK(said[7] == "--probability: \"BTC<x=0.2\" compares with no number");
  CHECK(problems({{Kind::mean, "BTC=1sd", "a"}, {Kind::mean, "BTC=2sd", "b"}}) ==
        std::vector<std::string>{"b: \"BTC=2sd\" gives a second mean"});
}

TEST_CASE("views in a file", "[views]") {
  const test::Folder folder;
  const auto path = folder.path / "views.toml";
  test::write(folder, {{"views.toml",
                        "propagate = true\nmean = { BTC = \"-0.5sd\", UST = 0.05 }\n[volatility]\nBTC = 1.2\n[probability]\n"
                        "\"BTC<-30%\" = 0.2\n"}});
  bool propagate = false;
  const Views v = read_views(job(), read_view_file(path, propagate));
  CHECK(propagate);
  CHECK(v.mean[factor("BTC")] == -0.5);
  CHECK(v.scale[factor("BTC")] == 1.2);
  CHECK(v.constraints.size() == 2);
  test::write(folder, {{"views.toml", "means = { BTC = 1 }\nmean = 3\n"}});
  try {
    read_view_file(path, propagate);
    FAIL("read");
  } catch (const BadViews& bad) {
    REQUIRE(bad.messages.size() == 2);
    CHECK(bad.messages[0].find("mean is not a table") != std::string::npos);
    CHECK(bad.messages[1].find("\"means\" is none of mean, volatility, probability") != std::string::npos);
  }
  test::write(folder, {{"views.toml", "mean = {\n"}});
  CHECK_THROWS_AS(read_view_file(path, propagate), BadViews);
}
