"""The job scripts of jobs/pbs, by a stand-in for qsub that follows OpenPBS's manual page: it is not PBS, but it runs them as PBS
would, in another folder, with only those variables that -v names."""
import os
import subprocess
import sys

from common import MPI_ENVIRONMENT, PROGRAM, ROOT, TINY, Case, main, read, tailcube

JOB = os.path.join(TINY, "job.toml")
SCRIPTS = os.path.join(ROOT, "jobs", "pbs")
SITE = {name: value for name, value in MPI_ENVIRONMENT.items() if not name.endswith("binding_policy")}


def run_job(spool, script, number, variables, index=None):
    """Returns the exit code."""
    home = os.path.join(spool, "home")
    environment = {"PATH": f"{spool}:/usr/bin:/bin", "HOME": home, "QSUB_SPOOL": spool, "PBS_O_WORKDIR": os.getcwd(),
                   "PBS_NODEFILE": os.path.join(spool, "nodes"), "OMP_NUM_THREADS": "1", "PBS_JOBID": number} | SITE | variables
    if index is not None:
        environment["PBS_ARRAY_INDEX"] = str(index)
    with open(os.path.join(spool, "output"), "a") as log:
        return subprocess.run(["/bin/bash", script], cwd=home, env=environment, stdout=log, stderr=log).returncode


def qsub(spool, words):
    """Runs the job at once; prints its number as PBS does, and keeps number, arguments and exit codes in the file `jobs`."""
    variables, indices, depend, script = {}, [None], [], words[-1]
    for option, value in zip(words[:-1:2], words[1:-1:2]):
        if option == "-v":
            for pair in value.split(","):
                name, found, text = pair.partition("=")
                variables[name] = text if found else os.environ[name]
        elif option == "-J":
            first, last = map(int, value.split("-"))
            assert first < last, "-J wants a range"
            indices = range(first, last + 1)
        elif option == "-W":
            depend = value.removeprefix("depend=afterok:").split(":")
        else:
            assert option in ("-l", "-q"), option
    jobs = [line.split("|") for line in read(os.path.join(spool, "jobs")).decode().splitlines()]
    number = f"{len(jobs) + 1}{'[]' if len(indices) > 1 else ''}.server"
    for job, _, codes in jobs:
        if job in depend and codes.strip("0 "):
            return print(number)  # PBS deletes a job whose dependency cannot be fulfilled
    with open(os.path.join(spool, "jobs"), "a") as file:
        codes = " ".join(str(run_job(spool, script, number, variables, index)) for index in indices)
        file.write(f"{number}|{' '.join(words)}|{codes}\n")
    return print(number)


class Pbs(Case):
    def setUp(self):
        super().setUp()
        self.spool = self.path("spool")
        os.makedirs(os.path.join(self.spool, "home"))
        with open(os.path.join(self.spool, "nodes"), "w") as file:
            file.write("localhost\nlocalhost\n")
        for name in ("jobs", "output"):
            open(os.path.join(self.spool, name), "w").close()
        with open(os.open(os.path.join(self.spool, "qsub"), os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
            file.write(f'#!/bin/sh\nexec {sys.executable} {os.path.abspath(__file__)} qsub "$@"\n')

    def call(self, *words, **variables):
        """A command as a user would give it. Returns what it prints."""
        environment = {"PATH": f"{self.spool}:/usr/bin:/bin", "QSUB_SPOOL": self.spool, "TAILCUBE": PROGRAM} | variables
        done = subprocess.run(words, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, self.output())
        return done.stdout

    def submit(self, script, *words, **variables):
        names = ",".join(variables | {"TAILCUBE": PROGRAM})
        return self.call("qsub", "-v", names, *words, os.path.join(SCRIPTS, script), **variables)

    def output(self):
        return read(os.path.join(self.spool, "output")).decode()

    def codes(self):
        return [line.split("|")[2] for line in read(os.path.join(self.spool, "jobs")).decode().splitlines()]

    def check_cube(self):
        self.assertTrue(read(self.path("out", "cube.h5")) == self.cube(output="expected"), "another cube")

    def test_one_node(self):
        self.submit("one_node.pbs", JOB=JOB, OUTPUT="out", OPTIONS="--memory 300M")
        self.assertEqual(self.codes(), ["0"], self.output())
        self.assertIn("1 rank x 1 thread", self.output())
        self.check_cube()

    def test_a_missing_variable_is_named(self):
        self.submit("one_node.pbs", JOB=JOB)
        self.assertEqual(self.codes(), ["1"])
        self.assertIn("OUTPUT: is not set", self.output())

    def need_open_mpi(self):
        if "Open MPI" not in tailcube("version").out:
            self.skipTest("the script calls Open MPI's mpirun")

    def test_many_nodes(self):
        self.need_open_mpi()
        self.submit("many_nodes.pbs", JOB=JOB, OUTPUT="out")
        self.assertEqual(self.codes(), ["0"], self.output())
        self.assertIn("2 ranks x 1 thread", self.output())
        self.check_cube()

    def test_requeue_until_done(self):
        self.need_open_mpi()
        slow = self.path("slow_at_first")  # the second job has time enough
        with open(os.open(slow, os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
            file.write(f'#!/bin/bash\n[ -e out/run.json ] && exec {PROGRAM} "${{@/#0.001/1}}"\n'
                       f'exec {PROGRAM} "$@" --slow-rank "$OMPI_COMM_WORLD_RANK:1000"\n')
        names = dict(JOB=JOB, OUTPUT="out", TAILCUBE=slow, MAX_HOURS="0.001", SUBMIT="-l walltime=00:10:00",
                     SCRIPT=os.path.join(SCRIPTS, "requeue.pbs"))
        self.call("qsub", "-v", ",".join(names), names["SCRIPT"], **names)
        self.assertEqual(self.codes(), ["0", "75"], self.output())  # the second ends first: it runs within the first's qsub
        self.check_cube()

    def test_array_then_merge(self):
        script = os.path.join(SCRIPTS, "submit_array.sh")
        said = self.call(script, JOB, "out", "3", "--memory", "300M", QSUB_OPTIONS="-q short")
        self.assertEqual(said, "shards 1 2 3: 1[].server\nmerge: 2.server\n")
        self.assertEqual(self.codes(), ["0 0 0", "0"], self.output())
        self.check_cube()
        os.remove(self.path("out", "cube.h5"))
        os.remove(self.path("out", "shard-0002-of-0003.tally"))
        self.assertEqual(self.call(script, JOB, "out", "3"), "shards 2: 3.server\nmerge: 4.server\n")
        self.assertEqual(self.codes()[2:], ["0", "0"], self.output())
        self.call(script, JOB, "other", "2", "--set", "run.seed=5")  # the merge must be told
        self.assertEqual(self.codes()[4:], ["0 0", "0"], self.output())

    def test_a_shard_that_fails_takes_the_merge_with_it(self):
        self.call(os.path.join(SCRIPTS, "submit_array.sh"), JOB, "out", "2", "--set", "run.sed=1")
        self.assertEqual(self.codes(), ["65 65"], self.output())


if sys.argv[1:2] == ["qsub"]:
    qsub(os.environ["QSUB_SPOOL"], sys.argv[2:])
else:
    main()
