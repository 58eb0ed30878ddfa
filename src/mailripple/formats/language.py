"""The format language: how a pattern in a format file is written, and what it means.

A pattern is literal text with elements in braces (`{{` and `}}` are literal braces).  It matches a message from its
first byte to its last, left to right, without ever going back: the time is linear in the line.

    {field}            text up to the first place where the literal text that follows occurs; at the end: the rest
    {_}                the same, not kept; `_` may stand for the field everywhere
    {field:word}       one or more bytes up to a space or the end
    {field:int}        one or more digits
    {field:ip}         an IPv4 or IPv6 address (`IPv6:` in front allowed); an IPv4 address ends before a colon
    {field:qid}        a queue id: letters and digits, 5 to 24, at least one digit among them
    {field:addr}       an envelope address: `<...>` with quotes respected, or text up to a comma or the end
    {field:addrs}      a list of envelope addresses, joined by commas without a space
    {field:path}       one envelope address, quotes respected, up to a space or the end, or a colon there; or `<...>`
    {field:angle}      the same, but only `<...>`
    {field:peer}       the rest, or a key's value: `name [address]`; the LAST bracketed address is the `client_ip`
    {field:mx}         the same; the address is the `relay_ip`
                       (as a key `to end`, both begin behind the last place where the key stands)
    {field:to "TEXT"}  text up to the first occurrence of TEXT, which is left to be matched by what follows
    {field:to last "TEXT"}  the same, up to the last occurrence: where the text may hold anything, also TEXT
    {field:dname}      a domain name in which a backslash keeps a space (RFC 1035, 5.1), up to a space or the end
    {field:labels}     a domain name as Windows writes it: `(3)www(7)example(3)com(0)`; kept as `www.example.com.`
    {_:pad}            spaces and tabs, or nothing
    {field:daemon}     nothing of the text: the program's name, from behind its last slash on (`postfix/smtp`: `smtp`)
    {? ...}            an optional group; it begins with literal text and is taken exactly where that text stands
    {keys}             `key=value, key=value, ...` up to the end, in any order; `[pattern.keys]` says what is kept

Formats of records read whole lines.  Their patterns, and those of envelopes, may begin with

    {record}           a JSON object, or a row of the table whose header came before; the pattern's `when` says which
                       values it must have, its `fields` which values fill which field
    {columns:tsv}      the header of a table: the names of its columns, by tabs (Zeek); {columns:csv} by commas

and after `{record}`, where `fields` has a `message`, there may stand `{message}` or

    {line}             that text, read as a line of its own

Envelopes (`envelope/*.toml`) also use

    {ts:rfc3164}  `Oct 27 01:17:13[.622]`  {ts:iso}  `2024-10-27T01:17:13[.6][+02:00| +0200|Z]`
    {ts:spaced}   the same with a space between day and time, never a `T`
    {ts:dmy}      `27-Oct-2024 01:17:13[.622]`
    {ts:epoch}    seconds since 1970: `1730000000[.622]`   {ts:tai64n}  `@400000006aa8e01a2c3ca002`
    {ts:long}     `Sun 2024-10-27 01:17:13[.622] CEST` (journalctl); only UTC and GMT tell an offset
    {ts:win}      a date and time as Windows writes it in any country, see `parse.clock.stamp_win`
    {ts:inner}    a `dmy` or `iso` stamp and a space, if they stand here: it then counts instead of the one before
    {host:host}   a word that does not begin with `<`, unless it is already the program (`named[5]:`): then nothing
    {_:sd}        the structured data of RFC 5424
    {program:program}  letters, digits and `-_./@+`
    {message}     the rest, handed to the format of that program
    {line}        the rest, read as a line of its own; once only
"""

from __future__ import annotations

from dataclasses import dataclass

from mailripple.errors import FormatError
from mailripple.tables import FIELDS

TYPES = ("word", "int", "ip", "qid", "addr", "addrs", "path", "angle", "peer", "mx", "dname", "labels", "pad", "daemon")
STAMPS = ("rfc3164", "iso", "spaced", "dmy", "epoch", "tai64n", "win", "long")
ENVELOPE_TYPES = (*STAMPS, "inner", "host", "sd", "program")


@dataclass(frozen=True, slots=True)
class Lit:
    """Exactly these bytes."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Until:
    """Bytes up to the first (`last`: the last) occurrence of `text`, which is consumed too; empty: the rest."""

    field: str
    text: bytes
    consume: bool = True
    last: bool = False


@dataclass(frozen=True, slots=True)
class Typed:
    """An element with a type of its own, see the module's text."""

    field: str
    type: str


@dataclass(frozen=True, slots=True)
class Optional:
    """A group that is taken exactly where its first literal stands."""

    items: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """`key=value` pairs; what is kept stands in the pattern's `keys` table."""


@dataclass(frozen=True, slots=True)
class Message:
    """Hand the rest to the program's own format."""


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object or a row of a table: all of the line."""


@dataclass(frozen=True, slots=True)
class Pick:
    """What the pattern wants of the record: its `when` and its `fields`."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The header of a table: "tsv" or "csv"."""

    type: str


@dataclass(frozen=True, slots=True)
class Inner:
    """Read the rest, or the message of the record, as a line of its own."""


Element = Lit | Until | Typed | Optional | Keys | Message | Record | Pick | Columns | Inner


@dataclass(frozen=True, slots=True)
class Condition:
    """A record must have a value at `path`: one of `values`, or any if there are none."""

    path: str
    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A field, or the "message", is the record's value at `path`, read as `type`, unless it is filled already."""

    field: str
    path: str
    type: str


#: How the value of a record can be read; the default goes by the field.
RECORD_TYPES = ("text", "ip", "addr", "addrs", "time", "ms", "us", "ns", "message")
_READ_AS = {"client_ip": "ip", "relay_ip": "ip", "env_from": "addr", "env_rcpt": "addrs", "ts": "time"}


def parse_wanted(field: str, value: str | list[str], where: str) -> tuple[Wanted, ...]:
    """Read one line of a pattern's `fields`: `field = "path"`, `"path as type"`, or a list of these.

    A path names the keys from the outside in, with dots between them: `dns.rrname`; `a[].b` is in the first element of
    an array; `=TEXT` is that text itself.  Types: text, ip, addr, addrs (a list), message; time (ISO 8601, or seconds
    since 1970 with a fraction), ms, us, ns (since 1970).
    """
    if field != "message":
        _check_field(field, where)
    found = []
    for one in [value] if isinstance(value, str) else value:
        path, _, kind = one.partition(" as ")
        kind = kind or ("message" if field == "message" else _READ_AS.get(field, "text"))
        if kind not in RECORD_TYPES or (kind == "message") != (field == "message"):
            raise FormatError(f"{field!r} cannot be read as {kind!r}", where=where, todo=f"use one of {RECORD_TYPES}")
        found.append(Wanted(field, path, kind))
    return tuple(found)


def split_path(path: str) -> tuple[bytes, ...]:
    """The keys of a path, from the outside in; `[]` stands for the elements of an array."""
    return tuple(part for key in path.split(".") for part in _array_marks(key.encode()))


def _array_marks(key: bytes) -> tuple[bytes, ...]:
    return (key.removesuffix(b"[]"), b"[]") if key.endswith(b"[]") else (key,)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a `{keys}` list: where its value goes, how it is read, what ends it.

    `ends` empty means the value runs to the end of the line.
    """

    name: bytes
    field: str
    type: str
    ends: bytes


def readings(keys: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """The ways in which a path can stand in a record: `a.b` as the key b in the object a, or as one key."""
    if len(keys) == 1:
        return [keys]
    return [
        reading
        for rest in readings(keys[1:])
        for reading in (
            [(keys[0], *rest)] + ([(keys[0] + b"." + rest[0], *rest[1:])] if b"[]" not in (keys[0], rest[0]) else [])
        )
    ]


def parse_pattern(text: str, where: str = "pattern") -> tuple[Element, ...]:
    """Read a pattern.  Raises FormatError that quotes the place."""
    tokens = _tokens(text.encode(), where)
    items, rest = _group(tokens, 0, where, inside=False)
    assert rest == len(tokens)
    return items


def parse_key(name: str, value: str, where: str) -> Key:
    """Read one line of a `[pattern.keys]` table: `"field"`, `"field:type"`, with ` to "TEXT"` or ` to end` behind."""
    spec, _, ends = value.partition(" to ")
    field, _, kind = spec.partition(":")
    kind = kind or "text"
    if kind not in (*TYPES, "text"):
        raise FormatError(f"key {name!r} has the unknown type {kind!r}", where=where, todo=f"use one of {TYPES}")
    _check_field(field, where)
    stop = ", " if not ends else "" if ends == "end" else ends.strip('"')
    return Key(name.encode(), field, kind, stop.encode())


def _check_field(field: str, where: str) -> None:
    if field != "_" and field not in FIELDS:
        raise FormatError(
            f"unknown field {field!r}",
            where=where,
            why="the fields are a closed list",
            todo=f"use one of {sorted(FIELDS)}",
        )


def _tokens(text: bytes, where: str) -> list[tuple[str, bytes]]:
    """Split into ("lit", bytes), ("open", b""), ("close", b"") and ("element", inside of the braces)."""
    out: list[tuple[str, bytes]] = []
    literal = bytearray()

    def flush() -> None:
        if literal:
            out.append(("lit", bytes(literal)))
            literal.clear()

    i = 0
    while i < len(text):
        two = text[i : i + 2]
        if two in (b"{{", b"}}"):
            literal += two[:1]
            i += 2
        elif two == b"{?":
            flush()
            out.append(("open", b""))
            i += 2
        elif text[i : i + 1] == b"{":
            flush()
            end = text.find(b"}", i)
            if end < 0:
                raise FormatError(f"'{{' without '}}' at byte {i}", where=where)
            out.append(("element", text[i + 1 : end]))
            i = end + 1
        elif text[i : i + 1] == b"}":
            flush()
            out.append(("close", b""))
            i += 1
        else:
            literal.append(text[i])
            i += 1
    flush()
    return out


def _group(tokens: list[tuple[str, bytes]], at: int, where: str, *, inside: bool) -> tuple[tuple[Element, ...], int]:
    items: list[Element] = []
    while at < len(tokens):
        kind, text = tokens[at]
        at += 1
        if kind == "lit":
            items.append(Lit(text))
        elif kind == "open":
            group, at = _group(tokens, at, where, inside=True)
            if not group or not isinstance(group[0], Lit):
                raise FormatError("an optional group must begin with literal text", where=where)
            items.append(Optional(group))
        elif kind == "close":
            if not inside:
                raise FormatError("'}' without '{'", where=where, todo="write }} for a literal brace")
            return _join(items), at
        else:
            items.append(_element(text.decode(), where))
            if isinstance(items[-1], Record):
                items.append(Pick())
    if inside:
        raise FormatError("'{?' without '}'", where=where)
    return _join(items), at


def _element(text: str, where: str) -> Element:
    if text == "keys":
        return Keys()
    if text == "message":
        return Message()
    if text == "record":
        return Record()
    if text == "line":
        return Inner()
    if text in ("columns:tsv", "columns:csv"):
        return Columns(text[-3:])
    field, _, kind = text.partition(":")
    _check_field(field, where)
    if not kind:
        return Until(field, b"", consume=True)
    if kind.startswith('to "') and kind.endswith('"') and len(kind) > 5:
        return Until(field, kind[4:-1].encode(), consume=False)
    if kind.startswith('to last "') and kind.endswith('"') and len(kind) > 10:
        return Until(field, kind[9:-1].encode(), consume=False, last=True)
    if kind not in TYPES + ENVELOPE_TYPES:
        raise FormatError(f"unknown type {kind!r} in {{{text}}}", where=where, todo=f"use one of {TYPES}")
    if kind == "pad" and field != "_":
        raise FormatError(f"{{{text}}} keeps nothing", where=where, todo="write {_:pad}")
    return Typed(field, kind)


def _join(items: list[Element]) -> tuple[Element, ...]:
    """Give each `{field}` the literal behind it as its terminator."""
    out: list[Element] = []
    for item in items:
        before = out[-1] if out else None
        if isinstance(item, Lit) and isinstance(before, Until) and before.consume and not before.text:
            out[-1] = Until(before.field, item.text)
        else:
            out.append(item)
    return tuple(out)
