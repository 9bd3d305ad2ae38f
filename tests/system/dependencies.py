"""Contributions by column: one cube whatever the ranks, threads, memory and shards; planned, and refused where they do not fit."""
import json
import os

from common import HAS_MPI, TINY, Case, main, tailcube

JOB = os.path.join(TINY, "job.toml")
BY = ("--set", 'cube.contribute_by=["obligor", "position", "collateral_factor", "currency"]', "--set", "cube.contribute_top=4")


class Dependencies(Case):
    def test_the_same_bits(self):
        expected = self.cube("--threads", 1, *BY, output="one")
        self.assertNotEqual(expected, self.cube("--threads", 1, output="plain"))
        self.assertTrue(self.cube("--threads", 3, "--simd", "avx2", *BY, output="threads") == expected, "another cube")
        if HAS_MPI:
            self.assertTrue(self.cube("--threads", 1, *BY, ranks=3, output="ranks") == expected, "another cube")
        for part in (1, 2):
            self.run_ok("run", JOB, "-o", self.path("shards"), "--shard", f"{part}/2", "-q", *BY)
        self.run_ok("merge", JOB, self.path("shards"), "-o", self.path("merged"), "-q", *BY)
        with open(self.path("merged", "cube.h5"), "rb") as file:
            self.assertTrue(file.read() == expected, "another cube")

    def test_planned_and_refused(self):
        plain, more = (json.loads(self.run_ok("plan", JOB, "--json", "--calibrate", "0.1", "--threads", 1, *by).out)["quantities"]
                       for by in ((), BY))
        self.assertGreater(more["memory_second_look"]["value"], 1e6)
        self.assertNotIn("memory_second_look", plain)
        self.cube("--threads", 1, *BY)
        self.assertLess(self.record()["peak_memory_bytes_per_rank"][0], more["memory_per_rank"]["value"])
        result = tailcube("run", JOB, "-o", self.path("no"), "-q", "--threads", 64, "--memory", "70M", *BY)
        self.assertEqual(result.code, 65, result.err)
        self.assertIn("the second look for cube.contribute_by needs", result.err)


main()
