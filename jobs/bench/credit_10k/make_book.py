#!/usr/bin/env python3
"""Makes the tables of the credit benchmark, always the same ones: python3 make_book.py [FOLDER]. Standard library only.

10 000 obligors in 10 sectors with correlation 0.4, asset correlation 0.2, one-year PD from 0.5 to 5 % in 10 grades, LGD 45 %,
exposures lognormal (sigma 1) that add up to 1 000 000: a common size for comparing portfolio credit engines.
"""
import csv
import math
import os
import random
import sys

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
OBLIGORS, SECTORS = 10000, 10


def write(name, header, rows):
    with open(os.path.join(FOLDER, name), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header.split())
        out.writerows(rows)


draws = random.Random(1)  # random() is the same in every Python; the other methods need not be
grades = [int(10 * draws.random()) for _ in range(OBLIGORS)]
normals = [sum(draws.random() for _ in range(12)) - 6 for _ in range(OBLIGORS)]
exposures = [math.exp(z) for z in normals]
scale = 1e6 / sum(exposures)
drivers = [f"SECTOR_{k}" for k in range(SECTORS)]
ids = [f"obligor_{i:05}" for i in range(OBLIGORS)]
write("factors.csv", "id kind", [[d, "driver"] for d in drivers])
write("correlation.csv", "id " + " ".join(drivers), [[a] + [1 if a == b else 0.4 for b in drivers] for a in drivers])
write("obligors.csv", "id pd_1y driver asset_correlation lgd",
      [[ids[i], f"{0.005 * 10 ** ((grades[i] + 0.5) / 10):.9f}", drivers[i % SECTORS], 0.2, 0.45] for i in range(OBLIGORS)])
write("exposures.csv", "id sector obligor ead", [[ids[i], f"s{i % SECTORS}", ids[i], f"{scale * exposures[i]:.6f}"] for i in range(OBLIGORS)])
