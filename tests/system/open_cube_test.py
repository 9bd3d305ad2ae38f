#!/usr/bin/python3
"""A cube file opens in other programs, and keeps the rules of docs/cube.md.

open_cube_test.py WRITER: WRITER is sample_cube_program. Needs h5py; xarray, netCDF4, h5netcdf, ncdump and h5dump are tried where they
are there. Ends with 77 (skipped) without h5py.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
except ImportError as missing:
    print(f"skipped: {missing.name} is not there (Debian and Ubuntu: apt-get install python3-h5py)")
    sys.exit(77)

GROUPS = ("cube", "tail", "distribution", "contribution", "contribution_by", "concentration", "quarantine", "provenance")
NAME = re.compile(r"[a-z][a-z0-9_]*")
ROOT = {"Conventions", "title", "source", "history", "file_format", "file_format_version", "job_digest", "seed", "scenarios", "currency",
        "loss_unit", "sampler", "tail_mode", "complete"}
# What HDF5's dimension scales keep for themselves.
SCALE_ATTRIBUTES = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}
problems = []


def need(condition, text):
    if not condition:
        problems.append(text)


def check_attributes(item, where):
    for name, value in item.attrs.items():
        if name in SCALE_ATTRIBUTES:
            continue
        kind = item.attrs.get_id(name).dtype
        if h5py.check_string_dtype(kind):
            string = h5py.check_string_dtype(kind)
            need(string.length is None and string.encoding == "utf-8", f"{where}@{name}: not a variable-length UTF-8 string")
            need(isinstance(value, str) and value, f"{where}@{name}: not a scalar, non-empty string")
        else:
            need(kind.kind in "if", f"{where}@{name}: type {kind}")
            need(numpy.ndim(value) == 0 or name in ("flag_masks", "flag_values"), f"{where}@{name}: not a scalar")


def check_axes(dataset, where):
    if h5py.h5ds.is_scale(dataset.id):
        need(h5py.h5ds.get_scale_name(dataset.id).decode() == where.split("/")[-1], f"{where}: a scale of another name")
        need(dataset.ndim == 1, f"{where}: a scale with {dataset.ndim} axes")
        return
    for number, axis in enumerate(dataset.dims):
        need(len(axis) == 1, f"{where}: axis {number} has {len(axis)} scales")
        if len(axis) == 1:
            scale = axis[0]
            need(scale.parent == dataset.parent, f"{where}: the scale of axis {number} is in another group")
            need(scale.shape == (dataset.shape[number],), f"{where}: the scale of axis {number} has another length")


def check_type(dataset, where, currency):
    kind = dataset.dtype
    if h5py.check_string_dtype(kind):
        string = h5py.check_string_dtype(kind)
        need(string.length is None and string.encoding == "utf-8", f"{where}: not variable-length UTF-8")
        return
    need(kind in (numpy.dtype("<f8"), numpy.dtype("<i8"), numpy.dtype("i1")), f"{where}: type {kind}")
    need(h5py.check_enum_dtype(kind) is None, f"{where}: an enum")
    if kind.kind == "f":
        fill = dataset.attrs.get("_FillValue")
        need(fill is not None and fill.dtype == kind and numpy.isnan(fill), f"{where}: _FillValue is {fill!r}")
        need(numpy.isnan(dataset.fillvalue), f"{where}: fill value {dataset.fillvalue}")
    else:
        need("_FillValue" not in dataset.attrs, f"{where}: an integer with a _FillValue")
    if kind == numpy.int8:
        flags = dataset.attrs.get("flag_masks", dataset.attrs.get("flag_values"))
        need(flags is not None and flags.dtype == kind, f"{where}: no flag_masks or flag_values of its type")
        need(flags is not None and len(dataset.attrs["flag_meanings"].split()) == len(flags), f"{where}: flag_meanings do not fit")
    elif not dataset.name.startswith("/cube/gauge_"):
        need(dataset.attrs.get("units") in (currency, "1", "year"), f"{where}: units {dataset.attrs.get('units')!r}")


def check_storage(dataset, where):
    order = dataset.id.get_create_plist().get_attr_creation_order()
    need(order == h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED, f"{where}: attribute order is not tracked")
    need(not dataset.id.get_create_plist().get_obj_track_times(), f"{where}: has times")
    filters = dataset.id.get_create_plist()
    names = [filters.get_filter(i)[0] for i in range(filters.get_nfilters())]
    if dataset.ndim < 2:
        need(names == [] and dataset.chunks is None, f"{where}: one axis, but chunks or filters")
        return
    need(names == [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE], f"{where}: filters {names}")
    for number, axis in enumerate(dataset.dims):
        if len(axis) == 1 and axis[0].name.endswith(("/cell", "/quantity", "/gauge")):
            need(dataset.chunks[number] == 1, f"{where}: chunk {dataset.chunks} holds several cells")


def check_rules(path):
    with h5py.File(path, "r") as file:
        need(set(file.attrs) == ROOT, f"root attributes: {sorted(set(file.attrs) ^ ROOT)}")
        need(list(file.attrs)[0] == "Conventions" and list(file.attrs)[-1] == "complete", "root attributes are not in their order")
        need(file.attrs["file_format"] == "tailcube" and file.attrs["complete"] == 1, "not a complete tailcube file")
        need(set(file) == set(GROUPS), f"groups {list(file)}")
        check_attributes(file, "/")
        found = []
        file.visititems(lambda name, item: found.append((name, item)))
        for name, item in found:
            need(NAME.fullmatch(name.split("/")[-1]), f"{name}: not a name")
            check_attributes(item, name)
            if isinstance(item, h5py.Group):
                links = item.id.get_create_plist().get_link_creation_order()
                need(links == h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED, f"{name}: link order is not tracked")
                continue
            need(item.attrs.get("long_name"), f"{name}: no long_name")
            check_axes(item, name)
            check_type(item, name, file.attrs["currency"])
            check_storage(item, name)
        need(len(found) > 45, f"only {len(found)} objects")


def check_values(path):
    with h5py.File(path, "r") as file:
        need(file.attrs["seed"] == 9007199254740993, "seed")
        need(list(file["cube/node"].asstr()) == ["total", "total/credit", "total/credit/pool_a", "total/crédit"], "nodes")
        need(file["cube/value_at_risk"].shape == (2, 3, 4, 2, 3), "shape of value_at_risk")
        need(file["cube/value_at_risk"][0, 0, 0, 0, 1] == 10.25, "value_at_risk")
        need(numpy.isnan(file["cube/value_at_risk_lower"][0, 0, 0, 1, 0]), "a missing bound is NaN")
        need(file["tail/scenario"][0, 0, 0, 0] == 3000000000, "scenario")
        need(len(file["provenance/job"].asstr()[()]) > 100000, "job text")


def check_xarray(path):
    try:
        import xarray
    except ImportError:
        print("not tried: xarray is not there")
        return
    for engine, module in (("h5netcdf", "h5netcdf"), ("netcdf4", "netCDF4")):
        try:
            __import__(module)
        except ImportError:
            print(f"not tried: {module} is not there")
            continue
        for group in (None, *GROUPS):
            with xarray.open_dataset(path, engine=engine, group=group) as data:
                data.load()
                if group == "cube":
                    chosen = data.value_at_risk.sel(quantity="credit", cell="rates +200bp", node="total/crédit")
                    need(chosen.dims == ("horizon", "confidence"), f"{engine}: {chosen.dims}")
                    need(chosen.units == "CHF" and list(data.confidence.values) == [0.95, 0.99, 0.999], f"{engine}: {chosen}")
                if group == "tail":
                    need(data.scenario.dtype == numpy.int64 and data.valid.dtype == numpy.int8, f"{engine}: types of /tail")
        print(f"xarray with {engine}: every group")


def check_tools(path):
    for command in (["ncdump", path], ["ncdump", "-h", path], ["h5dump", path], ["h5dump", "-H", path]):
        if shutil.which(command[0]) is None:
            print(f"not tried: {command[0]} is not there")
            continue
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        need(result.returncode == 0 and b"value_at_risk" in result.stdout, f"{command}: {result.returncode} {result.stderr.decode()}")
        print(" ".join(command[:-1]) + ": opened")


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cube.h5")
        again = os.path.join(folder, "again.h5")
        for file in (path, again):
            subprocess.run([sys.argv[1], file], check=True, timeout=60)
        with open(path, "rb") as one, open(again, "rb") as other:
            need(one.read() == other.read(), "two processes write different files")
        check_rules(path)
        check_values(path)
        check_xarray(path)
        check_tools(path)
        # The checks must be able to fail: each of these breaks a rule.
        before = len(problems)
        with h5py.File(path, "r+") as file:
            file["cube"].create_dataset("Bad", data=numpy.zeros((2, 2), "f4"))
            file["cube/loss_std"].attrs["units"] = numpy.bytes_("CHF")
            file.attrs["title"] = ""
        check_rules(path)
        caught = problems[before:]
        del problems[before:]
        for text in ("cube/Bad: not a name", "cube/Bad: type float32", "cube/Bad: axis 0 has 0 scales", "cube/loss_std@units", "/@title"):
            need(any(problem.startswith(text) for problem in caught), f"the checks do not find {text}")
    print("\n".join(problems) or "the cube keeps its rules")
    return 1 if problems else 0


sys.exit(main())
