#pragma once
// Where discount factors of one curve and spread factor are taken so that ladders need fewer of them than they have dates.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/market/spot.h"

namespace tailcube {

// Between two pillars the zero rate is linear in the tenor u, so the discount factor exp(-(z(u) + s) u) is smooth there, and
// what it is at a few Chebyshev points of a piece of that interval gives it at every date of the piece: sum amount D(date)
// = sum over points of w D(point), w = sum amount l_point(date), by barycentric interpolation (Berrut and Trefethen 2004).
// To a relative 2^-49 where the exponent over the piece is c + a x + b x^2, x from -1 to 1, with |a| <= 1/2, |b| <= 1/25.
// Scenarios where it is not are left to the dates. In pieces with too few dates for that, the dates are the points.
class LadderPoints {
 public:
  static constexpr std::size_t nodes = 14;    // Chebyshev points of a piece
  static constexpr double longest_years = 5;  // of a piece
  static constexpr double most_a = 0.5, most_b = 0.04;
  static constexpr std::size_t factor_costs = 8;    // as much as so many ladders
  static constexpr std::size_t most_scattered = 4;  // all dates of the ladders, as a multiple of the longest's

  // Dates of a ladder, rising: indices of Block::discounts and of `date_years`.
  using Dates = std::span<const std::uint32_t>;
  // For these ladders, seen from `step` at `now` years. Without points where they would not be worth it.
  LadderPoints(const std::vector<Pillar>&, FactorIndex spread, int step, double now, std::span<const Dates> ladders,
               std::span<const double> date_years);

  std::size_t size() const { return points_.size(); }
  // What the amounts of one of the ladders come to at each point, up to the last that it needs. Empty if it leaves out a
  // piece before: factors of pillars that it has nothing to do with would reach it.
  std::vector<double> weights(Dates, std::span<const double> amounts) const;
  // Whether the rates of each lane keep within the bounds, as 1 or 0; returns in how many they do.
  std::size_t hold(const Block&, Lanes holds) const;
  // Discount factors at the points from `begin` on, [point][lane], at this one of the valued steps; of lanes that do not
  // hold, 0. `out` lies on 64 bytes.
  void evaluate(const Block&, int valued, std::size_t begin, std::size_t end, ConstLanes holds, double* out) const;

 private:
  struct Date {
    std::uint32_t discount, piece;
    std::array<double, nodes> share;  // l_point(date), where the piece has Chebyshev points
  };
  struct Piece {
    double begin, end;         // tenors of its first and last date
    std::size_t date;          // the first
    std::size_t first, count;  // its points
    Interpolation middle;      // of the zero rate
    double rise;               // of Interpolation::weight, per year
  };
  struct Point {
    Interpolation rate;
    double years;
    std::uint32_t discount;  // `none`: a Chebyshev point
  };

  FactorIndex spread_;
  int step_;
  std::vector<Date> dates_;  // of all ladders
  std::vector<Piece> pieces_;
  std::vector<Point> points_;
};

}  // namespace tailcube
