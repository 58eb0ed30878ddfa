"""Score: does a DNS client ask for mail exchangers as a mailer does?  A fold over its questions.

The gaps between names that are new to a client within eight days, one by one, and whether it goes on to an address,
against a null of clumps (`models.gaps`).  `models.askers` chooses the questions.
Mail servers do the same; who is one is known only at the end, and left to the detector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.models import lookups_kernel as kernel
from mailripple.models import sums_kernel
from mailripple.models.sums import Field, Sums, kernels, moment, nats, told, whole


@dataclass(frozen=True, slots=True)
class LookupScore:
    """What is known of a client at the end of the fold: as in `senders.SenderScore`; `names` new names so far, of
    which `followed` were followed by a question for an address."""

    key: int
    asked: int
    first: int
    last: int
    names: int
    followed: int
    log_most: float
    evidence: float
    onset: int | None
    notice: int | None
    warning: int | None
    alarm: int | None
    names_to_alarm: int
    lines: tuple[int, ...]


def server_like(mx: npt.NDArray[np.int64], ptr: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Clients that ask for the names of addresses as mail servers do, by their questions for MX and PTR.

    A server looks up who connects: a tenth as often as for exchangers, and 20 times; of few exchangers as often.
    """
    found: npt.NDArray[np.bool_] = (ptr >= 20) & (10 * ptr >= mx) & ((mx >= 200) | (ptr >= mx))
    return found


#: Times are taken to windows of ten minutes, in which questions are counted.
WINDOW = 600_000_000


#: Of some clients, first and last window of ten minutes, both included.
Spans = Mapping[int, tuple[int, int]]


def servers_meanwhile(
    folds: Iterable[Iterable[LookupScore]], likely: frozenset[int], asked: Callable[[Spans], npt.NDArray[np.int64]]
) -> frozenset[int]:
    """Of the clients that are `likely` to be servers by all that they ask, those that are so meanwhile too: from the
    onset to the last name.  Who is curious about addresses all year, and then asks for exchangers, is no server.

    `asked`: clients' questions for MX and PTR in their spans, (clients, 2) in the order of these.
    """
    spans: dict[int, tuple[int, int]] = {}
    for score in (s for fold in folds for s in fold if s.notice is not None and s.key in likely):
        begin = (score.first if score.onset is None else score.onset) // WINDOW
        first, last = spans.get(score.key, (begin, 0))
        spans[score.key] = min(first, begin), max(last, score.last // WINDOW)
    if not spans:
        return frozenset()
    counts = asked(spans)
    alike = server_like(counts[:, 0], counts[:, 1]).tolist()
    return frozenset(key for key, like in zip(spans, alike, strict=True) if like)


class Lookups:
    """State of the fold."""

    def __init__(self, *, slots: int = 1 << 10) -> None:
        self._sums = Sums(kernel.STATE_WORDS, slots)

    def step(self, columns: npt.NDArray[np.int64]) -> None:
        """Fold questions (8, n) in, as `Askers.questions` gives them, in the order (ts, order)."""
        self._sums.run(kernels().fold_lookups, columns)

    def scores(self) -> list[LookupScore]:
        """All clients that asked for two names or more, in the order of their keys."""
        every = self._sums.subjects()
        return [LookupScore(*known) for known in told(every.at(every.word(kernel.X_NAMES) > 1), _FIELDS)]


#: Where the fields of a score stand, in their order; the lines come last.
_FIELDS: tuple[Field, ...] = (
    (sums_kernel.X_KEY, whole),
    (sums_kernel.X_KIND, whole),
    (sums_kernel.X_FIRST, whole),
    (sums_kernel.X_LAST, whole),
    (kernel.X_NAMES, whole),
    (kernel.X_FOLLOWED, whole),
    (sums_kernel.X_MOST, nats),
    (sums_kernel.X_SURE, nats),
    (sums_kernel.X_ONSET, moment),
    (sums_kernel.X_NOTICE_AT, moment),
    (sums_kernel.X_WARNING_AT, moment),
    (sums_kernel.X_ALARM_AT, moment),
    (sums_kernel.X_ALARM_UNITS, whole),
)
