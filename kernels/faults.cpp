#include "kernels/faults.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <tuple>

namespace tailcube {
namespace {

struct PackedSite {
  FaultLog::Key key;
  FaultSite site;
};
struct PackedCount {
  RowIndex row;
  std::int32_t cell;
  std::int64_t scenarios;
};

template <class T>
void put(std::vector<std::byte>& out, const std::vector<T>& values) {
  const std::uint64_t count = values.size();
  const std::size_t at = out.size(), bytes = count * sizeof(T);
  out.resize(at + sizeof count + bytes);
  std::memcpy(&out[at], &count, sizeof count);
  if (bytes != 0) std::memcpy(&out[at + sizeof count], values.data(), bytes);
}
template <class T>
std::vector<T> get(std::span<const std::byte>& in) {
  std::uint64_t count = 0;
  if (in.size() < sizeof count) throw std::runtime_error("a list of faults is too short");
  std::memcpy(&count, in.data(), sizeof count);
  in = in.subspan(sizeof count);
  if (count > in.size() / sizeof(T)) throw std::runtime_error("a list of faults is too short");
  std::vector<T> values(count);
  if (count != 0) std::memcpy(values.data(), in.data(), count * sizeof(T));
  in = in.subspan(count * sizeof(T));
  return values;
}

}  // namespace

FaultSite earlier(const FaultSite& a, const FaultSite& b) {
  const auto place_a = std::tie(a.scenario, a.cell), place_b = std::tie(b.scenario, b.cell);
  if (place_a != place_b) return place_a < place_b ? a : b;
  if (a.reason == Reason::not_finite) return b;
  return b.reason == Reason::not_finite ? a : std::min(a, b);
}

void FaultLog::add(Key key, FaultSite site) {
  std::vector<FaultSite>& sites = sites_[key];
  const auto before = [](const FaultSite& a, const FaultSite& b) {
    return std::tie(a.scenario, a.cell) < std::tie(b.scenario, b.cell);
  };
  const auto at = std::lower_bound(sites.begin(), sites.end(), site, before);
  if (at != sites.end() && !before(site, *at)) {
    *at = earlier(*at, site);
  } else if (sites.size() < kept || at != sites.end()) {
    sites.insert(at, site);
    if (sites.size() > kept) sites.pop_back();
  }
}

void FaultLog::add(const Faults& faults, std::uint64_t first_scenario, std::size_t scenarios, int cell) {
  const std::uint64_t all = scenarios >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << scenarios) - 1;
  std::map<RowIndex, std::uint64_t> lanes_of_row;
  for (const Fault& f : faults) {
    // What has no par spread has no value in any scenario.
    lanes_of_row[f.row] |= f.reason == Reason::no_convergence ? all : std::uint64_t{1} << f.lane;
    add({f.row, f.position}, {first_scenario + f.lane, cell, f.reason});
  }
  for (const auto& [row, bad] : lanes_of_row) counts_[{row, cell}] += std::popcount(bad);
}

void FaultLog::merge(const FaultLog& other) {
  for (const auto& [key, sites] : other.sites_)
    for (const FaultSite& site : sites) add(key, site);
  for (const auto& [place, count] : other.counts_) counts_[place] += count;
}

std::pair<FaultLog::Key, FaultSite> FaultLog::first() const {
  const auto least = std::min_element(sites_.begin(), sites_.end(), [](const auto& a, const auto& b) {
    const FaultSite &x = a.second.front(), &y = b.second.front();
    return std::tie(x.scenario, x.cell, a.first) < std::tie(y.scenario, y.cell, b.first);
  });
  return {least->first, least->second.front()};
}

std::vector<std::byte> FaultLog::to_bytes() const {
  std::vector<PackedSite> sites;
  for (const auto& [key, of_key] : sites_)
    for (const FaultSite& site : of_key) sites.push_back({key, site});
  std::vector<PackedCount> counts;
  for (const auto& [place, count] : counts_) counts.push_back({place.first, place.second, count});
  std::vector<std::byte> out;
  put(out, sites);
  put(out, counts);
  return out;
}

FaultLog FaultLog::from_bytes(std::span<const std::byte> bytes) {
  FaultLog log;
  for (const auto& [key, site] : get<PackedSite>(bytes)) log.sites_[key].push_back(site);
  for (const auto& [row, cell, scenarios] : get<PackedCount>(bytes)) log.counts_[{row, cell}] = scenarios;
  return log;
}

}  // namespace tailcube
