"""A Site as log files, and the truth about them beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailripple.simulate.site.counted import counts_of
from mailripple.simulate.site.logged import Log, dns_log, mail_logs
from mailripple.simulate.site.sorts import log_text
from mailripple.simulate.site.tables import Cause, Happening, Site
from mailripple.simulate.stamps import iso, whole_files

TRUTH = "truth.json"
SCHEMA = "mailripple.site-truth/1"


def write_site(
    site: Site, out: Path, *, mta: str = "sendmail", dns: str = "bind", more: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write the mail server's logs, the query log and `truth.json` into the folder `out`; the truth is returned.

    `more` is put into the truth.  The same arguments give the same bytes, and file times at the Site's end, since old
    stamps have no year.  Raises UsageError, or OutputError: then none of the files is there that was not there before.
    """
    logs = [*mail_logs(site, mta), dns_log(site, dns)]
    truth = truth_of(site, mta, dns) | (more or {})
    with whole_files(out, [*(log.file for log in logs), TRUTH], site.end // 1000) as parts:
        truth["lines"] = {log.file: _write(parts[log.file], log_pieces(site, log)) for log in logs}
        parts[TRUTH].write_text(json.dumps(truth, indent=1) + "\n", encoding="ascii")
    return truth


def log_pieces(site: Site, log: Log) -> Iterator[bytes]:
    """The text of a log, piece by piece."""
    return log_text(log.sorts, log.stamp, site.zone, log.between(site))


def _write(part: Path, pieces: Iterator[bytes]) -> int:
    """Write a file; how many lines."""
    lines = 0
    with part.open("wb") as file:
        for piece in pieces:
            file.write(piece)
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
