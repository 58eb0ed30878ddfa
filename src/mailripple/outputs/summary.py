"""What a report says, as plain data: totals, series, the top of each list, and what became of the input.

Made once from a run's `Result`; the terminal and the JSON output show the same.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple import __version__
from mailripple import counts as counting
from mailripple.attempts import KeptAttempts
from mailripple.cells import entity_totals
from mailripple.config import ReportOptions
from mailripple.counts import Counts
from mailripple.errors import Notice, UsageError
from mailripple.incidents import Incident
from mailripple.incidents import as_json as incident_json
from mailripple.models.evidence import DomainA, Material
from mailripple.models.findings import Findings
from mailripple.models.minutes import minutes_of, queries_of
from mailripple.models.servers import MailServer, given_mail_servers, infer_mail_servers
from mailripple.models.study import study
from mailripple.outputs.relations import findings_json
from mailripple.outputs.safe import shown
from mailripple.outputs.steps import server_of, steps
from mailripple.parse import layout as L
from mailripple.parse.compile import PatternName
from mailripple.parse.record import time_text
from mailripple.parse.text import V4_KEY
from mailripple.parse.zone import Zone
from mailripple.tally import SourceTally

#: Windows that a series is rolled up to, seconds; the smallest that gives no more than MAX_WINDOWS.
WINDOWS = (60, 300, 600, 1800, 3600, 10_800, 86_400)
MAX_WINDOWS = 2000
#: Client addresses of the mail log, the most active ones, whose PTR questions are looked for.
PTR_SAMPLE = 500


@dataclass(frozen=True, slots=True)
class Series:
    """Counts a window: `start` seconds since 1970 (UTC) of the first, `window_s` its length, `columns` by name."""

    start: int
    window_s: int
    columns: dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a report shows."""

    zone: Zone
    first: int | None
    last: int | None
    totals: dict[str, int | None]
    mail_servers: list[dict[str, Any]]
    dq_note: str
    series: Series
    domains: list[dict[str, Any]]
    clients: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    dns_clients: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    skipped: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    notices: list[Notice]
    capped: int
    grep: dict[str, int] = field(default_factory=dict)
    findings: Findings | None = None
    incidents: tuple[Incident, ...] = ()
    exceptions: tuple[dict[str, Any], ...] = ()

    def _incidents(self) -> list[dict[str, Any]]:
        """The incidents as JSON data, each with what to do next."""
        sources, server = [s["source"] for s in self.sources], server_of(self.sources)
        return [
            incident_json(i, sources)
            | {"next": [{"why": s.why, "command": s.command} for s in steps(i, sources, server)]}
            for i in self.incidents
        ]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON data; keys are stable."""
        return {
            "schema": "mailripple.report/1",
            "version": __version__,
            "span": {
                "first": time_text(self.first) if self.first is not None else None,
                "last": time_text(self.last) if self.last is not None else None,
            },
            "exceptions": [{key: _inert(value) for key, value in e.items()} for e in self.exceptions],
            "incidents": self._incidents(),
            **(findings_json(self.findings) if self.findings is not None else {}),
            "totals": self.totals,
            "assumed": {
                "zone": self.zone.name,
                "sources": {s["source"]: s["assumed"] for s in self.sources if s["assumed"]},
                "mail_servers": self.mail_servers,
                "mail_servers_how": self.dq_note,
            },
            "series": {
                "start": time_text(self.series.start * 1_000_000),
                "window_s": self.series.window_s,
                "columns": {name: values.tolist() for name, values in self.series.columns.items()},
            },
            "top_deferred": self.domains,
            "top_clients": self.clients,
            "top_accounts": self.accounts,
            "top_dns_clients": self.dns_clients,
            "sources": self.sources,
            "skipped": self.skipped,
            "rejects": self.rejects,
            "notices": [{"level": n.level, "source": shown(n.source), "text": shown(n.text)} for n in self.notices],
            "capped": self.capped,
        } | ({"grep": self.grep} if self.grep else {})


class Names:
    """Texts of keys."""

    def __init__(self, names: Mapping[int, bytes], key: Callable[[bytes, int], int], ipv6_prefix: int = 128) -> None:
        self._names = names
        self.key = key
        self._prefix = f"/{ipv6_prefix}" if ipv6_prefix < 128 else ""
        self._cut = L.arpa6_cut(ipv6_prefix)

    def address(self, key: int) -> str:
        """The IP address that a key stands for."""
        if V4_KEY <= key < 2 * V4_KEY:
            return str(ipaddress.IPv4Address(key - V4_KEY))
        raw = self._names.get(key, b"")
        return f"{ipaddress.IPv6Address(raw)}{self._prefix}" if len(raw) == 16 else f"(address {key:x})"

    def reverse(self, key: int) -> str:
        """The name that a PTR query for the address asks for, or the end of it that a prefix leaves; "": not known."""
        if V4_KEY <= key < 2 * V4_KEY:
            return f"{key & 255}.{key >> 8 & 255}.{key >> 16 & 255}.{key >> 24 & 255}.in-addr.arpa"
        raw = self._names.get(key, b"")
        return ipaddress.IPv6Address(raw).reverse_pointer[self._cut :] if len(raw) == 16 else ""

    def text(self, key: int) -> str:
        """The name that a key stands for, inert."""
        found = self._names.get(key)
        return shown(found) if found is not None else f"(name {key:x})"


def summarise(
    counts: Counts,
    attempts: KeptAttempts,
    names: Names,
    patterns: Sequence[PatternName],
    sources: Sequence[SourceTally],
    notices: Sequence[Notice],
    where: Zone,
    options: ReportOptions,
    window_s: int | None = None,
) -> Summary:
    """Everything that a report shows."""
    totals = entity_totals(counts.cells)
    servers, note = find_mail_servers(counts, names, totals, options)
    keys = [s.key for s in servers]
    series = make_series(counts, keys, window_s)
    top_domain = find_domain_a(totals, names)
    material = Material(
        minutes_of(counts, keys), attempts, top_domain, names.text, lambda moment: clock_time(moment, where), note
    )
    numbers: dict[str, int | None] = {name: counts.total(name) for name in counting.METRIC_NAMES}
    numbers["mail.failed"] = counts.total("mail.failed")
    curve = deferred_series(counts, attempts, top_domain, series)
    if top_domain is not None and curve is not None:
        series.columns["mail.deferred.A"] = curve
        numbers["mail.deferred.A"] = top_domain.deferred
    dq = _queries(totals, [s.key for s in servers]) if servers else None
    numbers |= {"D_q": dq, "N_from": numbers["mail.from"], "N_to": numbers["mail.to"], "N_SS": numbers["mail.sent"]}
    numbers |= {"N_SD": numbers["mail.deferred"], "N_SX": numbers["mail.failed"], "N_P": numbers["pop.login"]}
    moments = [t.first for t in sources if t.first is not None], [t.last for t in sources if t.last is not None]
    top = options.top
    return Summary(
        where,
        min(moments[0], default=None),
        max(moments[1], default=None),
        numbers,
        [_server(s, names) for s in servers],
        note,
        series,
        top_entities(totals, counting.DOMAIN, "mail.deferred", top, "rcpt_domain", names.text),
        top_entities(totals, counting.CLIENT, "mail.rcpt", top, "client_ip", names.address),
        top_entities(totals, counting.ACCOUNT, "mail.rcpt", top, "account", names.text),
        top_dns_clients(totals, top, names),
        [_source(t, patterns) for t in sources],
        _skips(sources, patterns, names),
        [
            {"source": shown(r.source), "line": r.line, "reason": r.reason, "text": shown(r.text, 300)}
            for t in sources
            for r in t.rejects
        ],
        list(notices),
        counts.capped,
        findings=study(material),
    )


def find_mail_servers(
    counts: Counts, names: Names, totals: npt.NDArray[Any], options: ReportOptions
) -> tuple[list[MailServer], str]:
    """The DNS clients that are the mail servers, and how that is known."""
    if options.mail_servers:
        keys = {}
        for address in options.mail_servers:
            keys[address] = names.key(address.encode(), 1)
            if not keys[address]:
                raise UsageError(
                    f"{address!r} is no IP address", where="--mail-server", todo="give 192.0.2.25 or 2001:db8::25"
                )
        return given_mail_servers(options.mail_servers, keys), "given"
    kinds = totals["tag"]
    domains = totals["key"][kinds == counting.DOMAIN]
    senders = totals[(kinds == counting.CLIENT) & (totals["n"][:, 0] > 0)]
    clients = _largest(senders, 0, PTR_SAMPLE)["key"]
    reverse = [names.key(pointer.encode(), 0) for k in clients.tolist() if (pointer := names.reverse(k))]
    found = infer_mail_servers(counts.pairs, domains, np.array(reverse, np.int64))
    if found:
        return found, "inferred: their MX and PTR questions cover the mail log"
    if not counts.total("dns.query"):
        return [], "no DNS log was given"
    if not counts.total("mail.to"):
        return [], "no mail log was given: name the mail servers with --mail-server"
    return [], "no DNS client asks for this mail log's domains: name the mail servers with --mail-server"


def _queries(totals: npt.NDArray[Any], keys: Sequence[int]) -> int:
    chosen = (totals["tag"] == counting.DNS_CLIENT) & np.isin(totals["key"], np.array(keys, np.int64))
    return int(totals["n"][chosen, :10].sum())


def _server(server: MailServer, names: Names) -> dict[str, Any]:
    given = server.mx_cover != server.mx_cover
    return {
        "address": names.address(server.key),
        "mx_cover": None if given else round(server.mx_cover, 3),
        "ptr_cover": None if given else round(server.ptr_cover, 3),
    }


def make_series(counts: Counts, servers: Sequence[int], window_s: int | None) -> Series:
    """Sums over all servers a window, from the first window to the last without holes; D_q where it is known."""
    dated = counts.minute >= 0
    minutes = counts.minute[dated]
    if not len(minutes):
        return Series(0, 60, {})
    span = int(minutes.max() - minutes.min() + 1) * 60
    chosen = window_s or next((w for w in WINDOWS if span <= w * MAX_WINDOWS), WINDOWS[-1])
    step = chosen // 60
    first = int(minutes.min()) // step
    size = int(minutes.max()) // step - first + 1
    index = minutes // step - first
    columns: dict[str, npt.NDArray[np.int64]] = {}
    if servers:
        columns["D_q"] = queries_of(counts, servers, first, step, size)
    for i, name in enumerate(counting.METRIC_NAMES):
        values = counts.values[dated, i]
        if values.any():
            columns[name] = np.bincount(index, weights=values, minlength=size).astype(np.int64)
    return Series(first * step * 60, chosen, columns)


def deferred_series(
    counts: Counts, attempts: KeptAttempts, top: DomainA | None, series: Series
) -> npt.NDArray[np.int64] | None:
    """Deferred records of domain A a window (Figure 2); None where single records are not kept that far back.

    Windows of ten minutes and more come from the counts, smaller ones from the single records.
    """
    if top is None or not series.columns:
        return None
    size = len(next(iter(series.columns.values())))
    out = np.zeros(size, np.int64)
    if series.window_s % counting.WINDOW_S == 0:
        column = counting.ENTITY_METRICS.index("mail.deferred")
        rows = counts.cells.of([top.key])
        mine = rows[(rows["tag"] & 0xFF) == counting.DOMAIN]
        index = ((mine["tag"] >> 8) * counting.WINDOW_S - series.start) // series.window_s
        np.add.at(out, index, mine["n"][:, column].astype(np.int64))
        return out
    rows_of = attempts.deferred
    if not rows_of.complete:
        return None
    at = rows_of["ts"][rows_of["domain"] == top.key] // 1_000_000
    return out + np.bincount((at - series.start) // series.window_s, minlength=size)


def top_entities(
    totals: npt.NDArray[Any], kind: int, by: str, top: int, label: str, name: Callable[[int], str]
) -> list[dict[str, Any]]:
    """The entities of a kind with the largest value of a metric."""
    column = counting.ENTITY_METRICS.index(by)
    rows = totals[(totals["tag"] == kind) & (totals["n"][:, column] > 0)]
    ranked = sorted(
        ((-int(r["n"][column]), name(int(r["key"])), r) for r in _largest(rows, column, top)), key=lambda x: x[:2]
    )
    return [
        {label: text} | {m: int(r["n"][i]) for i, m in enumerate(counting.ENTITY_METRICS) if r["n"][i]}
        for _, text, r in ranked[:top]
    ]


def _largest(rows: npt.NDArray[Any], column: int, top: int) -> npt.NDArray[Any]:
    """Rows that can be among the top, ties included: names decide between equals, not keys (law 7)."""
    values = rows["n"][:, column]
    if len(rows) <= top:
        return rows
    least = np.partition(values, len(values) - top)[len(values) - top]
    chosen: npt.NDArray[Any] = rows[values >= least][:100_000]
    return chosen


def top_dns_clients(totals: npt.NDArray[Any], top: int, names: Names) -> list[dict[str, Any]]:
    """The DNS clients with the most queries."""
    rows = totals[totals["tag"] == counting.DNS_CLIENT].copy()
    rows["n"][:, 0] = rows["n"][:, :10].sum(axis=1)
    ranked = sorted(
        ((-int(r["n"][0]), names.address(int(r["key"])), r) for r in _largest(rows, 0, top)), key=lambda x: x[:2]
    )
    return [
        {"client_ip": text, "dns.query": -n}
        | {m: int(r["n"][10 + i]) for i, m in enumerate(counting.CLIENT_METRICS) if r["n"][10 + i]}
        for n, text, r in ranked[:top]
    ]


def _source(t: SourceTally, patterns: Sequence[PatternName]) -> dict[str, Any]:
    return {
        "source": shown(t.name),
        "server": shown(t.server),
        "bytes": t.bytes,
        "lines": t.lines,
        "events": t.events,
        "skipped": t.skipped,
        "rejected": t.rejected,
        "formats": t.by_format(patterns),
        "first": time_text(t.first) if t.first is not None else None,
        "last": time_text(t.last) if t.last is not None else None,
        "assumed": t.assumed,
        "damage": t.damage,
    }


def _skips(sources: Sequence[SourceTally], patterns: Sequence[PatternName], names: Names) -> list[dict[str, Any]]:
    """Lines skipped on purpose: by format and pattern, and by the name of a program that no format is for."""
    by_pattern = sum((t.patterns for t in sources), np.zeros(len(patterns) + 1, np.int64))
    found = [
        {"format": p.format, "pattern": p.name, "lines": int(by_pattern[i])}
        for i, p in enumerate(patterns)
        if not p.kind and by_pattern[i]
    ]
    other: dict[str, int] = {}
    for t in sources:
        for key, n in t.other.items():
            label = names.text(key) if key else "(more)"
            other[label] = other.get(label, 0) + n
    found += [{"format": "", "pattern": f"program {label}", "lines": n} for label, n in other.items()]
    blank = sum(t.blank for t in sources)
    found += [{"format": "", "pattern": "blank line", "lines": blank}] if blank else []
    return sorted(found, key=lambda s: (-int(s["lines"]), str(s["format"]), str(s["pattern"])))


def find_domain_a(totals: npt.NDArray[Any], names: Names) -> DomainA | None:
    """The destination with the most deferred records; among equals the first by name."""
    column = counting.ENTITY_METRICS.index("mail.deferred")
    rows = totals[(totals["tag"] == counting.DOMAIN) & (totals["n"][:, column] > 0)]
    if not len(rows):
        return None
    top = rows[rows["n"][:, column] == rows["n"][:, column].max()]
    key = min(top["key"].tolist(), key=names.text)
    return DomainA(key, int(rows["n"][:, column].max()), int(rows["n"][:, column].astype(np.int64).sum()))


def clock_time(moment: int, where: Zone) -> str:
    """A moment (us, UTC) as the log's clock showed it."""
    return local_time(moment // 1_000_000, where)


def local_time(second: int, where: Zone) -> str:
    """A moment in the log's zone, `2024-10-27 01:17`."""
    offset = where.offset_at(second * 1_000_000)
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=second, microseconds=offset)
    return moment.strftime("%Y-%m-%d %H:%M")


def _inert(value: Any) -> Any:
    return shown(value) if isinstance(value, str) else value
