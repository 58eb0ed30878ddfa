"""Proves law 2 for parsing: wherever a text is cut, and however small the buffers are, the events are the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.formats.load import FormatSet
from mailripple.parse import layout as L
from mailripple.parse.events import FIRST_CAPACITY, Parsed, Wait, random_seed
from tests.parse.compare import PAD, Comparison, Reading, joined, padded, pieces_of, samples
from tests.parse.damage import damaged

SEEDS = st.integers(0, 1 << 32)


@pytest.fixture(scope="module")
def lines(formats: FormatSet) -> list[bytes]:
    """Samples, the same damaged, blank and over-long lines, in a mixed order."""
    rng = random.Random(4)
    pool = samples(formats)
    stream = damaged(rng, pool)
    found = [*pool, *(next(stream) for _ in range(400)), *([b""] * 30), b"x" * 70_000, b" " * 99, *(b"prog%d: x" % i for i in range(50))]
    rng.shuffle(found)
    return found


def read_parts(comparison: Comparison, parts: Sequence[bytes]) -> Reading:
    """Read texts one after the other as parts of one source."""
    total, before, bytes_before = Reading(), b"".join(parts), 0
    comparison.parser.begin()
    for part in parts:
        for piece in pieces_of(comparison.parser, part):
            first = len(total.rejects)
            comparison.add(total, piece, part)
            total.rejects[first:] = [(line, why, at + bytes_before) for line, why, at in total.rejects[first:]]
        bytes_before += len(part)
    assert total.lines == before.count(b"\n")
    return total


def cut(lines: Sequence[bytes], places: Sequence[int]) -> list[bytes]:
    """The lines as texts that end at the given lines."""
    bounds = [0, *sorted({p % (len(lines) + 1) for p in places}), len(lines)]
    return [joined(lines[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)]


@given(places=st.lists(st.integers(0, 1 << 20), max_size=12))
def test_cuts_do_not_matter(comparison: Comparison, lines: list[bytes], places: list[int]) -> None:
    """Cut at any lines, the parts give the events, tallies and rejects of the whole, each with its line number."""
    whole = comparison.kernel(joined(lines))
    assert read_parts(comparison, cut(lines, places)) == whole
    assert whole.accounted() == whole.lines == len(lines)


def test_every_line_by_itself(comparison: Comparison, lines: list[bytes]) -> None:
    """A part of one line gives what the line gives among others."""
    assert read_parts(comparison, [joined([line]) for line in lines]) == comparison.kernel(joined(lines))


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 64, 1000])
def test_small_buffers_do_not_matter(formats: FormatSet, comparison: Comparison, lines: list[bytes], capacity: int) -> None:
    """A parser that must stop and go on after few events gives the same as one that need not."""
    small = Comparison(formats, capacity=capacity)
    text = joined(lines)
    assert small.kernel(text) == comparison.kernel(text)
    pieces = [(p.tally.lines, len(p.events), p.tally.rejected) for p in pieces_of(small.parser, text)]
    assert sum(n for n, *_ in pieces) == text.count(b"\n")
    assert all(events <= capacity and rejects <= capacity for _, events, rejects in pieces)


def read_waiting(comparison: Comparison, parts: Sequence[bytes], wait: Wait) -> tuple[Reading, int]:
    """Read texts as parts of one source that may wait for the next; the places of events and rejects are checked."""
    total, text, at, pieces = Reading(), b"".join(parts), 0, 0
    begins = [0, *np.cumsum([len(line) + 1 for line in text.split(b"\n")]).tolist()]

    def add(piece: Parsed, end: int) -> None:
        nonlocal pieces
        pieces += 1
        for word in piece.events.column("line").tolist():
            assert piece.origin + (word & 0xFFFFFFFF) == begins[total.lines + (word >> 32)]
        first = len(total.rejects)
        comparison.add(total, piece, b"")
        total.rejects[first:] = [(line, why, place + piece.origin) for line, why, place in total.rejects[first:]]
        if wait is Wait.WITHOUT_REJECTS:
            assert all(place >= end for _, _, place in total.rejects[first:])

    comparison.parser.begin()
    for part in parts:
        buffer = padded(part)
        for piece in comparison.parser.parse(int(buffer.ctypes.data) + PAD, len(part), at=at, wait=wait):
            add(piece, at)
        at += len(part)
    for piece in comparison.parser.rest():
        add(piece, at)
    return total, pieces


@pytest.mark.parametrize("capacity", [1, 50, 1 << 12])
@pytest.mark.parametrize("wait", list(Wait))
def test_parts_may_wait_for_the_next(formats: FormatSet, lines: list[bytes], capacity: int, wait: Wait) -> None:
    """A piece that goes on over several parts has the events, tallies and places of the whole; rejects that are asked for
    lie in the part that was read last."""
    comparison = Comparison(formats, capacity=capacity, hot=())
    whole = comparison.kernel(joined(lines))
    parts = cut(lines, [100, 101, 333, 500, 700])
    found, pieces = read_waiting(comparison, parts, wait)
    assert found == whole
    assert pieces == 1 or wait is not Wait.YES or capacity < len(whole.events)
    parts = [joined([line]) for line in lines]
    assert read_waiting(comparison, parts, wait)[0] == whole


def test_only_a_large_log_takes_much_room(formats: FormatSet) -> None:
    """The first piece is small, and those behind it are as large as was asked for."""
    comparison = Comparison(formats, capacity=1 << 16, hot=())
    line = b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: to=<a@d.example>, stat=Sent"
    pieces = [len(piece.events) for piece in pieces_of(comparison.parser, joined([line] * 100_000))]
    assert pieces == [FIRST_CAPACITY, 1 << 16, 100_000 - FIRST_CAPACITY - (1 << 16)]


def test_a_piece_does_not_grow_without_end(formats: FormatSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places of lines have 32 bits: lines without an event do not wait for more than so many bytes."""
    monkeypatch.setattr("mailripple.parse.events.MOST_BYTES", 1000)
    comparison = Comparison(formats, hot=())
    found, pieces = read_waiting(comparison, [b"other: text\n" * 50] * 10, Wait.YES)
    assert (found.lines, pieces) == (500, 5)


def test_what_waits_is_not_forgotten(formats: FormatSet) -> None:
    """No source begins before the one before it was read to its end."""
    comparison = Comparison(formats, hot=())
    buffer = padded(b"other: text\n")
    assert list(comparison.parser.parse(int(buffer.ctypes.data) + PAD, 12, wait=Wait.YES)) == []
    with pytest.raises(AssertionError, match="not been read"):
        comparison.parser.begin()
    assert [piece.tally.lines for piece in comparison.parser.rest()] == [1]
    comparison.parser.begin()


def test_recipients_fill_their_table(comparison: Comparison) -> None:
    """Lines with tens of thousands of recipients each, of names never seen, go on where the tables were full."""
    head = b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: to="
    lines = [head + b",".join(b"<a@%x-%d.example>" % (i, n) for i in range(2200)) + b", stat=Sent" for n in range(40)]
    lines += [head + b",".join(b"a@%x" % (i * 64 + n) for i in range(6000)) + b", stat=Sent" for n in range(20)]
    found = comparison.kernel(joined(lines))
    assert [len(e.rcpts) for e in found.events] == [2200] * 40 + [6000] * 20
    assert all(len(line) <= L.MAX_LINE for line in lines)
    assert comparison.differences(lines[::13]) == []
    kept = comparison.parser.names()
    assert kept[found.events[39].rcpts[-1]] == b"897-39.example"


def test_names_that_must_be_moved(formats: FormatSet) -> None:
    """Keys that were given out before the dictionary grew are found after it."""
    comparison = Comparison(formats)
    line = b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: to=<a@%d.example>, stat=Sent"
    first = comparison.kernel(joined([line % 0]))
    many = comparison.kernel(joined([line % i for i in range(70_000)]))
    assert many.events[0].rcpts == first.events[0].rcpts
    names = comparison.parser.names()
    assert [names[e.rcpts[0]] for e in many.events] == [b"%d.example" % i for i in range(70_000)]


def test_the_order_of_parts_changes_no_event(comparison: Comparison, lines: list[bytes]) -> None:
    """Parts read in another order give the same events, each at its own place."""
    parts = cut(lines, [100, 333, 500, 700])
    each = [comparison.kernel(part) for part in parts]
    for order in ((3, 1, 4, 0, 2), (4, 3, 2, 1, 0)):
        assert [comparison.kernel(parts[i]) for i in order] == [each[i] for i in order]


def test_places_point_into_the_part(comparison: Comparison, lines: list[bytes]) -> None:
    """The offset that comes with an event is that of its line in the part, the index that in the piece."""
    text = joined(lines)
    begins = [0, *np.cumsum([len(line) + 1 for line in text.split(b"\n")]).tolist()]
    before = 0
    for piece in pieces_of(comparison.parser, text):
        for word in piece.events.column("line").tolist():
            assert word & 0xFFFFFFFF == begins[before + (word >> 32)]
        for line, _, at in piece.tally.reject_places(0):
            assert at == begins[before + line]
        before += piece.tally.lines


def test_two_parsers_at_once_do_not_mix(formats: FormatSet, comparison: Comparison, lines: list[bytes]) -> None:
    """Each parser owns its buffers: reading by turns gives what reading one after the other gives."""
    other = Comparison(formats, seed=99, capacity=50)
    alone = other.kernel(joined(lines))
    total, text = Reading(), joined(lines)
    other.parser.begin()
    buffer = padded(text)
    for piece in other.parser.parse(int(buffer.ctypes.data) + PAD, len(text)):
        comparison.kernel(joined(lines[:40]))
        other.add(total, piece, text)
    assert total == alone


def test_a_seed_nobody_knows() -> None:
    """Seeds are positive 63-bit numbers, and not the same twice."""
    seeds = {random_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert all(0 <= s < 1 << 63 for s in seeds)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_a_key_asked_for_is_the_key_given_out(formats: FormatSet, seed: int) -> None:
    """`Parser.key` and `Parser.base` give the keys that the kernel gives."""
    comparison = Comparison(formats, seed=seed, base=f"Base{seed}.example")
    parser = comparison.parser
    assert comparison.base == parser.key(f"base{seed}.EXAMPLE".encode())
    (event,) = comparison.kernel(b"client 192.0.2.3#1035: query: a.example IN A\n").events
    assert event.columns["server"] == comparison.base
    assert event.columns["client"] == parser.key(b"192.0.2.3", 1)
    assert event.columns["name"] == parser.key(b"A.example")
