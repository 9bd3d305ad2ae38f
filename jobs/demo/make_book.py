#!/usr/bin/env python3
"""Makes the tables of the demo job, always the same ones: python3 make_book.py [FOLDER]

Needs only the standard library. The book is invented; what the numbers lean on is said where they are set and in docs/demo.md.
"""
import csv
import math
import os
import sys

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


class Random:
    """SplitMix64 (Steele, Lea and Flood 2014): integers only, so every Python makes the same book."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def uniform(self, low=0.0, high=1.0):
        return low + (high - low) * (self.bits() >> 11) * 2.0**-53

    def integer(self, low, high):
        return low + self.bits() % (high - low + 1)

    def normal(self):
        return sum(self.uniform() for _ in range(12)) - 6.0

    def choose(self, weights):
        """A key of {key: weight}."""
        at = self.uniform() * sum(weights.values())
        for key, weight in weights.items():
            at -= weight
            if at < 0:
                return key
        return key


def write(name, header, rows):
    with open(os.path.join(FOLDER, name), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header.split())
        out.writerows(rows)


# ------------------------------------------------------------------------------------------------------------ market
# id: kind, initial, volatility, reversion, level, jumps a year, mean and volatility of the log jump; drift 0: no view.
# Loadings on independent latent factors: G growth, R rates, T slope, S credit spreads, P commercial property, H houses,
# K crypto, M small firms.
# What is left to one is the factor's own, so the correlation matrix is positive definite by construction.
FACTORS = {
    "ETH": (("lognormal", 4000, 0.75, "", "", 3, -0.08, 0.14), dict(G=0.25, K=0.86)),
    "BTC": (("lognormal", 100000, 0.55, "", "", 3, -0.06, 0.11), dict(G=0.25, K=0.86)),
    "CRE": (("lognormal", 100, 0.10, "", "", "", "", ""), dict(G=0.30, P=0.85)),
    "CRE_OFFICE": (("lognormal", 100, 0.15, "", "", "", "", ""), dict(G=0.30, P=0.75)),
    "CRE_RETAIL": (("lognormal", 100, 0.14, "", "", "", "", ""), dict(G=0.35, P=0.65)),
    "CRE_LOGISTICS": (("lognormal", 100, 0.13, "", "", "", "", ""), dict(G=0.30, P=0.65)),
    "CRE_RESIDENTIAL": (("lognormal", 100, 0.11, "", "", "", "", ""), dict(G=0.25, P=0.60)),
    "CRE_HOTEL": (("lognormal", 100, 0.18, "", "", "", "", ""), dict(G=0.50, P=0.55)),
    "HPI": (("lognormal", 100, 0.08, "", "", "", "", ""), dict(G=0.30, H=0.80, P=0.25)),
    "HPI_COAST": (("lognormal", 100, 0.11, "", "", "", "", ""), dict(G=0.30, H=0.75, P=0.22)),
    "HPI_INLAND": (("lognormal", 100, 0.09, "", "", "", "", ""), dict(G=0.30, H=0.75, P=0.22)),
    "HPI_SOUTH": (("lognormal", 100, 0.10, "", "", "", "", ""), dict(G=0.30, H=0.75, P=0.22)),
    "UST_3M": (("normal", 0.044, 0.007, "", "", "", "", ""), dict(G=0.20, R=0.40, T=0.40)),
    "UST_2Y": (("normal", 0.042, 0.008, "", "", "", "", ""), dict(G=0.10, R=0.93, T=0.28)),
    "UST_5Y": (("normal", 0.041, 0.0085, "", "", "", "", ""), dict(G=0.10, R=0.97)),
    "UST_10Y": (("normal", 0.043, 0.0085, "", "", "", "", ""), dict(G=0.05, R=0.94, T=-0.25)),
    "EUR_5Y": (("normal", 0.022, 0.0075, "", "", "", "", ""), dict(G=0.10, R=0.65)),
    "EURUSD": (("lognormal", 1.035, 0.09, "", "", "", "", ""), dict(G=0.25, R=-0.20)),
    "SPREAD_A": (("log_ou", 0.008, 0.35, 0.4, -4.6, "", "", ""), dict(G=-0.55, R=-0.10, S=0.60)),
    "SPREAD_BBB": (("log_ou", 0.011, 0.40, 0.4, -4.135, "", "", ""), dict(G=-0.65, R=-0.15, S=0.60)),
    "SPREAD_BB": (("log_ou", 0.020, 0.40, 0.4, -3.5, "", "", ""), dict(G=-0.65, R=-0.10, S=0.60)),
    "SPREAD_B": (("log_ou", 0.032, 0.40, 0.4, -3.0, "", "", ""), dict(G=-0.65, R=-0.10, S=0.55)),
    "SPREAD_HOME_1": (("log_ou", 0.023, 0.20, 0.4, -3.772, "", "", ""), dict(G=-0.45, R=-0.10, S=0.50)),
    "SPREAD_HOME_2": (("log_ou", 0.045, 0.25, 0.4, -3.101, "", "", ""), dict(G=-0.50, R=-0.10, S=0.50)),
    "SPREAD_SME_1": (("log_ou", 0.035, 0.25, 0.4, -3.3, "", "", ""), dict(G=-0.60, S=0.45, M=-0.10)),
    "SPREAD_SME_2": (("log_ou", 0.060, 0.25, 0.4, -2.8, "", "", ""), dict(G=-0.60, S=0.45, M=-0.10)),
}
# Credit drivers: small firms by sector, the issuers of corporate bonds, and households.
DRIVERS = {
    "DRV_CONSTRUCTION": dict(G=0.65, P=0.25, M=0.25),
    "DRV_CORPORATE": dict(G=0.80),
    "DRV_HOSPITALITY": dict(G=0.68, M=0.25),
    "DRV_HOUSEHOLDS": dict(G=0.60, H=0.35),
    "DRV_MANUFACTURING": dict(G=0.72, M=0.20),
    "DRV_SERVICES": dict(G=0.65, M=0.30),
    "DRV_TRADE": dict(G=0.70, M=0.25),
}


def market():
    rows = [[id, p[0], p[1], 0, *p[2:]] for id, (p, _) in FACTORS.items()]
    rows += [[id, "driver", "", "", "", "", "", "", "", ""] for id in DRIVERS]
    write("factors.csv", "id kind initial drift volatility reversion level jump_rate jump_mean jump_volatility", rows)
    loadings = {id: l for id, (_, l) in FACTORS.items()} | DRIVERS
    dot = lambda a, b: sum(a[k] * b.get(k, 0) for k in a)
    write(
        "correlation.csv",
        "id " + " ".join(loadings),
        [[a] + [1 if a == b else round(dot(loadings[a], loadings[b]), 4) for b in loadings] for a in loadings],
    )
    write("curves.csv", "curve tenor_years factor",
          [["UST", t, f] for t, f in ((0.25, "UST_3M"), (2, "UST_2Y"), (5, "UST_5Y"), (10, "UST_10Y"))] +
          [["EUR", 5, "EUR_5Y"]])
    # Federal Reserve, 2025 supervisory scenarios, severely adverse (public domain), 2024Q4 to 2025Q4. The price indices
    # of commercial property and of houses are 309.3 and 322.1 in 2024Q4 and 100 here; the euro is in dollars; spreads are the BBB
    # yield and the mortgage rate less the 10-year yield. Quarterly averages are taken as the values at the quarter's end; months
    # between are interpolated by the program.
    quarters = [(309.3, 322.1, 1.035, 4.4, 4.1, 4.3, 5.4, 6.6), (302.4, 275.1, 1.02, 1.8, 0.6, 1.4, 5.2, 4.0),
                (295.4, 255.2, 1.005, 0.1, 0.5, 1.0, 5.7, 3.7), (286.1, 239.9, 0.969, 0.1, 0.6, 1.0, 6.0, 3.8),
                (272.2, 228.9, 0.941, 0.1, 0.8, 1.1, 6.0, 3.8)]
    write("fed_2025_severely_adverse.csv", "step CRE HPI EURUSD UST_3M UST_5Y UST_10Y SPREAD_BBB SPREAD_HOME_1",
          [[3 * i, round(100 * c / 309.3, 4), round(100 * h / 322.1, 4), euro] +
           [round(x / 100, 4) for x in (m3, y5, y10, bbb - y10, mortgage - y10)]
           for i, (c, h, euro, m3, y5, y10, bbb, mortgage) in enumerate(quarters)])


# ------------------------------------------------------------------------------------------------------------ credit
# Small-business loans by originator pool: driver, obligors, loans, mean principal, loss given default, grade weights.
# Exporters borrow euros.
POOLS = {
    "construction": ("DRV_CONSTRUCTION", 200, 260, 220000, 0.45, {"2": 3, "3": 4, "4": 2}),
    "exporters": ("DRV_MANUFACTURING", 60, 80, 240000, 0.40, {"1": 3, "2": 4, "3": 2}),
    "hospitality": ("DRV_HOSPITALITY", 240, 300, 120000, 0.55, {"2": 2, "3": 4, "4": 3}),
    "manufacturing": ("DRV_MANUFACTURING", 300, 420, 260000, 0.40, {"1": 3, "2": 4, "3": 2}),
    "services": ("DRV_SERVICES", 400, 520, 90000, 0.55, {"1": 2, "2": 4, "3": 3}),
    "trade_finance": ("DRV_TRADE", 260, 380, 150000, 0.40, {"1": 3, "2": 4, "3": 2}),
    "unsecured": ("DRV_SERVICES", 240, 320, 45000, 0.70, {"3": 4, "4": 4}),
}
# What a pool's firms do; exporters are manufacturers, and who borrows unsecured sells services.
SECTORS = {"exporters": "manufacturing", "trade_finance": "trade", "unsecured": "services"}
# Who collects for small firms and households, where tokens and vaults live, who tells vaults the price there: invented, in turn.
SERVICERS = ("servicer_a", "servicer_b", "servicer_a", "servicer_c")
CHAINS = ("ethereum", "arbitrum", "optimism")
ORACLES = {"ethereum": "oracle_a", "arbitrum": "oracle_a", "optimism": "oracle_b"}
# One-year default probabilities: investment grade down to single B (orders of magnitude of rating agencies' tables).
GRADES = {"1": 0.006, "2": 0.015, "3": 0.030, "4": 0.060}
RATINGS = {"A": 0.0009, "BBB": 0.0045, "BB": 0.0241, "B": 0.0685}  # Jarrow, Lando and Turnbull 1997, table 3


def basel_correlation(pd, size_adjustment):
    """Asset correlation of CRE31.5, with its adjustment for small firms (0.04 at sales of EUR 5 million or less)."""
    e = (1 - math.exp(-50 * pd)) / (1 - math.exp(-50))
    return round(0.12 * e + 0.24 * (1 - e) - size_adjustment, 3)


def small_business(random, obligors, loans):
    for pool, (driver, firms, count, principal, lgd, weights) in POOLS.items():
        grades = []
        for i in range(firms):
            grade = random.choose(weights)
            grades.append(grade)
            obligors.append([f"{pool}_{i:04}", GRADES[grade], driver, basel_correlation(GRADES[grade], 0.04), lgd, 0.2, 0.25,
                             1, SECTORS.get(pool, pool)])
        for i in range(count):
            firm = i if i < firms else random.integer(0, firms - 1)
            amount = round(principal * math.exp(0.9 * random.normal() - 0.405), -3)
            short, euro = pool == "trade_finance", pool == "exporters"
            months = 3 * random.integer(1, 4) if short else 3 * random.integer(2, 20)
            shape = "bullet" if short else random.choose({"annuity": 5, "linear": 3, "bullet": 2})
            spread = "SPREAD_SME_1" if grades[firm] in "12" else "SPREAD_SME_2"
            rate = (0.022 if euro else 0.042) + FACTORS[spread][0][1] + random.uniform(-0.008, 0.008)
            loans.append([f"loan_{pool}_{i:04}", "credit", pool, f"{pool}_{firm:04}", int(max(amount, 5000)), round(rate, 4), 4,
                          f"{months / 12:.12g}", shape, "EUR" if euro else "UST",
                          spread, 0 if short else 0.05, "EUR" if euro else "", SERVICERS[i % 4]])


# ------------------------------------------------------------------------------------------- property, treasury, vaults
PROPERTY = {"hotel": (40, 600000), "logistics": (70, 1100000), "office": (80, 1300000), "residential": (110, 700000), "retail": (60, 800000)}


def property_tokens(random):
    rows = []
    for sector, (count, value) in PROPERTY.items():
        for i in range(count):
            amount = value * math.exp(0.6 * random.normal() - 0.18)
            rows.append([f"{sector}_{i:03}", "property", sector, f"CRE_{sector.upper()}", round(amount / 100),
                         CHAINS[i % 7 % 3], "real_estate"])
    return rows


def treasury(random, obligors):
    rows = []
    for i in range(120):
        months = random.integer(1, 12)
        rows.append([f"bill_{i:03}", "treasury", "bills", "", random.integer(4, 20) * 50000, 0, 1, f"{months / 12:.12g}", "UST",
                     0, "", ""])
    issuers = {"A": 40, "BBB": 60, "BB": 40, "B": 20}
    for rating, count in issuers.items():
        pd = RATINGS[rating]
        for i in range(count):
            obligors.append([f"issuer_{rating}_{i:03}", pd, "DRV_CORPORATE", basel_correlation(pd, 0), 0.53, 0.25, 0.25, 1,
                             "corporate"])
    for rating, count in {"A": 160, "BBB": 220, "BB": 120, "B": 60}.items():
        for i in range(count):
            months = 6 * random.integer(2, 20)
            coupon = 0.041 + FACTORS["SPREAD_" + rating][0][1] + random.uniform(-0.01, 0.01)
            rows.append([f"bond_{rating}_{i:03}", "treasury", "corporate_" + rating.lower(), f"issuer_{rating}_{i % issuers[rating]:03}",
                         random.integer(2, 20) * 25000, round(coupon, 4), 2, f"{months / 12:.12g}", "UST",
                         "SPREAD_" + rating, "", ""])
    for i in range(60):  # floaters pay the BBB spread of today over the curve, fixed every quarter
        margin = FACTORS["SPREAD_BBB"][0][1]
        rows.append([f"floater_{i:03}", "treasury", "floaters", f"issuer_BBB_{i:03}", random.integer(2, 20) * 25000, margin, 4,
                     f"{3 * random.integer(4, 28) / 12:.12g}", "UST", "SPREAD_BBB", "yes", round(0.044 + margin, 4)])
    return rows


# Aave v3 on Ethereum, 2025-10-26: liquidation threshold and bonus of WETH and WBTC; half of the debt is repaid at a liquidation.
VAULTS = {
    "btc_core": ("BTC", 0.78, 380, 90000, 0.15, 0.40),
    "btc_high_ltv": ("BTC", 0.78, 120, 60000, 0.40, 0.58),
    "eth_core": ("ETH", 0.83, 700, 60000, 0.15, 0.40),
    "eth_high_ltv": ("ETH", 0.83, 260, 40000, 0.40, 0.60),
    "eth_treasury": ("ETH", 0.83, 60, 900000, 0.10, 0.30),
}


def vaults(random):
    rows = []
    for pool, (collateral, threshold, count, debt, low, high) in VAULTS.items():
        price = FACTORS[collateral][0][1]
        for i in range(count):
            chain = CHAINS[i % 7 % 3]
            owed = round(debt * math.exp(random.normal() - 0.5), -2) + 500
            quantity = owed / random.uniform(low, high) / price
            rows.append([f"{pool}_{i:04}", "vault", pool, collateral, round(quantity, 4), owed, 0.055, threshold, 0.05, 0, 0.5, "lender", "step",
                         chain, ORACLES[chain], "crypto"])
    return rows


# Mortgages by region: loans, mean principal, years from default to the sale (courts are slow on the coast), grade weights; and
# bridging loans on houses under renovation, whose interest is paid at the end. By grade: one-year default probability,
# loan-to-value, spread, margin over it.
REGIONS = {
    "coast": (500, 250000, 1.5, {"prime": 4, "near_prime": 1}),
    "inland": (600, 130000, 1.0, {"prime": 3, "near_prime": 2}),
    "south": (700, 140000, 0.5, {"prime": 2, "near_prime": 2}),
    "bridge": (200, 180000, 1.0, {"bridge": 1}),
}
HOME_GRADES = {
    "prime": (0.004, 0.45, 0.80, "SPREAD_HOME_1", 0.0),
    "near_prime": (0.015, 0.75, 0.95, "SPREAD_HOME_2", 0.0),
    "bridge": (0.035, 0.60, 0.75, "SPREAD_HOME_2", 0.02),
}


def mortgages(random, obligors):
    rows = []
    for region, (count, principal, foreclosure_years, weights) in REGIONS.items():
        for i in range(count):
            grade = random.choose(weights)
            pd, low, high, spread, margin = HOME_GRADES[grade]
            obligors.append([f"home_{region}_{i:03}", pd, "DRV_HOUSEHOLDS", 0.15, 1, 0, 0, 0, "households"])  # 0.15: CRE31
            amount = int(round(principal * math.exp(0.5 * random.normal() - 0.125), -3))
            value = int(round(amount / random.uniform(low, high), -3))
            months = 3 * random.integer(2, 8) if grade == "bridge" else 12 * random.integer(3, 12)
            rate = 0.043 + FACTORS[spread][0][1] + margin + random.uniform(-0.005, 0.005)
            index = "HPI" if grade == "bridge" else "HPI_" + region.upper()
            shape, prepay_cpr = ("pik", 0) if grade == "bridge" else ("annuity", 0.08)
            rows.append([f"mortgage_{region}_{i:03}", "mortgage", region, f"home_{region}_{i:03}", amount, round(rate, 4), 12,
                         f"{months / 12:.12g}", shape, "UST", spread, prepay_cpr, index, value, 0.1,
                         foreclosure_years, SERVICERS[i % 4]])
    return rows


def main():
    random = Random(2025)
    market()
    obligors, loans = [], []
    small_business(random, obligors, loans)
    write("loans.csv", "id book pool obligor principal rate frequency maturity_years amortisation curve spread prepay_cpr currency servicer",
          loans)
    write("property.csv", "id book pool factor quantity chain sector", property_tokens(random))
    write("bonds.csv", "id book pool obligor notional coupon frequency maturity_years curve spread floating reset_rate",
          treasury(random, obligors))
    write("vaults.csv", "id book pool collateral_factor collateral_quantity debt borrow_rate liquidation_threshold bonus fee close_factor "
          "side monitoring chain oracle sector", vaults(random))
    write("mortgages.csv", "id book pool obligor principal rate frequency maturity_years amortisation curve spread prepay_cpr "
          "collateral_factor collateral_value sale_cost foreclosure_years servicer", mortgages(random, obligors))
    write("obligors.csv", "id pd_1y driver asset_correlation lgd lgd_sd lgd_correlation recovery_delay_years sector", obligors)


main()
