"""Which curves stand in which figure of the page, and in which unit.

Figures 1 and 2 are those of the paper.  1b is Figure 1 without the DNS queries: they are 8 to 9 times the messages, so
that on one axis with them the mail counts are hard to tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.outputs.summary import Summary

IntArray = npt.NDArray[np.int64]

#: Units of a rate: seconds, and how it is called.
UNITS = {"s": (1, "per second"), "min": (60, "per minute"), "h": (3600, "per hour")}
#: Rows of the table that stands for the curves.
ROWS = 48
#: Lengths that such a row may have, in seconds; the smallest that gives no more than ROWS.
LENGTHS = (60, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 31_536_000)


@dataclass(frozen=True, slots=True)
class Style:
    """How a curve is drawn: dashes in pixels (none: solid), its width, and the paper's line for it."""

    symbol: str
    label: str
    dash: tuple[int, ...] = ()
    width: float = 1.6


#: Every curve by its id, which is also its colour's name in page.css.
STYLES = {
    "dq": Style("D_q", "DNS queries of the mail servers"),
    "dns": Style("", "DNS queries, all clients"),
    "to": Style("N_to", "delivery records", (), 1.2),
    "from": Style("N_from", "messages taken in", (7, 4)),
    "pop": Style("N_P", "POP3 log-ins", (2, 3)),
    "sent": Style("N_SS", "delivered", (10, 3)),
    "deferred": Style("N_SD", "deferred", (), 2.0),
    "a": Style("A", "deferred, to the most deferred domain", (4, 3)),
    "failed": Style("N_SX", "failed for good", (8, 3, 2, 3)),
}
_METRICS = {
    "dq": "D_q",
    "dns": "dns.query",
    "to": "mail.to",
    "from": "mail.from",
    "pop": "pop.login",
    "sent": "mail.sent",
    "deferred": "mail.deferred",
    "a": "mail.deferred.A",
}
_FAILED = ("mail.bounced", "mail.expired", "mail.rejected")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: `id` in the page, heading, what to look for in it, and the ids of its curves, back to front."""

    id: str
    title: str
    caption: str
    curves: tuple[str, ...]


_FIGURES = (
    Figure(
        "fig1",
        "Figure 1. DNS queries, mail and POP3",
        "Normally the DNS queries follow the mail. Watch for the delivery records leaving the messages, "
        "and for the queries following them.",
        ("dq", "pop", "to", "from"),
    ),
    Figure(
        "fig1b",
        "Figure 1b. The mail counts on their own axis",
        "Delivery records far above the messages taken in are mail that is tried again and again.",
        ("pop", "failed", "to", "from"),
    ),
    Figure(
        "fig2",
        "Figure 2. What became of the deliveries",
        "Deferred mail returns with every queue run, so its curve ripples. A ripple is normal; a growing one is not.",
        ("to", "sent", "deferred", "a"),
    ),
)


def curves_of(summary: Summary) -> dict[str, IntArray]:
    """The curves that the series hold, by id: counts a window, (n,)."""
    columns = summary.series.columns
    found = {i: columns[name] for i, name in _METRICS.items() if name in columns}
    if "dq" in found:
        found.pop("dns", None)
    failed = [columns[name] for name in _FAILED if name in columns]
    return found | ({"failed": np.sum(failed, axis=0)} if failed else {})


def figures_of(curves: Mapping[str, IntArray]) -> list[Figure]:
    """The figures for which there are curves.

    All DNS queries stand for D_q where the mail servers' own are not known; 1b is left out where it would repeat 1.
    """
    out = []
    for f in _FIGURES:
        ids = tuple("dns" if c == "dq" and "dq" not in curves else c for c in f.curves)
        present = tuple(c for c in ids if c in curves)
        if present and not (f.id == "fig1b" and not {"dq", "dns"} & set(curves)):
            out.append(Figure(f.id, f.title, f.caption, present))
    return out if len(out) < 3 or out[2].curves != ("to",) else out[:2]


def unit_for(curves: Mapping[str, IntArray], window_s: int) -> str:
    """The unit in which the mail counts (else whatever there is) have readable values: `s`, `min` or `h`."""
    mail = [curves[c] for c in ("to", "from", "pop") if c in curves] or list(curves.values())
    peak = max((float(v.max()) for v in mail if len(v)), default=0.0) / window_s
    return "s" if peak >= 0.5 else "min" if peak * 60 >= 0.5 else "h"


def rows_of(curves: Mapping[str, IntArray], window_s: int) -> tuple[int, list[tuple[int, dict[str, int]]]]:
    """The curves as at most ROWS rows: how many windows a row holds, and each row's first window and sums by curve."""
    size = len(next(iter(curves.values()))) if curves else 0
    fitting = (n // window_s for n in LENGTHS if n % window_s == 0 and size * window_s <= n * ROWS)
    share = next(fitting, 0) or max(1, -(-size // ROWS))
    starts = range(0, size, share)
    return share, [(i, {c: int(v[i : i + share].sum()) for c, v in curves.items()}) for i in starts]


def totals_of(curves: Mapping[str, IntArray], ids: Sequence[str]) -> dict[str, int]:
    """The sum of each of these curves."""
    return {i: int(curves[i].sum()) for i in ids}
