"""Where an axis has its marks, and what stands at them: times in the log's zone, and round numbers.

page.js has the same rules for the figures that can be zoomed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

from mailripple.parse.zone import Zone

#: Distances of marks up to a week, seconds; then in months.
STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)
MONTHS = (1, 3, 6, 12, 60, 120)
_EPOCH = dt.datetime(1970, 1, 1)
_MONDAY = 4 * 86_400  # 1970 began on a Thursday
SECOND = 1_000_000


def offsets(zone: Zone, start: int, end: int) -> list[tuple[int, int]]:
    """The zone's offsets from `start` to `end` (seconds, UTC): since when, and seconds east of UTC; in order."""
    found = [(start, zone.offset_at(start * SECOND) // SECOND)]
    changes = zone.between(start * SECOND, end * SECOND)
    return found + [(c.at // SECOND, c.after // SECOND) for c in changes if start < c.at // SECOND < end]


def offset_at(second: int, table: list[tuple[int, int]]) -> int:
    """Seconds east of UTC at a moment."""
    return next((offset for since, offset in reversed(table) if since <= second), table[0][1])


def civil(second: int, table: list[tuple[int, int]]) -> dt.datetime:
    """What the log's clock shows at a moment."""
    return _EPOCH + dt.timedelta(seconds=second + offset_at(second, table))


def _utc(local: int, table: list[tuple[int, int]]) -> int | None:
    """The (first) moment at which the log's clock shows this; None where it never does."""
    for _, offset in table:
        if offset_at(local - offset, table) == offset:
            return local - offset
    return None


def time_marks(start: int, end: int, table: list[tuple[int, int]], most: int) -> list[tuple[int, str, str]]:
    """At most `most` (and one) marks in [start, end]: moment, its text, and below it the date where it is new."""
    span = max(end - start, 1)
    step = next((s for s in STEPS if span <= s * most), 0)
    out: list[tuple[int, str, str]] = []
    shown = ""
    for local in _multiples(start, end, table, step) if step else _months(start, end, table, most):
        moment = _utc(local, table)
        if moment is None or not start <= moment <= end or (out and moment <= out[-1][0]):
            continue
        at = civil(moment, table)
        if not step:
            text, below = f"{at:%b}", f"{at:%Y}"
        elif step >= 86_400:
            text, below = f"{at.day} {at:%b}", f"{at:%Y}"
        else:
            text, below = f"{at:%H:%M}", f"{at.day} {at:%b %Y}"
        out.append((moment, text, below if below != shown else ""))
        shown = below
    return out


def _multiples(start: int, end: int, table: list[tuple[int, int]], step: int) -> Iterator[int]:
    base = _MONDAY if step == 604_800 else 0
    first = start + min(o for _, o in table)
    local = first - (first - base) % step
    while local <= end + max(o for _, o in table):
        yield local
        local += step


def _months(start: int, end: int, table: list[tuple[int, int]], most: int) -> Iterator[int]:
    months = (end - start) / (30.44 * 86_400)
    step = next((m for m in MONTHS if months <= m * most + 0.5), MONTHS[-1])
    begin = civil(start, table)
    number = (begin.year * 12 + begin.month - 1) // step * step
    while True:
        at = dt.datetime(number // 12, number % 12 + 1, 1)
        local = int((at - _EPOCH).total_seconds())
        if local > end + 86_400:
            return
        yield local
        number += step


def round_marks(top: float, most: int = 5) -> list[float]:
    """Round numbers from 0 to at least `top`, about `most` of them."""
    if top <= 0:
        return [0.0, 1.0]
    raw = top / most
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(m * base for m in (1, 2, 2.5, 5, 10) if m * base >= raw * (1 - 1e-9))
    return [i * step for i in range(math.ceil(top / step - 1e-9) + 1)]


def number_text(value: float) -> str:
    """A mark's number: `0.05`, `2.5`, `12,000`."""
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
