#!/usr/bin/python3
"""docs/cube.md is complete and its examples work.

cube_manual_test.py WRITER: WRITER is sample_cube_program. Every dataset, attribute and flag of a cube is named in the manual, every name
in its tables is in the cube, and the Python, R and shell blocks run. Ends with 77 (skipped) without h5py and xarray.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py
    import h5netcdf  # noqa: F401  used by the examples
    import xarray  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing.name} is not there (Debian and Ubuntu: apt-get install python3-h5py python3-xarray python3-h5netcdf)")
    sys.exit(77)

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "cube.md")


def names_of(path):
    names = set()
    with h5py.File(path) as file:
        names.update(file.attrs)
        file.visititems(lambda name, item: names.add(name.split("/")[-1]) if isinstance(item, h5py.Dataset) else None)
        names.update(file["cube/estimate_flag"].attrs["flag_meanings"].split())
    return names


def names_in_tables(text):
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [cell for row in rows for cell in row.strip("|").split("|")[:2]]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def has_rhdf5():
    return shutil.which("Rscript") and subprocess.run(["Rscript", "-e", 'quit(status = !requireNamespace("rhdf5", quietly = TRUE))']).returncode == 0


def main():
    with open(MANUAL, encoding="utf-8") as file:
        text = file.read()
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], os.path.join(folder, "cube.h5")], check=True, timeout=60)
        names, described = names_of(os.path.join(folder, "cube.h5")), names_in_tables(text)
        problems += [f"{name} is in the cube but in no table of the manual" for name in sorted(names - described)]
        problems += [f"{name} is in the manual but not in the cube" for name in sorted(described - names)]
        if len(names) < 50:
            problems.append(f"only {len(names)} names found")
        blocks = re.findall(r"```(python|sh|r)\n(.*?)```", text, re.DOTALL)
        for kind, block in blocks:
            if kind == "sh" and not (shutil.which("ncdump") and shutil.which("h5dump")):
                print("not tried: ncdump and h5dump are not there")
                continue
            if kind == "r" and not has_rhdf5():
                print("not tried: R with rhdf5 is not there (Debian and Ubuntu: apt-get install r-bioc-rhdf5)")
                continue
            command = {"python": [sys.executable, "-c"], "sh": ["sh", "-e", "-c"], "r": ["Rscript", "-e"]}[kind] + [block]
            result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            if result.returncode != 0 or not result.stdout.strip():
                problems.append(f"this example ends with {result.returncode}:\n{block}{result.stdout}")
        if len(blocks) != 4:
            problems.append(f"{len(blocks)} examples")
    print("\n".join(problems) or f"the manual names {len(names)} things, its examples work")
    return 1 if problems else 0


sys.exit(main())
