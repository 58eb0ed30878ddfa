"""Read format files into typed, checked descriptions.

A format is one TOML file: `id`, `title`, `url`, `programs`, and patterns in the order in which they are tried.  An
envelope file (folder `envelope/`) has the same shape; its patterns end in `{message}`.  See `formats.language`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from mailripple.errors import FormatError
from mailripple.formats.language import (
    Columns,
    Condition,
    Element,
    Key,
    Record,
    Wanted,
    parse_key,
    parse_pattern,
    parse_wanted,
)
from mailripple.tables import FIELDS, KINDS, REFUSALS, STATUSES


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log line and the fields of the event that it gives (none for a skipped line).

    `header` the line that names the columns, for the row of a table.
    """

    line: str
    event: dict[str, Any] = {}
    header: str = ""


class _RawPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    match: str
    sample: list[Sample]
    kind: str = ""
    keys: dict[str, str] = {}
    status: list[list[str]] = []
    program: str = ""
    over: list[str] = []
    note: str = ""
    refuse: str = ""
    when: dict[str, str | list[str]] = {}
    fields: dict[str, str | list[str]] = {}


class _RawFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: str
    url: str
    pattern: list[_RawPattern]
    programs: list[str] = []
    rank: int = 50
    note: str = ""
    versions: str = ""
    prefix: list[str] = []


@dataclass(frozen=True, slots=True)
class StatusRule:
    """If the field begins with `text` (is `text`, if `exact`), the record has that status.  Field "": always."""

    field: str
    text: bytes
    exact: bool
    status: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of line: what it looks like, what event it is (`kind` "": skipped on purpose), and its proof.

    `more` the same behind the other beginnings that the file allows; `refuse` why such a line is a reject; `line`
    where it begins in the file.
    """

    format: str
    name: str
    kind: str
    items: tuple[Element, ...]
    keys: tuple[Key, ...]
    status: tuple[StatusRule, ...]
    program: str
    samples: tuple[Sample, ...]
    match: str
    over: tuple[str, ...] = ()
    more: tuple[tuple[Element, ...], ...] = ()
    refuse: str = ""
    line: int = 0
    when: tuple[Condition, ...] = ()
    wanted: tuple[Wanted, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.format}.{self.name}"


@dataclass(frozen=True, slots=True)
class Format:
    """A format file."""

    id: str
    title: str
    url: str
    subject: str
    programs: tuple[str, ...]
    rank: int
    patterns: tuple[Pattern, ...]
    path: str
    versions: str = ""
    note: str = ""

    @property
    def ways(self) -> tuple[tuple[tuple[Element, ...], Pattern], ...]:
        """What is tried, in this order: all patterns behind the first beginning, then behind the next."""
        most = max((len(p.more) for p in self.patterns), default=0)
        every = (((p.items, *p.more), p) for p in self.patterns)
        spread = [(ways, p) for ways, p in every]
        return tuple((ways[k], p) for k in range(most + 1) for ways, p in spread if k < len(ways))

    @property
    def whole(self) -> bool:
        """True for an envelope, and for a format of records: both read lines from their first byte."""
        begins = (p.items[0] for p in self.patterns if p.items)
        return self.subject == "envelope" or any(isinstance(first, Record | Columns) for first in begins)

    @property
    def own(self) -> bool:
        """True for a file of the operator's, whose path is absolute (bundled ones are named by subject)."""
        return Path(self.path).is_absolute()


@dataclass(frozen=True, slots=True)
class FormatSet:
    """All formats of a run: envelopes in the order in which they are tried, and messages by program."""

    envelopes: tuple[Format, ...]
    messages: tuple[Format, ...]
    patterns: tuple[Pattern, ...] = field(default=())
    _programs: dict[str, Format] = field(default_factory=dict, compare=False, repr=False)

    def by_program(self) -> dict[str, Format]:
        """The format of each name in `programs`; made once."""
        if not self._programs:
            self._programs.update({program: f for f in self.messages for program in f.programs})
        return self._programs

    def format_of(self, program: str) -> Format | None:
        """The format of a program: by its whole name, else `*/x` for any name that ends in `/x`."""
        programs = self.by_program()
        _, slash, last = program.rpartition("/")
        return programs.get(program) or (programs.get(f"*/{last}") if slash else None)


def read_format(text: str, path: str, subject: str) -> Format:
    """One format file.  Raises FormatError with the place of what is wrong."""
    try:
        raw = msgspec.convert(tomllib.loads(text), _RawFormat)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FormatError("a format file could not be read", why=str(error), where=path) from error
    lines = [n for n, line in enumerate(text.split("\n"), 1) if line.lstrip().startswith("[[pattern]]")]
    lines += [0] * len(raw.pattern)
    patterns = tuple(_pattern(raw, p, path, n) for p, n in zip(raw.pattern, lines, strict=False))
    names = [p.name for p in patterns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FormatError(
            "two patterns have the same name", where=path, why=", ".join(twice), todo="rename one of them"
        )
    for number, pattern in enumerate(patterns):
        for general in set(pattern.over) - set(names[number + 1 :]):
            raise FormatError(f"{pattern.name!r} goes over {general!r}, which does not follow it", where=path)
    programs = tuple(raw.programs)
    return Format(raw.id, raw.title, raw.url, subject, programs, raw.rank, patterns, path, raw.versions, raw.note)


def _pattern(raw: _RawFormat, p: _RawPattern, path: str, line: int) -> Pattern:
    where = f"{path}, line {line}: pattern {p.name!r}"
    if p.kind not in KINDS:
        raise FormatError(f"unknown kind {p.kind!r}", where=where, todo=f"use one of {', '.join(KINDS[1:])}")
    if not p.sample:
        raise FormatError(
            "a pattern without a sample", where=where, todo="add a line that it matches: sample = [{ line = '...' }]"
        )
    if p.refuse and (p.kind or p.refuse not in REFUSALS):
        raise FormatError(f"cannot refuse for {p.refuse!r}", where=where, todo=f"use one of {', '.join(REFUSALS)}")
    items, *more = (parse_pattern(beginning + p.match, where) for beginning in raw.prefix or [""])
    keys = tuple(parse_key(name, value, where) for name, value in p.keys.items())
    rules = tuple(_rule(rule, where) for rule in p.status)
    over, beginnings, samples = tuple(p.over), tuple(more), tuple(p.sample)
    when = tuple(_condition(path, value) for path, value in p.when.items())
    wanted = tuple(w for name, value in p.fields.items() for w in parse_wanted(name, value, where))
    said = (keys, rules, p.program, samples, p.match, over, beginnings, p.refuse, line, when, wanted)
    return Pattern(raw.id, p.name, p.kind, items, *said)


def _condition(path: str, value: str | list[str]) -> Condition:
    """`"*"`: any value; a text or a list of texts: one of these."""
    if value == "*":
        return Condition(path, ())
    return Condition(path, tuple(v.encode() for v in ([value] if isinstance(value, str) else value)))


def _rule(rule: list[str], where: str) -> StatusRule:
    if len(rule) != 3 or (rule[0] != "*" and rule[0] not in FIELDS) or rule[2] not in STATUSES[1:]:
        raise FormatError(
            f"not a status rule: {rule}", where=where, why="a rule is [field or *, beginning of its text, status]"
        )
    exact = rule[1].endswith("$")
    text = rule[1].removesuffix("$")
    return StatusRule("" if rule[0] == "*" else rule[0], text.encode(), exact, STATUSES.index(rule[2]))


def bundled() -> Iterable[tuple[str, str, str]]:
    """(path, subject, text) of the format files of the package."""
    root = resources.files("mailripple.formats")
    for subject in ("envelope", "dns", "mail"):
        folder = root / subject
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".toml"):
                yield f"{subject}/{entry.name}", subject, entry.read_text(encoding="utf-8")


def load_formats(extra: Sequence[Path] = ()) -> FormatSet:
    """The bundled formats, and those of the administrator's own folders (which win where both know a program)."""
    found = [read_format(text, path, subject) for path, subject, text in bundled()]
    for folder in extra:
        for path in sorted(folder.glob("**/*.toml")):
            subject = path.parent.name if path.parent.name in ("envelope", "dns", "mail") else "mail"
            found.append(read_format(path.read_text(encoding="utf-8"), str(path.absolute()), subject))
    return assemble(found)


def assemble(found: Sequence[Format]) -> FormatSet:
    """Order the formats; a format that comes later takes a program over from an earlier one."""
    envelopes = tuple(sorted((f for f in found if f.whole), key=lambda f: f.rank))
    messages: list[Format] = []
    taken: set[str] = set()
    for f in reversed([f for f in found if not f.whole]):
        programs = tuple(p for p in f.programs if p not in taken)
        taken.update(programs)
        messages.append(replace(f, programs=programs))
    messages.reverse()
    patterns = tuple(p for f in (*envelopes, *messages) for p in f.patterns)
    return FormatSet(envelopes, tuple(messages), patterns)
