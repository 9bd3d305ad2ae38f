#include "kernels/market/correlation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tailcube {
namespace {

using Matrix = std::vector<double>;

// Cholesky by rows of columns. A pivot of zero is accepted where the rest of its column vanishes too, as it must in exact
// arithmetic.
bool eliminate(std::span<const double> matrix, std::size_t n, Matrix& root) {
  constexpr double zero_pivot = 1e-13, zero_rest = 1e-13;
  root.assign(n * n, 0.0);
  for (std::size_t j = 0; j < n; ++j) {
    double pivot = matrix[j * n + j];
    for (std::size_t k = 0; k < j; ++k) pivot -= root[j * n + k] * root[j * n + k];
    if (!(pivot >= -zero_pivot)) return false;
    const bool singular = pivot <= zero_pivot;
    const double diagonal = singular ? 0.0 : std::sqrt(pivot);
    root[j * n + j] = diagonal;
    for (std::size_t i = j + 1; i < n; ++i) {
      double rest = matrix[i * n + j];
      for (std::size_t k = 0; k < j; ++k) rest -= root[i * n + k] * root[j * n + k];
      if (singular && std::abs(rest) > zero_rest) return false;
      root[i * n + j] = singular ? 0.0 : rest / diagonal;
    }
  }
  return true;
}

// R of the QR decomposition of a square matrix by Givens rotations, with a diagonal >= 0.
void triangularise(Matrix& a, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j + 1; i < n; ++i) {
      const double x = a[j * n + j], y = a[i * n + j];
      if (y == 0) continue;
      const double length = std::sqrt(x * x + y * y), c = x / length, s = y / length;
      for (std::size_t k = j; k < n; ++k) {
        const double upper = a[j * n + k], lower = a[i * n + k];
        a[j * n + k] = c * upper + s * lower;
        a[i * n + k] = c * lower - s * upper;
      }
      a[i * n + j] = 0;
    }
    if (a[j * n + j] < 0)
      for (std::size_t k = j; k < n; ++k) a[j * n + k] = -a[j * n + k];
  }
}

// V f(values) V'.
template <class Function>
Matrix rebuild(const SymmetricEigen& eigen, std::size_t n, Function f) {
  Matrix out(n * n, 0.0);
  for (std::size_t k = 0; k < n; ++k) {
    const double value = f(eigen.values[k]);
    if (value == 0) continue;
    for (std::size_t i = 0; i < n; ++i) {
      const double scaled = value * eigen.vectors[i * n + k];
      for (std::size_t j = 0; j <= i; ++j) out[i * n + j] += scaled * eigen.vectors[j * n + k];
    }
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) out[j * n + i] = out[i * n + j];
  return out;
}

double lowest_allowed(std::size_t n) { return -semidefinite_tolerance * static_cast<double>(n); }

// Stable two-sided rotation that zeroes a[p][q], from the left and right, accumulated in v.
void rotate(Matrix& a, Matrix& v, std::size_t n, std::size_t p, std::size_t q) {
  const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const double t = (theta < 0 ? -1.0 : 1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1));
  const double c = 1 / std::sqrt(t * t + 1), s = t * c;
  const double shift = t * a[p * n + q];
  a[p * n + p] -= shift;
  a[q * n + q] += shift;
  a[p * n + q] = a[q * n + p] = 0;
  for (std::size_t k = 0; k < n; ++k) {
    if (k != p && k != q) {
      const double left = a[p * n + k], right = a[q * n + k];
      a[p * n + k] = a[k * n + p] = c * left - s * right;
      a[q * n + k] = a[k * n + q] = s * left + c * right;
    }
    const double left = v[k * n + p], right = v[k * n + q];
    v[k * n + p] = c * left - s * right;
    v[k * n + q] = s * left + c * right;
  }
}

}  // namespace

SymmetricEigen symmetric_eigen(std::span<const double> matrix, std::size_t n) {
  Matrix a(matrix.begin(), matrix.end()), v(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  constexpr int most_sweeps = 60;  // quadratic at the end: fewer than 12 are seen
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool rotated = false;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        const double scale = std::abs(a[p * n + p]) + std::abs(a[q * n + q]);
        if (std::abs(a[p * n + q]) <= 1e-300 || scale + 0x1p-4 * std::abs(a[p * n + q]) == scale) {
          a[p * n + q] = a[q * n + p] = 0;
          continue;
        }
        rotate(a, v, n, p, q);
        rotated = true;
      }
    if (!rotated) break;
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) { return a[x * n + x] < a[y * n + y]; });
  SymmetricEigen out{std::vector<double>(n), Matrix(n * n)};
  for (std::size_t k = 0; k < n; ++k) {
    out.values[k] = a[order[k] * n + order[k]];
    for (std::size_t i = 0; i < n; ++i) out.vectors[i * n + k] = v[i * n + order[k]];
  }
  return out;
}

bool cholesky(std::span<const double> matrix, std::size_t n, std::vector<double>& root) {
  if (eliminate(matrix, n, root)) return true;
  // Nearly singular: the root of the matrix without its negative eigenvalues, made triangular by rotations.
  const SymmetricEigen eigen = symmetric_eigen(matrix, n);
  if (n > 0 && !(eigen.values.front() >= lowest_allowed(n))) return false;
  Matrix upper(n * n);
  for (std::size_t k = 0; k < n; ++k) {
    const double scale = std::sqrt(std::max(eigen.values[n - 1 - k], 0.0));
    for (std::size_t i = 0; i < n; ++i) upper[k * n + i] = scale * eigen.vectors[i * n + n - 1 - k];
  }
  triangularise(upper, n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) root[i * n + j] = upper[j * n + i];
  return true;
}

bool is_positive_semidefinite(std::span<const double> matrix, std::size_t n) {
  Matrix root;
  return cholesky(matrix, n, root);
}

std::vector<double> pseudo_inverse(std::span<const double> matrix, std::size_t n) {
  const double zero = -lowest_allowed(n);
  return rebuild(symmetric_eigen(matrix, n), n, [&](double value) { return value > zero ? 1 / value : 0.0; });
}

NearestCorrelation nearest_correlation(std::span<const double> matrix, std::size_t n) {
  constexpr int most_iterations = 20'000;
  constexpr double tolerance = 1e-14;
  Matrix given(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) given[i * n + j] = (matrix[i * n + j] + matrix[j * n + i]) / 2;

  NearestCorrelation out;
  Matrix unit = given, correction(n * n, 0.0), shifted(n * n), psd;
  for (std::size_t i = 0; i < n; ++i) unit[i * n + i] = 1;
  for (; !out.converged && out.iterations < most_iterations; ++out.iterations) {
    for (std::size_t e = 0; e < n * n; ++e) shifted[e] = unit[e] - correction[e];
    psd = rebuild(symmetric_eigen(shifted, n), n, [](double value) { return std::max(value, 0.0); });
    double moved = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        const std::size_t e = i * n + j;
        correction[e] = psd[e] - shifted[e];
        const double next = i == j ? 1.0 : psd[e];
        moved = std::max({moved, std::abs(next - unit[e]), i == j ? std::abs(psd[e] - 1) : 0.0});
        unit[e] = next;
      }
    out.converged = moved <= tolerance * static_cast<double>(n);
  }
  // The semidefinite iterate with its diagonal scaled to one: semidefinite still, also if the iteration was cut short.
  out.matrix.assign(n * n, 1.0);
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const double scale = std::sqrt(psd[i * n + i] * psd[j * n + j]);
      if (i != j) out.matrix[i * n + j] = std::clamp(scale > 0 ? psd[i * n + j] / scale : 0.0, -1.0, 1.0);
      const double change = out.matrix[i * n + j] - matrix[i * n + j];
      if (i != j) out.largest_change = std::max(out.largest_change, std::abs(out.matrix[i * n + j] - given[i * n + j]));
      squares += change * change;
    }
  out.frobenius_distance = std::sqrt(squares);
  return out;
}

}  // namespace tailcube
