"""The minutes that the models read: server counts without holes, and which minutes each log covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple import counts as counting
from mailripple.counts import Counts

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

#: Minutes that are looked at, at most (a year and two months); of a longer log the stretch around its middle record.
MAX_MINUTES = 614_400
#: A silence is a gap if it would be that rare by chance (statistics 1.5: negative binomial, empty stretch).
SILENCE = 1e-6
#: A silence shorter than that is none, minutes.
SHORTEST = 10
_MAIL = [i for i, name in enumerate(counting.METRIC_NAMES) if name.startswith(("mail.", "pop.", "imap."))]
_DNS = [counting.METRIC[name] for name in ("dns.query", "dns.packet", "dns.response")]


@dataclass(frozen=True, slots=True)
class Minutes:
    """Counts by the minute, summed over servers: `start` minutes since 1970 (UTC) of the first, `columns` by metric.

    Each column is (n,) float64, absent ones are zeros; `D_q` is there only if the mail servers are known in the DNS
    log.  `mail` and `dns` (n,) tell which minutes the log covers: between its ends, and not in a gap.
    """

    start: int
    columns: dict[str, FloatArray]
    mail: BoolArray
    dns: BoolArray

    def __len__(self) -> int:
        return len(self.mail)

    def __getitem__(self, name: str) -> FloatArray:
        found = self.columns.get(name)
        return found if found is not None else np.zeros(len(self))

    @property
    def failed(self) -> FloatArray:
        return self["mail.bounced"] + self["mail.expired"] + self["mail.rejected"]

    def micros(self, minute: float) -> int:
        """The moment `minute` minutes behind the first, us since 1970, UTC."""
        return round((self.start + minute) * 60_000_000)


def minutes_of(counts: Counts, servers: Sequence[int]) -> Minutes:
    """The minutes of a run; `servers` are the keys of the mail servers among the DNS clients."""
    dated = counts.minute >= 0
    at, values = counts.minute[dated], counts.values[dated]
    if not len(at):
        empty = np.zeros(0, np.bool_)
        return Minutes(0, {}, empty, empty)
    first, last = int(at.min()), int(at.max())
    if last - first >= MAX_MINUTES:
        middle = int(np.sort(at)[len(at) // 2])
        first, last = max(first, middle - MAX_MINUTES // 2), min(last, middle + MAX_MINUTES // 2)
        inside = (at >= first) & (at <= last)
        at, values = at[inside], values[inside]
    size = last - first + 1
    columns: dict[str, FloatArray] = {
        name: summed(at - first, values[:, i], size)
        for i, name in enumerate(counting.METRIC_NAMES)
        if values[:, i].any()
    }
    asked = queries_of(counts, servers, first, 1, size).astype(np.float64) if servers else None
    if asked is not None and asked.any():
        columns["D_q"] = asked
    activity = [summed(at - first, values[:, m].sum(axis=1), size) for m in (_MAIL, _DNS)]
    return Minutes(first, columns, covered(activity[0]), covered(activity[1]))


def summed(index: IntArray, values: IntArray, size: int) -> FloatArray:
    """Sums of the values by index, (size,)."""
    return np.bincount(index, weights=values.astype(np.float64), minlength=size).astype(np.float64)


def queries_of(counts: Counts, servers: Sequence[int], first: int, step: int, size: int) -> IntArray:
    """DNS queries of some clients in `size` windows of `step` minutes; `first` number of the first window."""
    out = np.zeros(size, np.int64)
    rows = counts.cells.of(servers)
    mine = rows[(rows["tag"] & 0xFF) == counting.DNS_CLIENT]
    for minute in range(10):
        index = ((mine["tag"] >> 8) * 10 + minute) // step - first
        used = (mine["n"][:, minute] > 0) & (index >= 0) & (index < size)
        np.add.at(out, index[used], mine["n"][used, minute].astype(np.int64))
    return out


def covered(activity: FloatArray) -> BoolArray:
    """Which minutes a log covers: all whole ones between its first and last line, but for silences too rare for chance.

    Of r and mu, the dispersion and the mean around a silence, an empty stretch of g minutes has the probability
    (r / (r + mu))^(r g); mu is the smaller of the means of the hour before and the hour after.
    """
    found = np.zeros(len(activity), np.bool_)
    busy = np.flatnonzero(activity)
    if len(busy) < 2:
        return found
    found[busy[0] : busy[-1] + 1] = True
    found[[busy[0], busy[-1]]] = False  # a log seldom begins or ends with the minute
    begins, ends = busy[:-1] + 1, busy[1:]
    long = ends - begins >= SHORTEST
    begins, ends = begins[long], ends[long]
    sums = np.concatenate([[0.0], np.cumsum(activity)])
    before = (sums[begins] - sums[np.maximum(begins - 60, 0)]) / 60
    after = (sums[np.minimum(ends + 60, len(activity))] - sums[ends]) / 60
    mu = np.minimum(before, after)
    r = dispersion(activity[found])
    rare = r * np.log1p(mu / r) * (ends - begins) > -np.log(SILENCE)
    for a, b in zip(begins[rare].tolist(), ends[rare].tolist(), strict=True):
        found[a:b] = False
    return found


def dispersion(values: FloatArray) -> float:
    """r of a negative binomial around a mean that changes with the hour, by moments of neighbours; 0.1 to 1000."""
    if len(values) < 3:
        return 1.0
    mean = float(values.mean())
    within = float(np.mean(np.diff(values) ** 2)) / 2  # variance without the slow part
    return float(np.clip(mean * mean / max(within - mean, mean * mean / 1000, 1e-9), 0.1, 1000.0))


def rolled(values: FloatArray, start: int, step: int) -> FloatArray:
    """Sums over bins of `step` minutes that begin at multiples of it (UTC); partial ends are left out."""
    skip = -start % step
    size = (len(values) - skip) // step
    if size <= 0:
        return np.zeros(0)
    found: FloatArray = values[skip : skip + size * step].reshape(size, step).sum(axis=1)
    return found


def whole(ok: BoolArray, start: int, step: int) -> BoolArray:
    """Which bins of `rolled` are covered in every minute."""
    found: BoolArray = rolled(ok.astype(np.float64), start, step) == step
    return found


def gaps(ok: BoolArray) -> list[tuple[int, int]]:
    """Stretches [a, b) of more than SHORTEST minutes inside the covered span that are not covered."""
    inside = np.flatnonzero(ok)
    if not len(inside):
        return []
    far = np.flatnonzero(np.diff(inside) > SHORTEST)
    return [(int(inside[i]) + 1, int(inside[i + 1])) for i in far]
