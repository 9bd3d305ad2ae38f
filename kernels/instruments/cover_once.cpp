#include "kernels/instruments/cover_once.h"

#include <algorithm>
#include <cmath>

#include "kernels/publishing.h"

namespace tailcube {

OneClaim::OneClaim(const RowSet& rows, const std::vector<double>& time_years)
    : rows_(rows), time_years_(time_years), value_(rows.count * rows.valued.size()), cash_(value_.size()) {}

void OneClaim::add(std::uint32_t row, double quantity, const Claims& claims) {
  const Cover& t = claims.terms();
  (t.trigger == Cover::on_price ? by_price_ : by_default_).push_back({row, quantity, claims});
  if (t.trigger == Cover::on_price) return;
  for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
    value_[row * rows_.valued.size() + v] += quantity * unearned(t, time_years_, rows_.valued[v], claims.end());
    cash_[row * rows_.valued.size() + v] -= quantity * premiums(t, time_years_, rows_.valued[v], claims.end());
  }
}

void OneClaim::evaluate(const Block& block, Ledger& ledger) const noexcept {
  for (std::size_t row = 0, i = 0; !by_default_.empty() && row < rows_.count; ++row)
    for (int at = 0; static_cast<std::size_t>(at) < rows_.valued.size(); ++at, ++i) {
      std::fill_n(ledger.value(rows_.row(row), at).data(), lanes, value_[i]);
      std::fill_n(ledger.cash(rows_.row(row), at).data(), lanes, cash_[i]);
    }
  for (const Line& line : by_default_) {
    for (const Default& d : defaults_of(block, line.claims.obligor()))
      if (d.step <= line.claims.end()) correct(line, d, block, ledger);
  }
  for (const Line& line : by_price_) settle(line, block, ledger);
}

void OneClaim::correct(const Line& line, const Default& d, const Block& block, Ledger& ledger) const noexcept {
  const Cover& t = line.claims.terms();
  const double claimed = line.claims.claimed_at_default(d.loss_given_default), q = line.quantity;
  const double granted =
      is_none(t.provider) ? claimed : claimed * block.factors(row_of(t.provider, account_share), d.step)[d.lane];
  for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
    const int now = rows_.valued[v], at = static_cast<int>(v);
    if (d.step > now) continue;
    const bool paid = d.step + line.claims.delay() <= now;
    const double worth = (paid ? 0 : granted) - unearned(t, time_years_, now, line.claims.end());
    const double got =
        (paid ? granted : 0) + premiums(t, time_years_, now, line.claims.end()) - premiums(t, time_years_, now, d.step);
    ledger.value(rows_.row(line.row), at)[d.lane] += q * worth;
    ledger.cash(rows_.row(line.row), at)[d.lane] += q * got;
    ledger.credit_loss(rows_.row(line.row), at)[d.lane] -= q * (worth + got);
    ledger.gauges(rows_.gauge(line.row, claims_paid), at)[d.lane] += std::abs(q) * (paid ? granted : 0);
    ledger.gauges(rows_.gauge(line.row, claims_unpaid), at)[d.lane] += std::abs(q) * (claimed - granted);
  }
}

// Defaults make no difference to a price: what the provider lacks is the credit loss.
void OneClaim::settle(const Line& line, const Block& block, Ledger& ledger) const noexcept {
  const Cover& t = line.claims.terms();
  const double q = line.quantity, size = std::abs(q), delay = line.claims.delay();
  alignas(64) Claims::Column step, claimed, granted, cost{};  // cost: of the running premium until the claim
  line.claims.find(block, step, claimed);
  granted = claimed;
  for (std::size_t k = 0; k < lanes; ++k) {
    if (!(claimed[k] > 0)) continue;
    const int n = static_cast<int>(step[k]);
    if (!is_none(t.provider)) granted[k] *= block.factors(row_of(t.provider, account_share), n)[k];
  }
  for (std::size_t k = 0; k < lanes && t.premium_payment == Cover::running; ++k)
    if (step[k] <= line.claims.end()) cost[k] = premiums(t, time_years_, static_cast<int>(step[k]), step[k]);
  for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
    const int now = rows_.valued[v], at = static_cast<int>(v);
    const double still = unearned(t, time_years_, now, line.claims.end()),
                 running = premiums(t, time_years_, now, line.claims.end());
    const auto gauge = [&](std::size_t g) { return ledger.gauges(rows_.gauge(line.row, g), at).data(); };
    double *value = ledger.value(rows_.row(line.row), at).data(), *cash = ledger.cash(rows_.row(line.row), at).data(),
           *loss = ledger.credit_loss(rows_.row(line.row), at).data(), *paid = gauge(claims_paid),
           *unpaid = gauge(claims_unpaid);
    alignas(64) Claims::Column worth, got, received, missing;  // apart from the ledger, which might share memory
    for (std::size_t k = 0; k < lanes; ++k) {
      const bool due = step[k] <= now, there = step[k] + delay <= now;
      received[k] = there ? granted[k] : 0, missing[k] = due ? claimed[k] - granted[k] : 0;
      worth[k] = q * (!due ? still : there ? 0 : granted[k]);
      got[k] = q * (received[k] - (due ? cost[k] : running));
    }
    for (std::size_t k = 0; k < lanes; ++k) value[k] += worth[k];
    for (std::size_t k = 0; k < lanes; ++k) cash[k] += got[k];
    for (std::size_t k = 0; k < lanes; ++k) loss[k] += q * missing[k];
    for (std::size_t k = 0; k < lanes; ++k) paid[k] += size * received[k];
    for (std::size_t k = 0; k < lanes; ++k) unpaid[k] += size * missing[k];
  }
}

}  // namespace tailcube
