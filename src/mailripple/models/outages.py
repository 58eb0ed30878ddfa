"""Score: which destinations could not be reached, and why: a remote outage, greylisting, the DNS, or a closed door.

Only first attempts are looked at for what is out of order (retries repeat old news), and what became of a deferred
message tells one cause from another: who greylists takes it on the next try, a host that is down takes nothing from
anybody for a while, and one that has closed its door to us goes on taking nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.attempts import KeptAttempts, by_time
from mailripple.parse import layout as L

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
MINUTE = 60_000_000
#: Deferred first attempts in a row, how many senders' worth of them, for how long at least, and the log of the evidence
#: that make an outage.
FEWEST, SOURCES, SHORTEST, LEAST = 5, 3.5, 10 * MINUTE, math.log(1000)
#: A door that is closed to one or two of us only; or where such a share of what is deferred is so for policy.
FEW, REFUSED = 3.0, 0.8
#: A destination greylists if of this many deferred first attempts such a share is taken on the next try, that much
#: later; and if it also takes mail at once meanwhile (from those whom it knows).
GREY_FEWEST, GREY_SHARE, GREY_WAIT = 10, 0.8, 4 * MINUTE
#: The DNS does not answer: in a bin of that length so many destinations, and such a share of all first attempts, fail.
BIN, DNS_DOMAINS, DNS_SHARE, DNS_FEWEST = 5 * MINUTE, 4, 0.8, 6
#: Destinations that are looked at, by deferred first attempts; log of an evidence, at most.
MOST, LIMIT = 2000, 27.0


@dataclass(frozen=True, slots=True)
class Outage:
    """Something that deferred mail: `cause` as in the verdicts of incidents.

    `domain` key, 0 for all; `start` to `end` (us) from the first to the last deferral; `over`: mail is taken again;
    `first` first attempts deferred; `messages` deferred; `sources` effective number of senders' hosts and accounts;
    `evidence` log of an e-value; `lines` orders of records.
    """

    cause: str
    domain: int
    start: int
    end: int
    over: bool
    first: int
    messages: int
    sources: float
    evidence: float
    lines: tuple[int, ...]


def find_outages(kept: KeptAttempts) -> list[Outage]:
    """All causes of deferrals that can be told, by their start."""
    rows = by_time(kept.columns())
    if not rows.shape[1]:
        return []
    silent = list(_silences(rows))
    asked = np.ones(rows.shape[1], bool)
    for outage in silent:
        asked &= (rows[0] < outage.start) | (rows[0] > outage.end)
    first = rows[6, asked & (rows[7] == 1) & (rows[8] == L.DEFERRED)]
    domains, begins, counts = np.unique(first, return_index=True, return_counts=True)
    enough = np.flatnonzero((counts >= FEWEST) & (domains != 0))
    wanted = domains[enough[np.lexsort((begins[enough], -counts[enough]))][:MOST]]  # of equals the earlier: not by key
    places = np.flatnonzero(asked & np.isin(rows[6], wanted))
    places = places[np.argsort(rows[6, places], kind="stable")]
    of_each = np.split(places, np.flatnonzero(np.diff(rows[6, places])) + 1) if len(places) else []
    found = [outage for mine in of_each for outage in _at(np.ascontiguousarray(rows[:, mine]), int(rows[0, -1]))]
    return sorted([*silent, *found], key=lambda o: (o.start, o.lines))


def _at(rows: IntArray, end: int) -> Iterator[Outage]:
    """What one destination's attempts (11, n), by time, tell."""
    first = (rows[7] == 1) & (rows[8] == L.DEFERRED)
    taken = rows[8] != L.DEFERRED
    runs = _runs(first, taken)
    stuck = _stuck(rows, runs)
    ordinary = np.ones(rows.shape[1], bool)
    for begin, stop in stuck:
        ordinary[begin:stop] = False
    greylists = _greylists(rows, first & ordinary)
    if greylists:
        yield _outage("greylisting", rows, np.flatnonzero(first & ordinary), over=True, evidence=LIMIT)
    usual = _usual(rows, first, taken, runs)
    for begin, stop in stuck if greylists else runs:
        inside = np.flatnonzero(first[begin:stop]) + begin
        long = rows[0, stop - 1] - rows[0, begin] >= SHORTEST
        evidence = _refusals(rows, begin, stop) if greylists else min(len(inside) * -math.log(usual), LIMIT)
        if len(inside) < FEWEST or not long or evidence < LEAST:
            continue
        over = bool(stop < rows.shape[1])
        # It took our mail before, and takes it no longer from the few who write there; or it says that it will not.
        sources = effective(rows[:, inside])
        few = begin > 0 and not over and end - rows[0, begin] > SHORTEST and sources < FEW
        deferred = rows[8, begin:stop] == L.DEFERRED
        again = deferred & (rows[7, begin:stop] == 0)  # who greylists would take what comes again
        refused = bool(again.any()) and rows[10, begin:stop][deferred].mean() >= REFUSED
        cause = "closed-to-us" if few or refused else "remote-outage"
        if cause == "closed-to-us" or sources >= SOURCES or (begin > 0 and (begin, stop) in stuck):
            yield _outage(cause, rows, np.arange(begin, stop), over=over, evidence=evidence)


def _refusals(rows: IntArray, begin: int, stop: int) -> float:
    """Log of the evidence that a destination which greylists is out of order in [begin, stop): that first attempts are
    deferred says nothing there, but that messages still are after ten minutes; against how often they are otherwise."""
    order, age = _by_message(rows)
    late = age >= SHORTEST
    deferred = rows[8, order] == L.DEFERRED
    here = (order >= begin) & (order < stop)
    often = (np.count_nonzero(late & deferred & ~here) + 0.5) / (np.count_nonzero(late & ~here) + 10)
    stuck = len(np.unique(rows[2, order[late & deferred & here]]))
    return float(min(stuck * -math.log(min(max(often, 0.02), 0.9)), LIMIT))


def _stuck(rows: IntArray, runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs in which mail was deferred once more when who greylists would have taken it."""
    retries = np.concatenate([[0], np.cumsum((rows[7] == 0) & (rows[8] == L.DEFERRED))])
    likely = [(b, e) for b, e in runs if retries[e] > retries[b] and rows[0, e - 1] - rows[0, b] >= SHORTEST]
    return [(b, e) for b, e in likely if _still_deferred(rows[:, b:e])]


def _still_deferred(run: IntArray) -> bool:
    """True if a message was deferred once more when who greylists would have taken it."""
    order, age = _by_message(run)
    return bool(np.any((age >= SHORTEST) & (run[7, order] == 0) & (run[8, order] == L.DEFERRED)))


def _by_message(rows: IntArray) -> tuple[IntArray, IntArray]:
    """Places of the attempts, message by message and by time; and how long after the message's first try each came
    (us; -1 where that is not known)."""
    order = np.lexsort((rows[0], rows[2], rows[1]))
    number = np.arange(len(order))
    begins = np.flatnonzero(rows[7, order] == 1)
    if not len(begins):
        return order, np.full(len(order), -1)
    since = order[begins[np.maximum(np.searchsorted(begins, number, side="right") - 1, 0)]]
    known = (rows[1, order] == rows[1, since]) & (rows[2, order] == rows[2, since]) & (number >= begins[0])
    return order, np.where(known, rows[0, order] - rows[0, since], -1)


def _greylists(rows: IntArray, first: BoolArray) -> bool:
    """True if most of what was deferred at first was taken on the next try of the same message.

    A try that comes within ten minutes may come too early: then the one after it counts.
    """
    if np.count_nonzero(first) < GREY_FEWEST:
        return False
    order, age = _by_message(rows)
    early = (rows[7, order] == 0) & (rows[8, order] == L.DEFERRED) & (age >= 0) & (age < SHORTEST)
    order, age = order[~early], age[~early]
    follows = np.zeros(len(order), bool)
    follows[:-1] = (rows[2, order[1:]] == rows[2, order[:-1]]) & (rows[1, order[1:]] == rows[1, order[:-1]])
    tried = np.flatnonzero(first[order] & follows)
    if len(tried) < GREY_FEWEST:
        return False
    taken = (rows[8, order[tried + 1]] == L.SENT) & (age[tried + 1] >= GREY_WAIT)
    spread = int(np.ptp(rows[0, order[tried]]))
    at_once = np.count_nonzero((rows[7] == 1) & (rows[8] == L.SENT))
    return bool(taken.mean() >= GREY_SHARE and spread > 6 * SHORTEST and at_once > 0)


def _usual(rows: IntArray, first: BoolArray, taken: BoolArray, runs: list[tuple[int, int]]) -> float:
    """How often a first attempt is deferred there when nothing is out of order; 2 % at least."""
    longest = max(runs, key=lambda r: int(first[r[0] : r[1]].sum()), default=(0, 0))
    outside = np.ones(rows.shape[1], bool)
    outside[longest[0] : longest[1]] = False
    deferred = np.count_nonzero(first & outside)
    all_ = deferred + np.count_nonzero((rows[7] == 1) & taken & outside)
    return float(min(max((deferred + 0.5) / (all_ + 10), 0.02), 0.9))


def _runs(first: BoolArray, taken: BoolArray) -> list[tuple[int, int]]:
    """[begin, end) of the stretches between two attempts that were taken in which first attempts were deferred."""
    edges = np.flatnonzero(taken)
    begins = np.concatenate([[0], edges + 1])
    ends = np.concatenate([edges, [len(taken)]])
    total = np.concatenate([[0], np.cumsum(first)])
    some = total[ends] > total[begins]
    return [(int(b), int(e)) for b, e in zip(begins[some], ends[some], strict=True)]


def effective(rows: IntArray) -> float:
    """Effective number of sources, exp of the entropy of their shares: accounts, else addresses, else senders."""
    source = np.where(rows[4] != 0, rows[4], np.where(rows[3] != 0, rows[3], rows[5]))
    _, counts = np.unique(source, return_counts=True)
    share = counts / counts.sum() if len(counts) else np.ones(1)
    return float(np.exp(-(share * np.log(share)).sum()))


def _silences(rows: IntArray) -> Iterator[Outage]:
    """Stretches in which first attempts fail at many destinations at once: the DNS, or the line, is out of order."""
    first = np.flatnonzero((rows[7] == 1) & (rows[6] != 0))
    bins = rows[0, first] // BIN
    number, inverse = np.unique(bins, return_inverse=True)
    failed = (rows[8, first] == L.DEFERRED).astype(np.int64)
    bad, every = np.bincount(inverse, failed), np.bincount(inverse)
    out = (bad >= DNS_FEWEST) & (bad >= DNS_SHARE * every)
    places = np.flatnonzero(out)
    if not len(places):
        return
    for group in np.split(places, np.flatnonzero(np.diff(number[places]) > 2) + 1):
        inside = first[(bins >= number[group[0]]) & (bins <= number[group[-1]]) & (failed == 1)]
        if len(np.unique(rows[6, inside])) >= DNS_DOMAINS:
            over = bool(rows[0, -1] > rows[0, inside[-1]] + BIN)
            yield _outage("dns-outage", rows, inside, over=over, evidence=LIMIT, all_domains=True)


def _outage(
    cause: str, rows: IntArray, places: IntArray, *, over: bool, evidence: float, all_domains: bool = False
) -> Outage:
    some = rows[:, places]
    deferred = some[:, some[8] == L.DEFERRED]
    return Outage(
        cause,
        0 if all_domains else int(some[6, 0]),
        int(deferred[0, 0]),
        int(deferred[0, -1]),
        over,
        int(np.count_nonzero(deferred[7] == 1)),
        len(np.unique(deferred[2])),
        effective(deferred),
        evidence,
        tuple(deferred[9, :5].tolist()),
    )
