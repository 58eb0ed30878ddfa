"""The joints as Arrow tables say what the counts and the stitched events say."""

from __future__ import annotations

import numpy as np

from mailripple.cells import Cells
from mailripple.counts import METRIC_NAMES, Counter, Counts
from mailripple.messages import order_lines
from mailripple.outputs.arrow import attempts_table, counts_table
from mailripple.outputs.summary import Names
from mailripple.parse import layout as L
from mailripple.tables import ATTEMPTS, COUNTS
from tests.naive_fold import SECOND, Event
from tests.streams import START, attempts_in, columns_of, key, random_stream, stitched

TEXTS = ("mx", "mx1", "mx2", "ann", "bob", "d.example", *(f"d{n}.example" for n in range(4)))
NAMES = Names({key(t): t.encode() for t in TEXTS} | {key("2001:db8::7"): b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07", key("::1"): bytes(15) + b"\x01"}, lambda text, kind: 0)


def counts_of(events: list[Event]) -> Counts:
    counter = Counter()
    counter.count(stitched(events))
    return counter.counts()


def test_the_table_of_counts_is_the_counts() -> None:
    """Rows of the schema, sorted, no zeros; per server they sum to the totals, and entities have windows of ten minutes."""
    counts = counts_of(random_stream(5, 400))
    table = counts_table(counts, NAMES)
    assert table.schema.names == [c.name for c in COUNTS]
    rows = table.to_pylist()
    keys = [tuple(r.values())[:5] for r in rows]
    assert keys == sorted(keys)
    assert all(r["n"] > 0 for r in rows)
    for metric in METRIC_NAMES:
        found = sum(r["n"] for r in rows if r["entity_kind"] == "server" and r["metric"] == metric)
        assert found == counts.total(metric)
    assert {(r["entity_kind"] == "server", r["window_s"]) for r in rows} == {(True, 60), (False, 600)}
    assert all(r["window_start"] % r["window_s"] == 0 for r in rows)


def test_entities_have_their_names() -> None:
    """Addresses as addresses, names as names; cells of one entity that come apart are one row."""
    event = Event("mail.to", START, queue="q", client="192.0.2.7", account="ann", name="d.example", status="sent")
    counter = Counter()
    for _ in range(3):
        counter.count(columns_of([event]))
        counter.count(columns_of([Event("pop.login", START + 3600 * SECOND)]))
    rows = [r for r in counts_table(counter.counts(), NAMES).to_pylist() if r["metric"] == "mail.sent"]
    found = {(r["entity_kind"], r["entity"]): r["n"] for r in rows}
    assert found == {("server", "mx"): 3, ("client_ip", "192.0.2.7"): 3, ("account", "ann"): 3, ("rcpt_domain", "d.example"): 3}


def test_no_counts_are_an_empty_table() -> None:
    """The schema is there without rows."""
    none = np.zeros(0, np.int64)
    empty = Counts(none, none, np.zeros((0, len(METRIC_NAMES)), np.int64), Cells(), np.zeros((0, 3), np.int64), 0)
    assert counts_table(empty, NAMES).num_rows == 0


def test_attempts_are_the_attempts() -> None:
    """A row for each attempt or outcome that stitch marked, but for bounces and the hop from MSP to MTA."""
    columns = stitched(random_stream(9, 600))
    order_lines(columns, 3, 0)
    table = attempts_table(attempts_in(columns))
    assert table.schema.names == [c.name for c in ATTEMPTS]
    flags = columns[L.COL["flags"]]
    chosen = (flags & (L.F_ATTEMPT | L.F_FINAL) != 0) & (flags & (L.F_DSN | L.F_INTERNAL | L.F_LATE) == 0)
    chosen &= (columns[L.COL["code"]] & 0xFF) == L.KIND_TO
    assert table.num_rows == chosen.sum() > 50
    assert table["first"].to_pylist() == (flags[chosen] & L.F_FIRST != 0).tolist()
    assert table["ts"].to_pylist() == columns[L.COL["ts"], chosen].tolist()
    assert table["client_ip"].to_pylist() == columns[L.COL["client"], chosen].tolist()
    assert [o >> 40 for o in table["order"].to_pylist()] == [3] * table.num_rows
