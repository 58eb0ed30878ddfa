"""Which curves a figure has follows from what the logs hold."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mailripple.outputs.page.figures import ROWS, STYLES, figures_of, rows_of, unit_for

ONE = np.ones(10, np.int64)


def test_all_curves_give_the_three_figures() -> None:
    """Figure 1, the same without DNS, and Figure 2."""
    curves = dict.fromkeys(("dq", "pop", "to", "from", "failed", "sent", "deferred", "a"), ONE)
    assert [f.id for f in figures_of(curves)] == ["fig1", "fig1b", "fig2"]


def test_a_dns_log_alone_gives_one_figure() -> None:
    """All clients' queries stand where the mail servers' own are not known."""
    assert [(f.id, f.curves) for f in figures_of({"dns": ONE})] == [("fig1", ("dns",))]


def test_a_mail_log_alone_needs_no_1b() -> None:
    """Without DNS queries Figure 1 is 1b."""
    assert [f.id for f in figures_of({"to": ONE, "from": ONE, "sent": ONE})] == ["fig1", "fig2"]


def test_no_two_curves_of_a_figure_look_alike() -> None:
    """Curves differ in dashes or width, not in colour alone."""
    for f in figures_of(dict.fromkeys(STYLES, ONE)):
        looks = [(STYLES[c].dash, STYLES[c].width) for c in f.curves]
        assert len(set(looks)) == len(looks), f.id


def test_the_unit_fits_the_counts() -> None:
    """A busy server is shown by the second, a quiet one by the hour."""
    assert unit_for({"to": ONE * 100}, 60) == "s"
    assert unit_for({"to": ONE}, 60) == "min"
    assert unit_for({"to": ONE}, 3600) == "h"


@given(st.integers(0, 2000), st.sampled_from([60, 300, 600, 1800, 3600, 10_800, 86_400]))
def test_the_table_holds_all_counts_in_few_rows(size: int, window_s: int) -> None:
    """Rows add up to the curve."""
    share, rows = rows_of({"to": np.arange(size)}, window_s)
    assert len(rows) <= ROWS
    assert share >= 1
    assert sum(sums["to"] for _, sums in rows) == size * (size - 1) // 2
