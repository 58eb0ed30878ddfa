"""The slow, obvious reference for records: JSON objects, rows of tables, and what patterns pick of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailripple.formats.language import Inner, Wanted, readings, split_path
from mailripple.formats.load import Pattern
from mailripple.parse import layout as L
from mailripple.parse import naive
from mailripple.parse.naive_addresses import domain_of

_BLANKS = re.compile(rb"[ \t\n\v\f\r]*")
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_BARE = re.compile(rb"[0-9A-Za-z+.-]+")
_ESCAPE = re.compile(rb"\\u[Dd][89ABab]..\\u[Dd][C-Fc-f]..|\\u....|\\.", re.DOTALL)
_PLAIN = {b'\\"': b'"', b"\\\\": b"\\", b"\\/": b"/", b"\\n": b"\n", b"\\t": b"\t", b"\\r": b"\r"} | {
    b"\\b": b"\b",
    b"\\f": b"\f",
}
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_SEPARATOR = {L.TSV: b"\t", L.CSV: b","}


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a record: its text, or the list that it is (None: an object)."""

    text: bytes | None
    items: list[Value] | None = None


Found = dict[tuple[bytes, ...], Value]


@dataclass(slots=True)
class Table:
    """The table of which rows may follow: its kind (layout.TSV, CSV) and the names of its columns."""

    kind: int = L.NO_TABLE
    columns: list[bytes] = field(default_factory=list)

    def header(self, kind: str, text: bytes) -> bool:
        """Take in a header; False if there are too many columns."""
        table = L.TSV if kind == "tsv" else L.CSV
        columns = text.split(_SEPARATOR[table])
        if len(columns) > L.MAX_COLUMNS:
            return False
        self.kind, self.columns = table, columns
        return True

    def row(self, text: bytes) -> Found | None:
        """The values of a row; None if the line is none."""
        values = list(self._values(text))
        if None in values or len(values) != len(self.columns):
            return None
        found: Found = {}
        for name, value in zip(self.columns, values, strict=True):
            if value and not (self.kind == L.TSV and value in (b"-", b"(empty)")):
                found.setdefault((name,), Value(value))
            elif value is not None and not (self.kind == L.TSV and value):
                found.setdefault((name,), Value(b""))
        return found

    def _values(self, text: bytes) -> Iterator[bytes | None]:
        """The values by their separator; None where a quote stays open, or something stands behind it."""
        if self.kind == L.TSV:
            yield from text.split(b"\t")
            return
        at = 0
        while at <= len(text):
            quoted = re.compile(rb'"((?:[^"]|"")*+)"').match(text, at)
            if quoted and text[quoted.end() : quoted.end() + 1] in (b"", b","):
                yield quoted[1].replace(b'""', b'"')
                at = quoted.end() + 1
            elif text[at : at + 1] == b'"':
                yield None
                return
            else:
                end = text.find(b",", at)
                end = len(text) if end < 0 else end
                yield text[at:end]
                at = end + 1


def json_object(text: bytes, at: int) -> tuple[Found, int] | None:
    """The values of the JSON object at `at` by their places, and the position behind it; None where there is none."""
    found: Found = {}
    try:
        _, end = _value(text, at, (), found, 0) if text[at : at + 1] == b"{" else (None, -1)
    except ValueError:
        return None
    return (found, end) if end >= 0 else None


def _blanks(text: bytes, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _value(text: bytes, at: int, place: tuple[bytes, ...], found: Found, depth: int) -> tuple[Value | None, int]:
    """The value at `at` (None: null) and the position behind it.  Raises ValueError where there is none."""
    first = text[at : at + 1]
    if first in (b"{", b"["):
        if depth > L.MAX_DEPTH:
            raise ValueError("too deep")
        return _container(text, at, place, found, depth)
    string = _STRING.match(text, at)
    if string:
        return Value(unescape(string[1])), string.end()
    bare = _BARE.match(text, at)
    if not bare:
        raise ValueError("no value")
    return (None if bare[0] == b"null" else Value(bare[0])), bare.end()


def _container(text: bytes, at: int, place: tuple[bytes, ...], found: Found, depth: int) -> tuple[Value, int]:
    """An object or array; its values go to `found` too, the first of each place."""
    is_object = text[at : at + 1] == b"{"
    close = b"}" if is_object else b"]"
    items: list[Value] = []
    value = Value(None, None if is_object else items)
    if place:
        found.setdefault(place, value)
    at = _blanks(text, at + 1)
    if text[at : at + 1] == close:
        return value, at + 1
    while True:
        inner = (*place, b"[]")
        if is_object:
            key = _STRING.match(text, at)
            if not key:
                raise ValueError("no key")
            inner = (*place, key[1])
            at = _blanks(text, key.end())
            if text[at : at + 1] != b":":
                raise ValueError("no colon")
            at = _blanks(text, at + 1)
        one, at = _value(text, at, inner, found, depth + 1)
        if one is not None:
            items.append(one)
            found.setdefault(inner, one)
        else:
            items.append(Value(None, None))
        at = _blanks(text, at)
        if text[at : at + 1] == close:
            return value, at + 1
        if text[at : at + 1] != b",":
            raise ValueError("no comma")
        at = _blanks(text, at + 1)


def unescape(text: bytes) -> bytes:
    """JSON text without its escapes; what JSON does not know stays as it is."""
    out, at = [], 0
    while at < len(text):
        found = _ESCAPE.match(text, at)
        if not found:
            out.append(text[at : at + 1])
            at += 1
        elif found[0][:2] == b"\\u" and len(found[0]) >= 6 and _HEX.fullmatch(found[0][2:6]):
            pair = len(found[0]) == 12 and _HEX.fullmatch(found[0][8:12])
            code = int(found[0][2:6], 16)
            if pair:
                code = 0x10000 + ((code - 0xD800) << 10) + int(found[0][8:12], 16) - 0xDC00
            out.append(chr(code).encode("utf-8", "surrogatepass"))
            at += 12 if pair else 6
        elif found[0] in _PLAIN:
            out.append(_PLAIN[found[0]])
            at += 2
        else:
            out.append(b"\\")
            at += 1
    return b"".join(out)


def find(found: Found, path: str) -> Value | None:
    """The first value at the path, however its keys are joined; None for none, or an empty one."""
    places = readings(split_path(path))
    value = next((value for place, value in found.items() if place in places), None)
    return value if value is not None and (value.text is None or value.text) else None


def picked(pattern: Pattern, found: Found, table: int, line: naive.Line) -> bool:
    """Fill the pattern's fields from the record; False if it is not what the pattern asks for."""
    for condition in pattern.when:
        value = find(found, condition.path)
        if value is None or (condition.values and value.text not in condition.values):
            return False
    return all(_pick(w, found, table, line) for w in pattern.wanted)


def enters(pattern: Pattern, line: naive.Line) -> bool:
    """True if the record has a message that can be read: nothing is unpacked twice, and its program must be known."""
    named = isinstance(pattern.items[-1], Inner) or bool(pattern.program) or "program" in line.fields
    return line.inner is not None and not line.unpacked and named


def _pick(w: Wanted, found: Found, table: int, line: naive.Line) -> bool:
    value = Value(w.path[1:].encode()) if w.path.startswith("=") else find(found, w.path)
    if value is None or w.field in line.fields:
        return True
    if w.type in ("time", "ms", "us", "ns"):
        return line.ts_kind != L.NO_TIME or value.text is None or _time(w.type, value.text, line)
    if w.type == "message":
        return line.inner is not None or _message(value, line)
    if w.type == "addrs":
        _recipients(w.field, value, table, line)
    elif value.text is not None:
        _text(w, value.text, line)
    return True


def _text(w: Wanted, text: bytes, line: naive.Line) -> None:
    if w.type == "ip":
        text = text.partition(b"%")[0]
    if w.type == "addr" and len(text) >= 2 and text[:1] == b"<" and text[-1:] == b">":
        text = text[1:-1]
    line.fields[w.field] = text


def _recipients(name: str, value: Value, table: int, line: naive.Line) -> None:
    if value.items is not None:
        texts = []
        for item in value.items:
            if item.text is None:
                break
            texts.append(item.text)
    elif value.text is None:
        return
    elif table == L.CSV:
        texts = value.text.split(b";")
    else:
        inner = naive.Line(value.text)
        naive.read_addresses(inner, name, 0)
        line.fields[name] = inner.fields[name]
        line.rcpts += inner.rcpts
        return
    line.rcpts += [domain_of(text) for text in texts if text]
    if texts:
        line.fields[name] = b",".join(texts)


def _message(value: Value, line: naive.Line) -> bool:
    """The text, or the bytes that a list of numbers means."""
    text = value.text
    if value.items is not None:
        numbers = [item.text for item in value.items]
        if not all(n is not None and re.fullmatch(rb"[0-9]{1,3}", n) and int(n) < 256 for n in numbers):
            return False
        text = bytes(int(n) for n in numbers if n is not None)
    if text is not None:
        line.inner = text.rstrip(b"\n\r ")
    return True


def _time(kind: str, text: bytes, line: naive.Line) -> bool:
    if kind == "time" and text[4:5] == b"-":
        return naive.read_time("iso", line, 0, text) == len(text)
    units = {"time": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
    most = {"time": 11, "ms": 14, "us": 18, "ns": 18}[kind]
    number = re.fullmatch(rb"([0-9]{1,%d})(?:\.([0-9]*))?" % most, text)
    if not number or (number[2] is not None and kind != "time"):
        return False
    line.ts = int(number[1]) * units[kind] // 1000 + int(((number[2] or b"")[:6]).ljust(6, b"0"))
    line.ts_kind = L.UTC
    return True
