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
from mailripple.parse.events import random_seed
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
    pieces = [(p.begin, p.consumed, len(p.events), p.tally.rejected) for p in pieces_of(small.parser, text)]
    assert [b for b, *_ in pieces] == [0, *np.cumsum([c for _, c, *_ in pieces])[:-1].tolist()]
    assert sum(c for _, c, *_ in pieces) == len(text)
    assert all(events <= capacity and rejects <= capacity for *_, events, rejects in pieces)


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
