"""Law 4: what the kernel says of a line beside what the slow reference says of it.

Both sides are brought into one form, a `Verdict` a line, and compared as a whole.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mailripple.formats.load import FormatSet, assemble, read_format
from mailripple.parse import layout as L
from mailripple.parse import naive
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parsed, Parser
from mailripple.parse.hot import compiled
from mailripple.parse.naive_addresses import sender_of
from mailripple.parse.naive_records import Table
from mailripple.tables import KINDS, QTYPES

PAD = 64
SLOTS = tuple(L.SLOT)
#: Columns of `layout.COLUMNS` that every event has, and those that only mail and POP3/IMAP events have.
COMMON = ("ts", "code", "server", "client", "name")
#: What a mailer calls the exchanger of a domain that it guesses.
GUESS = re.compile(rb"(?i:mx|mail|smtp|mxs|mail1|relay|ns|gate)\.(?=.)", re.DOTALL)
MAIL = ("account", "queue", "link", "sender", "count", "pid", "relay")


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is said of an event: its place, the bytes of its fields, its columns, the domains it goes to."""

    line: int
    fields: dict[str, bytes]
    columns: dict[str, int]
    rcpts: tuple[int, ...]


@dataclass(slots=True)
class Reading:
    """What became of a text: events, rejects as (line, reason, offset), lines by pattern, by program, blank ones."""

    lines: int = 0
    blank: int = 0
    events: list[Verdict] = field(default_factory=list)
    rejects: list[tuple[int, int, int]] = field(default_factory=list)
    patterns: Counter[str] = field(default_factory=Counter)
    other: Counter[int] = field(default_factory=Counter)

    def accounted(self) -> int:
        """Lines with a known fate (law 1)."""
        return self.blank + len(self.rejects) + self.patterns.total() + self.other.total()


def padded(text: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A buffer with the text at PAD, as `sources` makes them."""
    return np.frombuffer(bytes(PAD) + text + bytes(PAD), np.uint8).copy()


class Place:
    """Text in memory, with something before and behind it that must not matter; `p` its begin, `e` its end."""

    def __init__(self, text: bytes, before: bytes = b"", after: bytes = b"\n") -> None:
        self.text = text
        self._buffer = padded(before + text + after)
        self.p = int(self._buffer.ctypes.data) + PAD + len(before)
        self.e = self.p + len(text)

    def at(self, found: int) -> int:
        """Position in the text; -1 stays -1."""
        return found - self.p if found >= 0 else found


def joined(lines: Iterable[bytes]) -> bytes:
    """Lines as a file holds them; a newline inside a line is no part of any line."""
    return b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)


def formats_of(*parts: tuple[str, str], base: FormatSet | None = None) -> FormatSet:
    """Formats from the text of format files: (subject, text); `base` formats come first."""
    found = [read_format(text, f"test {i}", subject) for i, (subject, text) in enumerate(parts)]
    before = (*base.envelopes, *base.messages) if base else ()
    return assemble([*before, *found])


def pieces_of(parser: Parser, text: bytes) -> Iterator[Parsed]:
    """The pieces of a text; each holds until the next one is asked for."""
    buffer = padded(text)
    yield from parser.parse(buffer.ctypes.data + PAD, len(text))


class Comparison:
    """Reads texts by the kernel and by the reference.

    `hot`: rows for which the kernel has straight code; it does not tell where the fields stand, so they are left out.
    """

    def __init__(
        self, formats: FormatSet, *, seed: int = 7, capacity: int = 1 << 12, base: str = "base.example", hot: Iterable[int] | None = None
    ) -> None:
        self.formats = formats
        self.program = compile_formats(formats)
        self.wide = hot is None
        self.parser = Parser(self.program, seed, wide=self.wide, capacity=capacity)
        if hot is not None:
            self.parser.use(compiled(self.program, frozenset(hot)))
        self.base = self.parser.base(base)
        self._ids = [p.id for p in formats.patterns]
        self._number = {name: i for i, name in enumerate(self._ids)}

    # the kernel's side

    def kernel(self, text: bytes) -> Reading:
        """What the kernel says."""
        out = Reading()
        self.parser.begin()
        for piece in pieces_of(self.parser, text):
            self.add(out, piece, text)
        return out

    @staticmethod
    def reading() -> Reading:
        """A reading of nothing, to be added to."""
        return Reading()

    def add(self, out: Reading, piece: Parsed, text: bytes) -> None:
        """Add a piece of a text to what was read of it."""
        before = out.lines
        events, tally = piece.events, piece.tally
        columns = events.columns.T.tolist()
        wide = events.wide.tolist() if events.wide is not None else [[(0, -1)] * L.NSLOTS] * len(columns)
        for row, places in zip(columns, wide, strict=True):
            found = dict(zip(L.COLUMNS, row, strict=True))
            fields = {s: events.field(text, at, n) for s, (at, n) in zip(SLOTS, places, strict=True) if n >= 0}
            kind = found["code"] & 0xFF
            names = COMMON if kind < L.KIND_FROM else COMMON + MAIL
            rcpts: tuple[int, ...] = ()
            if kind in (L.KIND_TO, L.KIND_START):
                first, many = found["count"] & 0xFFFFFFFFFF, found["count"] >> 40
                rcpts = tuple(events.rcpts[first : first + many].tolist())
                found["count"] = many << 40
            if kind == L.KIND_QUERY and (found["code"] >> 24) & 15 == L.GUESSED:
                names = (*COMMON, "link")
            out.events.append(Verdict(before + (found["line"] >> 32), fields, {n: found[n] for n in names}, rcpts))
        out.lines += tally.lines
        out.blank += tally.blank
        out.rejects += [(before + line, reason, at) for line, reason, at in tally.reject_places(0)]
        for i in np.flatnonzero(tally.patterns).tolist():
            out.patterns[self._ids[i]] += int(tally.patterns[i])
        out.other.update(tally.other)

    # the reference's side

    def reference(self, text: bytes) -> Reading:
        """What the reference says."""
        out = Reading()
        at = 0
        table = Table()
        for line in text.split(b"\n")[:-1]:
            outcome = naive.read_line(self.formats, line, table)
            if outcome.what == "blank":
                out.blank += 1
            elif outcome.what == "reject":
                out.rejects.append((out.lines, outcome.reason, at))
            elif outcome.what == "other":
                assert outcome.line is not None
                out.other[self.parser.key(outcome.line.fields["program"][:64])] += 1
            else:
                assert outcome.pattern is not None
                out.patterns[outcome.pattern.id] += 1
                if outcome.what == "event":
                    out.events.append(self._verdict(out.lines, outcome))
            out.lines += 1
            at += len(line) + 1
        return out

    def _key(self, fields: dict[str, bytes], name: str, kind: int) -> int:
        return self.parser.key(fields[name], kind) if fields.get(name) else 0

    def _verdict(self, number: int, outcome: naive.Outcome) -> Verdict:
        pattern, line = outcome.pattern, outcome.line
        assert pattern is not None
        assert line is not None
        f = line.fields
        kind = KINDS.index(pattern.kind)
        rcpts = tuple(self.name(r) for r in line.rcpts) if kind in (L.KIND_TO, L.KIND_START) else ()
        known = naive.qtype_number(f.get("qtype", b"")) if "qname" in f else 0
        dsn = f["dsn"][0] - 48 if f.get("dsn", b"")[:1].isdigit() else 0
        said = b" ".join(f.get(name, b" ") for name in ("dsn", "stat", "reply"))
        if kind in (L.KIND_TO, L.KIND_START) and outcome.status == L.DEFERRED and re.search(rb"[45]\.7\.", said):
            known = L.POLICY
        code = kind | outcome.status << 8 | known << 16 | dsn << 24 | line.ts_kind << 28 | self._number[pattern.id] << 32
        name, link = 0, 0
        if "qname" in f:
            asked = f["qname"].removesuffix(b".") or f["qname"]
            name = self.parser.key(asked)
            guessed = kind == L.KIND_QUERY and QTYPES[known] in ("A", "AAAA") and GUESS.match(asked)
            if guessed:
                code |= L.GUESSED << 24
                link = self.parser.key(asked[guessed.end() :])
        elif rcpts:
            name = rcpts[0]
        columns = {
            "ts": line.ts,
            "code": code,
            "server": self.name(f["host"]) if "host" in f else self.base,
            "client": self._key(f, "client_ip", 1),
            "name": name,
        }
        if kind >= L.KIND_FROM:
            columns |= self._mail_columns(f, kind, len(rcpts))
        elif link:
            columns["link"] = link
        return Verdict(number, dict(f) if self.wide else {}, columns, rcpts)

    def _mail_columns(self, f: dict[str, bytes], kind: int, rcpts: int) -> dict[str, int]:
        account = f.get("sasl_user", f.get("user"))
        sensed = "queue_id" not in f and "client_ip" in f
        name = "mailer" if kind == L.KIND_TO and not sensed else "env_from"
        sender = f.get(name)
        if kind in (L.KIND_TO, L.KIND_START):
            count = rcpts << 40
        elif kind == L.KIND_REPEAT:
            count = _number(f.get("repeat", b""), 1 << 40)
        else:
            count = _number(f["nrcpts"], 1 << 20) << 40 if "nrcpts" in f else -1
        return {
            "account": self.name(account) if account is not None else 0,
            "queue": self._key(f, "queue_id", 2),
            "link": self._link(f, kind),
            "sender": self.parser.key(sender_of(sender) if name == "env_from" else sender.lower(), 2) if sender else 0,
            "count": count,
            "pid": _number(f.get("pid", b""), 1 << 40),
            "relay": self._key(f, "relay_ip", 1),
        }

    def _link(self, f: dict[str, bytes], kind: int) -> int:
        """The queue id that a line announces; of a message that may come from this machine itself, its Message-ID."""
        if kind == L.KIND_MSGID:
            return self._key(f, "msgid", 2)
        if kind != L.KIND_FROM:
            return self._key(f, "new_queue_id", 2)
        if "new_queue_id" in f:
            return self._key(f, "new_queue_id", 2)
        return self._key(f, "msgid", 2)

    def name(self, text: bytes) -> int:
        """Key of a name; 0 for none."""
        return self.parser.key(text) if text else 0

    # both

    def differences(self, lines: Sequence[bytes]) -> list[str]:
        """What the two sides say differently, in words; empty where they agree."""
        text = joined(lines)
        kernel, reference = self.kernel(text), self.reference(text)
        if kernel == reference:
            return [] if kernel.accounted() == kernel.lines else [f"{kernel.lines} lines, {kernel.accounted()} known"]
        several = [line for line in lines if self.kernel(joined([line])) != self.reference(joined([line]))]
        if not several:
            return ["the lines agree one by one, but not together", *_told(kernel, reference)]
        found = []
        for line in several[:5]:
            alone = joined([line])
            found += [f"line {line[:2000]!r} ({len(line)} bytes)", *_told(self.kernel(alone), self.reference(alone))]
        return [f"{len(several)} of {len(lines)} lines", *found]


def _number(text: bytes, limit: int) -> int:
    """Value of digits, at most `limit`; 0 for what is no number."""
    if not text.isdigit():
        return 0
    return limit if len(text.lstrip(b"0")) > 18 else min(int(text[-18:]), limit)


def _told(kernel: Reading, reference: Reading) -> list[str]:
    out = []
    for name in ("lines", "blank", "rejects", "patterns", "other"):
        left, right = getattr(kernel, name), getattr(reference, name)
        if left != right:
            out.append(f"  {name}: kernel {str(left)[:300]}, reference {str(right)[:300]}")
    ours, theirs = {v.line: v for v in kernel.events}, {v.line: v for v in reference.events}
    for line in sorted(ours | theirs)[:]:
        left, right = ours.get(line), theirs.get(line)
        if left != right:
            out.append(f"  event {line}: kernel {_short(left, right)}, reference {_short(right, left)}")
            break
    return out


def _short(one: Verdict | None, other: Verdict | None) -> str:
    """What one has that the other has not."""
    if one is None or other is None:
        return "there is one" if one else "none"
    fields = {k: v[:200] for k, v in one.fields.items() if other.fields.get(k) != v}
    columns = {k: v for k, v in one.columns.items() if other.columns.get(k) != v}
    return f"{fields} {columns}" + (f" {one.rcpts[:9]}" if one.rcpts != other.rcpts else "")


def samples(formats: FormatSet) -> list[bytes]:
    """The sample lines of the formats; those of tables behind their headers."""
    every = [s for p in formats.patterns for s in p.samples]
    plain = [s.line.encode() for s in every if not s.header]
    return plain + [text.encode() for s in every if s.header for text in (s.header, s.line)]


def lines_of(path: Path) -> list[bytes]:
    """Lines of a log file, compressed or not."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        return [line.rstrip(b"\n") for line in lines]
