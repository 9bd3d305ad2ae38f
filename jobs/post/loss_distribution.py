#!/usr/bin/env python3
"""Distribution of losses with VaR and ES: loss_distribution.py CUBE FIGURE [NODE [CELL]]. Debian: python3-{xarray,h5netcdf,matplotlib}."""
import sys

import matplotlib.pyplot as plt
import numpy
import xarray

path, figure, node, cell = sys.argv[1:5] + ["total", None][len(sys.argv) - 3:]
cube, bins = (xarray.open_dataset(path, engine="h5netcdf", group=group) for group in ("cube", "distribution"))
cell = cell or str(cube.cell.values[0])
here = cube.sel(quantity="economic", cell=cell, node=node).isel(horizon=-1)
edge, weight = bins.bin_edge.values / 1e6, bins.weight.sel(cell=cell, node=node).isel(horizon=-1).values
below = numpy.concatenate([[0], weight.cumsum() / weight.sum()])       # share of scenarios below each edge; the bins are unequal
even = numpy.linspace(*edge[weight.nonzero()[0][[0, -1]] + [0, 1]], 81)
plt.stairs(numpy.diff(numpy.interp(even, edge, below)) / numpy.diff(even), even, fill=True, color="lightsteelblue")
for name, short, colour in (("value_at_risk", "VaR", "tab:orange"), ("expected_shortfall", "ES", "tab:red")):
    at = here.isel(confidence=-1)
    plt.axvline(at[name] / 1e6, color=colour, label=f"{short} {100 * float(at.confidence):g} %, band: 95 % interval")
    plt.axvspan(at[name + "_lower"] / 1e6, at[name + "_upper"] / 1e6, color=colour, alpha=0.3)
plt.xlabel(f"loss of {node} after {float(here.horizon):g} y, {here.worst_loss.units} million (cell {cell})")
plt.ylabel("density, per million")
plt.legend(fontsize=7, loc="upper left")
plt.savefig(figure, dpi=150, bbox_inches="tight")
