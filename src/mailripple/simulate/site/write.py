"""A Site as log files, and the truth about them beside."""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from mailripple.simulate.site.counted import counts_of
from mailripple.simulate.site.logged import Log, dns_log, mail_logs
from mailripple.simulate.site.scene import LogHabits
from mailripple.simulate.site.sorts import log_text
from mailripple.simulate.site.tables import Cause, Happening, Site
from mailripple.simulate.stamps import iso, whole_files

TRUTH = "truth.json"
SCHEMA = "mailripple.site-truth/1"


def write_site(
    site: Site,
    out: Path,
    *,
    mta: str = "sendmail",
    dns: str = "bind",
    logs: LogHabits | None = None,
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the mail server's logs, the query log and `truth.json` into the folder `out`; the truth is returned.

    `logs` how they are rotated and copied; `more` is put into the truth.  The same arguments give the same bytes, and
    file times at the Site's end, since old stamps have no year.  Raises UsageError, or OutputError: then none of the
    files is there that was not there before.
    """
    habits = logs or LogHabits()
    files = [file for log in [*mail_logs(site, mta), dns_log(site, dns)] for file in files_of(site, log, habits)]
    truth = truth_of(site, mta, dns) | (more or {})
    copies = {f"copy-of-{file.name}": file.name for file in files[: habits.copies]}
    with whole_files(out, [*(file.name for file in files), *copies, TRUTH], site.end // 1000) as parts:
        truth["lines"] = {file.name: _write(parts[file.name], file.pieces) for file in files}
        truth["copies"] = copies
        for copy, original in copies.items():
            shutil.copyfile(parts[original], parts[copy])
        parts[TRUTH].write_text(json.dumps(truth, indent=1) + "\n", encoding="ascii")
    return truth


class LogFile(NamedTuple):
    """A file of a log, and its text piece by piece."""

    name: str
    pieces: Iterator[bytes]


def files_of(site: Site, log: Log, habits: LogHabits) -> list[LogFile]:
    """The log's files, oldest first: one, or rotated at each local midnight and packed, the last one as it is."""
    edges = _midnights(site) if habits.rotate else []
    stretches = log.stretches(site, edges)
    spans = itertools.pairwise([site.start, *edges, site.end])
    found = []
    for begin, end in spans:
        mine = [(a, b) for a, b in stretches if begin <= a - log.ahead_ms < end]
        day = datetime.fromtimestamp(end / 1000, UTC).astimezone(site.zone)
        name = log.file if end == site.end else f"{log.file}-{day:%Y%m%d}.gz"
        found.append(LogFile(name, log_text(log.sorts, log.stamp, site.zone, mine)))
    return found


def _midnights(site: Site) -> list[int]:
    """The local midnights within the Site (UTC ms)."""
    day = datetime.fromtimestamp(site.start / 1000, UTC).astimezone(site.zone).date() + timedelta(days=1)
    found = []
    while (ms := round(datetime(day.year, day.month, day.day, tzinfo=site.zone).timestamp()) * 1000) < site.end:
        found.append(ms)
        day += timedelta(days=1)
    return found


def log_pieces(site: Site, log: Log) -> Iterator[bytes]:
    """The text of a log, piece by piece."""
    return log_text(log.sorts, log.stamp, site.zone, log.stretches(site))


def _write(part: Path, pieces: Iterator[bytes]) -> int:
    """Write a file, packed if it is called so; how many lines."""
    lines = 0
    packed = part.name.endswith(".gz.part")
    with part.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) if packed else nullcontext(file) as sink:
        for piece in pieces:
            sink.write(piece)
            lines += piece.count(b"\n")
    return lines


def truth_of(site: Site, mta: str, dns: str) -> dict[str, Any]:
    """What is so, as JSON data: times ISO 8601, UTC."""
    return {
        "schema": SCHEMA,
        "scenario": site.scenario,
        "seed": site.seed,
        "mta": mta,
        "dns": dns,
        "start": iso(site.start),
        "end": iso(site.end),
        "time_zone": site.zone.key,
        "mail_server": site.hosts.ips[site.mail_server],
        "resolver": site.hosts.ips[site.resolver],
        "dns_ahead_s": site.dns_ahead_ms // 1000,
        "parameters": site.values,
        "causes": [_cause(site, number, cause) for number, cause in enumerate(site.causes)],
        "happenings": [_happening(site, happening) for happening in site.happenings],
        "counts": counts_of(site, mta),
    }


def _cause(site: Site, number: int, cause: Cause) -> dict[str, Any]:
    inside = (site.messages.cause == number) & (site.messages.ms >= site.start) & (site.messages.ms < site.end)
    return {
        "kind": cause.kind,
        "harm": cause.harm,
        "ip": site.hosts.ips[cause.host] if cause.host >= 0 else None,
        "name": site.hosts.names[cause.host] if cause.host >= 0 else None,
        "account": site.names.accounts[cause.account] if cause.account >= 0 else None,
        "start": iso(cause.start) if cause.end else None,
        "end": iso(cause.end) if cause.end else None,
        "messages": int(inside.sum()),
        "details": cause.details,
    }


def _happening(site: Site, happening: Happening) -> dict[str, Any]:
    return {
        "kind": happening.kind,
        "start": iso(happening.start),
        "end": iso(happening.end),
        "domain": site.names.domains[happening.domain] if happening.domain >= 0 else None,
        "details": happening.details,
    }
