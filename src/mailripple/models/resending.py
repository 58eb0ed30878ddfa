"""K11: do people send deferred mail again?  How often the same sender writes to the same destination again, after a
deferral and after a delivery; only the difference says something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.attempts import KeptAttempts
from mailripple.models.evidence import Evidence, share
from mailripple.models.findings import Estimate, Relation, Verdict
from mailripple.models.words import named, relation, unknown
from mailripple.parse.layout import DEFERRED, SENT

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: A new message within that long after the first try is a sending again, microseconds.
SOON = 3600 * 1_000_000
FEWEST = 50
#: Any large odd number: it makes one key of two, so that one is sorted by and not both.
_ODD = np.int64(0x1D8E4E27C47D124F)
#: Less than that many more of a hundred is not worth an answer "yes".
LITTLE = 0.1


def resent(evidence: Evidence) -> Relation:
    """K11, by sender and destination: records name a message's recipients, the table of attempts only their domain."""
    span = evidence.bins.span(evidence.bins.mail)
    first, since, until = _first_attempts(evidence.material.attempts)
    if not len(first.ts):
        return unknown("K11", "no first attempts with a sender and a destination are known", span)
    fresh, again = _neighbours(first)
    fresh &= (first.ts >= since + SOON) & (first.ts <= until - SOON)
    mine, others = fresh & (first.status == DEFERRED), fresh & (first.status == SENT)
    if np.count_nonzero(mine) < FEWEST or np.count_nonzero(others) < FEWEST:
        return unknown("K11", f"fewer than {FEWEST} new mails were deferred, or delivered, with an hour around", span)
    after_deferral = share(float(np.count_nonzero(again[mine])), float(np.count_nonzero(mine)))
    after_delivery = share(float(np.count_nonzero(again[others])), float(np.count_nonzero(others)))
    more = _difference(first, again, mine, others)
    verdict: Verdict = "holds" if more.low > LITTLE else "does not hold" if more.high < LITTLE else "cannot tell"
    answer = (
        f"After a deferral {after_deferral.value:.1%} of the senders write to that destination again within an hour, "
        f"after a delivery {after_delivery.value:.1%}."
    )
    estimates = (
        named(
            after_deferral, "after deferral", "deferred messages followed by another of that sender to that destination"
        ),
        named(after_delivery, "after delivery", "the same of delivered messages"),
        named(more, "difference", "of the two"),
    )
    conditions = (
        "by sender and destination domain, not by recipient",
        "within an hour of the first try, under a new queue id",
    )
    return relation("K11", verdict, answer, estimates, span, conditions)


@dataclass(frozen=True, slots=True)
class First:
    """First attempts with a sender and a destination, by time and order; columns of `attempts.COLUMNS`."""

    ts: IntArray
    queue: IntArray
    sender: IntArray
    domain: IntArray
    status: IntArray


def _first_attempts(kept: KeptAttempts) -> tuple[First, int, int]:
    """First attempts since both tables are complete, and the first and last moment of all attempts since then."""
    columns = kept.columns()
    ts = columns("ts")
    if not len(ts):
        return First(*[ts] * 5), 0, 0
    places = np.flatnonzero((columns("first") == 1) & (columns("sender") != 0) & (columns("domain") != 0))
    places = places[np.lexsort((columns("order")[places], ts[places]))]
    some = (columns(name)[places] for name in ("ts", "queue", "sender", "domain", "status"))
    return First(*some), int(ts.min()), int(ts.max())


def _neighbours(first: First) -> tuple[BoolArray, BoolArray]:
    """For each first attempt: did the same sender not write to that domain within SOON before; and does within SOON?

    Only the first is asked for the second: who writes to a destination all the time does not send again.
    """
    order = np.argsort(first.sender * _ODD ^ first.domain, kind="stable")  # those of one pair together, and by time
    soon = np.diff(first.ts[order]) <= SOON
    for column in (first.sender[order], first.domain[order]):
        soon &= column[1:] == column[:-1]
    queue = first.queue[order]
    fresh, again = np.ones(len(order), np.bool_), np.zeros(len(order), np.bool_)
    fresh[order[1:]] = ~soon
    again[order[:-1]] = soon & (queue[1:] != queue[:-1])
    return fresh, again


def _difference(first: First, again: BoolArray, mine: BoolArray, others: BoolArray) -> Estimate:
    """Difference of the two shares with an interval from resampled senders, who are what repeats itself.

    They are numbered as they appear: keys, which are other ones in each run, would draw other samples.
    """
    _, places, index = np.unique(first.sender, return_index=True, return_inverse=True)
    index = np.argsort(np.argsort(places))[index]
    size = len(places)
    sums = [
        np.bincount(index, weights=w.astype(np.float64), minlength=size)
        for w in (again & mine, mine, again & others, others)
    ]
    draws = np.random.default_rng(6).poisson(1.0, (200, size)) if size <= 20_000 else None
    if draws is None:
        draws = np.random.default_rng(6).poisson(1.0, (50, size))
    parts = [draws @ s for s in sums]
    values = parts[0] / np.maximum(parts[1], 1) - parts[2] / np.maximum(parts[3], 1)
    value = sums[0].sum() / sums[1].sum() - sums[2].sum() / sums[3].sum()
    return Estimate("", float(value), float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
