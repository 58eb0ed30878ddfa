"""Proves how the values of a record become fields: times, addresses, lists, messages, escapes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import layout as L
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parser
from tests.parse.compare import Comparison, Reading, formats_of, joined, pieces_of
from tests.parse.record_formats import FORMATS, MESSAGE

COMPARISON = Comparison(FORMATS)


def read(**values: Any) -> Reading:
    """What the kernel makes of the object; the reference must agree."""
    line = json.dumps(values).encode()
    assert COMPARISON.differences([line]) == []
    return COMPARISON.kernel(joined([line]))


@given(text=st.text())
def test_escapes_come_off(text: str) -> None:
    """A name arrives as the bytes that were written, whatever had to be escaped."""
    line = json.dumps({"kind": "q", "query": "x" + text}).encode()
    plain = ("x" + text).encode("utf-8", "surrogatepass")
    assert COMPARISON.kernel(joined([line])).events[0].fields["qname"] == plain


@pytest.mark.parametrize(
    ("values", "ts"),
    [
        ({"ts": "2024-10-27T03:33:20.25Z"}, 1_730_000_000_250_000),
        ({"ts": "2024-10-27T05:33:20.250000+0200"}, 1_730_000_000_250_000),
        ({"ts": 1730000000.25}, 1_730_000_000_250_000),
        ({"ts": 22.335172}, 22_335_172),
        ({"ms": "1730000000250"}, 1_730_000_000_250_000),
        ({"ns": "1730000000250000999"[:18]}, 173_000_000_025_000),
        ({}, 0),
    ],
)
def test_times(values: dict[str, Any], ts: int) -> None:
    """ISO 8601 with an offset, and numbers since 1970 in four units, are microseconds of UTC."""
    (event,) = read(query="x", kind="q", **values).events
    assert event.columns["ts"] == ts
    assert (event.columns["code"] >> 28) & 3 == (L.UTC if ts else L.NO_TIME)


@pytest.mark.parametrize("wrong", ["yesterday", "2024-13-01T00:00:00Z", "1e9", "-1.0", "1730000000.25x", "123456789012", True])
def test_what_is_no_time_makes_no_event(wrong: Any) -> None:
    """A record whose time cannot be read is no event of that pattern."""
    assert read(query="x", kind="q", ts=wrong).events == []


def test_recipients_of_an_array() -> None:
    """Each text of an array is a recipient, with or without brackets."""
    (event,) = read(rcpt=["<a@b.example>", "c@D.example", "", "local"]).events
    assert event.fields["env_rcpt"] == b"<a@b.example>,c@D.example,,local"
    assert event.rcpts == (COMPARISON.parser.key(b"b.example"), COMPARISON.parser.key(b"d.example"), 0)


def test_a_message_goes_through_the_messages_formats() -> None:
    """The journal's MESSAGE, as text or as bytes, is read by the format of its program, with the journal's time."""
    for message in ("to=<a@b.example>, stat=Sent\n", list(b"to=<a@b.example>, stat=Sent")):
        (event,) = read(id="p", host="mx", pid="77", us="1730000000250000", MESSAGE=message).events
        assert event.columns["ts"] == 1_730_000_000_250_000
        assert (event.columns["code"] >> 8) & 0xFF == L.SENT
        assert event.fields["env_rcpt"] == b"<a@b.example>"
        assert (event.fields["host"], event.fields["pid"]) == (b"mx", b"77")


def test_the_first_path_wins() -> None:
    """Of several paths the first that the record has fills the field: the source's time before the journal's."""
    (event,) = read(id="p", src="1000000", us="2000000", MESSAGE="query=x A").events
    assert event.columns["ts"] == 1_000_000


def test_a_line_in_a_record_is_a_line() -> None:
    """Docker's text is read like a line of a file, and a record in it too; its own stamp counts if it is UTC."""
    time = "2024-10-27T03:33:20Z"
    assert read(log="p: query=x A\n", time=time).events[0].columns["ts"] == 1_730_000_000_000_000
    assert read(log="2024-10-27T03:33:21Z p: query=x A", time=time).events[0].columns["ts"] == 1_730_000_001_000_000
    assert read(log="2024-10-27T05:33:21 p: query=x A", time=time).events[0].columns["ts"] == 1_730_000_000_000_000
    assert read(log='{"query":"y","kind":"q"}\n', time=time).events[0].fields["qname"] == b"y"
    assert read(log=" \n", time=time).blank == 1
    assert read(log="other: text\n", time=time).other.total() + len(read(log="nothing", time=time).rejects) == 2


def test_nothing_is_unpacked_twice() -> None:
    """A line in a record in a line in a record is refused: depth costs nobody time."""
    inner = json.dumps({"log": "p: query=x A"})
    assert len(read(log=inner).rejects) == 1


def test_a_given_text_fills_what_is_missing() -> None:
    """`=TEXT` stands in where the record has nothing."""
    (event,) = read(rcpt=["a@b.example"]).events
    assert event.fields["stat"] == b"none"


def test_a_line_that_is_unpacked_many_times_stays_in_its_room() -> None:
    """Formats that unpack the same long value again and again find no more room at last; nothing is written beyond it."""
    many = "".join(
        f"""
[[pattern]]
name = "p{k}"
match = '{{record}}{{message}}'
program = "p"
when = {{ rcpt = "*" }}
fields = {{ env_rcpt = "rcpt", message = "none" }}
sample = [{{ line = 'x' }}]
"""
        for k in range(40)
    )
    last = """
[[pattern]]
name = "end"
kind = "mail.to"
match = '{record}'
when = { rcpt = "*" }
sample = [{ line = 'x' }]
"""
    own = 'id = "own"\ntitle = "x"\nurl = "x"\nrank = 0\n'
    formats = formats_of(("envelope", own + many + last), ("mail", MESSAGE))
    line = json.dumps({"rcpt": ["x\n@b.example"] * 3500}).encode()
    assert L.MAX_LINE // 2 < len(line) < L.MAX_LINE
    for wide in (False, True):
        parser = Parser(compile_formats(formats), 7, wide=wide)
        pieces = [len(piece.events) for piece in pieces_of(parser, joined([line] * 3))]
        assert sum(pieces) == 3
