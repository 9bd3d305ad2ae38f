#include "kernels/market/correlation.h"

#include <algorithm>
#include <cmath>

#include "tests/catch_any.h"
#include "tests/reference.h"

namespace {

using namespace tailcube;
using Matrix = std::vector<double>;

Matrix flat(const nlohmann::json& rows) {
  Matrix out;
  for (const auto& row : rows)
    for (const auto& x : row) out.push_back(x.get<double>());
  return out;
}
// A B', both n x n.
Matrix times_transposed(const Matrix& a, const Matrix& b, std::size_t n) {
  Matrix out(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < n; ++k) out[i * n + j] += a[i * n + k] * b[j * n + k];
  return out;
}
double largest_difference(const Matrix& a, const Matrix& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}
// Correlation matrix of `factors` loadings made by a fixed arithmetic rule; its rank is `factors`.
Matrix low_rank(std::size_t n, std::size_t factors) {
  Matrix loading(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    double length = 0;
    for (std::size_t k = 0; k < factors; ++k) {
      loading[i * n + k] = static_cast<double>((i * 7 + k * 5 + i * i * k) % 11) - 4.5;
      length += loading[i * n + k] * loading[i * n + k];
    }
    for (std::size_t k = 0; k < factors; ++k) loading[i * n + k] /= std::sqrt(length);
  }
  Matrix out = times_transposed(loading, loading, n);
  for (std::size_t i = 0; i < n; ++i) out[i * n + i] = 1;
  return out;
}

TEST_CASE("the root of a correlation matrix is its lower Cholesky factor") {
  const auto file = test::reference("cholesky_pca");
  if (!file) return;
  const Matrix given = flat((*file)["inputs"]["C"]), expected = flat((*file)["expected"]["cholesky_lower"]);
  Matrix root;
  REQUIRE(cholesky(given, 4, root));
  CHECK(largest_difference(root, expected) <= 1e-12);
  const auto eigen = symmetric_eigen(given, 4);
  for (std::size_t k = 0; k < 4; ++k)
    CHECK(std::abs(eigen.values[k] - (*file)["expected"]["eigenvalues_asc"][k].get<double>()) <= 1e-12);

  const std::size_t n = 50;
  Matrix equal(n * n, 0.3);
  for (std::size_t i = 0; i < n; ++i) equal[i * n + i] = 1;
  REQUIRE(cholesky(equal, n, root));
  CHECK(std::abs(root.back() - (*file)["expected"]["equicorr"]["chol_last_diag"].get<double>()) <= 1e-12);
  const auto spectrum = symmetric_eigen(equal, n);
  CHECK(std::abs(spectrum.values.back() - 15.7) <= 1e-12);
  CHECK(std::abs(spectrum.values.front() - 0.7) <= 1e-12);
}

TEST_CASE("singular matrices have a root, indefinite ones have none") {
  Matrix root;
  REQUIRE(cholesky(Matrix{1, 1, 1, 1}, 2, root));
  CHECK(root == Matrix{1, 0, 1, 0});
  REQUIRE(cholesky(Matrix{1, -1, -1, 1}, 2, root));
  CHECK(root == Matrix{1, 0, -1, 0});
  for (std::size_t n : {3u, 6u, 12u, 25u})
    for (std::size_t rank = 1; rank <= n; rank += 2) {
      const Matrix c = low_rank(n, rank);
      INFO("n = " << n << ", rank = " << rank);
      REQUIRE(cholesky(c, n, root));
      CHECK(largest_difference(times_transposed(root, root, n), c) <= 1e-12);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = i + 1; j < n; ++j) CHECK(root[i * n + j] == 0);
    }
  // A singular pivot before others, the rest of its column being rounding noise: the path by eigenvalues.
  Matrix noisy = low_rank(12, 4);
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t j = 0; j < i; ++j) noisy[i * 12 + j] = noisy[j * 12 + i] = std::round(noisy[i * 12 + j] * 1e11) / 1e11;
  REQUIRE(cholesky(noisy, 12, root));
  CHECK(largest_difference(times_transposed(root, root, 12), noisy) <= 1e-10);

  CHECK_FALSE(is_positive_semidefinite(Matrix{1, 1, 0, 1, 1, 1, 0, 1, 1}, 3));
  CHECK_FALSE(is_positive_semidefinite(Matrix{1, 1.000001, 1.000001, 1}, 2));
  CHECK_FALSE(is_positive_semidefinite(Matrix{1, NAN, NAN, 1}, 2));
  CHECK(is_positive_semidefinite(Matrix{1, 0.5, 0.5, 1}, 2));
  CHECK(is_positive_semidefinite(Matrix{}, 0));
}

TEST_CASE("the nearest correlation matrix is the published one") {
  const auto file = test::reference("nearest_corr");
  if (!file) return;
  for (const auto& expected : (*file)["expected"]["results"]) {
    const Matrix given = flat(expected["A"]), nearest = flat(expected["nearest"]);
    const std::size_t n = expected["A"].size();
    const auto found = nearest_correlation(given, n);
    INFO(expected["name"].get<std::string>() << ", " << found.iterations << " iterations");
    CHECK(found.converged);
    CHECK(largest_difference(found.matrix, nearest) <= 1e-9);
    CHECK(std::abs(found.frobenius_distance - expected["frobenius_distance"].get<double>()) <= 1e-9);
    CHECK(is_positive_semidefinite(found.matrix, n));
    for (std::size_t i = 0; i < n; ++i) CHECK(found.matrix[i * n + i] == 1);
  }
}

// Higham (2002, section 2): X is nearest iff A - X = D - Z with D diagonal, Z semidefinite and Z X = 0. Here with the
// diagonal of Z fixed by Z X = 0 row by row.
TEST_CASE("the nearest correlation matrix satisfies the optimality condition") {
  const std::size_t n = 10;
  Matrix given = low_rank(n, 3);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j)
      given[i * n + j] = given[j * n + i] = given[i * n + j] + ((i * 3 + j * 5) % 7 < 3 ? -0.3 : 0.2);
  REQUIRE_FALSE(is_positive_semidefinite(given, n));
  const auto found = nearest_correlation(given, n);
  INFO(found.iterations << " iterations");
  REQUIRE(found.converged);
  Matrix z(n * n);
  for (std::size_t e = 0; e < n * n; ++e) z[e] = found.matrix[e] - given[e];
  for (std::size_t i = 0; i < n; ++i) {
    z[i * n + i] = 0;
    double rest = 0;
    for (std::size_t k = 0; k < n; ++k) rest += z[i * n + k] * found.matrix[k * n + i];
    z[i * n + i] = -rest;
  }
  const Matrix zero = times_transposed(z, found.matrix, n);
  CHECK(largest_difference(zero, Matrix(n * n, 0.0)) <= 1e-8);
  CHECK(symmetric_eigen(z, n).values.front() >= -1e-8);
}

TEST_CASE("the pseudo-inverse of a singular matrix satisfies Penrose's equations") {
  for (std::size_t rank : {1u, 3u, 6u}) {
    const std::size_t n = 6;
    const Matrix c = low_rank(n, rank), inverse = pseudo_inverse(c, n);
    const Matrix once = times_transposed(times_transposed(c, inverse, n), c, n);  // symmetric throughout
    INFO("rank " << rank);
    CHECK(largest_difference(once, c) <= 1e-9);
    CHECK(largest_difference(times_transposed(times_transposed(inverse, c, n), inverse, n), inverse) <=
          1e-9 * std::abs(*std::max_element(inverse.begin(), inverse.end())));
  }
}

}  // namespace
