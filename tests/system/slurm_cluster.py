"""A real Slurm with its own two nodes on one machine, which nothing outlives.

`enter()` moves the calling script into namespaces of its own (mounts, processes, network, host name): ports, sockets and
addresses cannot meet those of a Slurm that the machine already has, /etc is not written, and when the script ends, in whatever
way, the kernel ends every process in there and drops the mounts. Needs root and Slurm, munge and iproute2.
"""
import os
import shutil
import subprocess
import sys
import time

INSIDE = "TAILCUBE_INSIDE_NAMESPACES"
BASE = "/run/tailcube-slurm"  # on a tmpfs that only this script's processes see
PACKAGES = "slurmctld slurmd slurm-client munge iproute2"
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "scontrol", "ip", "nsenter", "setpriv", "unshare")
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
SKIPPED = 77
HEAD = "10.77.0.254"  # addresses of the script's own network
PMIX = {"OMPI_MCA_btl_vader_single_copy_mechanism": "none"}  # see mpi_environment in jobs/packages.sh

CONFIGURATION = """ClusterName=tailcube
SlurmctldHost=head({head})
SlurmUser=root
AuthType=auth/munge
# A requeued job waits for as long as its credential could live; 120 s otherwise.
AuthInfo=socket={base}/munge.socket,cred_expire=5
CredType=cred/munge
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd-%n.pid
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool-%n
TmpFS={base}/tmp-%n
SlurmctldLogFile={base}/log/slurmctld.log
SlurmdLogFile={base}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin={task}
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SlurmdTimeout=0
MailProg=/bin/true
NodeName=n[1-{nodes}] NodeAddr=10.77.0.[1-{nodes}] CPUs={cores} CoresPerSocket={cores} RealMemory=65536
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE OverSubscribe=NO
"""


def skip(why):
    print(f"skipped: {why}", flush=True)
    sys.exit(SKIPPED)


def enter():
    """Returns inside; outside, runs this script inside and ends with its exit code. Where it cannot, says why and is skipped."""
    if os.environ.get(INSIDE):
        become_init()
        return
    missing = [program for program in PROGRAMS if not shutil.which(program, path=SEARCH)]
    if missing:
        skip(f"no {', '.join(missing)}. Debian and Ubuntu: apt-get install -y --no-install-recommends {PACKAGES}")
    if os.geteuid() != 0:
        skip("only root can start Slurm's daemons; run it as root, for instance with sudo")
    own = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*own, "mount", "-t", "tmpfs", "tmpfs", "/run"], stderr=subprocess.PIPE, text=True)
    if tried.returncode != 0:
        skip(f"this container may not make namespaces ({tried.stderr.strip()}); give it CAP_SYS_ADMIN and CAP_NET_ADMIN")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "PMIX_", "OMPI_"))}
    # Whatever ends this process, also SIGKILL, ends the first process of the namespace and thereby all.
    sys.exit(subprocess.run(["setpriv", "--pdeathsig", "KILL", *own, sys.executable, *sys.argv],
                            env=environment | {INSIDE: "1", "PATH": SEARCH}).returncode)


def become_init():
    """The first process of a namespace must collect what its children leave; the script goes on in a child."""
    child = os.fork()
    if child == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def must(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Cluster:
    """Up once constructed. Nothing takes it down: see enter()."""

    def __init__(self, nodes=2):
        self.nodes, self.cores = nodes, min(2, os.cpu_count())
        # Slurm binds to cores 0 and up; it must not where this process may use only others.
        self.binds = os.sched_getaffinity(0) >= set(range(self.cores))
        self.daemons = []
        must("mount", "-t", "tmpfs", "tmpfs", "/run")
        for folder in ("state", "log", *(f"{kind}-n{n}" for kind in ("spool", "tmp") for n in self.numbers())):
            os.makedirs(f"{BASE}/{folder}", mode=0o755)
        os.environ |= {"SLURM_CONF": f"{BASE}/slurm.conf"} | PMIX
        self.make_network()
        self.start_munge()
        with open(f"{BASE}/slurm.conf", "w") as file:
            file.write(CONFIGURATION.format(base=BASE, head=HEAD, nodes=nodes, cores=self.cores,
                                            task="task/affinity" if self.binds else "task/none"))
        self.start("slurmctld", "-D", "-i", "-c")
        for n in self.numbers():
            node = ["nsenter", f"--net=/run/netns/n{n}", "unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', f"n{n}"]
            self.start(*node, "slurmd", "-D", "-N", f"n{n}")
        self.wait_for(lambda: self.states() == ["idle"] * nodes, 60, "all nodes are idle")

    def numbers(self):
        return range(1, self.nodes + 1)

    def make_network(self):
        """A bridge; each node is a network namespace with one end of a cable in it."""
        must("hostname", "head")
        must("ip", "link", "set", "lo", "up")
        must("ip", "link", "add", "bridge0", "type", "bridge")
        must("ip", "addr", "add", f"{HEAD}/24", "dev", "bridge0")
        must("ip", "link", "set", "bridge0", "up")
        for n in self.numbers():
            must("ip", "netns", "add", f"n{n}")
            must("ip", "link", "add", f"port{n}", "type", "veth", "peer", "name", "eth0", "netns", f"n{n}")
            must("ip", "link", "set", f"port{n}", "master", "bridge0", "up")
            must("ip", "-n", f"n{n}", "addr", "add", f"10.77.0.{n}/24", "dev", "eth0")
            must("ip", "-n", f"n{n}", "link", "set", "eth0", "up")
            must("ip", "-n", f"n{n}", "link", "set", "lo", "up")
        with open(f"{BASE}/hosts", "w") as file:
            file.writelines(["127.0.0.1 localhost\n", f"{HEAD} head\n", *(f"10.77.0.{n} n{n}\n" for n in self.numbers())])
        must("mount", "--bind", f"{BASE}/hosts", "/etc/hosts")

    def start_munge(self):
        key = f"{BASE}/munge.key"
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o400), "wb") as file:
            file.write(os.urandom(1024))
        self.start("munged", "--foreground", "--force", f"--socket={BASE}/munge.socket", f"--key-file={key}",
                   f"--pid-file={BASE}/munged.pid", f"--seed-file={BASE}/munged.seed", f"--log-file={BASE}/log/munged.log")
        self.wait_for(lambda: os.path.exists(f"{BASE}/munge.socket"), 30, "munge answers")

    def start(self, *words):
        with open(f"{BASE}/log/start.log", "a") as log:
            self.daemons.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))

    def states(self):
        done = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        return done.stdout.decode().split()

    def logs(self):
        """The end of every daemon's log."""
        names = sorted(os.listdir(f"{BASE}/log"))
        return "\n".join(f"--- {name}\n{must('tail', '-n', '25', f'{BASE}/log/{name}')}" for name in names)

    def wait_for(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s it is not true that {what}\n{self.logs()}")
            time.sleep(0.1)

    def submit(self, *words):
        """Returns the number of the job."""
        return int(must("sbatch", "--parsable", *map(str, words)).split(";")[0])

    def job(self, number):
        """What `scontrol show job` says, as a dictionary."""
        return dict(word.split("=", 1) for word in must("scontrol", "-o", "show", "job", str(number)).split() if "=" in word)

    def wait_end(self, number, seconds=240):
        over = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        self.wait_for(lambda: self.job(number)["JobState"] in over, seconds, f"job {number} has ended")
        return self.job(number)
