"""The slow, obvious reference: what a format file means, in plain Python.

The kernel must give the same for every line (law 4).  `check-format` and the loader's proof run on this code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mailripple.formats.language import (
    STAMPS,
    Columns,
    Element,
    Inner,
    Key,
    Keys,
    Lit,
    Message,
    Optional,
    Pick,
    Record,
    Typed,
    Until,
)
from mailripple.formats.load import Format, FormatSet, Pattern
from mailripple.parse import layout as L
from mailripple.parse.naive_addresses import (
    Unclosed,
    address,
    address_end,
    domain_of,
    scan_address,
    split_addresses,
)
from mailripple.parse.naive_stamps import stamp
from mailripple.tables import QTYPE_NUMBERS, QTYPES

if TYPE_CHECKING:
    from mailripple.parse.naive_records import Found, Table

_PEER_IP = {"peer": "client_ip", "mx": "relay_ip"}
_DNAME = re.compile(rb"(?:[^ \\]|\\.?)*", re.DOTALL)
_QUAD = re.compile(rb"[0-9.]+(?=:)")
_PAD = re.compile(rb"[ \t]*")
_LABEL = re.compile(rb"\(([0-9]{1,2})\)")
MAX_LABELS = 1200
_PROGRAM = re.compile(rb"[0-9A-Za-z_./@+-]*")
_QID = re.compile(rb"[0-9A-Za-z]*")
_SD_ELEMENT = re.compile(rb'\[(?:[^\]"]|"(?:[^"\\]|\\.)*+")*+\]', re.DOTALL)
_ADDRESS = re.compile(rb"(?:[Ii][Pp][Vv]6:)?([0-9A-Fa-f:.]*)")


@dataclass(slots=True)
class Line:
    """A line under examination, and what was found so far."""

    text: bytes
    fields: dict[str, bytes] = field(default_factory=dict)
    rcpts: list[bytes] = field(default_factory=list)
    ts: int = 0
    ts_kind: int = L.NO_TIME
    inner: bytes | None = None
    unpacked: bool = False
    nested: bool = False
    outer: int = 0

    def copy(self) -> Line:
        return replace(self, fields=dict(self.fields), rcpts=list(self.rcpts))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line: `what` is event, skip, other, reject or blank; `reason` indexes layout.REASONS."""

    what: str
    pattern: Pattern | None = None
    line: Line | None = None
    status: int = 0
    reason: int = 0


def read_line(formats: FormatSet, text: bytes, table: Table | None = None) -> Outcome:
    """Parse one line (without its newline); `table` the table in whose midst it stands, which a header changes."""
    from mailripple.parse.naive_records import Table

    text = text.rstrip(b"\r ")
    if not text:
        return Outcome("blank")
    if len(text) > L.MAX_LINE:
        return Outcome("reject", reason=L.TOO_LONG)
    return _read(formats, Line(text), 0, table or Table())


def _read(formats: FormatSet, start: Line, begin: int, table: Table) -> Outcome:
    """Read what stands at `begin` as a line."""
    from mailripple.parse.naive_records import json_object

    inside = start.unpacked or start.nested
    row = table.row(start.text) if table.kind and not inside and start.text[:1] != b"#" else None
    for envelope in formats.envelopes:
        for items, pattern in envelope.ways:
            last = items[-1]
            if row is not None and not isinstance(items[0], Record):
                continue
            if isinstance(last, Inner) and not pattern.wanted and start.nested:
                continue
            line = start.copy()
            at = match(pattern, items, line, begin, table, row)
            if at < 0:
                continue
            if not isinstance(last, Message | Inner):
                if at == len(line.text):
                    return _finish(pattern, line)
                continue
            if pattern.wanted:
                line.text, at, line.unpacked = line.inner or b"", 0, True
                line.outer = line.ts if line.ts_kind == L.UTC else 0
                if not line.text:
                    return Outcome("blank")
            if isinstance(last, Inner):
                line.nested = line.nested or not pattern.wanted
                return _read(formats, line, at, table)
            if pattern.program:
                outcome = read_message(formats.by_program()[pattern.program], line, at)
                if outcome is None and pattern.wanted:
                    return Outcome("reject", reason=L.NO_ENVELOPE)
                if outcome is not None:
                    return outcome
                continue
            message = formats.format_of(line.fields["program"].decode("latin-1"))
            if message is None:
                return Outcome("other", line=line)
            return read_message(message, line, at) or Outcome("reject", line=line, reason=L.NO_PATTERN)
    known = row is not None or json_object(start.text, begin) is not None
    return Outcome("reject", reason=L.NO_RECORD if known else L.NO_ENVELOPE)


def read_message(message: Format, line: Line, at: int) -> Outcome | None:
    """The first pattern of the format that matches the line from `at` to its end."""
    for items, pattern in message.ways:
        trial = line.copy()
        if match(pattern, items, trial, at) == len(line.text):
            return _finish(pattern, trial)
    return None


def matching(message: Format, line: Line, at: int) -> list[Pattern]:
    """All patterns that match, for the rule that a sample is matched by exactly one."""
    found = [p for items, p in message.ways if match(p, items, line.copy(), at) == len(line.text)]
    return list({p.id: p for p in found}.values())


def _finish(pattern: Pattern, line: Line) -> Outcome:
    if line.outer and line.ts_kind != L.UTC:
        line.ts, line.ts_kind = line.outer, L.UTC  # the record knows the moment, its message only what a clock showed
    status = 0
    for rule in pattern.status:
        value = line.fields.get(rule.field) if rule.field else b""
        if value is not None and (value == rule.text if rule.exact else value.startswith(rule.text)):
            status = rule.status
            break
    if pattern.refuse:
        return Outcome("reject", pattern, line, reason=L.REFUSAL[pattern.refuse])
    return Outcome("event" if pattern.kind else "skip", pattern, line, status)


def match(
    pattern: Pattern,
    items: tuple[Element, ...],
    line: Line,
    at: int,
    table: Table | None = None,
    row: Found | None = None,
) -> int:
    """Position behind the items, or -1; `row` the values of the line, if it is a row of `table`."""
    from mailripple.parse import naive_records

    found: Found = row or {}
    for item in items:
        if at < 0:
            return -1
        if isinstance(item, Lit):
            at = at + len(item.text) if line.text.startswith(item.text, at) else -1
        elif isinstance(item, Until):
            at = _until(item, line, at)
        elif isinstance(item, Optional):
            first = item.items[0]
            assert isinstance(first, Lit)
            if line.text.startswith(first.text, at):
                at = match(pattern, item.items, line, at, table)
        elif isinstance(item, Keys):
            at = _keys(pattern, line, at)
        elif isinstance(item, Record):
            if row is None:
                found, at = naive_records.json_object(line.text, at) or ({}, -1)
            else:
                at = len(line.text)
        elif isinstance(item, Pick):
            kind = table.kind if table is not None and row is not None else L.NO_TABLE
            at = at if naive_records.picked(pattern, found, kind, line) else -1
        elif isinstance(item, Columns):
            at = len(line.text) if (table or naive_records.Table()).header(item.type, line.text[at:]) else -1
        elif isinstance(item, Message | Inner) and pattern.wanted and not naive_records.enters(pattern, line):
            at = -1
        elif isinstance(item, Typed):
            at = _typed(item, line, at)
    return at


def _keep(line: Line, name: str, begin: int, end: int) -> None:
    if name != "_":
        line.fields[name] = line.text[begin:end]


def _daemon(line: Line, name: str, at: int) -> int:
    if name != "_" and "program" in line.fields:
        line.fields[name] = line.fields["program"].rpartition(b"/")[2]
    return at


def _until(item: Until, line: Line, at: int) -> int:
    find = line.text.rfind if item.last else line.text.find
    end = find(item.text, at) if item.text else len(line.text)
    if end < 0:
        return -1
    _keep(line, item.field, at, end)
    return end + len(item.text) if item.consume else end


def _typed(item: Typed, line: Line, at: int) -> int:
    text = line.text
    if item.type == "spaced" and text[at + 10 : at + 11] != b" ":
        return -1
    if item.type in STAMPS:
        return read_time(item.type, line, at)
    if item.type == "inner":
        return _inner(line, at)
    if item.type == "addr":
        return _addr(line, item.field, at, Unclosed())
    if item.type == "addrs":
        return read_addresses(line, item.field, at)
    if item.type in ("path", "angle"):
        return _path(line, item.field, at, angle=item.type == "angle")
    if item.type in ("peer", "mx"):
        return _peer(line, item.field, item.type, at, len(text))
    if item.type == "ip":
        return _ip(line, item.field, at)
    if item.type == "host":
        return _host(line, item.field, at)
    if item.type == "sd":
        return _structured_data(text, at)
    if item.type == "pad":
        return _PAD.match(text, at).end()  # type: ignore[union-attr]
    if item.type == "daemon":
        return _daemon(line, item.field, at)
    if item.type == "labels":
        return _labels(line, item.field, at)
    end = _run(item.type, text, at)
    if end <= at:
        return -1
    _keep(line, item.field, at, end)
    return end


def _run(kind: str, text: bytes, at: int) -> int:
    """End of a word, number, queue id or program name that begins at `at`; -1 if none does."""
    if kind == "word":
        end = text.find(b" ", at)
        return len(text) if end < 0 else end
    if kind == "dname":
        return _DNAME.match(text, at).end()  # type: ignore[union-attr]
    if kind == "int":
        end = at
        while end < len(text) and text[end : end + 1].isdigit():
            end += 1
        return end if end - at <= 18 else -1
    if kind == "qid":
        found = _QID.match(text, at)
        end = found.end() if found else at
        fits = 5 <= end - at <= 24 and any(48 <= c <= 57 for c in text[at:end])
        return end if fits else -1
    found = _PROGRAM.match(text, at)
    return found.end() if found else -1


def read_time(kind: str, line: Line, at: int, text: bytes | None = None) -> int:
    """Read a stamp of the line, or of `text`, into `line.ts` (us) and `line.ts_kind`; position behind it or -1."""
    text = line.text if text is None else text
    kind = "iso" if kind == "spaced" else kind
    found = stamp(kind, text, at)
    if found is None:
        return -1
    end, line.ts, line.ts_kind = found
    return end


def _labels(line: Line, name: str, at: int) -> int:
    """Keep `(3)www(7)example(3)com(0)` as `www.example.com.`, see `elements.read_labels`."""
    text, begin, labels = line.text, at, b""
    while found := _LABEL.match(text, at):
        at, n = found.end(), int(found[1])
        if n == 0:
            if name != "_":
                line.fields[name] = labels or b"."
            return at
        end = at + n if text[at + n : at + n + 1] == b"(" else text.find(b"(", at)
        if end <= at or end - begin > MAX_LABELS:
            return -1
        labels += text[at:end] + b"."
        at = end
    return -1


def _inner(line: Line, at: int) -> int:
    """Behind a `dmy` or `iso` stamp and a space, if they stand here."""
    for kind in ("dmy", "iso"):
        trial = line.copy()
        end = read_time(kind, trial, at)
        if end >= 0 and line.text[end : end + 1] == b" ":
            line.ts, line.ts_kind = trial.ts, trial.ts_kind
            return end + 1
    return at


def _ip(line: Line, name: str, at: int) -> int:
    found = _ADDRESS.match(line.text, at)
    assert found is not None
    begin, end = found.span(1)
    port = _QUAD.match(line.text, begin)
    if port and address(port[0]) is not None:
        end = port.end()
    elif not found[1] or address(found[1]) is None:
        return -1
    _keep(line, name, begin, end)
    zone = re.compile(rb"%[0-9A-Za-z]*").match(line.text, end)
    return zone.end() if zone else end


def _host(line: Line, name: str, at: int) -> int:
    end = line.text.find(b" ", at)
    if line.text[at : at + 1] == b"<":
        return -1
    if end < 0 and at < len(line.text):
        return at
    if end <= at:
        return -1
    word = line.text[at:end]
    if word.endswith(b":") or word.find(b"[") > 0:
        return at
    _keep(line, name, at, end)
    return end + 1


def _structured_data(text: bytes, at: int) -> int:
    if text[at : at + 1] == b"-":
        return at + 1
    if text[at : at + 1] != b"[":
        return -1
    while text[at : at + 1] == b"[":
        found = _SD_ELEMENT.match(text, at)
        if not found:
            return -1
        at = found.end()
    return at


def _addr(line: Line, name: str, at: int, unclosed: Unclosed) -> int:
    end = address_end(line.text, at, unclosed)
    inner = end - at >= 2 and line.text[at : at + 1] == b"<" and line.text[end - 1 : end] == b">"
    if inner:
        _keep(line, name, at + 1, end - 1)
    else:
        _keep(line, name, at, end)
    return end


def read_addresses(line: Line, name: str, at: int) -> int:
    """Keep the list of addresses at `at`, and the domain of each; the position behind it."""
    end = at
    for begin, end in split_addresses(line.text, at):
        if end > begin:
            line.rcpts.append(domain_of(line.text[begin:end]))
    _keep(line, name, at, end)
    return end


def scan_path(text: bytes, at: int, *, quotes: bool) -> int:
    """End of the address at `at`: behind `>`, or before a space or a colon there; -1 if something stays open."""
    end = scan_address(text, at, quotes=quotes, stop=b" ")
    bare = text[at : at + 1] != b"<"
    return end - (bare and end > at + 1 and text[end - 1 : end] == b":")


def _path(line: Line, name: str, at: int, *, angle: bool) -> int:
    bracket = line.text[at : at + 1] == b"<"
    end = scan_path(line.text, at, quotes=True)
    if end < 0:
        end = scan_path(line.text, at, quotes=False)
    if end <= at or (angle and not bracket):
        return -1
    if name == "env_rcpt":
        line.rcpts.append(domain_of(line.text[at:end]))
    _keep(line, name, at + bracket, end - bracket)
    return end


def qtype_number(text: bytes) -> int:
    """Index into QTYPES of a type as it is logged, by name or by number; 0 for what is not counted by itself."""
    found = re.fullmatch(rb"(?:TYPE|type=)([0-9]{1,6})", text)
    if found and len(text) < 11:
        return QTYPE_NUMBERS[1:].index(int(found[1])) + 1 if int(found[1]) in QTYPE_NUMBERS[1:] else 0
    name = text.decode("latin-1")
    return QTYPES[1:].index(name) + 1 if name in QTYPES[1:] else 0


def _peer(line: Line, name: str, kind: str, at: int, end: int) -> int:
    _keep(line, name, at, end)
    text = line.text[at:end]
    close = text.rfind(b"]")
    start = text.rfind(b"[", 0, close) if close >= 0 else -1
    if start >= 0:
        inside = text[start + 1 : close]
        if inside[:5].lower() == b"ipv6:":
            inside = inside[5:]
        if address(inside) is not None:
            line.fields[_PEER_IP[kind]] = inside
    return end


def _keys(pattern: Pattern, line: Line, at: int) -> int:
    text = line.text
    unclosed = Unclosed()
    while at < len(text):
        for key in pattern.keys:
            if text.startswith(key.name + b"=", at):
                at = _value(line, key, at + len(key.name) + 1, unclosed)
                break
        else:
            at = _behind(text, b", ", at)
    return at


def _behind(text: bytes, ends: bytes, at: int) -> int:
    """Behind the `, ` with which the terminator begins."""
    found = text.find(ends, at)
    return len(text) if found < 0 else found + 2


def _value(line: Line, key: Key, at: int, unclosed: Unclosed) -> int:
    """Read a key's value: the first value of a field, and the first address, are kept."""
    text = line.text
    taken = key.field in line.fields
    name = "_" if taken else key.field
    if key.type == "addr":
        return _behind(text, key.ends or b", ", _addr(line, name, at, unclosed))
    if key.type == "int":
        end = at
        while text[end : end + 1].isdigit():
            end += 1
        if 0 < end - at <= 18:
            _keep(line, name, at, end)
        return _behind(text, key.ends or b", ", end)
    if key.type in ("peer", "mx") and not key.ends:
        last = b", " + key.name + b"="
        at = max(at, text.rfind(last, at) + len(last)) if last in text[at:] else at
    found = text.find(key.ends, at) if key.ends else -1
    end = len(text) if found < 0 else found
    if key.type in ("peer", "mx") and not taken and _PEER_IP[key.type] not in line.fields:
        _peer(line, name, key.type, at, end)
    else:
        _keep(line, name, at, end)
    return len(text) if found < 0 else found + 2
