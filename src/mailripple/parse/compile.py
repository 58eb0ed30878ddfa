"""From formats to the kernel's program: rows [op, a, b, c, d, slot] and a block of literals.

Patterns keep their order.  Neighbours that begin alike share that beginning, so that `{queue_id:qid}: from=` and
`{queue_id:qid}: to=` read the queue id once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mailripple.errors import FormatError
from mailripple.formats.language import (
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
    split_path,
)
from mailripple.formats.load import FormatSet, Pattern
from mailripple.parse import layout as L
from mailripple.tables import KINDS

_TIMES = {
    "rfc3164": L.T_RFC3164,
    "iso": L.T_ISO,
    "spaced": L.T_SPACED,
    "dmy": L.T_DMY,
    "inner": L.T_INNER,
    "epoch": L.T_EPOCH,
    "tai64n": L.T_TAI64N,
    "win": L.T_WIN,
    "long": L.T_LONG,
}
_TYPED = {
    "word": L.WORD_OP,
    "int": L.INT,
    "ip": L.IP,
    "qid": L.QID,
    "addr": L.ADDR,
    "addrs": L.ADDRS,
    "host": L.HOST,
    "sd": L.SD,
    "program": L.PROGRAM,
    "dname": L.DNAME,
    "labels": L.LABELS,
    "pad": L.PAD_OP,
    "daemon": L.DAEMON,
}
_JOINED = (
    *("word", "int", "ip", "qid", "addr", "addrs", "path", "angle", "program"),
    *("rfc3164", "iso", "spaced", "dmy", "epoch", "tai64n", "win", "long", "dname", "labels", "pad", "daemon"),
)
_ADDRESSES = ("client_ip", "relay_ip")
_MONTHS = b"JFMASOND"
_DIGITS = b"0123456789"


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled set of formats: all that the kernel needs of them.

    `ops` (rows, 6) int64; `literals` bytes; `switch` (256,) row at which a line with that first byte begins;
    `programs` name -> row; `patterns` what they are called, in the order of their numbers; `rows` the row at which
    the rows of tables begin; `paths` where in a record values are wanted, in the order of their numbers.
    """

    ops: npt.NDArray[np.int64]
    literals: bytes
    switch: npt.NDArray[np.int64]
    programs: dict[str, int]
    patterns: tuple[PatternName, ...]
    rows: int = 0
    paths: tuple[tuple[bytes, ...], ...] = ()


class PatternName(NamedTuple):
    """What a pattern is called, and the kind of its events ("" for lines that are skipped on purpose).

    `envelope`: it reads what stands in front of a message, or a line that belongs to no program.
    """

    format: str
    name: str
    kind: str
    envelope: bool = False


@dataclass(slots=True)
class _Assembler:
    rows: list[list[int]] = field(default_factory=list)
    literals: bytearray = field(default_factory=bytearray)
    paths: dict[str, int] = field(default_factory=dict)
    depth: int = 0
    deepest: int = 0

    def row(self, op: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, slot: int = -1) -> int:
        self.rows.append([op, a, b, c, d, slot])
        return len(self.rows) - 1

    def place(self, text: bytes) -> int:
        """Where `text` stands among the literals (8 readable bytes follow each)."""
        at = self.literals.find(text)
        if at < 0:
            at = len(self.literals)
            self.literals += text
        return at

    def path(self, path: str) -> int:
        """Number of a path into records."""
        if path not in self.paths and len(self.paths) == L.MAX_PATHS:
            raise FormatError(f"the formats want more than {L.MAX_PATHS} values of records", where=path)
        return self.paths.setdefault(path, len(self.paths))

    def literal(self, op: int, text: bytes, slot: int = -1, *, extra: int = 0) -> int:
        head = text[:8]
        value = int.from_bytes(head.ljust(8, b"\0"), "little", signed=True)
        mask = -1 if len(head) == 8 else (1 << (8 * len(head))) - 1
        rest = self.place(text[8:]) if len(text) > 8 else 0
        return self.row(op, value, mask, len(text), rest | extra, slot)


def slot_of(name: str) -> int:
    return -1 if name == "_" else L.SLOT[name]


def compile_formats(formats: FormatSet) -> Program:
    """Compile envelopes and messages into one program."""
    out = _Assembler()
    out.row(L.FAIL)
    number = {p.id: i for i, p in enumerate(formats.patterns)}
    programs: dict[str, int] = {}
    envelopes = [p for f in formats.envelopes for p in f.patterns]
    before = {name for p in envelopes if isinstance(p.items[-1], Message) for name in _fields(p.items)}
    for f in (*formats.envelopes, *formats.messages):
        for pattern in f.patterns:
            _check(pattern, None if f.whole else before)
    for f in formats.messages:
        at = len(out.rows)
        _alternatives(out, list(f.ways), number, programs)
        for name in f.programs:
            programs[name] = at
    in_messages, out.deepest = out.deepest, 0
    switch = _switch(out, formats, number, programs)
    records = [p for p in envelopes if isinstance(p.items[0], Record)]
    rows = len(out.rows) if records else 0
    if records:
        _alternatives(out, [(p.items, p) for p in records], number, programs)
    if in_messages + out.deepest > L.STACK_DEPTH:
        raise FormatError("patterns begin alike too often", why=f"more than {L.STACK_DEPTH} branch off one another")
    whole = {f.id for f in formats.envelopes if f.subject == "envelope"}
    names = tuple(PatternName(p.format, p.name, p.kind, p.format in whole) for p in formats.patterns)
    paths = tuple(split_path(path) for path in out.paths)
    return Program(np.array(out.rows, np.int64), bytes(out.literals), switch, programs, names, rows, paths)


def _check(pattern: Pattern, before: set[str] | None) -> None:
    """What the kernel relies on; `before` the fields that envelopes fill, None for the pattern of an envelope."""

    def wrong(what: str, todo: str) -> FormatError:
        return FormatError(what, where=f"{pattern.id}: {pattern.match!r}", todo=todo)

    inner = [i for way in (pattern.items, *pattern.more) for item in way for i in _flat(item)]
    for item in inner:
        if isinstance(item, Typed) and item.type == "ip" and item.field not in (*_ADDRESSES, "_"):
            raise wrong(f"{item.field!r} is no address", "use one of client_ip, relay_ip, _")
        if isinstance(item, Message | Inner) and (before is not None or item is not pattern.items[-1]):
            raise wrong("{message} or {line} may only end the pattern of an envelope", "leave it out")
        if isinstance(item, Until) and item.field in _ADDRESSES and item.text[:1].isdigit():
            raise wrong("an address cannot be followed by a digit", "use {client_ip:ip}")
    named = any(isinstance(i, Until | Typed) and i.field == "program" for i in pattern.items)
    named = named or any(w.field == "program" for w in pattern.wanted)
    if isinstance(pattern.items[-1], Message) and not pattern.program and not named:
        raise wrong("nobody says whose {message} it is", "read {program:program} before it, or set program = '...'")
    twice = {name for way in (pattern.items, *pattern.more) for name in _fields(way)} & (before or set())
    if twice:
        raise wrong(f"the envelope has read {', '.join(sorted(twice))} already", "write _ for the field")
    if any(not rule.field and rule.text for rule in pattern.status):
        raise wrong("a status rule for * has a text", "write ['*', '', STATUS]")
    for key in pattern.keys:
        if key.ends and not key.ends.startswith(b", "):
            raise wrong(f"the end of key {key.name.decode()!r} does not begin with a comma and a space", "add them")
        if key.field in _ADDRESSES and key.type not in ("text", "word", "ip"):
            raise wrong(f"the address {key.field!r} cannot have the type {key.type!r}", "use ip")


def _flat(item: Element) -> list[Element]:
    return [i for inner in item.items for i in _flat(inner)] if isinstance(item, Optional) else [item]


def _switch(
    out: _Assembler, formats: FormatSet, number: dict[str, int], programs: dict[str, int]
) -> npt.NDArray[np.int64]:
    """For each first byte the row that tries, in order, the envelopes which can begin with it."""
    starts = [(_first_bytes(items), items, p) for f in formats.envelopes for items, p in f.ways]
    switch = np.zeros(256, np.int64)
    made: dict[tuple[tuple[Element, ...], ...], int] = {}
    for byte in range(256):
        wanted = [(items, p) for allowed, items, p in starts if byte in allowed]
        group = tuple(items for items, _ in wanted)
        if wanted and group not in made:
            made[group] = len(out.rows)
            _alternatives(out, wanted, number, programs)
        switch[byte] = made.get(group, 0)
    return switch


def _first_bytes(items: tuple[Element, ...]) -> frozenset[int]:
    if not items:
        return frozenset(range(256))
    first = items[0]
    if isinstance(first, Lit):
        return frozenset(first.text[:1])
    if isinstance(first, Optional):
        return _first_bytes(first.items) | _first_bytes(items[1:])
    if isinstance(first, Record):
        return frozenset(b"{")
    if isinstance(first, Typed) and first.type in ("iso", "spaced", "dmy", "epoch", "win", "int"):
        return frozenset(_DIGITS)
    if isinstance(first, Typed) and first.type == "long":
        return frozenset(b"MTWFS")
    if isinstance(first, Typed) and first.type == "tai64n":
        return frozenset(b"@")
    if isinstance(first, Typed) and first.type == "rfc3164":
        return frozenset(_MONTHS)
    return frozenset(range(256))


_Branch = tuple[tuple[Element, ...], Pattern]


def _alternatives(out: _Assembler, branches: list[_Branch], number: dict[str, int], programs: dict[str, int]) -> None:
    """The branches in order; neighbours with the same beginning are joined."""
    groups: list[list[_Branch]] = []
    for branch in branches:
        if groups and _shared(groups[-1][0][0], branch[0]):
            groups[-1].append(branch)
        else:
            groups.append([branch])
    for i, group in enumerate(groups):
        if i == len(groups) - 1:
            _branch(out, group, number, programs)
            return
        alternative = out.row(L.ALT)
        out.depth += 1
        out.deepest = max(out.deepest, out.depth)
        _branch(out, group, number, programs)
        out.depth -= 1
        out.rows[alternative][4] = len(out.rows)


def _shared(left: tuple[Element, ...], right: tuple[Element, ...]) -> bool:
    if not left or not right:
        return False
    a, b = left[0], right[0]
    if isinstance(a, Lit) and isinstance(b, Lit):
        return a.text[:1] == b.text[:1]
    if a != b or any(isinstance(i, Keys | Message | Pick | Inner) for i in _flat(a)):
        return False  # keys and messages are read by means of their pattern's own tables
    return not _fields([a]) & (_fields(left[1:]) | _fields(right[1:]))  # what is read again may be read in vain


def _fields(items: Sequence[Element]) -> set[str]:
    """Fields that the elements write."""
    found: set[str] = set()
    for item in (i for one in items for i in _flat(one)):
        if isinstance(item, Until | Typed):
            found.add(item.field)
        if isinstance(item, Typed) and item.type in ("peer", "mx"):
            found.add("client_ip" if item.type == "peer" else "relay_ip")
    return found - {"_", "ts"}


def _branch(out: _Assembler, group: list[_Branch], number: dict[str, int], programs: dict[str, int]) -> None:
    if len(group) == 1:
        items, pattern = group[0]
        _sequence(out, items, pattern, number, programs)
        _finish(out, pattern, number, programs)
        return
    first = group[0][0][0]
    if isinstance(first, Lit):
        texts = [items[0].text for items, _ in group if isinstance(items[0], Lit)]
        n = 0
        while all(len(t) > n and t[n] == texts[0][n] for t in texts):
            n += 1
        out.literal(L.LIT, texts[0][:n])
        rest = [_behind(items, n) for items, _ in group]
    else:
        _element(out, first, group[0][1], number, programs)
        _address(out, first)
        rest = [items[1:] for items, _ in group]
    _alternatives(out, [(r, p) for r, (_, p) in zip(rest, group, strict=True)], number, programs)


def _sequence(
    out: _Assembler, items: Sequence[Element], pattern: Pattern, number: dict[str, int], programs: dict[str, int]
) -> None:
    """One element after the other; a short literal behind a value of its own shape goes into that value's row."""
    joined = False
    for item, following in zip(items, (*items[1:], None), strict=False):
        if joined:
            joined = False
            continue
        _element(out, item, pattern, number, programs)
        short = isinstance(following, Lit) and len(following.text) <= 8
        if short and isinstance(item, Typed) and item.type in _JOINED:
            assert isinstance(following, Lit)
            row = out.rows.pop()
            out.literal(row[0], following.text, row[5], extra=row[4])
            joined = True
        _address(out, item)


def _address(out: _Assembler, item: Element) -> None:
    """An address that is read as text gets its key in a row of its own."""
    if isinstance(item, Until | Typed) and item.field in _ADDRESSES and getattr(item, "type", "") != "ip":
        out.row(L.ADDRESS, slot=slot_of(item.field))


def _behind(items: tuple[Element, ...], n: int) -> tuple[Element, ...]:
    """The items without the first n bytes of the literal that they begin with."""
    assert isinstance(items[0], Lit)
    left = items[0].text[n:]
    return (Lit(left), *items[1:]) if left else items[1:]


def _element(
    out: _Assembler, item: Element, pattern: Pattern, number: dict[str, int], programs: dict[str, int]
) -> None:
    if isinstance(item, Lit):
        out.literal(L.LIT, item.text)
    elif isinstance(item, Until):
        slot = slot_of(item.field)
        if not item.text:
            out.row(L.REST, slot=slot)
        else:
            op = L.UPTO_LAST if item.last else L.UNTIL if item.consume else L.UPTO
            out.row(op, c=len(item.text), d=out.place(item.text), slot=slot)
    elif isinstance(item, Optional):
        first = item.items[0]
        assert isinstance(first, Lit)
        at = out.literal(L.OPT, first.text)
        _sequence(out, item.items[1:], pattern, number, programs)
        out.rows[at][5] = len(out.rows)
    elif isinstance(item, Keys):
        _keys(out, pattern.keys)
    elif isinstance(item, Typed):
        _typed(out, item)
    elif isinstance(item, Record):
        out.row(L.RECORD)
    elif isinstance(item, Pick):
        _pick(out, pattern)
    elif isinstance(item, Columns):
        out.row(L.COLUMNS_OP, d=L.TSV if item.type == "tsv" else L.CSV)
    elif isinstance(item, Inner):
        out.row(L.ENTER if pattern.wanted else L.NEST, a=1)
    else:
        if pattern.wanted:
            out.row(L.ENTER, b=0 if pattern.program else 1)
        _message(out, pattern, programs)


_READ_AS = {
    "text": L.P_TEXT,
    "ip": L.P_IP,
    "addr": L.P_ADDR,
    "addrs": L.P_ADDRS,
    "time": L.P_TIME,
    "ms": L.P_MS,
    "us": L.P_US,
    "ns": L.P_NS,
    "message": L.P_MESSAGE,
}


def _pick(out: _Assembler, pattern: Pattern) -> None:
    """The row and a row for each value that is asked for or wanted; see `pick.pick` for how they are packed."""
    tests = [t for c in pattern.when for t in _tests(c.path, c.values)]
    first = sorted(pattern.wanted, key=lambda w: w.field not in {"ts", "message"})  # only these can fail
    out.row(L.PICK, a=len(tests) + len(first), b=len(tests))
    for path, value, flags in tests:
        out.literal(L.FAIL, value, extra=out.path(path) << 32 | flags << 48)
    for w in first:
        slot = -1 if w.type == "message" or w.field == "ts" else slot_of(w.field)
        if w.path.startswith("="):
            text = w.path[1:].encode()
            out.row(L.FAIL, a=L.P_GIVEN, b=out.place(text), c=len(text), slot=slot)
            continue
        out.row(L.FAIL, a=_READ_AS[w.type], b=out.path(w.path), slot=slot)


def _tests(path: str, values: tuple[bytes, ...]) -> list[tuple[str, bytes, int]]:
    """(path, text, flags) of a condition: 1 the last text for the path, 2 any text."""
    if not values:
        return [(path, b"", 3)]
    return [(path, value, int(k == len(values) - 1)) for k, value in enumerate(values)]


def _typed(out: _Assembler, item: Typed) -> None:
    if item.type in _TIMES:
        out.row(L.TIME, d=_TIMES[item.type])
    elif item.type in ("peer", "mx"):
        out.row(L.PEER, a=L.SLOT["client_ip" if item.type == "peer" else "relay_ip"], slot=slot_of(item.field))
    elif item.type in ("path", "angle"):
        out.row(L.PATH, d=item.type == "angle", slot=slot_of(item.field))
    else:
        out.row(_TYPED[item.type], slot=slot_of(item.field))


def _keys(out: _Assembler, keys: Sequence[Key]) -> None:
    """The list's row and a row a key; see `machine.run_keys` for how they are packed."""
    types = {"text": 0, "word": 0, "qid": 0, "ip": 0, "int": L.INT, "addr": L.ADDR}
    types["peer"] = L.PEER + L.SLOT["client_ip"]
    types["mx"] = L.PEER + L.SLOT["relay_ip"]
    out.row(L.KEYS, a=len(keys))
    for key in keys:
        if key.type not in types:
            raise FormatError(f"a key cannot have the type {key.type!r}", where=key.name.decode())
        ends = key.ends
        kind = L.IP if key.field in _ADDRESSES and not types[key.type] else types[key.type]
        if key.type in ("peer", "mx") and not ends:
            ends, kind = b", " + key.name + b"=", kind - L.PEER + L.LAST_PEER
        extra = (out.place(ends) << 20) | (len(ends) << 40) | (kind << 50)
        out.literal(L.FAIL, key.name + b"=", slot_of(key.field), extra=extra)


def _message(out: _Assembler, pattern: Pattern, programs: dict[str, int]) -> None:
    if not pattern.program:
        out.row(L.DISPATCH)
    elif pattern.program in programs:
        out.row(L.JUMP, d=programs[pattern.program])
    else:
        raise FormatError(f"no format is for the program {pattern.program!r}", where=pattern.id)


def _finish(out: _Assembler, pattern: Pattern, number: dict[str, int], programs: dict[str, int]) -> None:
    if pattern.items and isinstance(pattern.items[-1], Message | Inner):
        return
    if pattern.refuse:
        out.row(L.REFUSE, a=L.REFUSAL[pattern.refuse])
        return
    for rule in pattern.status:
        slot = slot_of(rule.field) if rule.field else -1
        extra = (rule.status | (256 if rule.exact else 0)) << 32
        out.literal(L.STATUS_OP, rule.text, slot, extra=extra)
    if pattern.kind:
        out.row(L.EMIT, a=number[pattern.id], b=KINDS.index(pattern.kind))
    else:
        out.row(L.SKIP, a=number[pattern.id])
