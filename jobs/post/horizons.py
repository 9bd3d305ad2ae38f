#!/usr/bin/env python3
"""Expected shortfall by node and horizon: horizons.py CUBE FIGURE [CELL]. Debian: python3-{xarray,h5netcdf,matplotlib}."""
import sys

import matplotlib.pyplot as plt
import xarray

path, figure, cell = (sys.argv[1:] + [None])[:3]
cube = xarray.open_dataset(path, engine="h5netcdf", group="cube").sel(quantity="economic").isel(confidence=-1)
cube = cube.sel(cell=cell) if cell else cube.isel(cell=0)
es, error = cube.expected_shortfall / 1e6, (cube.expected_shortfall_upper - cube.expected_shortfall_lower) / 2e6
plt.figure(figsize=(2 + 1.6 * es.sizes["horizon"], 1.5 + 0.3 * es.sizes["node"]))
plt.imshow(es, cmap="Reds", aspect="auto", vmin=0)
for row, node in enumerate(es.values):
    for column, value in enumerate(node):
        text = f"{value:.3g} ±{float(error[row, column]):.2g}".replace("nan", "?")
        plt.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if value > 0.6 * float(es.max()) else "black")
plt.xticks(range(es.sizes["horizon"]), [f"{h:.3g} y" for h in es.horizon.values])
plt.yticks(range(es.sizes["node"]), es.node.values)
plt.title(f"ES {100 * float(es.confidence):g} %, {cube.expected_shortfall.units} million ± half a 95 % interval\ncell {es.cell.item()}", fontsize=9)
plt.savefig(figure, dpi=150, bbox_inches="tight")
