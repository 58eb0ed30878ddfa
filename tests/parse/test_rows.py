"""Proves that tables are read by their headers, wherever the text is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import layout as L
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parser
from tests.parse.compare import Comparison, joined, padded
from tests.parse.record_formats import FORMATS, KEYS, TEXTS

COMPARISON = Comparison(FORMATS)
CELLS = st.sampled_from([t.replace("\n", "").replace("\t", "") for t in TEXTS] + ["-", "(empty)", '"a""b"', '"x,y"', '"open', '""'])


@st.composite
def tables(draw: st.DrawFn) -> list[bytes]:
    """Headers with rows under them, some of which have too few or too many values, and other lines between."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        mark, gap = draw(st.sampled_from([("#t ", "\t"), ("#c ", ","), ("\ufeff#c ", ",")]))
        columns = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=6))
        lines.append(mark + gap.join(columns))
        for _ in range(draw(st.integers(0, 4))):
            many = len(columns) + draw(st.sampled_from([0, 0, 0, 0, -1, 1]))
            lines.append(gap.join(draw(st.lists(CELLS, min_size=many, max_size=many))))
        lines.append(draw(st.sampled_from(["p: query=x A", "", "#x", '{"kind":"q","query":"z"}'])))
    return [line.encode() for line in lines]


@given(lines=tables())
def test_kernel_and_reference_agree_on_tables(lines: list[bytes]) -> None:
    """Rows, lines that are none, and headers anew are read alike."""
    assert COMPARISON.differences(lines) == []


@given(lines=tables(), data=st.data())
def test_cuts_do_not_matter(lines: list[bytes], data: st.DataObject) -> None:
    """A table read in parts, each by a parser of its own that is told the header before it, gives the same rows."""
    program = compile_formats(FORMATS)
    whole = rows_of(Parser(program, 7), lines)
    at = data.draw(st.integers(0, len(lines)))
    first, second = Parser(program, 7), Parser(program, 7)
    before = rows_of(first, lines[:at])
    second.begin(first.shape())
    assert before + rows_of(second, lines[at:]) == whole


def rows_of(parser: Parser, lines: list[bytes]) -> list[list[int]]:
    """The events of the lines, without their places."""
    text = joined(lines)
    buffer = padded(text)
    found: list[list[int]] = []
    for piece in parser.parse(buffer.ctypes.data + 64, len(text)):
        columns = np.array(piece.events.columns)
        columns[L.COL["line"]] = 0
        mail = (columns[L.COL["code"]] & 0xFF) >= L.KIND_FROM
        columns[L.COL["account"] :, ~mail] = 0
        columns[L.COL["flags"]] = 0
        columns[L.COL["count"]] >>= 40
        found += columns.T.tolist()
    return found


def test_a_second_header_changes_the_order() -> None:
    """Columns are where the last header says."""
    lines = [b"#t query\tkind\ta.ip", b"x.example\tq\t192.0.2.7", b"#t a.ip\tx\tkind\tquery", b"192.0.2.8\t-\tq\ty.example"]
    events = COMPARISON.kernel(joined(lines)).events
    assert [(e.fields["qname"], e.fields["client_ip"]) for e in events] == [
        (b"x.example", b"192.0.2.7"),
        (b"y.example", b"192.0.2.8"),
    ]


def test_quotes_protect_commas() -> None:
    """In CSV a comma between quotes parts nothing, and doubled quotes are one."""
    lines = [b"#c kind,query,x", b'q,"a,""b"".example",']
    (event,) = COMPARISON.kernel(joined(lines)).events
    assert event.fields["qname"] == b'a,"b".example'


@pytest.mark.parametrize("columns", [L.MAX_COLUMNS, L.MAX_COLUMNS + 1])
def test_too_many_columns_are_no_table(columns: int) -> None:
    """A header of more columns than are kept is refused, by both."""
    header = b"#t " + b"\t".join([b"kind", *[b"x"] * (columns - 1)])
    row = b"\t".join([b"q", *[b"y"] * (columns - 1)])
    assert COMPARISON.differences([header, row]) == []
    assert (COMPARISON.kernel(joined([header, row])).patterns["r.known"] == 1) == (columns == L.MAX_COLUMNS)


def test_a_table_ends_with_its_source() -> None:
    """The rows of the next source are none before its header."""
    parser = Parser(compile_formats(FORMATS), 7)
    assert len(rows_of(parser, [b"#t kind\tquery", b"q\tx"])) == 1
    parser.base("next")
    assert rows_of(parser, [b"q\tx"]) == []
