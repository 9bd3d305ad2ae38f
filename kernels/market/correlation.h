#pragma once
// Algebra of correlation matrices, once per job: plain loops in a fixed order, the same bits on every CPU.
// A matrix is n x n doubles, [row][column]. Cost O(n^3); eigenvalues by Jacobi take about 40 n^3 operations.
#include <cstddef>
#include <span>
#include <vector>

namespace tailcube {

// What counts as zero: a matrix is positive semidefinite if no eigenvalue is below -tolerance * n, and an eigenvalue below
// +tolerance * n is zero for the pseudo-inverse.
inline constexpr double semidefinite_tolerance = 1e-10;

// Whether a symmetric matrix is positive semidefinite, to the tolerance above. `cholesky` succeeds exactly for these.
bool is_positive_semidefinite(std::span<const double> matrix, std::size_t n);

// Lower triangular root, root root' = matrix; false if the matrix is not positive semidefinite. Singular matrices are
// allowed (perfectly correlated factors): the later of two equal rows repeats the earlier one. Error of root root' below
// 1e-12 for a semidefinite matrix, else at most the eigenvalues that the tolerance forgave.
bool cholesky(std::span<const double> matrix, std::size_t n, std::vector<double>& root);

struct NearestCorrelation {
  std::vector<double> matrix;     // symmetric, unit diagonal, positive semidefinite
  double largest_change = 0;      // of an off-diagonal entry, against the symmetric part of what was given
  double frobenius_distance = 0;  // from what was given, diagonal included
  int iterations = 0;
  bool converged = false;  // false: still a correlation matrix, but not the nearest
};
// The correlation matrix nearest in Frobenius norm: alternating projections with Dykstra's correction (Higham 2002,
// algorithm 3.3). An unsymmetric matrix is replaced by its symmetric part, its diagonal by ones. Entries to 1e-9.
NearestCorrelation nearest_correlation(std::span<const double> matrix, std::size_t n);

struct SymmetricEigen {
  std::vector<double> values;   // ascending
  std::vector<double> vectors;  // [row][k]: column k belongs to values[k]
};
// Eigenvalues and vectors of a symmetric matrix by cyclic Jacobi rotations (Jacobi 1846; Rutishauser 1966): errors of a few
// ulp of the largest eigenvalue.
SymmetricEigen symmetric_eigen(std::span<const double> matrix, std::size_t n);

// Moore-Penrose inverse of a positive semidefinite matrix; eigenvalues within the tolerance count as zero.
std::vector<double> pseudo_inverse(std::span<const double> matrix, std::size_t n);

}  // namespace tailcube
