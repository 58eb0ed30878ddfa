"""The speed table: `mailripple report` against six passes of `grep -c` over the same logs, run in turn.

What is compared is the CPU time (user and system) of whole processes and all their threads, since wall time on a shared
machine measures the neighbours. The cost of a gigabyte more is what counts for an administrator, so the ratio is taken
between two sizes; what every run costs whatever its size is measured apart, on a small log.

    make bench                    1 and 3 GB: some minutes, and 5 GB under .bench/
    make bench ARGS=--small       50 and 150 MB, to see that it works
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
LOGS = ("mail.log", "queries.log")
WORDS = ("from=", "to=", "stat=Sent", "stat=Deferred", "popper", "query:")
TINY_MB = 1

# Run as a process of its own: a child's peak memory starts at its parent's, so this one must stay small.
GENERATE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mailripple.simulate.bulk import generate
half = int(float(sys.argv[2]) * 500_000)
start = datetime(2026, 3, 2, tzinfo=UTC)
generate(Path(sys.argv[1]), mail_bytes=half, dns_bytes=half, seed=2003, start=start, days=1.0)
"""

# What the report calls a total, and what the generator's truth calls it.
TOTALS = {
    "mail.from": "messages",
    "mail.to": "to_lines",
    "mail.sent": "sent",
    "mail.deferred": "deferred",
    "mail.failed": "failed",
    "mail.dsn": "dsn_messages",
    "mail.dsn.to": "dsn_to_lines",
    "pop.login": "pop_logins",
    "dns.query": "dns_queries",
    "D_q": "dns_queries_by_mx",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def run(command: list[str], env: dict[str, str]) -> Cost:
    """Run `command` with its output thrown away; stop the whole benchmark if it fails."""
    with tempfile.TemporaryFile() as errors:
        discard = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
        keep = (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)
        begun = time.perf_counter()
        pid = os.posix_spawn(command[0], command, env, file_actions=[discard, keep])
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - begun
        if code := os.waitstatus_to_exitcode(status):
            errors.seek(0)
            sys.exit(f"bench: {shlex.join(command)} ended with status {code}\n{errors.read().decode(errors='replace')}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def grep(folder: Path) -> Cost:
    """One `grep -c` for each word over both logs: the sums of their times, the largest of their peaks."""
    program = shutil.which("grep") or sys.exit("bench: grep is not installed")
    env = {**os.environ, "LC_ALL": "C"}
    costs = [run([program, "-c", word, *(str(folder / log) for log in LOGS)], env) for word in WORDS]
    return Cost(sum(c.cpu_s for c in costs), sum(c.wall_s for c in costs), max(c.peak_mib for c in costs))


class Bench:
    """The logs, the commands, and what each run of them took, by name."""

    def __init__(self, place: Path, command: list[str], sizes: tuple[int, int]) -> None:
        self.place = place
        self.command = command
        self.sizes = sizes
        self.costs: dict[str, list[Cost]] = {}

    def folder(self, megabytes: int) -> Path:
        return self.place / f"{megabytes}MB"

    def gigabytes(self, megabytes: int) -> float:
        """How large the logs of that size really are."""
        return sum((self.folder(megabytes) / log).stat().st_size for log in LOGS) / 1e9

    def prepare(self, *, fresh: bool) -> None:
        """Make the logs that are not there yet, and bring all of them into the page cache."""
        for megabytes in (TINY_MB, *self.sizes):
            folder = self.folder(megabytes)
            if fresh or not (folder / "truth.json").exists():
                say(f"making {megabytes} MB of logs in {folder}")
                shutil.rmtree(folder, ignore_errors=True)
                subprocess.run([sys.executable, "-c", GENERATE, str(folder), str(megabytes)], check=True)
        for log in LOGS:
            plain = self.folder(self.sizes[0]) / log
            packed = plain.with_name(log + ".gz")
            if not packed.exists():
                say(f"compressing {plain}")
                with packed.with_suffix(".part").open("wb") as out:
                    subprocess.run(["gzip", "-c", str(plain)], stdout=out, check=True)
                packed.with_suffix(".part").rename(packed)
        for path in sorted(self.place.glob("*/*.log*")):
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass

    def errors(self) -> list[str]:
        """The totals that are not what the generator wrote: a fast wrong answer is worth nothing."""
        folder = self.folder(self.sizes[0])
        truth = json.loads((folder / "truth.json").read_text())
        with tempfile.TemporaryDirectory() as scratch:
            answer = Path(scratch, "report.json")
            logs = [str(folder / log) for log in LOGS]
            run([*self.command, "report", "--json", str(answer), *logs], dict(os.environ))
            totals = json.loads(answer.read_text())["totals"]
        pairs = [(name, totals.get(name), truth[key]) for name, key in TOTALS.items()]
        return [f"{name} is {told}, the logs hold {held}" for name, told, held in pairs if told != held]

    def report(self, folder: Path, suffix: str = "", **env: str) -> Cost:
        logs = [str(folder / (log + suffix)) for log in LOGS]
        return run([*self.command, "report", "--json", os.devnull, *logs], {**os.environ, **env})

    def report_first_ever(self) -> Cost:
        """With nothing compiled: an empty cache of machine code."""
        with tempfile.TemporaryDirectory() as cache:
            return self.report(self.folder(TINY_MB), MAILRIPPLE_CACHE_DIR=cache)

    def measure(self, pairs: int) -> None:
        """`pairs` rounds; within each, everything once and in turn, so that a busy minute hurts all alike."""
        small, big = self.sizes
        self.report(self.folder(TINY_MB))  # compiles what is not compiled yet
        steps: list[tuple[str, Callable[[], Cost]]] = [
            (f"report {small}", lambda: self.report(self.folder(small))),
            (f"grep {small}", lambda: grep(self.folder(small))),
            (f"report {big}", lambda: self.report(self.folder(big))),
            (f"grep {big}", lambda: grep(self.folder(big))),
            ("gz", lambda: self.report(self.folder(small), ".gz")),
            ("tiny", lambda: self.report(self.folder(TINY_MB))),
            ("first", self.report_first_ever),
            ("version", lambda: run([*self.command, "--version"], dict(os.environ))),
        ]
        for pair in range(pairs):
            for name, step in steps:
                say(f"round {pair + 1} of {pairs}: {name}")
                self.costs.setdefault(name, []).append(step())

    def middle(self, name: str) -> Cost:
        """The median of each figure."""
        costs = self.costs[name]
        return Cost(median(c.cpu_s for c in costs), median(c.wall_s for c in costs), median(c.peak_mib for c in costs))

    def marginal(self, name: str) -> float:
        """CPU seconds that one GB more costs."""
        small, big = self.sizes
        more = self.middle(f"{name} {big}").cpu_s - self.middle(f"{name} {small}").cpu_s
        return more / (self.gigabytes(big) - self.gigabytes(small))

    def ratios(self) -> list[float]:
        """The ratio of marginal costs in each round."""
        small, big = (f"report {size}" for size in self.sizes)
        grep_small, grep_big = (f"grep {size}" for size in self.sizes)
        columns = zip(*(self.costs[name] for name in (small, big, grep_small, grep_big)), strict=True)
        return sorted(ratio(b.cpu_s - a.cpu_s, d.cpu_s - c.cpu_s) for a, b, c, d in columns)

    def table(self) -> list[str]:
        """What is printed."""
        names = {
            f"{kind} {size}": f"{kind} {self.gigabytes(size):.2f} GB"
            for kind in ("report", "grep")
            for size in self.sizes
        }
        names |= {
            "gz": f"report {self.gigabytes(self.sizes[0]):.2f} GB as .gz",
            "tiny": f"report {TINY_MB} MB",
            "first": f"report {TINY_MB} MB, first run ever",
            "version": "--version",
        }
        lines = [f"{'median of ' + str(len(self.costs['tiny'])):32}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}"]
        for key, title in names.items():
            cost = self.middle(key)
            lines.append(f"{title:32}{cost.cpu_s:9.2f}{cost.wall_s:9.2f}{cost.peak_mib:10.0f}")
        return [*lines, "", *self.conclusions()]

    def conclusions(self) -> list[str]:
        """The figures that are promised, each with its limit."""
        small, big = self.sizes
        report, passes, rounds = self.marginal("report"), self.marginal("grep"), self.ratios()
        tiny = self.middle("tiny").cpu_s
        grep_mb_s = 1000 * self.gigabytes(big) / self.middle(f"grep {big}").cpu_s
        figures = [
            ("CPU s for a GB more, report", report, None, f"{ratio(1000, report):.0f} MB/s of CPU"),
            ("CPU s for a GB more, grep", passes, None, f"{ratio(1000, passes):.0f} MB/s of CPU"),
            ("ratio of these", ratio(report, passes), 1.25, f"rounds {rounds[0]:.2f} to {rounds[-1]:.2f}; aim 0.80"),
            ("CPU s whatever the size", tiny, 1.2, f"a {TINY_MB} MB log"),
            ("CPU s more on the first run ever", self.middle("first").cpu_s - tiny, 6.0, ""),
            (".gz over plain, CPU", ratio(self.middle("gz").cpu_s, self.middle(f"report {small}").cpu_s), 1.6, ""),
            ("peak MiB", self.middle(f"report {big}").peak_mib, 512.0, f"{self.gigabytes(big):.2f} GB"),
            ("CPU s of --version", self.middle("version").cpu_s, 0.15, ""),
        ]
        lines = [f"{'':36}{'measured':>9}{'limit':>8}"]
        for title, value, limit, remark in figures:
            verdict = "" if limit is None else f"{limit:8.2f}  {'ok' if value <= limit else 'OVER'}"
            lines.append(f"{title:36}{value:9.2f}{verdict:14}  {remark}".rstrip())
        each = f"{len(WORDS)} passes together; {grep_mb_s * len(WORDS):.0f} MB/s each"
        return [*lines, "", f"grep read {grep_mb_s:.0f} MB/s of CPU ({each})"]


def ratio(above: float, below: float) -> float:
    """`above / below`, and infinity where nothing was measured below."""
    return above / below if below > 0 else float("inf")


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="The speed of `mailripple report` against six passes of `grep -c`.")
    parser.add_argument("--small", action="store_true", help="50 and 150 MB instead of 1 and 3 GB")
    parser.add_argument("--pairs", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--fresh", action="store_true", help="make the logs anew")
    parser.add_argument("--place", type=Path, default=ROOT / ".bench", help="where the logs are kept (default .bench)")
    parser.add_argument(
        "--command", help="what to time instead of the mailripple beside this Python (totals unchecked)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's cost to FILE too")
    options = parser.parse_args()
    default = [str(Path(sys.executable).with_name("mailripple"))]
    command: list[str] = shlex.split(options.command) if options.command else default
    if not shutil.which(command[0]):
        parser.error(f"there is no {command[0]}; run: make bench")
    bench = Bench(options.place, command, (50, 150) if options.small else (1000, 3000))
    bench.prepare(fresh=options.fresh)
    errors = [] if options.command else bench.errors()
    bench.measure(max(1, options.pairs))
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}, load now {load}\n")
    print("\n".join(bench.table()))
    if not options.command:
        told = ["the totals are WRONG:", *errors] if errors else ["the totals equal the generator's own counts"]
        print("\n".join(told))
    if options.json:
        runs = {name: [asdict(cost) for cost in costs] for name, costs in bench.costs.items()}
        options.json.write_text(json.dumps(runs, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
