"""The choosing kernel equals the obvious comparison."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import layout as L
from mailripple.parse.choose import Choice, Wanted, has_kind, in_order, time_span

FEW = st.integers(0, 3)


@st.composite
def events(draw: st.DrawFn) -> np.ndarray:
    """Events (14, n) of few kinds, statuses, types, flags and times, so that conditions often hold."""
    rows = draw(st.lists(st.tuples(FEW, FEW, FEW, FEW, FEW, st.integers(0, 20)), max_size=30))
    classes = draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows)))
    columns = np.arange(14 * len(rows), dtype=np.int64).reshape(14, -1).copy()
    for i, (kind, status, qtype, stamp, flags, ts) in enumerate(rows):
        columns[L.COL["code"], i] = kind | status << 8 | qtype << 16 | classes[i] << 24 | stamp << 28 | 5 << 32
        columns[L.COL["flags"], i], columns[L.COL["ts"], i] = flags, ts
        columns[L.COL["client"], i] = ts & 1
    return columns


WANTED = st.builds(
    Wanted,
    kinds=st.lists(FEW, max_size=3).map(tuple),
    status=FEW,
    qtype=FEW,
    dsn=st.sampled_from([0, 0, 0, 1]),
    not_status=FEW,
    some=FEW,
    none=FEW,
    client=st.booleans(),
)


def holds(w: Wanted, e: dict[str, int]) -> bool:
    """The condition, in words."""
    kind, status, qtype, stamp = (e["code"] >> s & m for s, m in ((0, 0xFF), (8, 0xFF), (16, 0xFF), (28, 3)))
    if kind not in w.kinds or stamp == L.NO_TIME or (w.client and not e["client"]):
        return False
    if w.dsn and e["code"] >> 24 & 15 != w.dsn:
        return False
    if (w.status and status != w.status) or (w.qtype and qtype != w.qtype) or (w.not_status and status == w.not_status):
        return False
    return not e["flags"] & w.none and (not w.some or bool(e["flags"] & w.some))


@given(events(), WANTED)
def test_what_is_chosen_is_what_was_asked_for(columns: np.ndarray, wanted: Wanted) -> None:
    """Exactly the events for which the condition holds come out, in their order, with the columns in the order asked for."""
    names = ("line", "ts", "flags", "ts")
    kept = [i for i in range(columns.shape[1]) if holds(wanted, {n: int(columns[c, i]) for n, c in L.COL.items()})]
    assert Choice(wanted, names).of(columns).tolist() == [columns[L.COL[n], kept].tolist() for n in names]


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
    choice = Choice(Wanted((1,)), ("ts",))
    first, second = (np.full((14, 50), value, np.int64) for value in (3, 4))
    for columns in (first, second):
        columns[L.COL["code"]] = 1 | L.UTC << 28
    mine = choice.of(first)
    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(choice.of, second).result()
        assert (mine.tolist(), theirs.tolist()) == ([[3] * 50], [[4] * 50])
    choice.of(second)
    assert mine.tolist() == [[4] * 50]
