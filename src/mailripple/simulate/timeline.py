"""Lines with a time, written to a file in order of time, a block at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from io import BufferedWriter

import numpy as np

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def syslog_stamp(second: int) -> str:
    """The RFC 3164 stamp and the host, as rsyslog's traditional file has them."""
    t = datetime.fromtimestamp(second, UTC)
    return f"{_MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} mx1 "


def named_stamp(second: int) -> str:
    """BIND's own stamp up to the second; the milliseconds belong to the line."""
    t = datetime.fromtimestamp(second, UTC)
    return f"{t.day:02d}-{_MONTHS[t.month - 1]}-{t:%Y %H:%M:%S}"


class Timeline:
    """Takes lines in any order, writes those before a given time in order; equal times keep the order of arrival."""

    def __init__(self, file: BufferedWriter, stamp: Callable[[int], str]) -> None:
        self._file = file
        self._stamp = stamp
        self._times: list[int] = []
        self._texts: list[str] = []
        self.lines = 0
        self.bytes = 0

    def add(self, ms: int, text: str) -> None:
        """One line, without its stamp, with its end."""
        self._times.append(ms)
        self._texts.append(text)

    def extend(self, times: list[int], texts: list[str]) -> None:
        """Many lines."""
        self._times += times
        self._texts += texts

    def write_before(self, ms: int | None) -> None:
        """Write all lines earlier than `ms` (None: all); nothing earlier than that may be added afterwards."""
        if not self._times:
            return
        times = np.array(self._times, dtype=np.int64)
        order = np.argsort(times, kind="stable")
        cut = len(times) if ms is None else int(np.searchsorted(times[order], ms))
        seconds, which = np.unique(times[order[:cut]] // 1000, return_inverse=True)
        stamps = [self._stamp(second) for second in seconds.tolist()]
        texts = self._texts
        now = order[:cut].tolist()
        data = "".join([stamps[w] + texts[i] for w, i in zip(which.tolist(), now, strict=True)]).encode()
        self._file.write(data)
        self.lines += cut
        self.bytes += len(data)
        later = order[cut:].tolist()
        self._times, self._texts = [self._times[i] for i in later], [texts[i] for i in later]
