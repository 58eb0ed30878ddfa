"""Proves when straight code is made, that it is kept, and that it changes nothing that is said of a log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mailripple.formats.load import FormatSet
from mailripple.parse import hot
from mailripple.parse.compile import Program, compile_formats
from mailripple.parse.events import Parser
from tests.parse.compare import joined, pieces_of
from tests.parse.test_straight import busy_lines


@pytest.fixture
def program(formats: FormatSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The bundled program, an empty cache, and little patience."""
    monkeypatch.setenv("MAILRIPPLE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(hot, "LOOK_AFTER", 20_000)
    monkeypatch.setattr(hot, "COMPILE_AFTER", 60_000)
    monkeypatch.setattr(hot, "_LOADED", {})
    return compile_formats(formats)


def columns(program: Program, text: bytes, watch: hot.Watch | None) -> tuple[list[bytes], Parser]:
    """What a parser says of a text that comes in small pieces; `watch` None: the interpreter alone."""
    parser = Parser(program, 3, capacity=100)
    parser._watch = watch
    parser.base("mx")
    return [p.events.columns[:5].tobytes() + p.tally.patterns.tobytes() for p in pieces_of(parser, text)], parser


def test_code_is_made_once_and_kept(program: Program, formats: FormatSet, tmp_path: Path) -> None:
    """It is compiled in the middle of a log, changes no event, is found by the next run, and serves other logs too."""
    text = joined(busy_lines(formats, 1, 0) * 150)
    expected, _ = columns(program, text, None)
    watch = hot.Watch(program)
    found, parser = columns(program, text, watch)
    assert found == expected
    assert watch.compiled == 1
    assert watch.covered
    assert parser.hits.sum() < len(text.splitlines())
    kept = sorted(tmp_path.glob("straight-*"))
    assert len(kept) == 1
    hot._LOADED.clear()
    for part in (text, joined(busy_lines(formats, 1, 0)[:2] * 900)):
        again = hot.Watch(program)
        assert columns(program, part, again)[0] == columns(program, part, None)[0]
        assert (again.compiled, again.covered) == (0, watch.covered)
    assert sorted(tmp_path.glob("straight-*")) == kept


def test_other_lines_are_added(program: Program, formats: FormatSet) -> None:
    """A log of other lines that begin alike has code made that covers both."""
    lines = busy_lines(formats, 1, 0)
    lines = [line for line in lines if line[:1] == lines[0][:1]]
    first, second = hot.Watch(program), hot.Watch(program)
    columns(program, joined(lines[1:2] * 800), first)
    columns(program, joined(lines[:1] * 1200), second)
    assert first.covered < second.covered
    assert hot.find(program, frozenset({3}), second.group, compile_it=False) is None


def test_logs_that_begin_otherwise_have_code_of_their_own(program: Program, formats: FormatSet, tmp_path: Path) -> None:
    """A query log of BIND's own and a syslog file do not make each other's code larger."""
    queries = b"27-Oct-2024 01:17:28.622 queries: info: client 192.0.2.3#1035: query: a.example IN A +"
    watches = [hot.Watch(program), hot.Watch(program)]
    for watch, line in zip(watches, (queries, busy_lines(formats, 1, 0)[0]), strict=True):
        columns(program, joined([line] * 1500), watch)
    assert watches[0].covered
    assert not watches[0].covered & watches[1].covered
    assert len(list(tmp_path.glob("straight-*"))) == 2


def test_damaged_code_is_made_anew(program: Program, tmp_path: Path) -> None:
    """A file of the cache that is not whole is not used."""
    rows = frozenset({30, 4870})
    hot.find(program, rows, 1, compile_it=True)
    path = next(tmp_path.glob("straight-*"))
    path.write_bytes(path.read_bytes()[:-9])
    hot._LOADED.clear()
    assert hot.find(program, rows, 1, compile_it=False) is None
    assert hot.find(program, rows, 1, compile_it=True) is not None


def test_small_logs_compile_nothing(formats: FormatSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than 128 MB of log are read before code for them could pay."""
    monkeypatch.setenv("MAILRIPPLE_CACHE_DIR", str(tmp_path))
    watch = hot.Watch(compile_formats(formats))
    hits = np.zeros(len(watch.program.ops), np.int64)
    hits[30] = 1000
    assert all(watch.seen(1000, 1 << 20, hits) is None for _ in range(127))
    assert not list(tmp_path.iterdir())


def test_rare_rows_are_not_wanted() -> None:
    """A row of one line in a thousand is left to the interpreter."""
    assert hot.often(np.array([0, 10, 50, 9000]), 10_000) == {2, 3}
