"""A campus scenario: a TOML file that says who lives there and what happens, with ranges that are drawn per seed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
import numpy.typing as npt

from mailripple.errors import UsageError
from mailripple.simulate.site.attacks import Attack
from mailripple.simulate.site.tables import Ints

FOLDER = Path(__file__).parent / "scenarios"
#: The scenario that says everything; the others say what is different.
BASE = "campus-quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHabits:
    """How logs are kept: `rotate` a file a day, `copies` of the oldest files that somebody left beside them, `gaps` in
    a week in which the mail server's log is not written, of `gap_minutes` (low, high)."""

    rotate: bool = False
    copies: int = 0
    gaps: float = 0.0
    gap_minutes: tuple[float, float] = (10.0, 240.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteScene:
    """A scenario's file; `people` and `benign` are counts for 1,000 computers, `draw` ranges by name."""

    id: str
    title: str
    date: str
    zone: str
    days: int
    holidays: list[str]
    rhythm: list[tuple[float, float]]
    weekend: float
    people: dict[str, int]
    benign: dict[str, float]
    draw: dict[str, tuple[float, float]]
    logs: LogHabits = LogHabits()
    attacks: list[Attack] = field(default_factory=list)

    def parameters(self, rng: np.random.Generator) -> dict[str, float]:
        """One value of each range, in the order of the names."""
        return {name: float(rng.uniform(self.draw[name][0], self.draw[name][1])) for name in sorted(self.draw)}

    def scaled(self, days: int, clients: int) -> SiteScene:
        """The same for another number of computers.  Raises UsageError where no site can be that long or large."""
        if not 1 <= days <= 400 or not 5 <= clients <= 8000:
            raise UsageError("a site that cannot be made", where="--days, --clients", todo="1 to 400, 5 to 8000")
        factor = clients / self.people["pcs"]
        people = {name: max(1, round(n * factor)) for name, n in self.people.items()}
        return replace(self, people=people | {"pcs": clients}, benign={k: n * factor for k, n in self.benign.items()})


def site_scenes() -> dict[str, SiteScene]:
    """All campus scenarios by name."""
    return {scene.id: scene for scene in (load_scene(path) for path in sorted(FOLDER.glob("*.toml")))}


def site_scene(name: str) -> SiteScene:
    """The scenario of that name, or in that file.  Raises UsageError."""
    if is_file(name):
        return load_scene(Path(name))
    known = site_scenes()
    if name not in known:
        raise UsageError(
            f"no scenario {name!r}", where="simulate", todo=f"one of: {', '.join(known)}; or a file: ./mine.toml"
        )
    return known[name]


def is_file(name: str) -> bool:
    """Is a scenario's name that of a file?"""
    return name.endswith(".toml")


def load_scene(path: Path) -> SiteScene:
    """The scenario in a file; what it does not say is as in BASE.  Raises UsageError."""
    data, before = _read(path), _read(FOLDER / f"{BASE}.toml")
    for table in ("people", "benign", "draw"):
        more = data.get(table, {})
        for name in more:
            if name not in before[table]:
                known = ", ".join(sorted(before[table]))
                raise UsageError(f"[{table}] has no {name!r}", where=str(path), todo=f"one of: {known}")
        data[table] = before[table] | more
    data = before | data
    unknown = sorted(set(data) - {f.name for f in fields(SiteScene)})
    unknown += sorted(set(data.get("logs", {})) - {f.name for f in fields(LogHabits)})
    unknown += sorted({key for attack in data.get("attacks", []) for key in attack} - {f.name for f in fields(Attack)})
    if unknown:
        raise UsageError(f"a scenario has no {unknown[0]!r}", where=str(path), todo="leave it out, or mend its name")
    try:
        return msgspec.convert(data, SiteScene)
    except msgspec.ValidationError as error:
        raise UsageError("a scenario that is not whole", why=str(error), where=str(path), todo="mend it") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("a scenario that cannot be read", why=str(error), where=str(path), todo="mend it") from error


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
