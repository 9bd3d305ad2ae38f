#!/usr/bin/env python3
"""Expected shortfall over two stress axes: stress_grid.py CUBE FIGURE [NODE]. Debian: python3-{xarray,h5netcdf,matplotlib}."""
import sys

import matplotlib.pyplot as plt
import xarray

path, figure, node = (sys.argv[1:] + ["total"])[:3]
cube = xarray.open_dataset(path, engine="h5netcdf", group="cube").sel(quantity="economic", node=node).isel(horizon=-1, confidence=-1)
parts = {name: [part.split("=") for part in name.split(",")] for name in cube.cell.values if name.count("=") == 2}
grid = {(first[1], second[1]): name for name, (first, second) in parts.items()}
if not grid:
    sys.exit(f"{path} has no cells of two stress axes (named axis=level,axis=level)")
rows, columns = (list(dict.fromkeys(levels)) for levels in zip(*grid))
value = lambda name: [[float(cube[name].sel(cell=grid[row, column])) / 1e6 for column in columns] for row in rows]
es, low, high = (value("expected_shortfall" + end) for end in ("", "_lower", "_upper"))
plt.imshow(es, cmap="Reds", vmin=0)
for r, row in enumerate(es):
    for c, here in enumerate(row):
        text = f"{here:.4g}\n±{(high[r][c] - low[r][c]) / 2:.2g}".replace("nan", "?")
        plt.text(c, r, text, ha="center", va="center", color="white" if here > 0.6 * max(map(max, es)) else "black")
plt.xticks(range(len(columns)), columns)
plt.yticks(range(len(rows)), rows)
plt.ylabel(next(iter(parts.values()))[0][0])
plt.xlabel(next(iter(parts.values()))[1][0])
plt.title(f"ES {100 * float(cube.confidence):g} % of {node}, {cube.expected_shortfall.units} million ± half a 95 % interval", fontsize=9)
plt.savefig(figure, dpi=150, bbox_inches="tight")
