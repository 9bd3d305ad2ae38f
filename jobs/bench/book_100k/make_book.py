#!/usr/bin/env python3
"""Makes the tables of the loan benchmark, always the same ones: python3 make_book.py [FOLDER [LOANS [SPREADS]]]. Standard library only.

100 000 loans (or LOANS) to as many obligors in 50 nodes (10 sectors x 5 regions): a third each on a dollar, a second dollar and a euro
curve (in euros), monthly or quarterly, 6 months to 10 years, annuities, bullets and linear loans; one-year PDs from 1 to 8 % in 7
grades, 2.9 % on average. SPREADS: `factors` (one per grade), or `par` (each loan's own, solved so that it is worth par today).
"""
import csv
import math
import os
import random
import sys

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
LOANS = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
PAR = len(sys.argv) > 3 and sys.argv[3] == "par"
SECTORS, REGIONS, TENORS = 10, 5, (1, 5, 10)
CURVES = ("GOVERNMENT", "SWAP", "EURO")
PDS = (0.01, 0.014, 0.02, 0.028, 0.04, 0.056, 0.08)
SHARE = (0.2, 0.2, 0.2, 0.15, 0.11, 0.09, 0.05)


def write(name, header, rows):
    with open(os.path.join(FOLDER, name), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header.split())
        out.writerows(rows)


draws = random.Random(1)  # random() is the same in every Python; the other methods need not be


def pick(count):
    return int(count * draws.random())


def grade():
    u, total = draws.random(), 0
    for g, share in enumerate(SHARE):
        total += share
        if u < total:
            return g
    return len(SHARE) - 1


sectors = [f"SECTOR_{k}" for k in range(SECTORS)]
spreads = [f"SPREAD_{g}" for g in range(len(PDS))]
rates = [f"{curve}_{tenor}Y" for curve in CURVES for tenor in TENORS]
write("factors.csv", "id kind initial drift volatility",
      [[r, "normal", 0.02 + 0.005 * (k % 3), 0, 0.009] for k, r in enumerate(rates)] +
      [[s, "lognormal", f"{0.6 * pd:.4f}", 0, 0.4] for s, pd in zip(spreads, PDS)] +
      [["EURUSD", "lognormal", 1.1, 0, 0.09]] + [[s, "driver", "", "", ""] for s in sectors])
names = rates + spreads + ["EURUSD"] + sectors


def correlation(a, b):
    kinds = [0 if x in rates else 1 if x in spreads else 2 if x in sectors else 3 for x in (a, b)]
    if a == b:
        return 1
    if kinds == [0, 0]:
        return 0.8
    if kinds == [1, 1]:
        return 0.7
    if kinds == [2, 2]:
        return 0.4
    return -0.4 if sorted(kinds) == [1, 2] else 0


write("correlation.csv", "id " + " ".join(names), [[a] + [correlation(a, b) for b in names] for a in names])
write("curves.csv", "curve tenor_years factor", [[c, t, f"{c}_{t}Y"] for c in CURVES for t in TENORS])
obligors, loans = [], []
for i in range(LOANS):
    g, sector, curve, frequency = grade(), pick(SECTORS), pick(3), 12 if draws.random() < 0.7 else 4
    months = 6 + pick(115)
    form = draws.random()
    obligors.append([f"o{i:07}", PDS[g], sectors[sector], 0.15, 0.45])
    loans.append([f"l{i:07}", f"sector_{sector}", f"region_{pick(REGIONS)}", f"o{i:07}", "EUR" if curve == 2 else "USD",
                  round(math.exp(10 + 3 * draws.random())), f"{0.03 + 0.9 * PDS[g] + 0.02 * draws.random():.4f}", frequency,
                  f"{months / 12:.12f}", "annuity" if form < 0.6 else "bullet" if form < 0.85 else "linear", CURVES[curve],
                  "" if PAR else spreads[g]])
write("obligors.csv", "id pd_1y driver asset_correlation lgd", obligors)
write("loans.csv", "id sector region obligor currency principal rate frequency maturity_years amortisation curve spread", loans)
