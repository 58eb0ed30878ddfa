"""`mailripple demo`: the logs of a made-up campus with one infected PC, and the report on them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from mailripple.config import ReadOptions, ReportOptions
from mailripple.errors import OutputError
from mailripple.outputs.safe import shown
from mailripple.reporting import report
from mailripple.simulate.bulk import BulkTruth, generate

#: A day of a campus: Monday 15 July 2002, the day of the paper.
DAY = dt.datetime(2002, 7, 15, tzinfo=dt.UTC)


def run_demo(out: Path, seed: int, reading: ReadOptions) -> None:
    """Write the logs into `out` and report on them."""
    print(
        f"Making the logs of a campus in {shown(str(out))}: 15 July 2002, one PC is infected in the evening ...",
        flush=True,
    )
    logs, truth = make_logs(out, seed)
    print(f"Reading them: mailripple report --tz UTC {shown(' '.join(map(str, logs)))}\n", flush=True)
    report(
        [str(log) for log in logs],
        dataclasses.replace(reading, zone="UTC", zone_given=True),
        ReportOptions(),
        window_s=None,
        json_to=None,
        rejects_to=None,
    )
    print(f"The infected PC is {truth.attacker_ip}; {shown(str(out / 'truth.json'))} holds what really happened.")
    print("Your own logs: mailripple report /var/log/mail.log* /var/log/named/queries.log*")


def make_logs(out: Path, seed: int) -> tuple[list[Path], BulkTruth]:
    """Write a mail log, a query log and the truth into `out`.  Raises OutputError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        truth = generate(
            out,
            mail_bytes=12_000_000,
            dns_bytes=12_000_000,
            seed=seed,
            start=DAY,
            days=1.0,
            clients=4000,
            domains=2000,
            accounts=600,
        )
    except OSError as error:
        raise OutputError(
            f"cannot write to {out}", why=error.strerror or str(error), where="--out", todo="choose another folder"
        ) from error
    return [out / "mail.log", out / "queries.log"], truth
