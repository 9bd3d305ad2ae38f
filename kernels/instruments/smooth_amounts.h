#pragma once
// Dated amounts that follow a polynomial, so that claims of different rates, prepayments and spreads share sums over their
// common dates.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tailcube {

// An amount is the sum of these numbers times what a date makes of each: Chebyshev polynomials of its number, `first` on
// the first date alone, `last` on the claim's last.
struct SmoothAmounts {
  static constexpr std::size_t powers = 14, first = powers, last = powers + 1, terms = powers + 2;
  std::array<double, terms> coefficient{};
};

// Least squares along the dates of a chain.
class SmoothFit {
 public:
  explicit SmoothFit(std::size_t dates);  // of the longest claim
  // What date k makes of each term; of `last` 0.
  std::array<double, SmoothAmounts::terms> basis(std::size_t k) const;
  // The polynomial of the lowest degree that leaves no residual above 2^-50 of `scale`, or none where there is no such
  // polynomial whose terms are of the order of the amounts. For up to `dates` amounts.
  std::optional<SmoothAmounts> operator()(std::span<const double> amounts, double scale);

 private:
  struct Power {  // orthonormal over the dates between the first and the last
    std::vector<double> value;
    std::array<double, SmoothAmounts::powers> chebyshev{};
  };
  double place(std::size_t k) const;
  void add_power(std::size_t interior);
  std::size_t dates_, interior_ = 0;
  std::vector<Power> powers_;  // for so many dates in between
};

// Adds dates to sums over dates, [lane][valued][term]: discount factor times basis. `last` becomes the factor of the last
// date. `discounts`: Block::discounts; `date`: its indices; `basis`: [date][term]. The same bits on every CPU.
void add_dates(const double* discounts, std::span<const std::uint32_t> date, const double* basis, std::size_t valued,
               double* sums);

}  // namespace tailcube
