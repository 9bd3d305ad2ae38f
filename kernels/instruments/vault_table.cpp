#include "kernels/instruments/vault_table.h"

#include <algorithm>
#include <limits>

namespace tailcube {
namespace {

// Sums with the rounding errors carried along (Neumaier 1974), so that a long table's ends are as exact as its beginning.
struct Sum {
  double total = 0, lost = 0;
  void add(double x) {
    const double t = total + x;
    lost += (total < 0 ? -total : total) >= (x < 0 ? -x : x) ? (total - t) + x : (x - t) + total;
    total = t;
  }
  double value() const { return total + lost; }
};

}  // namespace

double VaultTable::Vault::ratio() const { return debt > 0 ? collateral / debt : std::numeric_limits<double>::infinity(); }

void VaultTable::add(const std::vector<Vault>& vaults, std::uint32_t rows) {
  Place place{ratio_.size(), sums_.size(), start_.size(), 0, 0, 0, static_cast<std::uint32_t>(vaults.size()), 0, rows};
  std::vector<Sum> sums(std::size_t{2} * rows);
  const auto put = [&] {
    for (const Sum& sum : sums) sums_.push_back(sum.value());
  };
  put();
  for (const Vault& v : vaults) {
    if (!(v.ratio() > 0)) ++place.alive;
    ratio_.push_back(v.ratio());
    sums[v.row].add(v.quantity * v.collateral), sums[rows + v.row].add(v.quantity * v.debt);
    put();
  }
  ratio_.resize(ratio_.size() + few, std::numeric_limits<double>::infinity());
  add_buckets(place);
  place_.push_back(place);
}

// As many buckets as vaults, of equal width; those with the most collateral share the last.
void VaultTable::add_buckets(Place& p) {
  const double* const ratio = ratio_.data() + p.ratio;
  p.buckets = std::max(p.size, 1u);
  if (p.alive < p.size) {
    p.origin = ratio[p.alive];
    const double width = ratio[p.alive + static_cast<std::uint32_t>(0.95 * (p.size - p.alive - 1))] - p.origin;
    if (width > 0 && width < 1e300 && p.buckets / width < 1e300) p.per_unit = p.buckets / width;
  }
  place_.push_back(p);
  const View view = table(place_.size() - 1);
  place_.pop_back();
  std::uint32_t i = 0;
  for (std::uint32_t b = 0; b < p.buckets; ++b) {
    while (i < p.size && view.bucket(ratio[i]) < b) ++i;
    start_.push_back(i);
  }
  start_.push_back(p.size);
}

VaultTable::View VaultTable::table(std::size_t number) const {
  const Place& p = place_[number];
  return {ratio_.data() + p.ratio,
          sums_.data() + p.sums,
          start_.data() + p.start,
          p.origin,
          p.per_unit,
          p.alive,
          p.size,
          p.buckets,
          p.rows};
}

double VaultTable::View::lowest() const { return alive < size ? ratio[alive] : std::numeric_limits<double>::infinity(); }

}  // namespace tailcube
