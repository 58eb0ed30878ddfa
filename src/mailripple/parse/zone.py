"""Civil time of a zone to UTC, also where the clock is set forward or back."""

from __future__ import annotations

import datetime as dt
import functools
import os
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from mailripple.errors import ConfigError

IntArray = npt.NDArray[np.int64]
SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = dt.datetime(1970, 1, 1)
# Years in which logs are written; a line may claim any.
_FIRST, _LAST = 0, 4_102_444_800 * SECOND  # 1970 to 2099


@dataclass(frozen=True, slots=True)
class Change:
    """The clock goes from one offset to another: `at` UTC microseconds, offsets in microseconds east of UTC."""

    at: int
    before: int
    after: int

    @property
    def settled(self) -> int:
        """Civil time from which on only the new offset is meant."""
        return self.at + max(self.before, self.after)

    @property
    def unsettled(self) -> int:
        """Civil time from which on the change must be thought of."""
        return self.at + min(self.before, self.after)


class Zone:
    """A time zone by its name."""

    def __init__(self, name: str, info: dt.tzinfo) -> None:
        self.name = name
        self.info = info
        self._years: dict[int, tuple[Change, ...]] = {}

    def offset_at(self, utc: int) -> int:
        """Offset east of UTC at a moment, microseconds."""
        moment = dt.datetime.fromtimestamp(min(max(utc, _FIRST), _LAST) // SECOND, tz=dt.UTC).astimezone(self.info)
        found = moment.utcoffset()
        assert found is not None
        return int(found.total_seconds()) * SECOND

    def changes(self, year: int) -> tuple[Change, ...]:
        """The zone's changes in a year (UTC)."""
        if year not in self._years:
            start = int((dt.datetime(year, 1, 1) - _EPOCH).total_seconds()) * SECOND
            days = [start + i * DAY for i in range((dt.date(year + 1, 1, 1) - dt.date(year, 1, 1)).days + 1)]
            found = []
            for left, right in zip(days, days[1:], strict=False):
                if self.offset_at(left) != self.offset_at(right):
                    found.append(self._bisect(left, right))
            self._years[year] = tuple(found)
        return self._years[year]

    def _bisect(self, left: int, right: int) -> Change:
        before, after = self.offset_at(left), self.offset_at(right)
        while right - left > SECOND:
            middle = (left + right) // 2 // SECOND * SECOND
            if self.offset_at(middle) == before:
                left = middle
            else:
                right = middle
        return Change(right, before, after)

    def between(self, first: int, last: int) -> list[Change]:
        """All changes of the years of civil times from `first` to `last` (microseconds)."""
        years = range(year_of(first - 2 * DAY), year_of(last + 2 * DAY) + 1)  # at most _FIRST to _LAST: lines lie
        return [c for y in years for c in self.changes(y)]


def year_of(micros: int) -> int:
    return (_EPOCH + dt.timedelta(microseconds=min(max(micros, _FIRST), _LAST))).year


@functools.cache
def zone(name: str) -> Zone:
    """A zone by its name (`Europe/Berlin`, `UTC`).  Raises ConfigError for an unknown one."""
    try:
        return Zone(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"unknown time zone {name!r}", why=str(error), where="--tz", todo="give a name such as Europe/Berlin or UTC"
        ) from error


def read_moment(text: str, where: Zone, option: str) -> int:
    """UTC microseconds of `2024-10-27`, `2024-10-27T01:30` or `2024-10-27T01:30:00+02:00`; without an offset it is
    the zone's time (the first of two, where the clock is set back).  Raises ConfigError.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no time", why=str(error), where=option, todo="give 2024-10-27 or 2024-10-27T01:30[+02:00]"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=where.info)
    since = moment.astimezone(dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(microseconds=1)


def machine_zone(environment: dict[str, str] | None = None) -> str:
    """Name of this machine's zone: $TZ, /etc/localtime, /etc/timezone, else UTC."""
    environment = dict(os.environ) if environment is None else environment
    names = [environment.get("TZ", "").lstrip(":")]
    link = os.path.realpath("/etc/localtime")
    if "zoneinfo/" in link:
        names.append(link.split("zoneinfo/", 1)[1])
    try:
        names.append(Path("/etc/timezone").read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError):
        pass
    for name in names:
        try:
            if name:
                ZoneInfo(name)
                return name
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return "UTC"
