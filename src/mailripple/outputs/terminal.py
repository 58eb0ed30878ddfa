"""The report on a terminal: alarms, one sentence, then curves, then tables, then what became of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailripple.outputs.incidents import print_incidents
from mailripple.outputs.relations import print_relations
from mailripple.outputs.safe import shown
from mailripple.outputs.steps import server_of
from mailripple.outputs.summary import Series, Summary, local_time

_BARS = "▁▂▃▄▅▆▇█"
_ASCII = ".:-=+*#@"
#: Curves that are drawn, and what they are in an administrator's words.
_CURVES = (
    ("D_q", "D_q", "DNS queries, mail servers"),
    ("dns.query", "", "DNS queries, all clients"),
    ("mail.from", "N_from", "messages taken in"),
    ("mail.to", "N_to", "delivery records"),
    ("mail.sent", "N_SS", "delivered"),
    ("mail.deferred", "N_SD", "deferred"),
    ("mail.deferred.A", "A", "deferred, domain A"),
    ("mail.failed", "N_SX", "failed for good"),
    ("pop.login", "N_P", "POP3 log-ins"),
)


def print_summary(summary: Summary, out: IO[str], width: int | None = None) -> None:
    """Print the report."""
    show(Console(file=out, width=width, highlight=False, emoji=False, markup=False, soft_wrap=False), summary)


def show(console: Console, summary: Summary) -> None:
    """Print the report on a console."""
    sources = [s["source"] for s in summary.sources]
    alarms = any(i.severity == "alarm" for i in summary.incidents)
    if alarms:
        print_incidents(console, summary.incidents, sources, summary.zone, server_of(summary.sources))
    if summary.findings is not None:
        console.print(Text(summary.findings.headline, style="bold"))
    console.print(Text(headline(summary), style="dim" if summary.findings is not None else "bold"))
    console.print()
    if not alarms:
        print_incidents(console, summary.incidents, sources, summary.zone, server_of(summary.sources))
    for exception in summary.exceptions:
        console.print(Text(shown(exception["told"]), style="dim"))
    _curves(console, summary)
    _balance(console, summary)
    if summary.findings is not None:
        print_relations(console, summary.findings)
    _entities(console, "Most deferred destinations", summary.domains, "rcpt_domain", _DOMAIN_COLUMNS)
    _entities(console, "Busiest mail clients", summary.clients, "client_ip", _CLIENT_COLUMNS)
    _entities(console, "Busiest accounts", summary.accounts, "account", _CLIENT_COLUMNS)
    _entities(console, "Busiest DNS clients", summary.dns_clients, "client_ip", _DNS_COLUMNS)
    _input(console, summary)


def headline(summary: Summary) -> str:
    """One sentence: what was read, from when to when."""
    t = summary.totals
    if summary.first is None or summary.last is None:
        span = "lines without a time"
    else:
        zone = summary.zone
        begin, end = (local_time(moment // 1_000_000, zone) for moment in (summary.first, summary.last))
        span = f"{begin} to {end} ({zone.name})"
    parts = [
        f"{t[key]:,} {word}"
        for key, word in (
            ("mail.from", "messages"),
            ("mail.to", "delivery records"),
            ("pop.login", "POP3 log-ins"),
            ("dns.query", "DNS queries"),
        )
        if t[key]
    ]
    return f"{span}: {', '.join(parts) or 'nothing counted'}"


def _curves(console: Console, summary: Summary) -> None:
    columns = _with_failed(summary.series.columns)
    if not columns:
        return
    bars = _ASCII if console.legacy_windows or "utf" not in (console.encoding or "").lower() else _BARS
    room = max(10, min(72, console.width - 60))
    table = Table(box=None, padding=(0, 1), show_header=True, header_style="dim")
    for name, justify in (
        ("", "left"),
        ("", "left"),
        (_axis(summary.series, summary), "left"),
        ("total", "right"),
        ("peak/min", "right"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for name, symbol, meaning in _CURVES:
        if name not in columns:
            continue
        values = columns[name]
        peak = float(values.max()) * 60 / summary.series.window_s
        table.add_row(symbol, meaning, sparkline(values, room, bars), f"{int(values.sum()):,}", f"{peak:,.1f}")
    console.print(table)
    if "D_q" not in columns:
        console.print(Text(f"D_q: unknown, {summary.dq_note}", style="yellow"))
    else:
        who = ", ".join(s["address"] for s in summary.mail_servers)
        console.print(Text(f"mail servers in the DNS log: {who} ({summary.dq_note})", style="dim"))
    console.print()


def _with_failed(columns: dict[str, npt.NDArray[np.int64]]) -> dict[str, npt.NDArray[np.int64]]:
    failed = [columns[n] for n in ("mail.bounced", "mail.expired", "mail.rejected") if n in columns]
    return columns | ({"mail.failed": np.sum(failed, axis=0)} if failed else {})


def _axis(series: Series, summary: Summary) -> str:
    size = len(next(iter(series.columns.values())))
    end = series.start + size * series.window_s
    return f"{local_time(series.start, summary.zone)[5:]} to {local_time(end, summary.zone)[5:]}"


def sparkline(values: npt.NDArray[np.int64], width: int, bars: str = _BARS) -> str:
    """The values as a row of bars, each the mean of its share of the windows; an empty share is a space."""
    size = len(values)
    width = min(width, size)
    edges = np.linspace(0, size, width + 1).astype(np.int64)
    means = np.array([values[a:b].mean() for a, b in zip(edges[:-1], edges[1:], strict=True)])
    top = means.max() or 1.0
    levels = np.ceil(means / top * len(bars)).astype(int)
    return "".join(" " if level == 0 else bars[level - 1] for level in levels)


def _balance(console: Console, summary: Summary) -> None:
    """N_to = N_SS + N_SD + N_SX + other (+ skipped), which must be exact."""
    t = {k: v or 0 for k, v in summary.totals.items()}
    if not t["mail.to"]:
        return
    skipped = t.get("mail.skipped", 0)
    rest = t["mail.to"] - t["mail.sent"] - t["mail.deferred"] - t["mail.failed"] - t["mail.other"] - skipped
    console.print(
        Text(
            f"N_to {t['mail.to']:,} = sent {t['mail.sent']:,} + deferred {t['mail.deferred']:,} + failed "
            f"{t['mail.failed']:,} + other {t['mail.other']:,}"
            + (f" + skipped {skipped:,}" if skipped else "")
            + ("" if rest == 0 else f" + UNBALANCED {rest:,}")
        )
    )
    console.print(
        Text(
            f"attempts: {t['mail.attempt.first']:,} first, {t['mail.attempt.retry']:,} retries; "
            f"the server's own bounces: {t['mail.dsn']:,} messages, {t['mail.dsn.to']:,} records; "
            f"refused: {t['mail.refused']:,} sessions, "
            f"{t['mail.reject']:,} commands",
            style="dim",
        )
    )
    console.print()


_DOMAIN_COLUMNS = (
    ("deferred", "mail.deferred"),
    ("sent", "mail.sent"),
    ("failed", "mail.failed"),
    ("first", "mail.attempt.first"),
    ("retries", "mail.attempt.retry"),
)
_CLIENT_COLUMNS = (
    ("messages", "mail.from"),
    ("recipients", "mail.accepted"),
    ("sent", "mail.sent"),
    ("deferred", "mail.deferred"),
    ("failed", "mail.failed"),
    ("retries", "mail.attempt.retry"),
)
_DNS_COLUMNS = (
    ("queries", "dns.query"),
    ("look-ups", "dns.lookup"),
    ("A", "dns.query.A"),
    ("AAAA", "dns.query.AAAA"),
    ("MX", "dns.query.MX"),
    ("PTR", "dns.query.PTR"),
)


def _entities(
    console: Console, title: str, rows: Sequence[dict[str, Any]], label: str, columns: Sequence[tuple[str, str]]
) -> None:
    if not rows:
        return
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, padding=(0, 1), header_style="dim")
    table.add_column("", no_wrap=True)
    for heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(shown(row[label], 48)), *(f"{row.get(metric, 0):,}" for _, metric in columns))
    console.print(table)
    console.print()


def _input(console: Console, summary: Summary) -> None:
    """What was read, skipped, rejected and assumed (law 1)."""
    table = Table(title=Text("Input", style="bold"), title_justify="left", box=None, padding=(0, 1), header_style="dim")
    for name in ("", "lines", "events", "skipped", "rejected"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for s in summary.sources[:12]:
        table.add_row(Text(shown(s["source"], 60)), *(f"{s[k]:,}" for k in ("lines", "events", "skipped", "rejected")))
    if len(summary.sources) > 12:
        rest = summary.sources[12:]
        table.add_row(
            Text(f"and {len(rest)} more"),
            *(f"{sum(s[k] for s in rest):,}" for k in ("lines", "events", "skipped", "rejected")),
        )
    console.print(table)
    skips = ", ".join(f"{_skip_name(s)} {s['lines']:,}" for s in summary.skipped[:8])
    if skips:
        more = f" and {len(summary.skipped) - 8} more kinds" if len(summary.skipped) > 8 else ""
        console.print(Text(f"skipped on purpose: {skips}{more}", style="dim"))
    for notice in summary.notices:
        style = "yellow" if notice.level == "warning" else "dim"
        console.print(Text(f"{notice.level}: {shown(notice.source)}: {shown(notice.text)}", style=style))
    if summary.totals.get("late"):
        late = (
            f"late: {summary.totals['late']:,} records came more than 120 s after later ones: counted, but not "
            "joined to their message (is the zone right? see --tz)"
        )
        console.print(Text(late, style="yellow"))
    if summary.capped:
        console.print(
            Text(
                f"capped: {summary.capped:,} counts of single names are not in the lists; totals are exact",
                style="yellow",
            )
        )
    _rejects(console, summary)


def _skip_name(skip: dict[str, Any]) -> str:
    return f"{skip['format']}.{skip['pattern']}" if skip["format"] else str(skip["pattern"])


def _rejects(console: Console, summary: Summary) -> None:
    rejected = sum(s["rejected"] for s in summary.sources)
    if not rejected:
        return
    console.print(Text(f"not understood: {rejected:,} lines, for example", style="yellow"))
    for reject in summary.rejects[:3]:
        console.print(
            Text(f"  {reject['source']}:{reject['line']}: {reject['reason']}: {shown(reject['text'], 160)}"),
            soft_wrap=True,
        )
    console.print(Text("  (--rejects FILE writes them all; `mailripple explain LINE` says more)", style="dim"))


def print_formats(rows: Sequence[dict[str, Any]], out: IO[str]) -> None:
    """The list of formats."""
    console = Console(file=out, highlight=False, emoji=False, markup=False)
    table = Table(box=None, padding=(0, 1), header_style="dim", expand=True)
    table.add_column("format", no_wrap=True)
    for name, share in (("", 3), ("events", 2), ("programs", 2)):
        table.add_column(name, ratio=share)
    for row in rows:
        table.add_row(
            row["id"], Text(row["title"]), Text(", ".join(row["kinds"])), Text(shown(", ".join(row["programs"]), 60))
        )
    console.print(table)
