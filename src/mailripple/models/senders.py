"""Score: how strong is the evidence that a host or an account sends mass mail?  A fold over `Attempts`.

    B  failures, clustered: beta-binomial within (subject, sender, hour) and (subject, destination)
    V  first contacts and failures as one joint table; first contacts against Pitman-Yor
    S  first uses of an envelope sender, averaged in only where B says at least 20
    P  failures as if they were independent: tells a stale list, never convicts

`senders_kernel` says how, `statistics` in docs/detectors.md why.  What the site teaches (its ordinary failure rate) is
learnt apart from scoring, once a day, from units that are a day old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple.messages import Attempts
from mailripple.models import logs, sums_kernel
from mailripple.models import senders_kernel as kernel
from mailripple.models.sums import Field, Sums, kernels, moment, nats, told, whole
from mailripple.parse import layout as L
from mailripple.parse.choose import Choice

#: The ordinary failure rate before anything is learnt (real servers: 3 to 5 %), and its least value ever.
COLD_RATE, LEAST_RATE = 0.05, 0.03
#: Its largest value: a site that fails more often than that has something to look at.
MOST_RATE = 0.1
#: The site's rate is that of the host at this quantile: most hosts fail less than the null says.  A host's own rate is
#: drawn to the site's by that many units: the upper quantile of bare rates is that of the hosts with the fewest.
QUANTILE, SHRINK = 0.75, 50
#: Hosts and units a host that a lesson needs.
LEARN_HOSTS, LEARN_UNITS = 10, 20
DAY = 86_400_000_000
_LOGINS = Choice((L.KIND_POP_LOGIN, L.KIND_IMAP_LOGIN), ("ts", "client", "account"), client=True)


@dataclass(frozen=True, slots=True)
class SenderScore:
    """What is known of a subject at the end of the fold.

    `key` of the address or account; times in microseconds, None where a level was not reached; `log_most` the largest
    log e ever, `log_clustered` that of B; `evidence` log of E = R / steps a week (an e-value at any moment);
    `lines` orders of the records that weigh most, heaviest first.
    """

    key: int
    account: bool
    first: int
    last: int
    units: int
    failed: int
    new: int
    senders: int
    deferred: int
    log_most: float
    log_clustered: float
    log_plain: float
    log_senders: float
    evidence: float
    onset: int | None
    notice: int | None
    warning: int | None
    alarm: int | None
    units_to_alarm: int
    login: int
    login_at: int
    lines: tuple[int, ...]


class Senders:
    """State of the fold.  `null_sender` is the hash of the empty envelope sender: 0, as the parser gives it."""

    def __init__(self, null_sender: int = 0, *, slots: int = 1 << 10) -> None:
        self._kernels = kernels()
        self._sums = Sums(kernel.STATE_WORDS, slots)
        self._state = self._sums.state
        self._set_rate(COLD_RATE)
        self._state[kernel.NULL_SENDER >> 3] = null_sender
        self._day_old: dict[int, tuple[int, int]] = {}

    def _set_rate(self, rate: float) -> None:
        words = kernel.rate_words(logs.fixed(rate))
        self._state[kernel.THETA >> 3 : (kernel.THETA >> 3) + len(words)] = words

    @property
    def rate(self) -> float:
        """The ordinary failure rate in force."""
        return int(self._state[kernel.THETA >> 3]) / logs.ONE

    def step(self, attempts: Attempts) -> None:
        """Fold attempts in, in the order (ts, order)."""
        columns = attempts.columns

        def stopped(at: int) -> None:
            if columns[0, at] >= self._state[kernel.NEXT_DAY >> 3]:
                self._learn(int(columns[0, at]))

        self._sums.run(self._kernels.fold_attempts, columns, stopped)

    def logins(self, columns: npt.NDArray[np.int64]) -> None:
        """Fold POP3 and IMAP log-ins in; `columns` (14, n) events."""
        self._sums.run(self._kernels.fold_logins, _LOGINS.of(columns))

    def _learn(self, now: int) -> None:
        """A new day has begun: learn the site's failure rate from what was known a day ago.

        Hosts that were ever noticed teach nothing, and nothing is learnt before it is a day old (24 h quarantine).
        """
        self._state[kernel.NEXT_DAY >> 3] = (now // DAY + 1) * DAY
        every = self._sums.subjects()
        keys = every.word(sums_kernel.X_ID)
        clean = (every.word(sums_kernel.X_NOTICE_AT) == 0) & (every.word(sums_kernel.X_KIND) == kernel.HOST)
        known = [self._day_old.get(key, (0, 0)) for key in keys[clean].tolist()]
        old = np.array([k for k in known if k[0] >= LEARN_UNITS], np.float64).reshape(-1, 2)
        if len(old) >= LEARN_HOSTS:
            mean = old[:, 1].sum() / old[:, 0].sum()
            rates = (old[:, 1] + SHRINK * mean) / (old[:, 0] + SHRINK)
            rate = min(max(LEAST_RATE, float(np.quantile(rates, QUANTILE))), MOST_RATE)
            self._set_rate(rate)
        columns = (column.tolist() for column in (keys, every.word(kernel.X_UNITS), every.word(kernel.X_FAILS)))
        self._day_old = {key: (units, failed) for key, units, failed in zip(*columns, strict=True)}

    def scores(self) -> list[SenderScore]:
        """All subjects that sent anything, in the order of their keys."""
        every = self._sums.subjects()
        sent = (every.word(kernel.X_UNITS) != 0) | (every.word(kernel.X_DEFERRED) != 0)
        return [SenderScore(*known) for known in told(every.at(sent), _FIELDS)]


def _is_account(kinds: npt.NDArray[np.int64]) -> list[Any]:
    return list((kinds == kernel.ACCOUNT).tolist())


#: Where the fields of a score stand, in their order; the lines come last.
_FIELDS: tuple[Field, ...] = (
    (sums_kernel.X_KEY, whole),
    (sums_kernel.X_KIND, _is_account),
    (sums_kernel.X_FIRST, whole),
    (sums_kernel.X_LAST, whole),
    (kernel.X_UNITS, whole),
    (kernel.X_FAILS, whole),
    (kernel.X_DOMAINS, whole),
    (kernel.X_SENDERS, whole),
    (kernel.X_DEFERRED, whole),
    (sums_kernel.X_MOST, nats),
    (kernel.X_CLUSTERED, nats),
    (kernel.X_P, nats),
    (kernel.X_S, nats),
    (sums_kernel.X_SURE, nats),
    (sums_kernel.X_ONSET, moment),
    (sums_kernel.X_NOTICE_AT, moment),
    (sums_kernel.X_WARNING_AT, moment),
    (sums_kernel.X_ALARM_AT, moment),
    (sums_kernel.X_ALARM_UNITS, whole),
    (kernel.X_LOGIN, whole),
    (kernel.X_LOGIN_AT, whole),
)
