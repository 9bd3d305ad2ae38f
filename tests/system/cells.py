"""Adding, dropping and regrouping stress cells leaves what the cube says of the others, byte by byte. Needs python3-h5py."""
import os
import sys

try:
    import h5py
except ImportError:
    print("skipped: python3-h5py is not installed")
    sys.exit(77)

from common import TINY, Case, main, read


def by_cell(path):
    """{cell: {dataset: bytes}} of everything in the cube that has a cell axis."""
    result = {}
    with h5py.File(path) as file:
        names = [name.decode() if isinstance(name, bytes) else name for name in file["cube/cell"][:]]

        def visit(name, thing):
            if not isinstance(thing, h5py.Dataset) or thing.ndim == 0:
                return
            axes = [os.path.basename(d[0].name) if len(d) else "" for d in thing.dims]
            if "cell" in axes and not name.endswith("/cell") and not name.startswith("distribution/"):
                for i, cell in enumerate(names):
                    result.setdefault(cell, {})[name] = thing[:].take(i, axis=axes.index("cell")).tobytes()

        file.visititems(visit)
    return result


class Cells(Case):
    def test_other_cells_do_not_matter(self):
        self.cube(output="all")
        whole = by_cell(self.path("all", "cube.h5"))
        self.assertEqual(sorted(whole), ["base", "drivers down", "eth=-50%", "eth=0", "slump"])
        self.assertGreater(len(whole["base"]), 15)
        base = '[[stress]]\nname = "base"\n'
        fewer = self.job("fewer", edit=[(base, "")])
        self.cube(output="fewer_out", job=fewer)
        part = by_cell(self.path("fewer_out", "cube.h5"))
        self.assertNotIn("base", part)
        more = self.job("more", edit=[(base, base + '[[stress]]\nname = "extra"\nshocks = [ { factor = "CRE", multiply = 0.5 } ]\n')])
        self.cube("--memory", "69M", "--threads", 1, output="more_out", job=more)
        extended = by_cell(self.path("more_out", "cube.h5"))
        for other in (part, extended):
            for cell in set(whole) & set(other):
                for name, values in whole[cell].items():
                    self.assertEqual(values, other[cell][name], f"{name} of {cell}")
        self.assertNotEqual(whole["base"]["cube/expected_loss"], whole["slump"]["cube/expected_loss"])

    def test_a_cell_is_what_it_is_alone(self):
        self.cube(output="all")
        whole = by_cell(self.path("all", "cube.h5"))["eth=-50%"]
        text = read(os.path.join(TINY, "job.toml")).decode()
        stresses = text[text.index("[[stress]]"):text.index("[[stress_axis]]")]
        alone = self.job("alone", edit=[(stresses, ""), ('  { name = "0" },\n', "")])
        self.cube(output="alone_out", job=alone)
        cells = by_cell(self.path("alone_out", "cube.h5"))
        self.assertEqual(list(cells), ["eth=-50%"])
        for name, values in whole.items():
            self.assertEqual(values, cells["eth=-50%"][name], name)

    def test_an_axis_level_without_shocks_is_the_base(self):
        parts = self.job("parts", edit=[("[cube]\n", '[cube]\ncontribute_by = ["position"]\ncontribute_top = 2\n')])
        for output, job in (("all", self.job("as_it_is")), ("parts_out", parts)):
            self.cube(output=output, job=job)
            whole = by_cell(self.path(output, "cube.h5"))
            for name in whole["base"]:
                self.assertEqual(whole["base"][name], whole["eth=0"][name], name)


main()
