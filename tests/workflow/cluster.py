"""A Slurm cluster of one node on this machine: a real slurmctld and slurmd, with four cards that are only names."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CARDS = 4

CONFIGURATION = """\
ClusterName=toy
SlurmctldHost={host}
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=100000,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed.txt
JobAcctGatherType=jobacct_gather/none
MinJobAge=600
KillWait=2
InactiveLimit=0
SlurmdParameters=config_overrides
SlurmctldTimeout=10
SlurmdTimeout=10
GresTypes=gpu
NodeName={host} CPUs=4 RealMemory=60000 Gres=gpu:{cards} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1-00:00:00 DefaultTime=10:00 State=UP
"""


def missing() -> str | None:
    """Why no cluster can be started here."""
    absent = [name for name in (*DAEMONS, "mungekey", "sbatch") if shutil.which(name, path=PATH) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid():
        return "slurmd starts jobs for others as root only"
    there = [path for path in LINKS if path.exists()]
    return f"{there[0]} is there: a Slurm of this machine's own" if there else None


# commands inside a job look here: the executor takes variables of the outer job, SLURM_CONF among them, out of its environment
LINKS = [Path("/etc/slurm", name) for name in ("slurm.conf", "gres.conf")]
PATH = f"{os.environ['PATH']}:/usr/sbin"


class Cluster:
    """Started by `start`, stopped by `stop`; `environment` is what its commands need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.node = socket.gethostname().split(".")[0]

    def start(self) -> None:
        for name in ("state", "spool", "cards"):
            (self.folder / name).mkdir()
        for number in range(CARDS):  # slurmd refuses plain files; these are copies of /dev/null
            os.mknod(self.folder / "cards" / f"nvidia{number}", 0o20666, os.makedev(1, 3))
        subprocess.run(["mungekey", "--create", f"--keyfile={self.folder}/munge.key"], check=True, env=self.environment)
        controller, node = free_ports(2)
        text = CONFIGURATION.format(host=self.node, controller=controller, node=node, folder=self.folder, cards=CARDS)
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text(
            f"AutoDetect=off\nNodeName={self.node} Name=gpu File={self.folder}/cards/nvidia[0-{CARDS - 1}]\n"
        )
        for link in LINKS:
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder / link.name)
        paths = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid", "log-file": "munged.log", "seed-file": "seed"}
        options = [f"--{option}={self.folder / name}" for option, name in paths.items()]
        self._launch("munged", "--foreground", "--force", *options)
        wait_until((self.folder / "munge.socket").exists, "munged's socket")
        self.start_controller()
        self.start_node()

    def start_controller(self) -> None:
        self._launch("slurmctld", "-D")
        wait_until(lambda: "UP" in self.ask("scontrol", "ping"), "slurmctld")

    def start_node(self) -> None:
        self._launch("slurmd", "-D", "-N", self.node)
        wait_until(lambda: self.ask("sinfo", "-h", "-o", "%T").strip() in ("idle", "mixed", "allocated"), "a node that takes jobs")

    def stop(self) -> None:
        self.ask("scancel", "--user=root")
        for name in reversed(list(self.processes)):
            self.end(name)
        for link in LINKS:  # else every start of Snakemake would wait for the controller
            link.unlink(missing_ok=True)

    def end(self, name: str, *, kill: bool = False) -> None:
        """End a daemon, as a machine that goes down or, with `kill`, dies would."""
        process = self.processes.pop(name)
        if kill:
            process.kill()
        else:
            process.terminate()
        process.wait(30)

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints; empty where it fails."""
        return subprocess.run(command, check=False, env=self.environment, capture_output=True, text=True).stdout

    def jobs(self) -> dict[int, tuple[str, str]]:
        """Jobs that wait or run: their states and comments, in which the executor names the rule."""
        lines = [line.split("|", 2) for line in self.ask("squeue", "-h", "-o", "%i|%T|%k").splitlines()]
        return {int(job): (state, comment) for job, state, comment in lines}

    def history(self) -> list[dict[str, str]]:
        """All jobs that ended: JobId, JobState, StartTime, EndTime, ..."""
        path = self.folder / "completed.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines]

    def _launch(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}.out", "ab") as log:
            self.processes[command[0]] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until(true: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"no {what} after {seconds:.0f} s"
        time.sleep(0.1)
