#!/usr/bin/env python3
"""Makes the tables of the job with every instrument, always the same ones: python3 make_book.py [FOLDER [POSITIONS]]. Standard library.

POSITIONS (100 000) are shared out as SHARES says, at least two of each type. Loans, bonds, mortgages, leases, invoices and exposures have an
obligor each, on five drivers; pools of loans ("vehicle") back tranches, a coin, a fund's token and, through it, vaults. A few loans are drawn
on a limit or pay interest in kind while rates are high, a few perps share margins and a venue's insurance fund; swaps have twenty
counterparties.
"""
import csv
import math
import os
import random
import sys

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
POSITIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
SHARES = {"loan": 0.4, "mortgage": 0.15, "vault": 0.15, "exposure": 0.1, "bond": 0.06, "invoice": 0.05, "perp": 0.03, "holding": 0.02,
          "property": 0.01, "lp": 0.01, "hedge": 0.01, "lease": 0.005, "collectible": 0.005, "revenue": 0.003, "cover": 0.002, "cash": 0.001}
DRIVERS = ("CORPORATE", "SERVICES", "TRADE", "HOUSEHOLDS", "CONSTRUCTION")
PDS = (0.005, 0.01, 0.02, 0.04, 0.08)
VEHICLES = 4  # each with a senior and a junior tranche

draws = random.Random(1)  # random() is the same in every Python; the other methods need not be


def pick(values):
    return values[int(len(values) * draws.random())]


def between(low, high, unit=1):
    return round((low + (high - low) * draws.random()) / unit) * unit


def write(name, rows):
    with open(os.path.join(FOLDER, name + ".csv"), "w", newline="") as file:
        columns = dict.fromkeys(column for row in rows for column in row)
        out = csv.DictWriter(file, list(columns), restval="", lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def lognormal(name, initial, volatility, jumps=("", "", "")):
    return dict(id=name, kind="lognormal", initial=initial, drift=0, volatility=volatility, reversion="", level="",
                jump_rate=jumps[0], jump_mean=jumps[1], jump_volatility=jumps[2])


market = {"ETH": lognormal("ETH", 3000, 0.75, (3, -0.08, 0.14)), "BTC": lognormal("BTC", 90000, 0.55, (3, -0.06, 0.11)),
          "HOMES": lognormal("HOMES", 100, 0.08), "OFFICES": lognormal("OFFICES", 100, 0.12), "CAP": lognormal("CAP", 0.05, 0.15),
          "ART": lognormal("ART", 100, 0.15), "EQUIPMENT": lognormal("EQUIPMENT", 100, 0.12),
          "STREAMS": dict(lognormal("STREAMS", 1, 0.3), kind="log_ou", drift="", reversion=1, level=0),
          "EURUSD": lognormal("EURUSD", 1.08, 0.09), "SPREAD_GOOD": lognormal("SPREAD_GOOD", 0.02, 0.4),
          "SPREAD_POOR": lognormal("SPREAD_POOR", 0.05, 0.4)}
for name, rate in (("USD_1Y", 0.042), ("USD_10Y", 0.044), ("EUR_5Y", 0.024)):
    market[name] = dict(lognormal(name, rate, 0.009), kind="normal")
for name in DRIVERS:
    market[name] = dict(lognormal(name, "", ""), kind="driver", drift="")
write("factors", list(market.values()))


def correlation(a, b):
    if a == b:
        return 1
    for group, value in ((("ETH", "BTC"), 0.8), (DRIVERS, 0.5), (("USD_1Y", "USD_10Y", "EUR_5Y"), 0.6),
                         (("SPREAD_GOOD", "SPREAD_POOR"), 0.8), (("HOMES", "OFFICES", "ART"), 0.4)):
        if a in group and b in group:
            return value
    if "SPREAD" in a + b:
        return -0.3 if a in DRIVERS or b in DRIVERS else 0
    return 0.2 if (a in DRIVERS) != (b in DRIVERS) and {a, b} & {"HOMES", "OFFICES", "EQUIPMENT", "ETH", "BTC"} else 0


write("correlation", [dict(id=a, **{b: correlation(a, b) for b in market}) for a in market])
write("curves", [dict(curve="USD", tenor_years=1, factor="USD_1Y"), dict(curve="USD", tenor_years=10, factor="USD_10Y"),
                 dict(curve="EUR", tenor_years=5, factor="EUR_5Y")])

obligors = []


def obligor():
    pd = pick(PDS)
    obligors.append(dict(id=f"o{len(obligors):06}", pd_1y=pd, driver=pick(DRIVERS), asset_correlation=0.2 if pd < 0.02 else 0.12,
                         lgd=0.45, lgd_sd=0.2, lgd_correlation=0.25, recovery_delay_years=1))
    return obligors[-1]["id"], "SPREAD_GOOD" if pd < 0.02 else "SPREAD_POOR"


def loan(book, pool):
    who, spread = obligor()
    euro = draws.random() < 0.2
    return dict(book=book, pool=pool, obligor=who, principal=between(20000, 200000, 1000), rate=between(0.06, 0.11, 0.0025),
                frequency=pick((4, 12)), maturity_years=between(0.5, 7, 0.25), amortisation=pick(("annuity", "bullet", "linear")),
                curve="EUR" if euro else "USD", spread=spread, prepay_cpr=0.05, currency="EUR" if euro else "")


def bond():
    who, spread = obligor()
    return dict(book="treasury", pool="bonds", obligor=who, notional=between(50000, 500000, 10000), coupon=between(0.03, 0.07, 0.0025),
                frequency=2, maturity_years=between(0.5, 10, 0.5), curve="USD", spread=spread)


def mortgage():
    value = between(150000, 600000, 1000)
    who, spread = obligor()
    return dict(book="homes", pool=pick(("north", "south", "coast")), obligor=who, principal=round(value * between(0.4, 0.9, 0.01)),
                rate=0.065, frequency=12, maturity_years=between(5, 25, 1), amortisation="annuity", curve="USD", spread=spread,
                prepay_cpr=0.06, collateral_factor="HOMES", collateral_value=value, sale_cost=0.1, foreclosure_years=1)


def vault():
    coin = pick(("ETH", "BTC"))
    units = between(1, 50, 0.01) if coin == "ETH" else between(0.03, 2, 0.001)
    return dict(book="onchain", pool="vaults", collateral_factor=coin, collateral_quantity=units,
                debt=round(units * market[coin]["initial"] * between(0.2, 0.75, 0.01)), debt_factor="", borrow_rate=0.06,
                liquidation_threshold=0.82, bonus=0.05, fee=0.01, close_factor=0.5, monitoring=pick(("step", "bridge")))


def invoice():
    return dict(book="trade", pool="invoices", obligor=obligor()[0], face=between(5000, 100000, 1000), due_days=between(30, 180, 10),
                advance_rate=0.85, discount_rate=0.1, dilution=0.04, dilution_sd=0.03, delay_days=20, delay_sd_days=15, fraud_rate=0.002)


def perp():
    side, size = pick(("long", "short")), between(1, 100, 1)
    return dict(book="onchain", pool="perps", factor="ETH", side=side, size=size, entry_price=3000,
                collateral=round(size * 3000 * between(0.05, 0.5, 0.01)), funding_rate=0.05, maintenance_margin=0.03, liquidation_fee=0.005)


def prop():
    index = draws.random() < 0.5
    value = between(500000, 5000000, 50000)
    return dict(book="real", pool="offices", value=value if index else "", index_factor="OFFICES" if index else "",
                cap_rate="" if index else "CAP", idiosyncratic_volatility=0.08, rent=round(value * 0.07), vacancy=0.1,
                cost=round(value * 0.013))


def lease():
    who, spread = obligor()
    value, age, years = between(50000, 2000000, 10000), pick((0.06, 0.12, 0.25)), between(0.5, 7, 0.25)
    used = value * (1 - math.exp(-age * years))
    return dict(book="real", pool="leases", obligor=who, asset_value=value, index_factor="EQUIPMENT", idiosyncratic_volatility=0.1,
                depreciation=age, rent=round(used / years + 0.05 * value), frequency=pick((4, 12)), maturity_years=years, curve="USD",
                spread=spread, sale_cost=0.05, repossession_years=0.5)


def lp():
    narrow = draws.random() < 0.5
    value = between(10000, 500000, 1000)
    owed = draws.random() < 0.2
    return dict(book="onchain", pool="liquidity", base_factor="ETH", value=value, lower_price=2400 if narrow else "",
                upper_price=3600 if narrow else "", fee_rate=0.3, debt=value // 2 if owed else "", liquidation_threshold=0.85 if owed else "")


def hedge():
    if draws.random() < 0.5:
        return dict(book="hedges", pool="protection", kind="cds", notional=between(50000, 200000, 1000), maturity_years=between(1, 5, 1),
                    curve="USD", obligor=pick(obligors)["id"], premium=0.01, frequency=4, factor="", strike="")
    return dict(book="hedges", pool="options", kind=pick(("put", "call", "forward")), notional=between(1, 50, 1),
                maturity_years=between(0.5, 2, 0.25), curve="USD", obligor="", premium="", frequency="", factor="ETH",
                strike=between(2000, 4000, 100))


def cover():
    insured = between(20000, 200000, 1000)
    if draws.random() < 0.5:
        return dict(book="hedges", pool="insurance", trigger="default", obligor=pick(obligors)["id"], insured=insured, factor="",
                    trigger_price="", deductible=insured // 20, limit="", reference_pool="", term_years=1, premium=insured // 50,
                    claim_delay_years=0.25, provider="MUTUAL", capital=5000000)
    return dict(book="hedges", pool="insurance", trigger="price", obligor="", insured=insured, factor="ETH", trigger_price=2000,
                deductible=0, limit=insured // 2, reference_pool="", term_years=1, premium=insured // 20, claim_delay_years=0.25,
                provider="MUTUAL", capital=5000000)


KINDS = {
    "loan": lambda: loan("credit", pick(("sme", "consumer", "trade_finance"))), "mortgage": mortgage, "vault": vault, "bond": bond,
    "exposure": lambda: dict(book="credit", pool="guarantees", obligor=obligor()[0], ead=between(10000, 100000, 1000)),
    "invoice": invoice, "perp": perp, "property": prop, "lease": lease, "lp": lp, "hedge": hedge, "cover": cover,
    "holding": lambda: dict(book="treasury", pool="tokens", factor=pick(("ETH", "BTC", "OFFICES", "EURUSD")), quantity=between(1, 10, 1)),
    "collectible": lambda: dict(book="real", pool="art", appraisal=between(50000, 2000000, 10000), appraisal_sd=0.2, index_factor="ART",
                                idiosyncratic_volatility=0.1, offered_years=0, sale_delay_years=1, sale_cost=0.1),
    "revenue": lambda: dict(book="real", pool="royalties", revenue=between(50000, 500000, 10000), revenue_factor="STREAMS", share=0.25,
                            maturity_years=between(2, 8, 1), curve="USD", spread=0.05),
    "cash": lambda: dict(book="treasury", pool="accounts", amount=between(10000, 1000000, 10000), rate=0.03)}
tables = {kind: [dict(id=f"{kind}{k}", **make()) for k in range(max(2, round(POSITIONS * SHARES[kind])))] for kind, make in KINDS.items()}
for v in range(VEHICLES):
    loans = [dict(id=f"backing{v}_{k}", **dict(loan("vehicle", f"v{v}"), currency="", curve="USD")) for k in range(max(10, POSITIONS // 1000))]
    tables["loan"] += loans
    total = sum(x["principal"] for x in loans)
    tables.setdefault("tranche", []).extend([
        dict(id=f"senior{v}", book="structured", pool="senior", reference_pool=f"vehicle/v{v}", notional=round(0.8 * total), attachment=0.2,
             detachment=1, interest=0.06),
        dict(id=f"junior{v}", book="structured", pool="junior", reference_pool=f"vehicle/v{v}", notional=round(0.2 * total), attachment=0,
             detachment=0.2, interest=0.15)])
tables["fund_token"] = [dict(id="FUND", book="structured", pool="funds", assets="vehicle/v0", tokens=100000, leverage=1.3, borrow_rate=0.06,
                             publication_lag_years=0.25, redeem_years=0.5, redemption_period_years=0.25, gate=0.25)]
tables["stablecoin"] = [dict(id="USDX", book="onchain", pool="coins", tokens=1000000, depeg_rate=0.01, price_beta_a=30, price_beta_b=3,
                             return_years=0.1)]
tables["stablecoin"].append(dict(tables["stablecoin"][0], id="USDV", return_years="", reserve="vehicle/v2", coverage=1.05, run_below=1,
                                 run_share=0.3, liquid_share=0.2, sale_cost=0.1))
tables["vault"] += [dict(vault(), id=f"on_fund{k}", collateral_factor="FUND", collateral_quantity=10000, debt=6000, debt_factor="USDX",
                         monitoring="step") for k in range(20)]
tables["cover"].append(dict(tables["cover"][0], id="on_pool", trigger="losses", obligor="", insured="", factor="", trigger_price="",
                            deductible=20000, limit=200000, reference_pool="vehicle/v1", provider="", capital=""))
for k in range(30):
    line = dict(loan("credit", "lines"), amortisation="bullet", prepay_cpr=0, undrawn_fee=0.005, credit_conversion=0.5)
    tables["loan"].append(dict(line, id=f"line{k}", limit=line["principal"] * pick((1.5, 2, 3))))
for k in range(30):  # five accounts of four perps, ten with margins of their own
    own = dict(perp(), id=f"shared{k}", venue="DEX", insurance_fund=20000, pool="margins")
    tables["perp"].append(dict(own, account=f"trader{k // 4}") if k < 20 else own)
for k in range(30):
    line = dict(loan("credit", "stressed"), prepay_cpr=0)
    tables["loan"].append(dict(line, id=f"kind{k}", pik_factor="USD_1Y", pik_when="above", pik_level=0.05, pik_margin=0.01))
tables["swap"] = [dict(id=f"swap{k}", book="hedges", pool="rates", side=pick(("payer", "receiver")), notional=between(100000, 2000000, 10000),
                       maturity_years=between(1, 10, 1), curve="USD", fixed_rate=between(0.03, 0.055, 0.0025), reset_rate=0.042,
                       obligor=f"o{k % 20:06}", threshold=pick(("", 0, 50000))) for k in range(max(2, POSITIONS // 200))]
for kind, rows in tables.items():
    write(kind, rows)
write("obligors", obligors)
