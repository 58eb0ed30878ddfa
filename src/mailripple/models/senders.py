"""Score: how strong is the evidence that a host or an account sends mass mail?  A fold over `Attempts`.

    B  failures, clustered: beta-binomial within (subject, sender, hour) and (subject, destination)
    V  first contacts and failures as one joint table; first contacts against Pitman-Yor
    S  first uses of an envelope sender, averaged in only where B says at least 20
    P  failures as if they were independent: tells a stale list, never convicts

`senders_kernel` says how, `statistics` in docs/detectors.md why.  What the site teaches (its ordinary failure rate) is
learnt apart from scoring, once a day, from units that are a day old.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple import messages_kernel
from mailripple.messages import Attempts
from mailripple.models import logs
from mailripple.models import senders_kernel as kernel
from mailripple.parse import layout as L
from mailripple.parse import text
from mailripple.parse.build import Kernels

#: The ordinary failure rate before anything is learnt (real servers: 3 to 5 %), and its least value ever.
COLD_RATE, LEAST_RATE = 0.05, 0.03
#: The site's rate is that of the host at this quantile: most hosts fail less than the null says.
QUANTILE = 0.9
#: Hosts and units a host that a lesson needs.
LEARN_HOSTS, LEARN_UNITS = 10, 20
DAY = 86_400_000_000
_WORDS = kernel.SUBJECT // 8


@functools.cache
def kernels() -> Kernels:
    """The kernel, compiled or loaded once a process."""
    return Kernels([text, logs, messages_kernel, kernel])


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
    """State of the fold.  `null_sender` is the hash of the empty envelope sender."""

    def __init__(self, null_sender: int, *, slots: int = 1 << 10) -> None:
        self._kernels = kernels()
        self._state = np.zeros(kernel.STATE_WORDS, np.int64)
        self._tables: dict[int, npt.NDArray[np.int64]] = {}
        self._sizes = {kernel.SUBJECTS: kernel.SUBJECT // 8, kernel.PAIRS: kernel.PAIR // 8}
        for table, words in self._sizes.items():
            self._own(table, np.zeros((slots, words), np.int64))
        self._state[kernel.THETA >> 3] = logs.fixed(COLD_RATE)
        self._state[kernel.NULL_SENDER >> 3] = null_sender
        self._day_old: dict[int, tuple[int, int]] = {}

    @property
    def rate(self) -> float:
        """The ordinary failure rate in force."""
        return int(self._state[kernel.THETA >> 3]) / logs.ONE

    def _own(self, table: int, array: npt.NDArray[np.int64]) -> None:
        self._tables[table] = array
        self._state[table >> 3] = array.ctypes.data
        self._state[(table >> 3) + 1] = len(array) - 1

    def step(self, attempts: Attempts) -> None:
        """Fold attempts in, in the order (ts, order)."""
        columns = np.ascontiguousarray(attempts.columns)
        self._run(self._kernels.fold_attempts, columns, columns[0])

    def logins(self, columns: npt.NDArray[np.int64]) -> None:
        """Fold POP3 and IMAP log-ins in; `columns` (14, n) events."""
        kind = columns[L.COL["code"]] & 0xFF
        wanted = ((kind == L.KIND_POP_LOGIN) | (kind == L.KIND_IMAP_LOGIN)) & (columns[L.COL["client"]] != 0)
        if wanted.any():
            rows = columns[[L.COL["ts"], L.COL["client"], L.COL["account"]]]
            self._run(self._kernels.fold_logins, np.ascontiguousarray(rows[:, wanted]), None)

    def _run(self, fold: object, columns: npt.NDArray[np.int64], ts: npt.NDArray[np.int64] | None) -> None:
        n, at = columns.shape[1], 0
        while at < n:
            at = fold(self._state.ctypes.data, columns.ctypes.data, columns.strides[0], at, n)  # type: ignore[operator]
            if at < n:
                if ts is not None and ts[at] >= self._state[kernel.NEXT_DAY >> 3]:
                    self._learn(int(ts[at]))
                self._grow()

    def _grow(self) -> None:
        for table, words in self._sizes.items():
            slots = len(self._tables[table])
            if 2 * (int(self._state[(table >> 3) + 2]) + 8) <= slots - 1:
                continue
            new = np.zeros((slots, words), np.int64)
            size = 8 * words
            kept = self._kernels.rehash(self._state.ctypes.data, table, size, new.ctypes.data, slots - 1)
            if 4 * kept > slots:
                grown = np.zeros((4 * slots, words), np.int64)
                self._kernels.rehash(self._state.ctypes.data, table, size, grown.ctypes.data, 4 * slots - 1)
                new = grown
            self._own(table, new)

    def _learn(self, now: int) -> None:
        """A new day has begun: learn the site's failure rate from what was known a day ago.

        Hosts that were ever noticed teach nothing, and nothing is learnt before it is a day old (24 h quarantine).
        """
        self._state[kernel.NEXT_DAY >> 3] = (now // DAY + 1) * DAY
        rows = self._rows()
        clean = rows[(rows[:, kernel.X_NOTICE_AT >> 3] == 0) & (rows[:, kernel.X_KIND >> 3] == kernel.HOST)]
        rates = [
            failed / units
            for key in clean[:, 0].tolist()
            for units, failed in [self._day_old.get(key, (0, 0))]
            if units >= LEARN_UNITS
        ]
        if len(rates) >= LEARN_HOSTS:
            rate = max(LEAST_RATE, float(np.quantile(rates, QUANTILE)))
            self._state[kernel.THETA >> 3] = logs.fixed(min(rate, COLD_RATE * 2))
        counts = rows[:, [0, kernel.X_UNITS >> 3, kernel.X_FAILS >> 3]].tolist()
        self._day_old = {key: (units, failed) for key, units, failed in counts}

    def _rows(self) -> npt.NDArray[np.int64]:
        table = self._tables[kernel.SUBJECTS]
        used: npt.NDArray[np.int64] = table[table[:, 0] != 0]
        return used

    def scores(self) -> list[SenderScore]:
        """All subjects that sent anything, in the order of their keys."""
        found = [_score(row) for row in self._rows() if row[kernel.X_UNITS >> 3] or row[kernel.X_DEFERRED >> 3]]
        return sorted(found, key=lambda s: (s.account, s.key))


def _score(row: npt.NDArray[np.int64]) -> SenderScore:
    def at(word: int) -> int:
        return int(row[word >> 3])

    def nats(word: int) -> float:
        return at(word) / logs.ONE

    def moment(word: int) -> int | None:
        return at(word) or None

    top = row[kernel.X_TOP >> 3 : (kernel.X_TOP >> 3) + 2 * kernel.TOP].reshape(-1, 2).tolist()
    lines = tuple(order for weight, order in sorted(top, key=lambda t: (-t[0], t[1])) if weight > 0)
    return SenderScore(
        at(kernel.X_KEY),
        at(kernel.X_KIND) == kernel.ACCOUNT,
        at(kernel.X_FIRST),
        at(kernel.X_LAST),
        at(kernel.X_UNITS),
        at(kernel.X_FAILS),
        at(kernel.X_NEW),
        at(kernel.X_SENDERS),
        at(kernel.X_DEFERRED),
        nats(kernel.X_MOST),
        nats(kernel.X_CLUSTERED),
        nats(kernel.X_P),
        nats(kernel.X_S),
        nats(kernel.X_SURE),
        moment(kernel.X_ONSET),
        moment(kernel.X_NOTICE_AT),
        moment(kernel.X_WARNING_AT),
        moment(kernel.X_ALARM_AT),
        at(kernel.X_ALARM_UNITS),
        at(kernel.X_LOGIN),
        at(kernel.X_LOGIN_AT),
        lines,
    )
