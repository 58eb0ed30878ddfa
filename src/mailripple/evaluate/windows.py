"""Counting in moving windows, subject by subject: what most rules in use are made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mailripple.evaluate.week import Raised, Subject, Week
from mailripple.simulate.site.tables import Ints

MINUTE, HOUR = 60_000_000, 3_600_000_000
Bools = npt.NDArray[np.bool_]


def units(week: Week, wanted: Bools) -> tuple[Ints, Ints, Ints]:
    """(number of the subject, time, row of `week.attempts`) of the wanted attempts, for each subject that they have.

    Subjects are addresses of the campus (their key twice) and accounts (twice the key, and one), sorted, then by time.
    """
    client, account, ts = week.column("client_ip"), week.column("account"), week.column("ts")
    inside = np.isin(client, np.fromiter(week.inside - week.servers, np.int64))
    host, user = np.flatnonzero(wanted & inside), np.flatnonzero(wanted & (account > 0))
    who = np.concatenate([2 * client[host], 2 * account[user] + 1])
    row = np.concatenate([host, user])
    order = np.lexsort((ts[row], who))
    return who[order], ts[row][order], row[order]


def in_window(who: Ints, ts: Ints, length: int) -> Ints:
    """How many rows of the same subject lie in the `length` us up to and with each row; rows by subject and time."""
    base = int(ts.min()) if len(ts) else 0
    span = (int(ts.max()) - base if len(ts) else 0) + length + 1
    place = who * span + (ts - base)
    found: Ints = np.arange(1, len(ts) + 1) - np.searchsorted(place, place - length, side="right")
    return found


def first_times(who: Ints, ts: Ints, reached: Bools) -> list[Raised]:
    """An alarm for each subject at the first of its rows where the rule's limit is reached."""
    rows = np.flatnonzero(reached)
    _, once = np.unique(who[rows], return_index=True)
    return [Raised(subject_of(int(who[i])), int(ts[i])) for i in rows[once].tolist()]


def subject_of(number: int) -> Subject:
    """The subject that `units` gave this number."""
    return bool(number & 1), number >> 1


def new_ones(who: Ints, what: Ints) -> Bools:
    """True where a subject meets something for the first time; rows by subject and time."""
    pairs = np.stack([who, what])
    _, once = np.unique(pairs, axis=1, return_index=True)
    found = np.zeros(len(who), bool)
    found[once] = True
    return found


def in_buckets(who: Ints, ts: Ints, length: int, start: int) -> tuple[Ints, Ints, Ints, Ints]:
    """(subject, bucket, count, last time) of the buckets of `length` us in which a subject has rows."""
    bucket = (ts - start) // length
    pairs = np.stack([who, bucket])
    found, inverse, counts = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    last = np.zeros(found.shape[1], np.int64)
    np.maximum.at(last, inverse.reshape(-1), ts)
    return found[0], found[1], counts, last
