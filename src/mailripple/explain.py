"""How one line is read: which envelope and pattern take it, its fields, and what it counts into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mailripple.detectors import DETECTORS
from mailripple.errors import UsageError
from mailripple.formats import FormatSet, Pattern, load_formats
from mailripple.formats.language import Inner, Lit, Message
from mailripple.outputs.safe import shown
from mailripple.outputs.write import write_whole, writing
from mailripple.parse import layout as L
from mailripple.parse import naive
from mailripple.parse.naive_records import Table
from mailripple.parse.record import text_of, time_text, values_of
from mailripple.sources import BufferPool, ChunkReader, discover

#: What an event counts into.
COUNTS_INTO: dict[str, str] = {
    "dns.query": "dns.query, dns.query.TYPE, dns.lookup (unless repeated within 5 s); D_q, if a mail server asks",
    "dns.response": "dns.response",
    "dns.packet": "dns.packet",
    "mail.from": "mail.from (N_from) and mail.accepted; mail.refused if no recipient was accepted",
    "mail.to": "mail.to (N_to), mail.STATUS, mail.rcpt, mail.attempt.first or .retry; mail.dsn.to for own bounces",
    "mail.reject": "mail.reject",
    "mail.client": "nothing by itself: tells who handed the message in",
    "mail.dsn": "mail.dsn: the server's own bounce or notice, kept out of N_from and N_to",
    "mail.clone": "nothing by itself: the copy belongs to the same client",
    "mail.msgid": "nothing by itself: a message that comes back from a filter has the same Message-ID",
    "mail.start": "nothing by itself: tells whose the delivery is",
    "mail.done": "nothing by itself: the message is finished",
    "repeat": "what the line before it, of the same host, counts into, that often again",
    "pop.login": "pop.login (N_P)",
    "pop.logout": "pop.logout",
    "pop.fail": "pop.fail",
    "pop.connect": "pop.connect",
    "imap.login": "imap.login",
    "imap.logout": "imap.logout",
    "imap.fail": "imap.fail",
}
_STAMPS = {L.NO_TIME: "no time", L.CIVIL_NO_YEAR: "no year, no zone", L.CIVIL: "no zone", L.UTC: "UTC known"}


def explain_all(line: str | None, log: str | None, folders: Sequence[Path], json_to: str | None) -> None:
    """Print how a line is read (`-`: the lines of stdin), or every line of a log; as JSON lines if asked for."""
    formats = load_formats(folders)
    made: list[bytes] = []
    table = Table()
    for text in _lines(line, log):
        outcome = naive.read_line(formats, text, table)
        if json_to is not None:
            made.append(msgspec.json.encode(_record(formats, text, outcome)) + b"\n")
        else:
            with writing("stdout"):
                print("\n".join(shown(part) for part in _told(formats, text, outcome)))
    if json_to is not None:
        write_whole(json_to, b"".join(made))


def _lines(line: str | None, log: str | None) -> Iterator[bytes]:
    if log is None and line != "-":
        yield (line or "").encode("utf-8", "surrogateescape")
        return
    pool = BufferPool()
    sources, _ = discover([log or "-"])
    for i, source in enumerate(sources):
        with ChunkReader(source, i, pool) as reader:
            for chunk in reader:
                yield from chunk.text().splitlines()
                chunk.release()


def explain_record(formats: FormatSet, text: bytes) -> dict[str, Any]:
    """The explanation as data: outcome (event, skip, other, blank, reject), format, pattern, kind, fields, counts."""
    return _record(formats, text, naive.read_line(formats, text))


def _record(formats: FormatSet, text: bytes, outcome: naive.Outcome) -> dict[str, Any]:
    record: dict[str, Any] = {"outcome": outcome.what, "line": text_of(text)}
    if outcome.pattern is not None:
        p = outcome.pattern
        record |= {"format": p.format, "pattern": p.name, "match": p.match, "kind": p.kind or None}
        record |= {"counts_into": COUNTS_INTO[p.kind]} if p.kind else {}
    if outcome.line is not None:
        stamp = time_text(outcome.line.ts).removesuffix("Z") if outcome.line.ts_kind else None
        record |= {"stamp": stamp, "stamp_tells": _STAMPS[outcome.line.ts_kind]}
        record |= values_of(outcome.line.fields, outcome.status)
    if outcome.what == "reject":
        record |= {"reason": L.REASONS[outcome.reason], "nearest": [shown(part) for part in _nearest(formats, text)]}
    return record


def explain_line(formats: FormatSet, text: bytes) -> Iterator[str]:
    """The explanation, line by line."""
    return _told(formats, text, naive.read_line(formats, text))


def _told(formats: FormatSet, text: bytes, outcome: naive.Outcome) -> Iterator[str]:
    if outcome.line is not None and outcome.line.ts_kind:
        yield f"time:    {time_text(outcome.line.ts).removesuffix('Z')} ({_STAMPS[outcome.line.ts_kind]})"
    if outcome.pattern is not None and outcome.what == "reject":
        yield f"refused: {L.REASONS[outcome.reason]}"
        yield f"match:   {outcome.pattern.match} ({outcome.pattern.id})"
    elif outcome.pattern is not None and outcome.line is not None:
        yield f"format:  {outcome.pattern.format}, pattern {outcome.pattern.name}"
        yield f"match:   {outcome.pattern.match}"
        yield f"kind:    {outcome.pattern.kind or 'skipped on purpose'}"
        for name, value in values_of(outcome.line.fields, outcome.status).items():
            yield f"  {name:14} {value}"
        if outcome.pattern.kind:
            yield f"counts:  {COUNTS_INTO[outcome.pattern.kind]}"
    elif outcome.what == "other" and outcome.line is not None:
        program = outcome.line.fields.get("program", b"").decode("latin-1")
        yield f"a line of the program {program!r}, which no format is for: skipped"
    elif outcome.what == "blank":
        yield "an empty line: skipped"
    else:
        yield f"not understood: {L.REASONS[outcome.reason]}"
        yield from _nearest(formats, text)


def _nearest(formats: FormatSet, text: bytes, *, nested: bool = False) -> Iterator[str]:
    """The patterns that came furthest, and where they stopped."""
    text = text.rstrip(b"\r ")
    tried: list[tuple[int, Pattern]] = []
    for envelope in formats.envelopes:
        for pattern in envelope.patterns:
            line = naive.Line(text)
            at = naive.match(pattern, pattern.items, line, 0)
            if at > 0 and isinstance(pattern.items[-1], Inner) and not nested:
                yield from _nearest(formats, text[at:], nested=True)
                return
            if at < 0:
                tried.append((_furthest(pattern, naive.Line(text), 0), pattern))
                continue
            program = pattern.program or line.fields.get("program", b"").decode("latin-1")
            message = formats.by_program().get(program)
            for candidate in message.patterns if message else ():
                tried.append((_furthest(candidate, line.copy(), at), candidate))
    for at, pattern in sorted(tried, key=lambda t: -t[0])[:3]:
        read = text[:at].decode("utf-8", "backslashreplace")[-60:]
        yield f"  {pattern.id} came to byte {at}: {read!r} then expected {_expected(pattern, text, at)}"


def _furthest(pattern: Pattern, line: naive.Line, at: int) -> int:
    for item in pattern.items:
        if isinstance(item, Message):
            break
        following = naive.match(pattern, (item,), line, at)
        if following < 0:
            return at
        at = following
    return at


def _expected(pattern: Pattern, text: bytes, at: int) -> str:
    for item in pattern.items:
        if isinstance(item, Lit) and not text.startswith(item.text, at) and item.text not in text[:at]:
            return repr(item.text.decode())
    return f"the end, by {pattern.match!r}"


def explain_incident(name: str, report: Path, json_to: str | None) -> None:
    """Print what an incident of a report rests on: what was observed, what is expected, the model, the lines.

    Raises UsageError where the file is no report or has no such incident.
    """
    try:
        data = msgspec.json.decode(report.read_bytes())
        incidents = {i["id"]: i for i in data["incidents"]}
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError("cannot read the report", why=why, where=str(report), todo="name a file of JSON") from error
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        todo = "write one: mailripple report LOG... --json report.json"
        raise UsageError("that is no report", why=str(error), where=str(report), todo=todo) from error
    if name not in incidents:
        known = ", ".join(list(incidents)[:5]) or "it has none"
        raise UsageError(f"no incident {shown(name)!r}", where=str(report), todo=f"one of: {shown(known)}")
    incident = incidents[name]
    models = {d.NAME: d.MODEL for d in DETECTORS if d.NAME in incident["statistics"]}
    if json_to is not None:
        write_whole(json_to, msgspec.json.encode(incident | {"models": models}) + b"\n")
        return
    with writing("stdout"):
        print("\n".join(shown(line, 2000) for line in _story(incident, models)))


def _story(incident: dict[str, Any], models: dict[str, str]) -> Iterator[str]:
    """An incident in lines of text."""
    yield f"{incident['severity']}: {incident['explanation']}"
    yield f"since {incident['onset']}, told at {incident['detected']}, last seen {incident['last_seen']}"
    yield f"confidence {incident['confidence']:.4g}, given a prior of {incident['statistics']['prior']:g} a week"
    for detector, model in models.items():
        yield f"{detector}"
        yield f"  model: {model}"
        numbers = incident["statistics"][detector].items()
        yield "  observed: " + ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in numbers)
    for line in incident["evidence"]:
        yield f"  {line['source']}:{line['line']}: {line['text'] or '(cannot be read again)'}"
