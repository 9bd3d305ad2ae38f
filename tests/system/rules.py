"""Rules of the tree that no compiler checks (docs/design.md): who may include what, and how long a file may be."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = (".h", ".cpp", ".hpp", ".cc", ".in")
# Folder: what its files may include of ours, and how the names of system headers begin that it must not include.
LAYERS = [
    ("kernels/", ("kernels/",), r"spdlog/|toml\+\+/|CLI/|openssl/|filesystem|fstream|iostream|chrono|ctime|random$"),
    ("src/app/", ("kernels/", "src/", "hpc/"), r"toml\+\+/|openssl/"),
    ("src/", ("kernels/", "src/model/", "src/input/", "src/engine/", "src/cube/", "src/report/"), r"spdlog/|CLI/"),
    ("hpc/", ("kernels/", "src/model/", "src/input/", "src/engine/", "src/cube/", "src/report/", "hpc/"), r"CLI/"),
]
MPI = re.compile(r"hpc/communicator_mpi\.cpp")
HDF5 = re.compile(r"hpc/(cube_file\w*|hdf5_handles)\.(h|cpp)")
OPENMP = ("kernels/evaluate.cpp", "kernels/tally/slices.cpp")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|not implemented|placeholder", re.IGNORECASE)


def files():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], stdout=subprocess.PIPE, text=True)
    if listed.returncode == 0 and listed.stdout:
        return [name for name in listed.stdout.splitlines() if os.path.exists(os.path.join(ROOT, name))]
    return [os.path.relpath(os.path.join(folder, name), ROOT) for top in ("kernels", "src", "hpc", "tests")
            for folder, _, names in os.walk(os.path.join(ROOT, top)) for name in names]


def check_includes(name, lines):
    layer = next((layer for layer in LAYERS if name.startswith(layer[0])), None)
    for number, line in enumerate(lines, 1):
        own = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if layer and own and "/" in own[1] and not own[1].startswith(layer[1]):
            yield f"{name}:{number}: {layer[0]} may not include {own[1]}"
        system = re.match(r"\s*#\s*include\s*<([^>]+)>", line)
        if not system:
            continue
        if system[1] == "mpi.h" and not MPI.fullmatch(name):
            yield f"{name}:{number}: mpi.h belongs to hpc/communicator_mpi.cpp"
        elif re.fullmatch(r"hdf5\.h|H5\w*\.h", system[1]) and not HDF5.fullmatch(name) and not name.startswith("tests/"):
            yield f"{name}:{number}: hdf5.h belongs to hpc/cube_file*"
        elif layer and not system[1].endswith(("mpi.h", "hdf5.h")) and re.match(layer[2], system[1]):
            yield f"{name}:{number}: {layer[0]} may not include <{system[1]}>"


def check_file(name, text):
    lines = text.splitlines()
    yield from check_includes(name, lines)
    product = name.startswith(("kernels/", "src/", "hpc/"))
    if product and len(lines) > 400:
        yield f"{name}: {len(lines)} lines; more than 400 want a split"
    for number, line in enumerate(lines, 1):
        if product and UNFINISHED.search(line):
            yield f"{name}:{number}: unfinished? {line.strip()}"
        if "#pragma omp" in line and name not in OPENMP:
            yield f"{name}:{number}: OpenMP regions belong to {' and '.join(OPENMP)}"


def named(text):
    """(namespace, name) of the classes and of the functions without parameters that a header has in its namespaces."""
    spaces = []
    for line in text.splitlines():
        if opened := re.match(r"(?:inline )?namespace ?([\w:]*) ?\{", line):
            spaces.append(opened[1])
        elif re.match(r"\}  // namespace", line) and spaces:
            spaces.pop()
        elif found := (re.match(r"(?:class|struct|enum class) (?:alignas\(\d+\) )?(\w+)(?: final)?(?: : [^;]*)? \{", line) or
                       re.match(r"\w[\w:<>&*\[\] ]+[&* ](\w+\(\))(?: const| noexcept)*(?:;| \{)", line)):
            yield "::".join(spaces), found[1]


def check_names(texts):
    """The linker takes two for one, whatever they are."""
    where = {}
    for name, text in texts:
        for known in named(text):
            if where.setdefault(known, name) != name:
                yield f"{name}: {'::'.join(known)} is in {where[known]} already"


def main():
    broken, headers = [], []
    for name in files():
        if name.endswith(SOURCE):
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                text = file.read()
            broken += check_file(name, text)
            if name.endswith(".h") and name.startswith(("kernels/", "src/", "hpc/")):
                headers.append((name, text))
    broken += check_names(headers)
    # The checks themselves must be able to fail.
    for name, text in (("kernels/x.cpp", "#include <chrono>"), ("kernels/x.cpp", '#include "src/model/model.h"'), ("src/cube/x.h", "#include <mpi.h>"),
                       ("src/cube/x.h", '#include "hpc/worker.h"'), ("hpc/x.cpp", '#include "src/app/options.h"'),
                       ("hpc/x.cpp", "#include <hdf5.h>"), ("src/engine/x.cpp", "#pragma omp parallel"), ("src/a.cpp", "// TODO later")):
        if not list(check_file(name, text)):
            broken.append(f"the check of {text!r} in {name} finds nothing")
    for twice in ("struct A {", "class A final : public B {", "const char* a();", "std::string a();"):
        if not list(check_names([(name, "namespace x {\n" + twice + "\n}  // namespace x\n") for name in ("a.h", "b.h")])):
            broken.append(f"{twice!r} in two headers is not found")
    print("\n".join(broken) or "the tree keeps its rules")
    return 1 if broken else 0


sys.exit(main())
