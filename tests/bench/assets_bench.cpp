// What a position of each type costs, ns per scenario and per step, beside a bare loop for it.
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "kernels/instruments/invoice_law.h"
#include "kernels/math/functions.h"
#include "tests/bench/assets.h"
#include "tests/bench/bare_claims.h"
#include "tests/bench/bare_links.h"
#include "tests/bench/bare_loops.h"
#include "tests/bench/bare_margins.h"

using namespace tailcube;
using namespace tailcube::bench;

// One argument: only those of this type, or by these words.
int main(int argc, char** argv) {
  if (argc > 1) only = argv[1];
  std::printf("%s\nns of a position and scenario, and of a step; the same of its bare loop; their ratio; how far apart\n",
              simd_name());
  const auto by_id = [](const auto& make) {
    std::vector<decltype(make(std::string()))> out;
    out.reserve(1000);
    for (int i = 0; i < 1000; ++i) out.push_back(make(std::to_string(i)));
    return out;
  };

  const bare::Debt loan({1e5, 0.06, 12, 5, Amortisation::annuity}, 0.02),
      bond({1e5, 0.05, 2, 5, Amortisation::bullet}, 0.02);
  const Cells loan_cells{{"principal", 1e5}, {"rate", 0.06}, {"maturity_years", 5}, {"amortisation", 1}, {"spread", 0.02}};
  const Cells bond_cells{{"notional", 1e5}, {"coupon", 0.05}, {"maturity_years", 5}, {"spread", 0.02}};
  Cells mortgage_cells = loan_cells;
  mortgage_cells.insert({{"collateral_value", 1.1e5}, {"sale_cost", 0.1}, {"foreclosure_years", 0.5}});
  for (const double rate : {0.0, 0.02}) {
    const auto* words = rate > 0 ? "2 % default a year" : "nobody defaults";
    run({.type = "exposure",
         .words = words,
         .cells = {{"ead", 1e5}},
         .loop = [](std::uint32_t i, bare::World& w) { bare::exposure(w.defaults_of(i), w); },
         .default_rate = rate});
    run({.type = "bond",
         .words = words,
         .cells = bond_cells,
         .loop = [&](std::uint32_t i, bare::World& w) { bond.add(w.defaults_of(i), w); },
         .default_rate = rate});
    run({.type = "loan",
         .words = words,
         .cells = loan_cells,
         .loop = [&](std::uint32_t i, bare::World& w) { loan.add(w.defaults_of(i), w); },
         .default_rate = rate});
    run({.type = "mortgage",
         .words = words,
         .cells = mortgage_cells,
         .refers = {{"collateral_factor", bare::price_row}},
         .loop = [&](std::uint32_t i, bare::World& w) { loan.add(w.defaults_of(i), w, bare::Collateral{0.9 * 1.1e5}); },
         .default_rate = rate});
  }
  const bare::ToggledLoan toggled({1e5, 0.06, 12, 5, Amortisation::annuity}, 0.02, 0.01);
  Cells toggled_cells = loan_cells;
  toggled_cells.insert({{"pik_when", 1}, {"pik_level", 1}, {"pik_margin", 0.01}});
  run({.type = "loan",
       .words = "in kind below a price",
       .cells = toggled_cells,
       .refers = {{"pik_factor", bare::price_row}},
       .loop = [&](std::uint32_t, bare::World& w) { toggled.add(w); }});
  run({.type = "holding",
       .words = "of a price",
       .refers = {{"factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::holding(w); }});
  run({.type = "cash",
       .words = "at a number",
       .cells = {{"amount", 1e5}, {"rate", 0.03}},
       .loop = [](std::uint32_t, bare::World& w) { bare::cash(w); }});
  const auto vault_debt = [](std::uint32_t i) { return 1e5 * (0.3 + 0.48 * i / 1000); };
  run({.type = "vault",
       .words = "debts of 30 to 78 %",
       .cells = {{"collateral_quantity", 1e5}, {"borrow_rate", 0.05}, {"liquidation_threshold", 0.8}},
       .refers = {{"collateral_factor", bare::price_row}},
       .loop = [&](std::uint32_t i, bare::World& w) { bare::vault(vault_debt(i), tailcube::exp(0.05 * bare::dt), w); },
       .vary = [&](std::uint32_t i, Cells& cells) { cells["debt"] = vault_debt(i); }});

  const auto assets = by_id([](const std::string& id) {
    return bare::AssetStreams{stream("idiosyncratic value", id), stream("appraisal", id), stream("wait for a buyer", id)};
  });
  run({.type = "collectible",
       .words = "uncertain, offered for sale",
       .cells = {{"appraisal", 1e6},
                 {"appraisal_sd", 0.2},
                 {"idiosyncratic_volatility", 0.1},
                 {"offered_years", 0.1},
                 {"sale_delay_years", 0.5}},
       .refers = {{"index_factor", bare::price_row}},
       .loop = [&](std::uint32_t i, bare::World& w) { bare::collectible(assets[i], w); }});
  run({.type = "property",
       .words = "by an index, let",
       .cells = {{"value", 1e6}, {"idiosyncratic_volatility", 0.1}, {"rent", 5e4}},
       .refers = {{"index_factor", bare::price_row}},
       .loop = [&](std::uint32_t i, bare::World& w) { bare::property(assets[i], w); }});
  std::optional<bare::Lets> lets;
  for (const double rate : {0.0, 0.02})
    run({.type = "lease",
         .words = rate > 0 ? "let monthly, 2 % default a year" : "let monthly, nobody defaults",
         .cells = {{"asset_value", 1e6},
                   {"idiosyncratic_volatility", 0.1},
                   {"depreciation", 0.1},
                   {"rent", 2e5},
                   {"maturity_years", 5},
                   {"spread", 0.02},
                   {"sale_cost", 0.05},
                   {"repossession_years", 0.25}},
         .refers = {{"index_factor", bare::price_row}},
         .loop =
             [&](std::uint32_t i, bare::World& w) {
               if (i == 0) lets.emplace(w);
               lets->add(assets[i], w.defaults_of(i), w);
             },
         .default_rate = rate});
  const InvoiceLaw law({45.0 / 365, 1, 0.06, 0.05, 0.03, 30.0 / 365, 25.0 / 365, 0, 0.01, 1}, 0.6);
  bare::InvoiceNumbers invoice{
      law.shapes().beta_a, law.shapes().beta_b, law.shapes().gamma_shape, law.shapes().gamma_scale_years, {}};
  for (std::size_t v = 0; v < bare::valued.size(); ++v) {
    const InvoiceLaw::Wait wait = law.wait(bare::dt * bare::valued[v]);
    invoice.waiting[v] = 1e5 * law.value(wait, -tailcube::expm1(-0.03 * wait.years), 0) * law.honest(wait);
  }
  const auto invoices = by_id([](const std::string& id) {
    return bare::InvoiceStreams{stream("dilution", id), stream("dilution rest", id), stream("payment delay", id),
                                stream("own pool", id)};
  });
  run({.type = "invoice",
       .words = "dilution, delay, fraud",
       .cells = {{"face", 1e5},
                 {"due_days", 45},
                 {"discount_rate", 0.06},
                 {"dilution", 0.05},
                 {"dilution_sd", 0.03},
                 {"delay_days", 30},
                 {"delay_sd_days", 25},
                 {"fraud_rate", 0.01}},
       .loop = [&](std::uint32_t i, bare::World& w) { bare::invoice(invoices[i], invoice, w); }});
  run({.type = "revenue",
       .words = "5 years monthly, a cap",
       .cells = {{"revenue", 1e6}, {"share", 0.2}, {"cap", 1e6}, {"maturity_years", 5}},
       .refers = {{"revenue_factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::revenue(w); }});
  run({.type = "lp",
       .words = "constant product, fees",
       .cells = {{"value", 1e5}, {"fee_rate", 0.1}},
       .refers = {{"base_factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::lp(w); }});

  const Cells perp{{"size", 1e5},
                   {"entry_price", 1},
                   {"collateral", 2e4},
                   {"funding_rate", bare::funding},
                   {"maintenance_margin", bare::margin_share},
                   {"liquidation_fee", bare::margin_fee}};
  run({.type = "perp",
       .words = "a margin of its own",
       .cells = perp,
       .refers = {{"factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::perp(w); }});
  run({.type = "perp",
       .words = "ten to an account",
       .cells = perp,
       .refers = {{"factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::account(w); },
       .sharing = bare::sharing,
       .account = "account",
       .vary =
           [](std::uint32_t i, Cells& cells) {
             cells["side"] = i % 2, cells["size"] = i % 2 == 0 ? bare::long_size : bare::short_size;
             cells["collateral"] = bare::shared_collateral;
           }});
  run({.type = "perp",
       .words = "a venue's fund, deleveraging",
       .cells = perp,
       .refers = {{"factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::venue(1000, w); },
       .sharing = 1000,
       .account = "venue",
       .vary =
           [](std::uint32_t i, Cells& cells) {
             cells["side"] = i % 2, cells["collateral"] = bare::venue_collateral(i),
             cells["insurance_fund"] = bare::venue_fund;
           }});
  run({.type = "hedge",
       .words = "call",
       .cells = {{"kind", 1}, {"notional", 1e5}, {"maturity_years", 2}, {"strike", 1}},
       .refers = {{"factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::call(w); }});
  const Cells cds{{"kind", 3}, {"notional", 1e5}, {"maturity_years", 5}, {"premium", 0.02}};
  Cells fixed_cds = cds;
  fixed_cds["spread"] = 0.02;
  run({.type = "hedge", .words = "cds, a number as spread", .cells = fixed_cds, .loop = [](std::uint32_t, bare::World& w) {
         bare::cds(w);
       }});
  run({.type = "hedge",
       .words = "cds, a factor as spread",
       .cells = cds,
       .refers = {{"spread", bare::spread_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::moving_cds(w); }});
  for (const double rate : {0.0, 0.02})
    run({.type = "swap",
         .words = rate > 0 ? "5 years quarterly, 2 % default" : "5 years quarterly, nobody defaults",
         .cells = {{"side", 0}, {"notional", 1e5}, {"maturity_years", 5}, {"fixed_rate", 0.03}, {"reset_rate", 0.03}},
         .loop = [](std::uint32_t i, bare::World& w) { bare::Swap::add(i, w.defaults_of(i), w); },
         .default_rate = rate});
  Cells cover{{"trigger", 0},   {"insured", 1e5},       {"term_years", 1},
              {"premium", 1e3}, {"premium_payment", 1}, {"claim_delay_years", 0.2}};
  run({.type = "cover", .words = "of a default", .cells = cover, .loop = [](std::uint32_t, bare::World& w) {
         bare::cover(0, w);
       }});
  cover["trigger"] = 1;
  cover.insert({{"trigger_price", 0.8}, {"reference_price", 1}, {"limit", 1e5}});
  run({.type = "cover",
       .words = "of a price",
       .cells = cover,
       .refers = {{"factor", bare::price_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::cover(0.8, w); }});

  constexpr std::uint32_t few = 20;
  run({.type = "tranche",
       .words = "a coverage trigger",
       .cells =
           {{"notional", 1e5}, {"attachment", 0.03}, {"detachment", 0.06}, {"interest", 0.08}, {"coverage_trigger", 1.02}},
       .refers = {{"reference_pool", bare::pool_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::tranche(w); },
       .count = few});
  run({.type = "fund_token",
       .words = "levered, two fees",
       .cells =
           {{"tokens", 1e5}, {"leverage", 2}, {"borrow_rate", 0.05}, {"management_fee", 0.01}, {"performance_fee", 0.1}},
       .refers = {{"assets", bare::pool_row}},
       .loop = [](std::uint32_t, bare::World& w) { bare::fund_token(w); },
       .count = few});
  const auto coins = by_id([](const std::string& id) {
    return bare::CoinStreams{stream("depeg", id), stream("price without peg", id), stream("price without peg, rest", id),
                             stream("return of the peg", id)};
  });
  Cells coin{{"tokens", 1e5}, {"depeg_rate", 0.02}, {"price_beta_a", 8}, {"price_beta_b", 2}, {"return_years", 0.5}};
  run({.type = "stablecoin",
       .words = "may lose its peg",
       .cells = coin,
       .loop = [&](std::uint32_t i, bare::World& w) { bare::stablecoin(coins[i], false, w); },
       .count = few});
  coin.insert({{"coverage", 1.05}, {"run_below", 1}, {"run_share", 0.3}, {"liquid_share", 0.2}, {"sale_cost", 0.1}});
  run({.type = "stablecoin",
       .words = "and a reserve that is run on",
       .cells = coin,
       .refers = {{"reserve", bare::pool_row}},
       .loop = [&](std::uint32_t i, bare::World& w) { bare::stablecoin(coins[i], true, w); },
       .count = few});
}
