"""`mailripple report`, `formats`, `check-format`: from arguments to what is written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from mailripple import counts as counting
from mailripple import exceptions
from mailripple.attempts import acting_as
from mailripple.cells import entity_totals
from mailripple.config import ReadOptions, ReportOptions
from mailripple.counts import Counts
from mailripple.detectors import Scores, decide_all
from mailripple.errors import FormatError
from mailripple.formats import Format, FormatSet, assemble, load_formats, read_format
from mailripple.grep import grep_totals
from mailripple.incidents import Incident, attribute, with_texts
from mailripple.models.findings import Surge
from mailripple.models.lookups import Spans, server_like, servers_meanwhile
from mailripple.models.outages import find_outages
from mailripple.outputs.progress import progress_bar
from mailripple.outputs.safe import shown
from mailripple.outputs.summary import Names, Summary, summarise
from mailripple.outputs.write import write_whole, writing
from mailripple.parse.check import problems
from mailripple.records import reject_sink
from mailripple.run import Result, read_all
from mailripple.sources import lines_again

#: A log line that is shown is cut there: an attacker may make it 64 KiB long.
EVIDENCE_WIDTH = 1000


def report(
    arguments: Sequence[str],
    reading: ReadOptions,
    options: ReportOptions,
    *,
    window_s: int | None,
    json_to: str | None,
    rejects_to: str | None,
    html_to: str | None = None,
    figures_to: str | None = None,
    exit_code: bool = False,
) -> int:
    """Read the logs and write the report; the exit status: 3 if an input was damaged, 1 if alarms are to say so."""
    if figures_to is not None:
        from mailripple.outputs.paper import require_matplotlib

        require_matplotlib()
    expected = () if options.exceptions is None else exceptions.read_exceptions(options.exceptions)
    with reject_sink(rejects_to) as sink, progress_bar(arguments) as progress:
        result = read_all(arguments, reading, sink=sink, progress=progress)
    summary = summary_of(result, options, window_s, expected)
    if options.counting == "grep":
        summary.grep.update(grep_totals(arguments, result.dns_sources()))
    if json_to is not None:
        write_whole(json_to, msgspec.json.encode(summary.as_json()) + b"\n")
    if html_to is not None:
        from mailripple.outputs.page import page

        write_whole(html_to, page(summary))
    if figures_to is not None:
        from mailripple.outputs.paper import write_figures

        write_figures(summary, figures_to)
    if json_to is None and html_to != "-":
        print_text(summary)  # last: whoever reads it may go away (`| head`), and the files are there
    if any(notice.level == "warning" for notice in result.notices):
        return 3
    return 1 if exit_code and any(i.severity == "alarm" for i in summary.incidents) else 0


def summary_of(
    result: Result, options: ReportOptions, window_s: int | None = None, expected: Sequence[exceptions.Expected] = ()
) -> Summary:
    """The report's data from a run's result; incidents of subjects that are `expected` are notices."""
    names = Names(result.names, result.key, result.ipv6_prefix)
    summary = summarise(
        result.counts,
        result.attempts,
        names,
        result.patterns,
        result.sources,
        result.notices,
        result.zone,
        options,
        window_s,
    )
    hosts = frozenset(names.key(str(server["address"]).encode(), 1) for server in summary.mail_servers)
    surges = summary.findings.surges if summary.findings is not None else ()
    incidents, applied = exceptions.apply(find_incidents(result, names, hosts, surges), expected)
    return replace(summary, incidents=incidents, exceptions=tuple(exceptions.as_json(applied)))


def find_incidents(
    result: Result, names: Names, mail_hosts: frozenset[int], surges: tuple[Surge, ...] = ()
) -> list[Incident]:
    """Score, decide, attribute; the texts of the lines that are shown are read again."""
    senders = tuple(tuple(fold.scores()) for fold in result.senders)
    lookups = tuple(tuple(fold.scores()) for fold in result.lookups)
    outages = tuple(find_outages(result.attempts))
    likely = reverse_askers(result.counts) - mail_hosts
    servers = servers_meanwhile(lookups, likely, partial(asked_in, result.counts))
    scores = Scores(senders, lookups, mail_hosts, servers, outages, surges)
    acting = acting_as(result.attempts)
    incidents = attribute(decide_all(scores), names.address, names.text, scores.watched, acting)
    wanted: dict[int, set[int]] = {}
    for incident in incidents:
        for line in incident.evidence:
            wanted.setdefault(line.source, set()).add(line.line)
    texts = {
        source: lines_again(result.files[source], numbers, result.marks.get(result.files[source].name))
        for source, numbers in wanted.items()
    }

    def text(source: int, line: int) -> str | None:
        found = texts[source].get(line)
        return None if found is None else shown(found, EVIDENCE_WIDTH)

    return [with_texts(incident, text) for incident in incidents]


def reverse_askers(counts: Counts) -> frozenset[int]:
    """DNS clients that ask for the names of addresses (PTR) as mail servers do."""
    totals = entity_totals(counts.cells)
    mx, ptr = (10 + counting.CLIENT_METRICS.index(f"dns.query.{kind}") for kind in ("MX", "PTR"))
    n = totals["n"]
    chosen = (totals["tag"] == counting.DNS_CLIENT) & server_like(n[:, mx], n[:, ptr])
    return frozenset(totals["key"][chosen].tolist())


def asked_in(counts: Counts, spans: Spans) -> npt.NDArray[np.int64]:
    """Questions for MX and PTR of some clients in their spans, see `models.lookups.servers_meanwhile`."""
    rows = counts.cells.of(list(spans))
    rows = rows[(rows["tag"] & 0xFF) == counting.DNS_CLIENT]
    columns = [10 + counting.CLIENT_METRICS.index(f"dns.query.{kind}") for kind in ("MX", "PTR")]
    window, found = rows["tag"] >> 8, np.zeros((len(spans), 2), np.int64)
    for i, (key, (first, last)) in enumerate(spans.items()):
        mine = (rows["key"] == key) & (window >= first) & (window <= last)
        found[i] = rows["n"][mine][:, columns].sum(axis=0, dtype=np.int64)
    return found


def print_text(summary: Summary) -> None:
    """The report on stdout.  Raises OutputError where stdout is full."""
    from mailripple.outputs.terminal import print_summary

    with writing("stdout"):
        print_summary(summary, sys.stdout)
        sys.stdout.flush()


def list_formats(folders: Sequence[Path], json_to: str | None) -> None:
    """The known formats as a table or as JSON."""
    formats = load_formats(folders)
    rows = [
        {
            "id": f.id,
            "subject": f.subject,
            "title": f.title,
            "programs": list(f.programs),
            "patterns": len(f.patterns),
            "kinds": sorted({p.kind for p in f.patterns if p.kind}),
            "url": f.url,
            "path": f.path,
        }
        for f in (*formats.envelopes, *formats.messages)
    ]
    if json_to is not None:
        write_whole(json_to, msgspec.json.encode(rows) + b"\n")
        return
    from mailripple.outputs.terminal import print_formats

    with writing("stdout"):
        print_formats(rows, sys.stdout)


def check_formats(files: Sequence[Path]) -> bool:
    """Check format files against the bundled ones; True if something is wrong, which is then printed."""
    wrong = False
    for path in files:
        found, proven = _check(path)
        for error in found:
            print("\n".join(shown(line) for line in error.lines()) + "\n", file=sys.stderr)
        if not found:
            print(f"{shown(str(path))}: {proven} patterns, every sample gives the event that stands beside it")
        wrong = wrong or bool(found)
    return wrong


def _check(path: Path) -> tuple[list[FormatError], int]:
    """What is wrong with a format file, and how many patterns it has."""
    subject = path.parent.name if path.parent.name in {"envelope", "dns", "mail"} else "mail"
    try:
        mine = read_format(path.read_text(encoding="utf-8"), str(path), subject)
        return list(problems(with_own(load_formats(), [mine]), only=mine)), len(mine.patterns)
    except FormatError as error:
        return [error], 0
    except (OSError, UnicodeDecodeError) as error:
        return [FormatError(f"cannot read {path}", why=str(error), where=str(path), todo="name a TOML file")], 0


def with_own(formats: FormatSet, own: Sequence[Format]) -> FormatSet:
    """The bundled formats with the administrator's own behind them."""
    return assemble([*formats.envelopes, *formats.messages, *own])
