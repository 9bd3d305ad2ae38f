#include "kernels/tally/tally.h"

#include <bit>
#include <stdexcept>

namespace tailcube {

void Tally::fold(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario) {
  moments.add(losses, weights);
  histogram.add(losses, weights);
  tail.add(losses, weights, first_scenario);
}

void Tally::merge(const Tally& other) {
  moments.merge(other.moments);
  histogram.merge(other.histogram);
  tail.merge(other.tail);
}

std::size_t Tally::bytes() const { return histogram.bytes() + tail.bytes(); }

namespace {
std::size_t product(std::initializer_list<int> extents) {
  std::size_t n = 1;
  for (const int extent : extents) n *= static_cast<std::size_t>(extent);
  return n;
}
}  // namespace

std::size_t Shape::losses() const { return product({replicates, cells, quantities, nodes, horizons}); }
std::size_t Shape::gauge_slots() const { return product({cells, gauges, nodes, horizons}); }

std::size_t Shape::loss(int replicate, int cell, int quantity, int node, int horizon) const {
  const auto outer = product({replicate, cells}) + static_cast<std::size_t>(cell);
  const auto middle = outer * static_cast<std::size_t>(quantities) + static_cast<std::size_t>(quantity);
  return (middle * static_cast<std::size_t>(nodes) + static_cast<std::size_t>(node)) * static_cast<std::size_t>(horizons) +
         static_cast<std::size_t>(horizon);
}

std::size_t Shape::gauge(int cell, int gauge, int node, int horizon) const {
  const auto outer = product({cell, gauges}) + static_cast<std::size_t>(gauge);
  return (outer * static_cast<std::size_t>(nodes) + static_cast<std::size_t>(node)) * static_cast<std::size_t>(horizons) +
         static_cast<std::size_t>(horizon);
}

Tallies::Tallies(const Shape& s, const TallySettings& t)
    : shape(s),
      settings(t),
      losses(s.losses(), Tally{{}, Histogram(t.bits(), t.binned), Tail(t.keep)}),
      holder(),
      gauges(s.gauge_slots()),
      conditional_pd(static_cast<std::size_t>(s.cells)),
      faults(product({s.cells, s.nodes})) {}

void Tallies::share(const std::vector<std::uint32_t>& holders) {
  if (holder == holders) return;
  separate();
  holder = holders;
  for (std::size_t i = 0; i < losses.size(); ++i)
    if (holder[i] != i) losses[i] = Tally{{}, Histogram(settings.bits(), settings.binned), Tail(settings.keep)};
}

void Tallies::separate() {
  for (std::size_t i = 0; i < holder.size(); ++i)
    if (holder[i] != i) losses[i] = losses[holder[i]];
  holder.clear();
}

void Tallies::merge(const Tallies& other) {
  if (!(other.shape == shape && other.settings == settings))
    throw std::invalid_argument("tallies of different jobs or groups");
  if (other.holder != holder) separate();
  for (std::size_t i = 0; i < losses.size(); ++i)
    if (holder.empty() || holder[i] == i) losses[i].merge(other.loss(i));
  for (std::size_t i = 0; i < gauges.size(); ++i) gauges[i].merge(other.gauges[i]);
  for (std::size_t i = 0; i < conditional_pd.size(); ++i) conditional_pd[i].merge(other.conditional_pd[i]);
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i] += other.faults[i];
}

std::size_t Tallies::bytes() const {
  std::size_t n = losses.capacity() * sizeof(Tally) + (gauges.capacity() + conditional_pd.capacity()) * sizeof(Moments) +
                  faults.capacity() * sizeof(std::int64_t);
  for (const Tally& tally : losses) n += tally.bytes();
  return n;
}

std::size_t tally_bytes(const TallySettings& settings, std::int64_t scenarios, Units largest) {
  return sizeof(Tally) + Histogram::bytes_bound(settings.bits(), settings.binned, largest) +
         Tail::bytes_bound(settings.keep, scenarios);
}

bool tally_fits(const TallySettings& settings, std::int64_t scenarios, Units largest) {
  const auto loss_bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(largest)));
  const auto scenario_bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(scenarios)));
  if (scenario_bits > 32 || loss_bits > 62 || 2 * loss_bits + scenario_bits > 126) return false;
  return !settings.binned || loss_bits - settings.bits() - 1 + scenario_bits <= 63;
}

}  // namespace tailcube
