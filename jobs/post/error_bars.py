#!/usr/bin/env python3
"""How sure is it? Error of VaR and ES by number of scenarios: error_bars.py FIGURE CUBE... Debian: python3-{xarray,h5netcdf,matplotlib}.

Give it cubes of one job with several run.scenarios to see the errors shrink; with one cube it shows one point each."""
import sys

import matplotlib.pyplot as plt
import xarray

figure, *paths = sys.argv[1:]
scenarios = {path: int(xarray.open_dataset(path, engine="h5netcdf").attrs["scenarios"]) for path in paths}
paths = sorted(paths, key=scenarios.get)
cubes = [xarray.open_dataset(path, engine="h5netcdf", group="cube").sel(quantity="economic", node="total").isel(cell=0, horizon=-1) for path in paths]
for name, short, marker in (("value_at_risk", "VaR", "s"), ("expected_shortfall", "ES", "o")):
    for k, level in enumerate(cubes[0].confidence.values):
        value, low, high = ([float(cube[name + end].isel(confidence=k)) / 1e6 for cube in cubes] for end in ("", "_lower", "_upper"))
        error = [[v - l for v, l in zip(value, low)], [h - v for v, h in zip(value, high)]]
        plt.errorbar([i + 0.08 * k for i in range(len(paths))], value, error, marker=marker, capsize=3, linestyle=":", label=f"{short} {100 * level:g} %")
plt.xticks(range(len(paths)), [f"{scenarios[path]:,}" for path in paths])
plt.xlabel("scenarios")
plt.ylabel(f"loss of the total, {cubes[0].value_at_risk.units} million, with 95 % interval")
plt.legend(fontsize=8)
plt.savefig(figure, dpi=150, bbox_inches="tight")
