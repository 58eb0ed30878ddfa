"""A campus scenario: a TOML file that says who lives there and what happens, with ranges that are drawn per seed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from mailripple.errors import UsageError
from mailripple.simulate.site.attacks import Attack
from mailripple.simulate.site.tables import Ints

FOLDER = Path(__file__).parent / "scenarios"


@dataclass(frozen=True, slots=True)
class SiteScene:
    """A scenario's file; `people` and `benign` are counts for 1,000 computers, `draw` ranges by name."""

    id: str
    title: str
    date: str
    zone: str
    days: int
    holidays: list[str]
    rhythm: list[list[float]]
    weekend: float
    people: dict[str, int]
    benign: dict[str, float]
    draw: dict[str, list[float]]
    attacks: list[Attack] = field(default_factory=list)

    def parameters(self, rng: np.random.Generator) -> dict[str, float]:
        """One value of each range, in the order of the names."""
        return {name: float(rng.uniform(self.draw[name][0], self.draw[name][1])) for name in sorted(self.draw)}

    def scaled(self, clients: int) -> SiteScene:
        """The same for another number of computers."""
        factor = clients / self.people["pcs"]
        people = {name: max(1, round(n * factor)) for name, n in self.people.items()}
        return replace(self, people=people | {"pcs": clients}, benign={k: n * factor for k, n in self.benign.items()})


def site_scenes() -> dict[str, SiteScene]:
    """All campus scenarios by name."""
    return {scene.id: scene for scene in (_load(path) for path in sorted(FOLDER.glob("*.toml")))}


def site_scene(name: str) -> SiteScene:
    """The scenario of that name.  Raises UsageError."""
    known = site_scenes()
    if name not in known:
        raise UsageError(f"no scenario {name!r}", where="simulate", todo=f"one of: {', '.join(known)}")
    return known[name]


def _load(path: Path) -> SiteScene:
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    data["attacks"] = [Attack(**attack) for attack in data.get("attacks", [])]
    return SiteScene(**data)


@dataclass(frozen=True, slots=True)
class Clock:
    """The span of a site: `start`, `end` UTC ms; `level` traffic of each minute as a share of midday's."""

    start: int
    end: int
    zone: ZoneInfo
    level: npt.NDArray[np.float64]

    def moments(self, n: int, rng: np.random.Generator, floor: float = 0.0) -> Ints:
        """n moments (ms, sorted) that follow the rhythm; `floor` is added to its level, for what machines do."""
        total = np.concatenate([[0.0], np.cumsum(self.level + floor)])
        at = np.interp(rng.random(n) * total[-1], total, np.arange(len(total)))
        return np.sort(self.start + (at * 60_000).astype(np.int64))

    def office_time(self, rng: np.random.Generator) -> int:
        """A moment when people work."""
        return int(self.moments(1, rng)[0])

    @property
    def days(self) -> float:
        return (self.end - self.start) / 86_400_000


def clock_of(scene: SiteScene, days: int, values: dict[str, float], rng: np.random.Generator) -> Clock:
    """From local midnight on, `days` days of the local clock; each day and each hour has a level of its own."""
    try:
        zone = ZoneInfo(scene.zone)
        first = date.fromisoformat(scene.date)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"no zone {scene.zone!r} or date {scene.date!r}", where=scene.id, todo="mend it") from error
    ends = [first + timedelta(days=k) for k in range(days + 1)]
    edges = [round(datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()) * 1000 for d in ends]
    holidays = {date.fromisoformat(text) for text in scene.holidays}
    hours, shares = np.array(scene.rhythm).T
    parts = []
    for day, begin, end in zip(ends, edges, edges[1:], strict=False):
        minutes = np.arange(begin, end, 60_000)
        local = [datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone) for ms in minutes[::15].tolist()]
        clock = np.repeat(np.array([t.hour + t.minute / 60 for t in local]), 15)[: len(minutes)]
        level = np.interp(clock, hours, shares)
        level *= scene.weekend if day.weekday() >= 5 or day in holidays else 1.0
        noise = np.repeat(rng.normal(0, values["noise_sd"], len(minutes) // 60 + 1), 60)[: len(minutes)]
        parts.append(level * np.exp(rng.normal(0, values["day_sd"]) + noise))
    return Clock(edges[0], edges[-1], zone, np.concatenate(parts))
