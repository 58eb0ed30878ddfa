"""Format files that nobody would write, and lines that may fit them: the language itself, put to the test."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from mailripple.formats.language import Element, Keys, Lit, Optional, Typed, Until, parse_key, parse_pattern
from mailripple.formats.load import Format, FormatSet, Pattern, StatusRule, assemble
from mailripple.tables import KINDS, STATUSES
from tests.parse.damage import _ADDRESSES, _PEERS, changed

LITERALS = [
    b"a", b"ab", b"abc", b", ", b": ", b"=", b"<", b">", b"[", b"]", b'"', b" ", b"from=", b"to=", b", relay=", b"0", b"1.2.3.4",
    b"longer than eight", b"longer than eighty", b"x" * 20, b"stat=", b";", b"\\", b"::",
]  # fmt: skip
FIELDS = [
    "user", "client_name", "queue_id", "new_queue_id", "env_from", "size", "msgid", "relay", "mailer", "dsn", "stat", "sasl_user",
    "reply", "reason", "_", "_",
]  # fmt: skip
STAMPS = ("rfc3164", "iso", "spaced", "dmy", "epoch", "tai64n", "win", "long", "inner")
TYPES = ("word", "int", "ip", "qid", "addr", "addrs", "path", "angle", "peer", "mx", "program", "host", "sd", "pad", "dname", "daemon", *STAMPS)
KEY_NAMES = ("a", "ab", "to", "from", "relay", "stat", "size", "longerthaneight", "longerthaneighty", "rip")
PROGRAMS = ("pa", "pb", "pc")
RULES = [("", "", False), ("stat", "a", False), ("dsn", "5", False), ("reply", "", False), ("reply", "x", True), ("stat", "", True),
         ("reason", "longer than eight", False), ("client_name", "longer than eight", True), ("host", "ab", False)]  # fmt: skip
_V4 = [b"1.2.3.4", b"2001:db8::1", b"::ffff:1.2.3.4", b"IPv6:::1", b"1.2.3.4%en0", b"fe80::1%eth0", b"IPv6:1.2.3.4:25",
       b"1.2.3.4:25", b"1.2.3.00", b"1.2.3.4.5", b"1.2.3.4a", b"1.2.3.4-"]  # fmt: skip
VALUES = [*_ADDRESSES, *_PEERS, *_V4, *LITERALS, b"", b"A", b"MX", b"x y", b"12", b"sent", b"5.1.1"]
_FITTING = {
    "word": VALUES,
    "int": [b"1", b"007", b"123456789012345678"],
    "ip": _V4,
    "qid": [b"RAA20512", b"49QNVLZB000565"],
    "addr": _ADDRESSES,
    "addrs": [b"<a@b.c>,d", *_ADDRESSES],
    "path": [b'"a b"@c.d ', b'<"> "@c.d>', b'"', b"a@b.c: ", b":", b"::", *_ADDRESSES],
    "angle": [b"<>", b"<a b@c.d>", *_ADDRESSES],
    "peer": _PEERS,
    "mx": _PEERS,
    "dname": [b"a\\ b.c", b"a\\\\ b", b"\\", b".", b"a.b"],
    "pad": [b"", b"  ", b"\t "],
    "daemon": [b""],
    "labels": [b"(0)", b"(3)www(7)example(0)", b"(1)a(9)(3)x(0)b(2)(0)", b"(4)a\\303(0)"],
    "epoch": [b"1730000000", b"0.5", b"999999999999"],
    "tai64n": [b"@400000006aa8e01a2c3ca002", b"@400000006aa8e01a3c3ca002"],
    "win": [b"5/21/2015 1:51:18 PM", b"22/12/2021 21:46:04", b"20140816 16:08:57", b"1.2.20 3:04:05"],
    "long": [b"Sun 2024-10-27 01:17:13 CEST", b"Sun 2024-10-27 01:17:13.5 UTC", b"Sun 2024-10-27 01:17:13"],
    "program": [b"pa", b"pb", b"zz/1"],
    "host": [b"mx ", b"mx: ", b"a[1] "],
    "sd": [b"-", b'[a b="]"]'],
    "rfc3164": [b"Oct 27 01:17:13", b"Oct 7 01:17:13.5", b"Feb 30 00:00:00"],
    "iso": [b"2024-10-27T01:17:13", b"2024-10-27T01:17:13.25+02:00", b"2023-02-29T01:17:13Z", b"2024-10-27 01:17:13 -0330"],
    "spaced": [b"2024-10-27 01:17:13 +0100", b"2024-10-27T01:17:13"],
    "dmy": [b"27-Oct-2024 01:17:13.622"],
    "inner": [b"27-Oct-2024 01:17:13.622 ", b"2024-10-27 01:17:13 +0100 ", b""],
}


@dataclass(slots=True)
class Maker:
    """Makes patterns; later ones like to begin as earlier ones do, as real ones do."""

    rng: random.Random
    envelope: bool
    stems: list[str] = field(default_factory=list)

    def field_for(self, kind: str) -> str:
        """A field that a value of this type may go to."""
        pick = self.rng.choice
        if kind in STAMPS:
            return "ts"
        if kind == "pad":
            return "_"
        if self.envelope:
            own = {"host": "host", "program": "program", "int": pick(("pid", "_"))}
            return own.get(kind, pick(("_", "host")) if kind in ("word", "text") else "_")
        if kind == "ip" or (kind in ("word", "text", "program") and self.rng.random() < 0.2):
            return pick(("client_ip", "relay_ip"))
        if kind in ("int", "addrs") or (kind in ("path", "angle") and self.rng.random() < 0.3):
            return pick(("nrcpts", "repeat", "_") if kind == "int" else ("env_rcpt", "_"))
        return pick(FIELDS)

    def element(self, depth: int) -> str:
        """An element, perhaps one with others inside."""
        chance, pick = self.rng.random(), self.rng.choice
        if chance < 0.35:
            return pick(LITERALS).decode()
        if chance < 0.5:
            return "{%s}" % self.field_for("text")
        if chance < 0.6:
            return '{%s:to %s"%s"}' % (self.field_for("text"), pick(("", "last ")), pick(LITERALS).decode())
        if chance < 0.75 and depth < 2:
            inner = "".join(self.element(depth + 1) for _ in range(self.rng.randrange(3)))
            return "{?" + pick(LITERALS).decode() + inner + "}"
        if chance > 0.97 and not self.envelope:
            return "{reason:labels}"
        kind = pick(TYPES)
        return "{%s:%s}" % (self.field_for(kind), kind)

    def match(self) -> str:
        """A pattern that may begin as an earlier one."""
        if self.stems and self.rng.random() < 0.7:
            stem = self.rng.choice(self.stems)
        else:
            stem = "".join(self.element(0) for _ in range(self.rng.randrange(1, 4)))
        self.stems.append(stem)
        return stem + "".join(self.element(0) for _ in range(self.rng.randrange(4)))

    def keys(self) -> dict[str, str]:
        """A table of keys."""
        found = {}
        for name in self.rng.sample(KEY_NAMES, self.rng.randrange(1, 6)):
            kind = self.rng.choice(("text", "int", "addr", "peer", "mx", "ip", "word", "qid"))
            where = self.field_for(kind)
            if where in ("client_ip", "relay_ip") and kind not in ("text", "ip", "word"):
                where = "_"
            found[name] = f"{where}:{kind}" + self.rng.choice(("", " to end", ' to ", stat="', ' to ", x"'))
        return found

    def pattern(self, form: str, number: int) -> Pattern:
        """One pattern, and whatever belongs to it."""
        rng, match, keys, program = self.rng, self.match(), dict[str, str](), ""
        if self.envelope and rng.random() < 0.85:
            stamp = "{ts:%s} " % rng.choice(STAMPS) if rng.random() < 0.6 else ""
            match = stamp + match + rng.choice(("", "{program:program}: ", "{program:program}"))
            if not match.endswith("{program:program}: ") or rng.random() < 0.3:
                program = rng.choice(PROGRAMS)
            match += "{message}" if program or rng.random() < 0.8 else "{line}"
        elif not self.envelope and rng.random() < 0.35:
            keys, match = self.keys(), match + rng.choice(("{keys}", "{?, {keys}}"))
        kind = "" if self.envelope else rng.choice(KINDS)
        rules = tuple(
            StatusRule(f, t.encode(), exact, rng.randrange(1, len(STATUSES)))
            for f, t, exact in (rng.choice(RULES) for _ in range(rng.randrange(3)))
        )
        parsed = tuple(parse_key(name, value, match) for name, value in keys.items())
        return Pattern(form, f"p{number}", kind, parse_pattern(match), parsed, rules, program, (), match)


def random_formats(rng: random.Random) -> FormatSet:
    """An envelope file and two message files."""
    found = []
    for i, (subject, programs) in enumerate((("envelope", ()), ("mail", ("pa", "pb")), ("mail", ("pc",)))):
        maker = Maker(rng, subject == "envelope")
        patterns = tuple(maker.pattern(f"f{i}", n) for n in range(rng.randrange(1, 7)))
        found.append(Format(f"f{i}", "", "", subject, programs, 50, patterns, f"f{i}"))
    return assemble(found)


def fitting(rng: random.Random, pattern: Pattern) -> bytes:
    """Text that may fit a pattern."""
    out: list[bytes] = []

    def write(items: tuple[Element, ...]) -> None:
        for item in items:
            if isinstance(item, Lit):
                out.append(item.text)
            elif isinstance(item, Until):
                out.append(rng.choice(VALUES) + item.text)
            elif isinstance(item, Typed):
                out.append(rng.choice(_FITTING[item.type]))
            elif isinstance(item, Optional):
                if rng.random() < 0.6:
                    write(item.items)
            elif isinstance(item, Keys):
                names = [k.name for k in pattern.keys] + [b"zz"]
                out.append(b", ".join(rng.choice(names) + b"=" + rng.choice(VALUES) for _ in range(rng.randrange(6))))

    write(pattern.items)
    return b"".join(out)


def fitting_lines(rng: random.Random, formats: FormatSet, n: int) -> list[bytes]:
    """Lines that may fit, and the same damaged."""
    envelopes = [p for f in formats.envelopes for p in f.patterns]
    messages = [p for f in formats.messages for p in f.patterns]
    lines = [fitting(rng, rng.choice(envelopes)) + fitting(rng, rng.choice(messages)) for _ in range(n)]
    return lines + [changed(rng, line, lines) for line in lines]
