"""Proves that keys stand for names, that the dictionary grows without loss, and what the columns of an event hold."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import emit, naive
from mailripple.parse import events as driver
from mailripple.parse import layout as L
from mailripple.parse.build import Kernels
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parser
from mailripple.tables import QTYPES
from tests.parse.compare import Comparison, Place, formats_of, joined, pieces_of
from tests.parse.damage import _ADDRESSES

ENVELOPE = """
id = "e"
title = "e"
url = "e"
rank = 1
[[pattern]]
name = "e"
match = '{?host }{?{host:word} }p: {message}'
program = "p"
sample = [{ line = 'x' }]
"""
MESSAGE = """
id = "m"
title = "m"
url = "m"
programs = ["p"]
[[pattern]]
name = "to"
kind = "mail.to"
match = 'to={env_rcpt:addrs}, dsn={dsn:to ";"};{?mailer={mailer};}{?relay={relay_ip:ip};}'
sample = [{ line = 'x' }]
[[pattern]]
name = "from"
kind = "mail.from"
match = 'from={env_from};{?n={nrcpts:int};}{?qid={queue_id};}{?new={new_queue_id};}{?id={msgid};}{?user={user};}{?sasl={sasl_user};}{?ip={client_ip};}'
sample = [{ line = 'x' }]
[[pattern]]
name = "query"
kind = "dns.query"
match = 'query={qname} {qtype}'
sample = [{ line = 'x' }]
"""
FORMATS = formats_of(("envelope", ENVELOPE.replace("{?{host:word} }", "")), ("mail", MESSAGE))
HOSTED = formats_of(("envelope", ENVELOPE.replace("{?host }{?{host:word} }", "{host:word} ")), ("mail", MESSAGE))
NAMES = st.one_of(
    st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"\n", b"").replace(b";", b"") or b"x"),
    st.sampled_from([b"A", b"a", b"ABCDEFGH", b"abcdefgh", b"abcdefghi", b"\0", b"\0\0", b"x" * 511, b"x" * 513, b"\xc4\xd6"]),
)


@pytest.fixture(scope="module")
def tiny() -> Comparison:
    """Kernel and reference over a small format."""
    return Comparison(FORMATS)


@given(names=st.lists(NAMES, min_size=1, max_size=20))
def test_every_key_has_its_text(names: list[bytes]) -> None:
    """Names are kept in lower case, once each, at most 512 bytes of them; equal but for case means the same key."""
    parser = Parser(compile_formats(FORMATS), 11)
    text = joined(b"p: from=x;user=" + name + b";" for name in names)
    keys = [k for piece in pieces_of(parser, text) for k in piece.events.column("account").tolist()]
    kept = parser.names()
    assert [kept[k] for k in keys] == [n.lower()[:512] for n in names]
    assert len(set(keys)) == len({n.lower() for n in names}) == len(kept)
    assert keys == [parser.key(n) for n in names]


def test_addresses_are_keys(tiny: Comparison) -> None:
    """An IPv4 address is its own key; an IPv6 address is kept as 16 bytes; a v4-mapped one is its IPv4 address."""
    texts = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "0.0.0.0", "::", "nothing", "255.255.255.255"]
    found = tiny.kernel(joined(f"p: from=x;ip={t};".encode() for t in texts))
    keys = [e.columns["client"] for e in found.events]
    v4 = {t: (1 << 32) + int(ipaddress.IPv4Address(t)) for t in ("192.0.2.1", "0.0.0.0", "255.255.255.255")}
    assert keys[0] == keys[1] == v4["192.0.2.1"]
    assert keys[2] == keys[3]
    assert (keys[4], keys[6], keys[7]) == (v4["0.0.0.0"], 0, v4["255.255.255.255"])
    names = tiny.parser.names()
    assert names[keys[2]] == ipaddress.IPv6Address("2001:db8::1").packed
    assert names[keys[5]] == bytes(16)


def test_the_dictionary_grows_as_it_must() -> None:
    """Three hundred thousand names are all kept, and the tables stay in proportion to them."""
    parser = Parser(compile_formats(FORMATS), 11)
    names = [f"user-{i:09d}-with-a-rather-long-name.example".encode() for i in range(300_000)]
    keys: list[int] = []
    for piece in pieces_of(parser, joined(b"p: from=x;user=" + n + b";" for n in names)):
        keys += piece.events.column("account").tolist()
    kept = parser.names()
    assert [kept[k] for k in keys] == names
    assert not parser.names_full
    assert parser._slots <= 1 << 21
    assert parser._get(L.ARENA_CAP) <= 1 << 25


def test_a_full_dictionary_keeps_keys_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit names are not kept, but every key is right, and nothing is written where it must not be."""
    monkeypatch.setattr(driver, "MAX_NAMES", 1 << 16)
    parser = Parser(compile_formats(FORMATS), 11)
    names = [f"user-{i}.{'y' * 200}".encode() for i in range(90_000)]
    keys: list[int] = []
    for piece in pieces_of(parser, joined(b"p: from=x;user=" + n + b";" for n in names)):
        keys += piece.events.column("account").tolist()
    assert len(set(keys)) == len(names)
    assert keys[-100:] == [parser.key(n) for n in names[-100:]]
    assert parser.names_full
    kept = parser.names()
    assert 30_000 < len(kept) <= 1 << 16
    assert all(kept.get(k, n) == n for k, n in zip(keys, names, strict=True))
    many = joined([b"p: to=" + b",".join(b"a@" + n[:40] for n in names[:1500]) + b", dsn=2;"])
    assert sum(len(piece.events.rcpts) for piece in pieces_of(parser, many)) == 1500


def test_seeds() -> None:
    """Keys depend on the seed, and on nothing else."""
    program = compile_formats(FORMATS)
    parsers = [Parser(program, seed) for seed in (1, 1, 2)]
    one, same, other = ([p.key(n) for n in (b"a", b"b.example", b"c" * 99)] for p in parsers)
    assert one == same
    assert not set(one) & set(other)


@given(hosts=st.lists(NAMES.filter(lambda n: b" " not in n and b"\r" not in n), min_size=1, max_size=30))
def test_the_host_of_each_line(hosts: list[bytes]) -> None:
    """The key of the host is that of its name, also where hosts alternate or share their first bytes."""
    parser = Parser(compile_formats(HOSTED), 11)
    text = joined(h + b" p: query=a A" for h in hosts)
    found = [k for piece in pieces_of(parser, text) for k in piece.events.column("server").tolist()]
    assert found == [parser.key(h) for h in hosts]


@given(parts=st.lists(st.one_of(st.sampled_from(_ADDRESSES), st.text("<>@.aB,", max_size=8).map(str.encode)), max_size=8))
def test_recipients(tiny: Comparison, parts: list[bytes]) -> None:
    """Each recipient counts once, for the domain behind its last `@`, a local one for none."""
    raw = b",".join(parts)
    assert tiny.differences([b"p: to=" + raw + b", dsn=5.1.1;", b"p: to=" + raw + b", dsn=;"]) == []
    (event,) = tiny.kernel(joined([b"p: to=<a@one.example>,b@TWO.example.,c, dsn=;"])).events
    assert event.rcpts == (tiny.name(b"one.example"), tiny.name(b"two.example"), 0)


def test_query_types(probes: Kernels) -> None:
    """Each counted type has its number; any other spelling, length or trailing byte is "other"."""
    for i, name in enumerate(QTYPES):
        for text, number in ((name, i), (name.lower(), 0), (name + "\0", 0), (name + "X" * 7, 0), (name[:-1], None), ("", 0)):
            place = Place(text.encode(), after=b"A")
            known = QTYPES.index(text) if text in QTYPES else 0
            assert probes.try_qtype(place.p, place.e) == (known if number is None else number)


@given(
    digits=st.one_of(st.integers(0, 1 << 50).map(str), st.text("0123456789", max_size=18)),
    dsn=st.one_of(st.text("0123456789.x,", max_size=5), st.sampled_from(["-", " ", "\0", ":"])),
    extra=st.lists(st.sampled_from([b"qid=AAA11;", b"new=BBB22;", b"id=<x>;", b"user=u;", b"sasl=S;", b"ip=192.0.2.1;"]), unique=True),
)
def test_columns(tiny: Comparison, digits: str, dsn: str, extra: list[bytes]) -> None:
    """Numbers are capped, the class of a status code is its first digit, an absent field is 0 (nrcpts -1)."""
    order = [e for e in (b"qid=AAA11;", b"new=BBB22;", b"id=<x>;", b"user=u;", b"sasl=S;", b"ip=192.0.2.1;") if e in extra]
    lines = [f"p: from=a;n={digits};".encode() + b"".join(order), b"p: from=a;" + b"".join(order)]
    lines += [f"p: to=b@c, dsn={dsn};mailer=Esmtp;relay=192.0.2.1;".encode(), f"p: to=b@c, dsn={dsn};".encode()]
    assert tiny.differences(lines) == []


def test_root_and_final_dots(tiny: Comparison) -> None:
    """A name is the same with a final dot and without; the root stays a dot."""
    found = tiny.kernel(joined([b"p: query=A.example. A", b"p: query=a.EXAMPLE A", b"p: query=. NS"]))
    names = [e.columns["name"] for e in found.events]
    assert names == [tiny.parser.key(b"a.example")] * 2 + [tiny.parser.key(b".")]
    assert naive.read_line(FORMATS, b"p: query=. NS").what == "event"


def test_types_and_guesses_have_a_place_each() -> None:
    """No two types of questions, and no two labels that are guessed, have the same place in their tables."""
    assert sorted(code for code in emit.QTYPE_CODES if code) == list(range(1, len(QTYPES)))
    assert sorted(n for n in emit.GUESS_LENGTHS if n) == sorted(map(len, emit.GUESSES))


@pytest.mark.parametrize("label", [b"mx", b"MX", b"mail1", b"MaIl1", b"gate", b"mx1", b"xmail", b"", b"mailmail", b"m\x18", b"mail\x11"])
@pytest.mark.parametrize("dot", [b".", b"\x0e", b"..", b"", b"\xae"])
def test_what_is_a_guess(label: bytes, dot: bytes) -> None:
    """The label must be one of those, in any case, and the byte behind it a dot."""
    names = [label + dot + rest for rest in (b"", b"d.example", b"mail.d.example")]
    lines = [b"p: query=" + name + b" " + qtype for name in names for qtype in (b"A", b"AAAA", b"MX")]
    assert Comparison(FORMATS).differences(lines) == []
