#pragma once
// Things without a market of their own: their value moves with an index, and by itself.
#include <string_view>
#include <vector>

#include "kernels/instruments/rows.h"

namespace tailcube {

// V_n = V x (S_n / S)^beta x exp(e eta - e^2 / 2 + v W_n - v^2 t_n / 2): V and the index S as of today, e = `appraisal_sd`,
// v = `volatility`. eta is normal 0 of stream("appraisal", id), W_n the sum over steps k <= n of sqrt(dt) times normal k - 1
// of stream("idiosyncratic value", id): independent of the market and of each other, and the same in every cell.
struct AssetMove {
  FactorIndex index;    // `none`: it follows none
  double beta;          // of the logarithms, not negative
  double volatility;    // per square root of a year
  double appraisal_sd;  // of the logarithm
};

class AssetMoves {
 public:
  explicit AssetMoves(const Wiring&);
  // Returns a bound on V_n / V in any ordinary scenario (Bounds; six standard deviations of what is its own).
  double add(const AssetMove&, std::string_view id, const FactorModel&);

  // Once all have been added: doubles of memory for `look` and `logs`, and the indices.
  std::size_t scratch() const;
  std::vector<FactorIndex> reads() const;

  // Prepares the indices of a block; before `logs`.
  void look(const Block&, double* scratch) const noexcept;
  // Where the index of asset i is positive and finite up to the last valued step.
  Priced priced(std::size_t i, const double* scratch) const noexcept;
  // log(V_n / V) of asset i as [step - 1][lane] up to the last valued step, until the next call.
  const double* logs(std::size_t i, const Block&, double* scratch) const noexcept;

 private:
  struct Asset {
    AssetMove move;
    std::uint32_t place;  // of its index, or `none`
    StreamId path, appraisal;
  };
  struct Index {
    FactorIndex factor;
    double today;
  };
  std::size_t row() const { return static_cast<std::size_t>(last_) * lanes; }
  // Of an index: log(S_n / S) as [step - 1][lane], then zeros where it has a price.
  std::size_t of_index(std::size_t place) const { return place * (row() + lanes); }

  int last_;
  double step_years_, years_;
  std::vector<Index> indices_;
  std::vector<Asset> assets_;
};

}  // namespace tailcube
