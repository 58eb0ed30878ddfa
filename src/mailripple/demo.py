"""`mailripple simulate` and `mailripple demo`: the logs of a made-up day, and the report on them."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any

from mailripple.config import ReadOptions, ReportOptions
from mailripple.outputs.safe import shown
from mailripple.outputs.write import writing
from mailripple.reporting import report
from mailripple.simulate.scenario import Variant, scenarios
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import is_file, site_scene, site_scenes
from mailripple.simulate.site.write import write_site
from mailripple.simulate.write import MAIL, QUERIES, TRUTH, simulate

SCENARIO = "paper-day"
PAGE = "report.html"


@dataclasses.dataclass(frozen=True, slots=True)
class Campus:
    """What is asked of a campus; None: as the scenario says, sendmail, BIND."""

    days: int | None = None
    clients: int | None = None
    mta: str | None = None
    dns: str | None = None


def list_scenarios() -> None:
    """Print each scenario's name and what it is about."""
    with writing("stdout"):
        for scene in scenarios():
            print(f"{scene.id}  {scene.title}")
        for site in site_scenes().values():
            print(f"{site.id}  {site.title}")


def is_campus(name: str) -> bool:
    """Is that a scenario of a campus over days?"""
    return is_file(name) or name in site_scenes()


def run_campus(name: str, out: Path, seed: int, campus: Campus) -> None:
    """Write the logs of a campus into `out`, and say how to read them.  Raises UsageError, OutputError."""
    scene = site_scene(name)
    site = make_site(scene, seed, days=campus.days, clients=campus.clients)
    truth = write_site(site, out, mta=campus.mta or "sendmail", dns=campus.dns or "bind", logs=scene.logs)
    sums: dict[str, int] = {}
    for file, lines in truth["lines"].items():
        log = file.partition("-")[0]
        sums[log] = sums.get(log, 0) + lines
    made = ", ".join(f"{lines:,} lines of {log}" for log, lines in sums.items())
    logs = " ".join(shown(str(out / log)) + "*" * scene.logs.rotate for log in sums)
    year = datetime.fromtimestamp(site.start / 1000, site.zone).year
    print(
        f"{made}, and {TRUTH} are in {shown(str(out))}\n"
        f"Read them: mailripple report --tz {truth['time_zone']} --year {year} {logs}"
    )


def run_simulation(name: str, out: Path, seed: int, variant: Variant) -> None:
    """Write the logs of a scenario into `out`, and say how to read them.  Raises UsageError, OutputError."""
    truth = simulate(name, out, seed, variant)
    counts = truth["counts"]
    place = shown(str(out))
    print(
        f"{counts['mail_lines']:,} lines of {MAIL}, {counts['queries']:,} of {QUERIES}, and {TRUTH} are in {place}\n"
        f"Read them: mailripple report {_reading(truth)} {' '.join(shown(str(log)) for log in _logs(out))}"
    )


def run_demo(out: Path, seed: int, reading: ReadOptions) -> None:
    """Write the logs into `out` and report on them."""
    print(f"Making the logs of a campus in {shown(str(out))}: 15 July 2002, a mass mailer comes in the afternoon ...")
    truth = simulate(SCENARIO, out, seed)
    logs = _logs(out)
    print(
        f"Reading them: mailripple report {_reading(truth)} {' '.join(shown(str(log)) for log in logs)}\n", flush=True
    )
    report(
        [str(log) for log in logs],
        dataclasses.replace(reading, zone=truth["time_zone"], zone_given=True, year=_year(truth)),
        ReportOptions(),
        window_s=None,
        json_to=None,
        rejects_to=None,
        html_to=str(out / PAGE),
    )
    infected = ", ".join(host["ip"] for host in truth["infected"])
    print(f"\nThe report as a page, with figures to zoom: {shown(str((out / PAGE).resolve()))}")
    print(f"The logs are {' and '.join(shown(str(log)) for log in logs)}.")
    print(f"The infected PCs are {infected}; domain A is {truth['domain_a']['name']}, closed from 17:00.")
    print(f"{shown(str(out / TRUTH))} holds all that really happened.")
    print("Your own logs: mailripple report /var/log/mail.log* /var/log/named/queries.log*")


def _logs(out: Path) -> list[Path]:
    return [out / MAIL, out / QUERIES]


def _year(truth: dict[str, Any]) -> int:
    return int(truth["local_date"][:4])


def _reading(truth: dict[str, Any]) -> str:
    return f"--tz {truth['time_zone']} --year {_year(truth)}"
