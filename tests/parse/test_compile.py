"""Proves that the compiler keeps the meaning of any set of patterns, and refuses what the kernel could not run."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mailripple.errors import FormatError
from mailripple.formats.load import FormatSet
from mailripple.parse import layout as L
from mailripple.parse.compile import compile_formats
from tests.parse.compare import Comparison, formats_of
from tests.parse.random_formats import fitting_lines, random_formats

ENVELOPE = """
id = "e"
title = "e"
url = "e"
rank = 1
"""
MESSAGE = """
id = "m"
title = "m"
url = "m"
programs = ["p"]
"""


def pattern(name: str, match: str, more: str = "") -> str:
    """A pattern in TOML."""
    return f"[[pattern]]\nname = '{name}'\nmatch = '''{match}'''\nsample = [{{ line = 'x' }}]\n{more}\n"


def with_message(*patterns: str, envelope: str = "p: {message}", program: str = "program = 'p'") -> FormatSet:
    """Formats of one envelope pattern and some message patterns."""
    return formats_of(("envelope", ENVELOPE + pattern("e", envelope, program)), ("mail", MESSAGE + "".join(patterns)))


def try_random(seed: int, sets: int) -> tuple[int, int]:
    """(sets of formats that compile, events that were compared); fails where kernel and reference differ."""
    rng = random.Random(seed)
    tried = events = 0
    while tried < sets:
        try:
            formats = random_formats(rng)
            comparison = Comparison(formats, capacity=rng.choice((3, 64, 1024)))
        except FormatError:
            continue
        tried += 1
        lines = fitting_lines(rng, formats, 40)
        found = comparison.differences(lines)
        assert found == [], "\n".join([*(f"{p.id}: {p.match} {p.keys} {p.status}" for p in formats.patterns), *found])
        events += len(comparison.kernel(b"\n".join(lines) + b"\n").events)
    return tried, events


@pytest.mark.parametrize("seed", range(4))
def test_any_set_of_patterns_keeps_its_meaning(seed: int) -> None:
    """Kernel and reference agree on lines of format files made up at random."""
    assert try_random(seed, 300)[1] > 50


def test_the_bundled_program(formats: FormatSet) -> None:
    """Every program of the formats has a row; the first byte of any line leads to a row; literals lie inside."""
    program = compile_formats(formats)
    assert set(program.programs) == {name for f in formats.messages for name in f.programs}
    assert program.ops.shape[1] == L.ROW
    assert np.all((program.switch >= 0) & (program.switch < len(program.ops)))
    assert np.all(program.switch[[ord("O"), ord("2"), ord("<"), ord("s")]] > 0)
    assert [p.kind for p in program.patterns] == [p.kind for p in formats.patterns]


def test_order_decides(formats: FormatSet) -> None:
    """Where two patterns fit, the first one takes the line, whether they begin alike or not."""
    twice = with_message(
        pattern("any", "{reason}b", "kind = 'mail.to'"),
        pattern("mine", "ab", "kind = 'mail.from'"),
        pattern("later", "{reason}b{?c}", "kind = 'mail.done'"),
    )
    comparison = Comparison(twice)
    assert comparison.differences([b"p: ab", b"p: abc", b"p: xbc", b"p: x"]) == []
    assert comparison.kernel(b"p: ab\n").patterns == {"m.any": 1}


def test_patterns_with_keys_keep_their_own() -> None:
    """Two patterns that begin alike and end in keys each read their own table."""
    formats = with_message(
        pattern("a", "x{?, {keys}} ", "kind = 'mail.from'\nkeys = { k = 'relay' }"),
        pattern("b", "x{?, {keys}}", "kind = 'mail.from'\nkeys = { k = 'mailer' }"),
    )
    comparison = Comparison(formats)
    assert comparison.differences([b"p: x, k=1", b"p: x"]) == []
    assert comparison.kernel(b"p: x, k=1\n").events[0].fields == {"mailer": b"1"}


def test_what_is_read_in_vain_is_forgotten() -> None:
    """A field or a stamp that a pattern read before it failed does not show in the one that fits."""
    formats = with_message(
        pattern("a", "{user:word} {user:word} x", "kind = 'pop.login'"),
        pattern("b", "{user:word} {ts:iso} x", "kind = 'pop.login'"),
        pattern("c", "{user:word} {_}", "kind = 'pop.login'"),
        envelope="{ts:rfc3164} p: {message}",
    )
    comparison = Comparison(formats)
    assert comparison.differences([b"Oct 27 01:17:13 p: one two", b"Oct 27 01:17:13 p: one 2024-10-27T01:17:13Z y"]) == []
    for event in comparison.kernel(b"Oct 27 01:17:13 p: one two\nOct 27 01:17:13 p: one 2024-10-27T01:17:13Z y\n").events:
        assert event.fields == {"user": b"one"}
        assert (event.columns["code"] >> 28) & 3 == L.CIVIL_NO_YEAR


@pytest.mark.parametrize("kind", ["text", "word", "ip"])
def test_an_address_has_its_key_however_it_is_read(kind: str) -> None:
    """Addresses read as a word, as text up to a literal or as the value of a key give the key of that address."""
    formats = with_message(
        pattern("element", "a {client_ip};{relay_ip:word}", "kind = 'mail.from'"),
        pattern("program", "b {client_ip:program}:1", "kind = 'mail.from'"),
        pattern("key", "c {keys}", f"kind = 'mail.from'\nkeys = {{ rip = 'client_ip:{kind}', lip = 'relay_ip' }}"),
        pattern("before", "d {client_ip:ip}", "kind = 'mail.from'"),
    )
    comparison = Comparison(formats)
    lines = [b"p: d 198.51.100.9", b"p: a 192.0.2.1;2001:db8::1", b"p: b 192.0.2.2:1", b"p: b host:1", b"p: c rip=192.0.2.3, lip=x"]
    lines += [b"p: a x;y", b"p: c rip=, lip=::1", b"p: c lip=192.0.2.1, rip=2001:db8::2"]
    assert comparison.differences(lines) == []


def test_the_first_value_of_a_key_counts() -> None:
    """A key that comes again changes nothing, its address neither: what comes later may be the attacker's."""
    formats = with_message(
        pattern("auth", "AUTH, {keys}", "kind = 'mail.client'\nkeys = { relay = 'relay:peer', authid = 'sasl_user' }"),
        pattern("known", "{client_ip:ip}, {keys}", "kind = 'mail.client'\nkeys = { relay = '_:peer' }"),
    )
    comparison = Comparison(formats)
    lines = [
        b"p: AUTH, relay=mx [192.0.2.9], authid=x, relay=[198.51.100.9], authid=y",
        b"p: AUTH, relay=root@localhost, authid=x, relay=[198.51.100.9]",
        b"p: 192.0.2.9, relay=[198.51.100.9]",
    ]
    assert comparison.differences(lines) == []
    found = comparison.kernel(b"\n".join(lines) + b"\n").events
    assert [e.fields.get("client_ip") for e in found] == [b"192.0.2.9", None, b"192.0.2.9"]
    assert found[0].fields["sasl_user"] == b"x"


WRONG = {
    "an address of another field": with_message(pattern("a", "{user:ip}")),
    "a message inside": with_message(pattern("a", "{message}")),
    "a message not last": with_message(pattern("a", "x"), envelope="p: {message} x"),
    "nobody's message": with_message(pattern("a", "x"), envelope="p: {message}", program=""),
    "a field of the envelope": with_message(pattern("a", "{host}"), envelope="{host:word} {message}"),
    "an address before a digit": with_message(pattern("a", "{client_ip}0")),
    "a key's end without comma": with_message(pattern("a", "{keys}", "keys = { k = 'relay to \";\"' }")),
    "a key of addresses": with_message(pattern("a", "{keys}", "keys = { k = 'env_rcpt:addrs' }")),
    "an address as a key's number": with_message(pattern("a", "{keys}", "keys = { k = 'client_ip:int' }")),
    "a rule for all with a text": with_message(pattern("a", "x", "kind = 'mail.to'\nstatus = [['*', 'x', 'sent']]")),
    "a missing program": with_message(pattern("a", "x"), program="program = 'q'"),
    "too many that begin alike": with_message(*(pattern(f"a{n}", "x" * (80 - n)) for n in range(80))),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_the_kernel_cannot_run_is_refused(what: str) -> None:
    """A format file that would make the kernel read the wrong memory or the wrong address is a FormatError."""
    with pytest.raises(FormatError):
        compile_formats(WRONG[what])


def test_as_many_that_begin_alike_as_the_stack_holds() -> None:
    """Patterns that branch off one another work up to the limit."""
    formats = with_message(*(pattern(f"a{n}", "x" * (60 - n)) for n in range(60)))
    assert Comparison(formats).differences([b"p: " + b"x" * n for n in range(70)]) == []
