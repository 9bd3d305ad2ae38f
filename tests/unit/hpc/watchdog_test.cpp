#include "hpc/watchdog.h"

#include "tests/catch_any.h"

namespace tailcube {
namespace {

// When the silent rank is noticed, in virtual seconds, by a rank that looks every `step` seconds.
double noticed(Watchdog& dog, double from, double step, double until, const std::vector<int>& alive) {
  for (double now = from; now < until; now += step) {
    if (!dog.due(now)) continue;
    for (const int rank : alive) dog.heard(rank);
    if (dog.silent()) return now;
  }
  return until;
}

}  // namespace

TEST_CASE("rank 0 notices the one rank that is silent, soon after the patience is over") {
  for (const double step : {0.001, 0.5, 4.0}) {
    Watchdog dog(0, 4, 60, 1000);
    const double when = noticed(dog, 1000, step, 2000, {1, 3});
    INFO("looking every " << step << " s, noticed at " << when);
    CHECK(dog.silent() == 2);
    CHECK(when > 1060);
    CHECK(when < 1060 + 60.0 / 40 + 2 * step + 1e-9);
  }
}

TEST_CASE("ranks that are heard of are never given up, however often this one looks") {
  for (const double step : {0.01, 5.0, 59.0, 500.0}) {
    Watchdog dog(0, 3, 60, 0);
    CHECK(noticed(dog, 0, step, 100'000, {1, 2}) == 100'000);
  }
}

TEST_CASE("workers listen to rank 0 alone, and not all speak at once") {
  double last = 1060;
  for (const int rank : {1, 2, 3, 4}) {
    Watchdog dog(rank, 5, 60, 1000);
    const double when = noticed(dog, 1000, 0.01, 2000, {});
    CHECK(dog.silent() == 0);
    CHECK(when > last);
    last = when;
  }
  Watchdog dog(4000, 5000, 60, 1000);
  CHECK(noticed(dog, 1000, 0.01, 2000, {}) < 1000 + 1.6 * 60);
}

TEST_CASE("a rank that was stopped itself, or computed for long, first listens") {
  Watchdog dog(0, 2, 60, 0);
  CHECK(dog.due(1));
  CHECK(dog.due(4000));  // an hour in between, nothing read yet
  CHECK(!dog.silent());
  dog.heard(1);
  CHECK(noticed(dog, 4001, 1, 4059, {}) == 4059);
  CHECK(noticed(dog, 4059, 1, 5000, {}) < 4065);
}

TEST_CASE("it is rarely due") {
  Watchdog dog(1, 2, 60, 0);
  int times = 0;
  for (double now = 0; now < 60; now += 0.001) times += dog.due(now) ? 1 : 0;
  CHECK(times <= 41);
  CHECK(times >= 39);
}

}  // namespace tailcube
