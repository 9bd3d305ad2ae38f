#include "kernels/instruments/invoice_law.h"

#include <algorithm>

#include "kernels/math/functions.h"
#include "kernels/math/tails.h"

namespace tailcube {
namespace {

InvoiceLaw::Shapes shapes_of(const InvoiceTerms& t) {
  InvoiceLaw::Shapes out{0, 0, 0, 0};
  if (t.dilution_sd > 0) {
    const double total = t.dilution * (1 - t.dilution) / (t.dilution_sd * t.dilution_sd) - 1;
    out.beta_a = t.dilution * total, out.beta_b = (1 - t.dilution) * total;
  }
  if (t.delay_sd_years > 0) {
    const double scale = t.delay_sd_years * t.delay_sd_years / t.delay_years;
    out.gamma_shape = t.delay_years / scale, out.gamma_scale_years = scale;
  }
  return out;
}

}  // namespace

InvoiceLaw::InvoiceLaw(const InvoiceTerms& t, double loss_given_default)
    : terms_(t), shapes_(shapes_of(t)), paid_(expected_share(0)), defaulted_(expected_share(loss_given_default)) {}

// Overdue by x, the delay is beyond x: E[exp(-r (X - x)) | X > x] = e^{rx} (1 + r s)^-k Q(k, x (1/s + r)) / Q(k, x/s).
InvoiceLaw::Wait InvoiceLaw::wait(double now) const {
  const double overdue = now - terms_.due_years, rate = terms_.discount_rate;
  const auto [beta_a, beta_b, shape, scale] = shapes_;
  if (shape == 0) {
    const double left = std::max(terms_.delay_years - overdue, 0.0);
    return {left, exp(-rate * left)};
  }
  const double discount = exp(rate * overdue - shape * log1p(rate * scale));
  if (overdue <= 0) return {terms_.delay_years - overdue, discount};
  const double beyond = gamma_tails(shape, overdue / scale).upper;
  if (beyond < 1e-200) return {scale, 1 / (1 + rate * scale)};  // the tail of an exponential
  return {terms_.delay_years * gamma_tails(shape + 1, overdue / scale).upper / beyond - overdue,
          discount * gamma_tails(shape, overdue * (1 / scale + rate)).upper / beyond};
}

// With Y = 1 - D ~ Beta(b, a): E min(Y, c) = E Y I_c(b + 1, a) + c (1 - I_c(b, a)).
double InvoiceLaw::expected_share(double loss) const {
  const double kept = 1 - loss, mean = 1 - terms_.dilution;
  if (kept <= 0) return 0;
  const double cap = terms_.advance_rate / kept;
  if (cap >= 1) return kept * mean;
  if (shapes_.beta_a == 0) return kept * std::min(mean, cap);
  const double below = incomplete_beta(shapes_.beta_b, shapes_.beta_a, cap);
  return kept * (mean * incomplete_beta(shapes_.beta_b + 1, shapes_.beta_a, cap) + cap * (1 - below));
}

double InvoiceLaw::value(const Wait& wait, double debtor_pd, double seller_pd) const {
  const double collected = paid_ - debtor_pd * (paid_ - defaulted_);
  const double made_good = terms_.recourse * (1 - seller_pd) * (terms_.advance_rate - collected);
  return (collected + made_good) * wait.discount;
}

double InvoiceLaw::honest(const Wait& wait) const { return 1 + terms_.fraud_share * expm1(-terms_.fraud_rate * wait.years); }

}  // namespace tailcube
