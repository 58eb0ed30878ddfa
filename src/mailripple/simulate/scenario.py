"""A scenario: a TOML file that says who lives on the campus and what happens, with ranges that are drawn per seed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from mailripple.errors import UsageError

FOLDER = Path(__file__).parent / "scenarios"
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What may differ from the scenario's file; None leaves it to the scenario or the seed.

    `retry_lookups` look-ups of a retry; `clock_offset` minutes that the name server's clock is ahead of the mail
    server's; `queue_interval`, `queue_spread`, `queue_jitter` in minutes; `hours` and `gap` stretches of the local
    clock ("8" is 0:00-8:00; "14:00-18:30"): only what lies in `hours` and outside `gap` is written.
    """

    quiet: bool = False
    retry_lookups: int = 0
    clock_offset: float = 0.0
    queue_interval: float = 30.0
    queue_runners: int = 1
    queue_spread: float | None = None
    queue_jitter: float = 0.0
    hours: str | None = None
    gap: str | None = None
    date: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario's file: `rhythm` (k, 2) hour and level; `draw` ranges by name; `campus` sizes by name."""

    id: str
    title: str
    date: str
    zone: str
    close: str
    rhythm: list[list[float]]
    campus: dict[str, float]
    draw: dict[str, list[float]]

    def parameters(self, rng: np.random.Generator) -> dict[str, float]:
        """One value of each range, in the order of the names."""
        return {name: float(rng.uniform(self.draw[name][0], self.draw[name][1])) for name in sorted(self.draw)}


@dataclass(frozen=True, slots=True)
class Span:
    """A day of a local clock: `start` and `end` UTC ms, `zone`, and for each minute from `start` its local hour."""

    start: int
    end: int
    zone: ZoneInfo
    hours: np.ndarray[tuple[int], np.dtype[np.float64]]

    def moment(self, clock: float) -> int:
        """When (UTC ms) the local clock first shows `clock` minutes past midnight; `end` where it never does."""
        found = np.flatnonzero(self.hours * 60 >= clock - 1e-9)
        return self.start + int(found[0]) * 60_000 if len(found) and clock < _DAY_MINUTES else self.end

    def stretch(self, text: str | None, where: str) -> tuple[int, int]:
        """UTC ms of a stretch like "8" or "14:00-18:30".  Raises UsageError."""
        if text is None:
            return self.start, self.end
        first, dash, last = text.partition("-")
        since, until = (_clock(first), _clock(last)) if dash else (0.0, _clock(first))
        if since is None or until is None or not since < until <= _DAY_MINUTES:
            raise UsageError(
                f"no stretch of a day: {text!r}", where=where, todo="give hours of the local clock: 8, or 14:00-18:30"
            )
        return self.moment(since), self.moment(until)


def _clock(text: str) -> float | None:
    """Minutes of "8", "8.5" or "08:30"; None if it is none of them."""
    if found := re.fullmatch(r"(\d{1,2}):([0-5]\d)", text, re.ASCII):
        return int(found[1]) * 60 + int(found[2])
    return float(text) * 60 if re.fullmatch(r"\d{1,2}(\.\d{1,3})?", text, re.ASCII) else None


def scenarios() -> list[Scenario]:
    """All scenarios, by name."""
    return [_load(path) for path in sorted(FOLDER.glob("*.toml"))]


def scenario(name: str) -> Scenario:
    """The scenario of that name.  Raises UsageError."""
    known = {s.id: s for s in scenarios()}
    if name not in known:
        raise UsageError(f"no scenario {name!r}", where="simulate", todo=f"one of: {', '.join(known)}")
    return known[name]


def _load(path: Path) -> Scenario:
    return Scenario(**tomllib.loads(path.read_text(encoding="utf-8")))


def day_span(scene: Scenario, variant: Variant) -> Span:
    """From local midnight to the next one: 23, 24 or 25 hours.  Raises UsageError for a bad date or zone."""
    name, text = variant.zone or scene.zone, variant.date or scene.date
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"no time zone {name!r}", where="--zone", todo="give a name like Asia/Tokyo") from error
    try:
        day = date.fromisoformat(text)
        if not 1970 < day.year < 2099:
            raise ValueError
    except ValueError as error:
        raise UsageError(f"no date {text!r}", where="--date", todo="give one from 1971 to 2098: 2002-07-15") from error
    start, end = (
        round(datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()) * 1000 for d in (day, day + timedelta(days=1))
    )
    local = [datetime.fromtimestamp(ms // 1000, UTC).astimezone(zone) for ms in range(start, end, 60_000)]
    return Span(start, end, zone, np.array([t.hour + t.minute / 60 for t in local]))


def close_time(scene: Scenario, span: Span) -> int:
    """UTC ms at which domain A closes."""
    return span.moment(_clock(scene.close) or 0.0)
