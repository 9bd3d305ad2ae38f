"""One job, one cube: whatever the ranks, threads, memory and vector instructions."""
import os
import re
import unittest

from common import HAS_MPI, TINY, Case, main


class Determinism(Case):
    def setUp(self):
        super().setUp()
        self.expected = self.cube("--threads", 1, output="one")

    def check(self, *arguments, **more):
        name = "_".join(map(str, arguments)).replace("-", "") + f"_{more.get('ranks', 1)}"
        with self.subTest(arguments=arguments, **more):
            self.assertTrue(self.cube(*arguments, output=name.replace("%", "p"), **more) == self.expected, "another cube")

    def test_threads(self):
        for threads in (2, 3, 5):
            self.check("--threads", threads)

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_ranks_and_threads(self):
        for ranks in (2, 3, 4):
            for threads in (1, 2):
                self.check("--threads", threads, ranks=ranks)

    def test_vector_instructions(self):
        self.check("--simd", "avx2")

    def test_memory_that_splits_the_cells_into_groups(self):
        groups = set()
        for memory in ("69M", "71M", "2G"):
            plan = self.run_ok("run", os.path.join(TINY, "job.toml"), "--dry-run", "--threads", 1, "--memory", memory).out
            groups.add(int(re.search(r"(\d+) group", plan)[1]))
            self.check("--threads", 1, "--memory", memory)
        self.assertGreater(len(groups), 1, "the budgets were meant to make different plans")

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_a_slow_rank_changes_nothing_but_its_share(self):
        self.check("--slow-rank", "1:10", "--threads", 1, ranks=2)

    def test_another_seed_is_another_cube(self):
        self.assertFalse(self.cube("--set", "run.seed=8", output="seed") == self.expected)


main()
