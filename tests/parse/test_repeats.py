"""Proves that "last message repeated" stands for the line before it, wherever a log is cut."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailripple.formats.load import FormatSet
from mailripple.parse import layout as L
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parser
from mailripple.parse.repeats import ALWAYS, Before, expand
from tests.parse.compare import joined, pieces_of

QUERY = b"Oct 27 01:17:13 %s named[1]: client 192.0.2.%d#5: query: a.example IN A"
SKIP = b"Oct 27 01:17:14 %s named[1]: running"
OTHER = b"Oct 27 01:17:14 %s cron[1]: x"
AGAIN = b"Oct 27 01:17:43 %s last message repeated %d times"


@pytest.fixture(scope="module")
def parser(formats: FormatSet) -> Parser:
    """A parser with the bundled formats."""
    return Parser(compile_formats(formats), 1)


def counted(parser: Parser, parts: list[list[bytes]]) -> tuple[list[tuple[int, int]], Before]:
    """(client, kind) of every event of the parts, in their order, and the state behind them."""
    before, out = Before(), []
    for part in parts:
        for piece in pieces_of(parser, joined(part)) if part else ():
            columns, before = expand(before, piece)
            out += list(zip(columns[L.COL["client"]].tolist(), (columns[L.COL["code"]] & 0xFF).tolist(), strict=True))
    return out, before


def literal(lines: list[bytes]) -> list[int]:
    """Last octet of the client of each query, by the rule as it is written."""
    out: list[int] = []
    last: tuple[bytes, int] | None = None
    for line in lines:
        host = line.split()[3]
        if b"query: " in line:
            last = (host, int(line.split(b"192.0.2.")[1].split(b"#")[0]))
            out.append(last[1])
        elif b"repeated" in line:
            if last is not None and last[0] == host:
                out += [last[1]] * int(line.split()[-2])
            else:
                last = None
        else:
            last = None
    return out


HOST = st.sampled_from([b"a", b"b"])
LINES = st.lists(
    st.one_of(
        st.builds(lambda h, n: QUERY % (h, n), HOST, st.integers(1, 9)),
        st.builds(lambda h: SKIP % h, HOST),
        st.builds(lambda h: OTHER % h, HOST),
        st.just(b""),
        st.builds(lambda h, n: AGAIN % (h, n), HOST, st.integers(0, 5)),
        st.builds(lambda n: AGAIN % (b"a", n), st.integers(0, 5)),
    ),
    max_size=30,
)


@example(lines=[QUERY % (b"b", 1), AGAIN % (b"a", 0), AGAIN % (b"b", 1)], cuts=[])
@example(lines=[QUERY % (b"b", 1), AGAIN % (b"a", 0), AGAIN % (b"b", 1)], cuts=[2])
@settings(max_examples=600)
@given(lines=LINES, cuts=st.lists(st.integers(0, 30), max_size=5))
def test_cut_anywhere_it_counts_as_written(parser: Parser, lines: list[bytes], cuts: list[int]) -> None:
    """Each such line is copies of the event right before it, of the same host, however the log is cut into parts."""
    whole = [line for line in lines if line]
    places = sorted({0, len(whole), *(c for c in cuts if c <= len(whole))})
    found, _ = counted(parser, [whole[a:b] for a, b in zip(places, places[1:], strict=False)])
    assert [client & 0xFF for client, _ in found] == literal(whole)
    assert all(kind == L.KIND_QUERY for _, kind in found)


def test_a_copy_has_the_time_of_its_own_line(parser: Parser) -> None:
    """The copies were written by the time of the line that counts them."""
    (piece,) = pieces_of(parser, joined([QUERY % (b"a", 1), AGAIN % (b"a", 3)]))
    columns, _ = expand(Before(), piece)
    assert (np.diff(columns[L.COL["ts"]]) // 1_000_000).tolist() == [30, 0, 0]


def test_forged_numbers_cost_no_time(parser: Parser) -> None:
    """Copies beyond the lines of the log, and a first ten thousand, are left out and counted as such."""
    lines = [QUERY % (b"a", 1), *[AGAIN % (b"a", 10**9)] * 2000]
    start = time.process_time()
    found, state = counted(parser, [lines])
    assert len(found) == ALWAYS + 1
    assert state.left_out == 2000 * 10**9 - ALWAYS
    assert time.process_time() - start < 5


def test_rsyslog_says_which_message(parser: Parser) -> None:
    """rsyslog's form, which quotes the message, counts the line before it as well."""
    quoted = b"Oct 27 01:17:43 a named[1]: message repeated 3 times: [ client 192.0.2.1#5: query: a.example IN A]"
    found, _ = counted(parser, [[QUERY % (b"a", 1), quoted]])
    assert len(found) == 4


def test_a_blank_line_is_a_line(parser: Parser) -> None:
    """What stands behind an empty line repeats nothing."""
    found, _ = counted(parser, [[QUERY % (b"a", 1), b"", AGAIN % (b"a", 3)]])
    assert len(found) == 1
