"""The choosing kernel equals the obvious comparison."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import layout as L
from mailripple.parse.choose import Choice, has_kind, in_order, time_span

FEW = st.integers(0, 3)


@st.composite
def events(draw: st.DrawFn) -> np.ndarray:
    """Events (14, n) of few kinds and times, so that conditions often hold."""
    rows = draw(st.lists(st.tuples(FEW, FEW, FEW, st.integers(0, 20)), max_size=30))
    columns = np.arange(14 * len(rows), dtype=np.int64).reshape(14, -1).copy()
    for i, (kind, status, stamp, ts) in enumerate(rows):
        columns[L.COL["code"], i] = kind | status << 8 | stamp << 28 | 5 << 32
        columns[L.COL["ts"], i], columns[L.COL["client"], i] = ts, ts & 1
    return columns


@given(events(), st.lists(FEW, max_size=3), st.booleans())
def test_what_is_chosen_is_what_was_asked_for(columns: np.ndarray, kinds: list[int], client: bool) -> None:
    """Exactly the events of these kinds, with a time and a client, come out, in their order, with the columns in the order
    asked for."""
    names = ("line", "ts", "flags", "ts")
    code, clients = columns[L.COL["code"]], columns[L.COL["client"]]
    kept = [i for i, c in enumerate(code.tolist()) if c & 0xFF in kinds and c >> 28 & 3 and (clients[i] or not client)]
    assert Choice(tuple(kinds), names, client=client).of(columns).tolist() == [columns[L.COL[n], kept].tolist() for n in names]


@given(events(), st.integers(-1, 21))
def test_times_and_kinds_are_looked_at_as_numpy_would(columns: np.ndarray, earliest: int) -> None:
    """Order, span and kinds are those that numpy finds."""
    ts, code = columns[L.COL["ts"]], columns[L.COL["code"]]
    dated = (code >> 28) & 3 != L.NO_TIME
    sorted_ = bool(dated.all() and (np.diff(ts, prepend=earliest) >= 0).all())
    assert in_order(columns, earliest) == sorted_
    assert time_span(columns) == ((int(ts[dated].min()), int(ts[dated].max())) if dated.any() else None)
    assert has_kind(columns, 2) == bool((code & 0xFF == 2).any())


def test_threads_have_rooms_of_their_own() -> None:
    """What one thread was given holds while another asks the same choice; the same thread's next answer replaces it."""
    choice = Choice((1,), ("ts",))
    first, second = (np.full((14, 50), value, np.int64) for value in (3, 4))
    for columns in (first, second):
        columns[L.COL["code"]] = 1 | L.UTC << 28
    mine = choice.of(first)
    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(choice.of, second).result()
        assert (mine.tolist(), theirs.tolist()) == ([[3] * 50], [[4] * 50])
    choice.of(second)
    assert mine.tolist() == [[4] * 50]
