"""K11: do people send deferred mail again?  How often the same sender writes to the same destination again, after a
deferral and after a delivery; only the difference says something."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.models.evidence import Evidence, share
from mailripple.models.findings import Estimate, Relation, Verdict
from mailripple.models.words import named, relation, unknown
from mailripple.parse.layout import SENT

IntArray = npt.NDArray[np.int64]

#: A new message within that long after the first try is a sending again, microseconds.
SOON = 3600 * 1_000_000
FEWEST = 50
#: Less than that many more of a hundred is not worth an answer "yes".
LITTLE = 0.05


def resent(evidence: Evidence) -> Relation:
    """K11, by sender and destination: records name a message's recipients, the table of attempts only their domain."""
    deferred, other = evidence.material.attempts.deferred, evidence.material.attempts.other
    span = evidence.bins.span(evidence.bins.mail)
    since = max(deferred.since, other.since)
    tables = [r.columns[:, r["ts"] > since] for r in (deferred, other)]
    rows = np.concatenate(tables, axis=1)
    rows = rows[:, np.argsort(rows[0], kind="stable")]
    first = rows[:, (rows[7] == 1) & (rows[5] != 0) & (rows[6] != 0)]
    if not first.shape[1]:
        return unknown("K11", "no first attempts with a sender and a destination are known", span)
    waits = np.zeros(first.shape[1], np.bool_)
    again, followed_until = _again(first)
    waits = first[8] != SENT
    soon_enough = first[0] <= int(rows[0, -1]) - SOON  # what came last had no time to be sent again
    mine, others = waits & soon_enough & (first[8] == 2), ~waits & soon_enough
    if np.count_nonzero(mine) < FEWEST or np.count_nonzero(others) < FEWEST:
        return unknown(
            "K11", f"fewer than {FEWEST} messages were deferred, or delivered, with an hour behind them", span
        )
    del followed_until
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


def _again(first: IntArray) -> tuple[npt.NDArray[np.bool_], IntArray]:
    """For each first attempt: does the same sender write to the same domain within SOON, under a new queue id?"""
    order = np.lexsort((first[0], first[6], first[5]))
    sorted_rows = first[:, order]
    same = (sorted_rows[5, 1:] == sorted_rows[5, :-1]) & (sorted_rows[6, 1:] == sorted_rows[6, :-1])
    new = sorted_rows[2, 1:] != sorted_rows[2, :-1]
    soon = np.diff(sorted_rows[0]) <= SOON
    found = np.zeros(first.shape[1], np.bool_)
    found[order[:-1]] = same & new & soon
    return found, order


def _difference(
    first: IntArray, again: npt.NDArray[np.bool_], mine: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]
) -> Estimate:
    """Difference of the two shares with an interval from resampled senders, who are what repeats itself."""
    senders, index = np.unique(first[5], return_inverse=True)
    size = len(senders)
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
