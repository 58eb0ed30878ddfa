"""How often are clients accused that ask for mail exchangers, and after how many names is a mailer named?

    python benchmarks/lookups.py [--seeds 100-139] [--weeks 2]

Questions are made by processes that are not the detector's null: mail clients that set themselves up, people who look
domains up by hand, scripts and newsletters' programs that check lists, monitors, relays nobody named; and mailers that
ask in turn, at random, in threads or by fits and starts, for domains of a list of which some are asked for again and
again, and go on to the exchanger's address or do not.  Parameters are drawn a seed, shapes a host.  Prints a table.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.models.askers import Askers
from mailripple.models.lookups import Lookups, LookupScore
from mailripple.parse import layout as L
from mailripple.tables import QTYPES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Asked = tuple[Floats, Ints]  # seconds since the start, names

SECOND = 1_000_000
DAY = 86_400.0
START = 1_700_006_400 * SECOND
NAMES = 1 << 20
#: Names a minute.
RATES = (0.05, 0.1, 0.5, 1.0, 2.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class World:
    """What a seed draws: sizes of sessions by hand and their gaps (s), how often a name is asked again, lists."""

    rng: np.random.Generator
    days: int
    session: float
    pause: float
    again: float
    exponent: float

    def office(self, n: int) -> Floats:
        """Moments in office hours."""
        return np.sort(self.rng.integers(0, self.days, n) * DAY + self.rng.uniform(8, 18, n) * 3600)

    def gaps(self, n: int, mean: float) -> Floats:
        """Gaps of some shape: in step, nearly so, at random, with a long tail, or in threads."""
        rng, shape = self.rng, int(self.rng.integers(5))
        if shape == 0:
            return np.full(n, mean)
        if shape == 1:
            return mean * rng.gamma(4, 1 / 4, n)
        if shape == 2:
            return rng.exponential(mean, n)
        if shape == 3:
            return mean * rng.lognormal(-0.5, 1.0, n)
        threads = int(rng.integers(2, 6))
        return np.where(np.arange(n) % threads == 0, rng.exponential(mean * threads, n), rng.uniform(0, 0.3, n))


def joined(parts: list[Asked]) -> Asked:
    """Questions in the order of time."""
    at, names = (np.concatenate(x) for x in zip(*parts, strict=True))
    order = np.argsort(at, kind="stable")
    return at[order], names[order]


def set_up(world: World) -> Asked:
    """A mail client that looks for the servers of its one to four domains."""
    own = world.rng.integers(NAMES, size=int(world.rng.integers(1, 5)))
    at = world.office(int(world.rng.integers(1, 12)))
    few = world.rng.integers(1, len(own) + 1, len(at))
    parts = zip(at, few, strict=True)
    return joined([(t + world.rng.exponential(2, n).cumsum(), world.rng.permutation(own)[:n]) for t, n in parts])


def by_hand(world: World, sessions: int) -> Asked:
    """A person who types; a name that does not work out is typed again."""
    rng, parts = world.rng, []
    for t in world.office(sessions):
        n = int(rng.geometric(1 / world.session))
        pause = world.pause * rng.lognormal(0, 0.4)
        gaps = rng.exponential(pause, n) if rng.random() < 0.5 else pause * rng.lognormal(-0.3, 0.8, n)
        names = rng.integers(NAMES, size=n)
        same = np.flatnonzero(rng.random(n - 1) < world.again) + 1
        names[same] = names[same - 1]
        parts.append((t + gaps.cumsum(), names))
    return joined(parts)


def script(world: World, slowest: float = 1.0, fastest: float = 0.01) -> Asked:
    """A program that checks a list of 20 to 2,000 addresses, once or on a few days."""
    rng = world.rng
    n = int(np.exp(rng.uniform(np.log(20), np.log(2000))))
    names = rng.integers(NAMES, size=n)
    pace = float(np.exp(rng.uniform(np.log(fastest), np.log(slowest))))
    at = world.office(int(rng.choice((1, 1, 1, 3))))
    return joined([(t + world.gaps(n, pace).cumsum(), names) for t in at])


def newsletter(world: World) -> Asked:
    """A program that checks its list before each issue, twice a week; the list changes a little."""
    rng = world.rng
    names = rng.integers(NAMES, size=int(rng.integers(50, 800)))
    pace, parts = float(np.exp(rng.uniform(np.log(0.01), np.log(0.5)))), []
    for day in range(1, world.days, 3):
        new = rng.random(len(names)) < 0.03
        names = np.where(new, rng.integers(NAMES, size=len(names)), names)
        parts.append((day * DAY + 40_000 + world.gaps(len(names), pace).cumsum(), names.copy()))
    return joined(parts)


def monitor(world: World) -> Asked:
    """A monitor of a few domains, all at once by the minute or one after the other; or of many by the hour or night."""
    rng, kind = world.rng, int(world.rng.integers(3))
    names = rng.integers(NAMES, size=int(rng.integers(2, 9) if kind < 2 else rng.integers(20, 200)))
    every = float(rng.choice((60, 300, 900)) if kind < 2 else rng.choice((3600, DAY)))
    if kind == 0:
        at = np.arange(rng.uniform(0, every), world.days * DAY, every)
        return at + rng.uniform(0, rng.uniform(0, 5), len(at)), names[np.arange(len(at)) % len(names)]
    rounds = np.arange(rng.uniform(0, every), world.days * DAY, every)
    within = np.arange(len(names)) * rng.uniform(0.01, 0.5)
    return (rounds[:, None] + within[None, :]).ravel(), np.tile(names, len(rounds))


def relay(world: World) -> Asked:
    """A department's relay that nobody named and that asks no PTR: some people's mail, in office hours."""
    rng = world.rng
    at = world.office(int(rng.integers(5, 60)) * world.days)
    book = rng.integers(NAMES, size=200)
    weights = (np.arange(200) + 1.0) ** -world.exponent
    known = rng.choice(book, len(at), p=weights / weights.sum())
    return at, np.where(rng.random(len(at)) < 0.1, rng.integers(NAMES, size=len(at)), known)


def mailer(world: World, rate: float) -> Asked:
    """A mailer: `rate` messages a minute for a day, to a list on which some domains stand often."""
    rng = world.rng
    n = int(min(1500, 1440 * rate)) + 1
    at = world.gaps(n, 60 / rate).cumsum()
    if rng.random() < 0.2:  # by fits and starts: on for ten minutes, off for twenty
        at += at // 600 * 1200
    size = int(rng.integers(300, 5000))
    weights = (np.arange(size) + 1.0) ** -rng.uniform(0.3, 0.9)
    names = rng.integers(NAMES, size=size)[rng.choice(size, n, p=weights / weights.sum())]
    return rng.uniform(1, world.days - 2) * DAY + at, names


BENIGN: dict[str, tuple[int, Callable[[World], Asked]]] = {
    "mail client sets itself up": (200, set_up),
    "by hand, 1 to 3 sessions": (200, lambda w: by_hand(w, int(w.rng.integers(1, 4)))),
    "by hand, up to 20 sessions": (50, lambda w: by_hand(w, int(w.rng.integers(4, 21)))),
    "script, 1 to 100 a second": (40, script),
    "script that waits, 1 to 20 s": (10, lambda w: script(w, 20.0, 1.0)),
    "newsletter's check": (20, newsletter),
    "monitor": (20, monitor),
    "relay without PTR": (20, relay),
}


#: The shares of names after which an address is asked for; one is drawn a host.  A list's check that looks for
#: addresses too is one in four, and two mailers in three ask for the exchanger's.
FOLLOWED = {
    "mail client sets itself up": (0.5,),
    "by hand, 1 to 3 sessions": (0.0, 0.1, 0.25),
    "by hand, up to 20 sessions": (0.0, 0.1, 0.25),
    "script, 1 to 100 a second": (0.0, 0.05, 0.1, 0.9),
    "script that waits, 1 to 20 s": (0.0, 0.05, 0.1, 0.9),
    "newsletter's check": (0.0, 0.05, 0.1, 0.9),
    "monitor": (0.0, 0.1),
    "relay without PTR": (0.9,),
}
FOLLOWED_MAILER = (0.0, 0.7, 0.95)


def world_of(seed: int, days: int) -> World:
    """The parameters of a seed."""
    rng = np.random.default_rng([5321, seed])
    return World(
        rng, days, rng.uniform(2, 5), rng.uniform(6, 25), rng.uniform(0, 0.3), rng.uniform(0.7, 1.2)
    )


def hosts_of(world: World, each: int) -> list[tuple[str, Asked]]:
    """All clients of a seed, each with its kind."""
    found = [(kind, make(world)) for kind, (n, make) in BENIGN.items() for _ in range(n)]
    return found + [(f"{rate:6.2f} a minute", mailer(world, rate)) for rate in RATES for _ in range(each)]


def addresses(asked: Asked, often: float, rng: np.random.Generator) -> Asked:
    """The questions for addresses that follow, within a second."""
    at, names = asked
    some = rng.random(len(at)) < often
    return at[some] + rng.uniform(0.01, 1.0, int(some.sum())), names[some]


def events(hosts: list[tuple[str, Asked]], rng: np.random.Generator) -> Ints:
    """The questions as events (14, n), by time; client i + 1 is the i-th host."""
    shares = [float(rng.choice(FOLLOWED.get(kind, FOLLOWED_MAILER))) for kind, _ in hosts]
    follows = [addresses(asked, share, rng) for (_, asked), share in zip(hosts, shares, strict=True)]
    parts = [(asked, "MX", 62) for _, asked in hosts] + [(asked, "A", 61) for asked in follows]
    sizes = [len(asked[0]) for asked, _, _ in parts]
    at = np.concatenate([asked[0] for asked, _, _ in parts])
    client = np.repeat(np.tile(np.arange(len(hosts)) + 1, 2), sizes)
    names = np.concatenate([asked[1] + (1 << bit) for asked, _, bit in parts])
    qtype = np.repeat([QTYPES.index(name) for _, name, _ in parts], sizes)
    order = np.argsort(at, kind="stable")
    out = np.zeros((len(L.COLUMNS), len(at)), np.int64)
    out[L.COL["ts"]] = START + (at[order] * SECOND).astype(np.int64)
    out[L.COL["line"]] = np.arange(len(at)) + 1
    out[L.COL["client"]] = client[order]
    out[L.COL["name"]] = names[order]
    out[L.COL["code"]] = L.KIND_QUERY | qtype[order] << 16 | L.UTC << 28
    return Askers().questions(out)


def names_until(asked: Asked, moment: int | None) -> float:
    """Distinct names that a client asked for up to a moment."""
    if moment is None:
        return float("inf")
    return float(len(np.unique(asked[1][START + (asked[0] * SECOND).astype(np.int64) <= moment])))


def level(score: LookupScore | None) -> str:
    """The highest level that was reached."""
    if score is None:
        return ""
    return "alarm" if score.alarm else "warning" if score.warning else "notice" if score.notice else ""


def summary(values: Floats) -> str:
    """Share found, median and 90 % quantile."""
    high = np.quantile(values, 0.9, method="higher")
    return f"{np.isfinite(values).mean():.2f} {np.median(values):5.0f} [{high:5.0f}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--weeks", type=int, default=2)
    parser.add_argument("--each", type=int, default=6, help="mailers of each rate")
    options = parser.parse_args()
    first, last = (int(x) for x in options.seeds.split("-"))
    levels: dict[str, list[str]] = defaultdict(list)
    delays: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for seed in range(first, last + 1):
        world = world_of(seed, 7 * options.weeks)
        hosts = hosts_of(world, options.each)
        lookups = Lookups()
        lookups.step(events(hosts, world.rng))
        scores = {s.key: s for s in lookups.scores()}
        for i, (kind, asked) in enumerate(hosts):
            score = scores.get(i + 1)
            levels[kind].append(level(score))
            if kind not in BENIGN:
                alarm = None if score is None else score.alarm
                error = abs((score.onset or 0) - START - asked[0][0] * SECOND) / 60e6 if score and alarm else np.inf
                delays[kind].append((names_until(asked, alarm), error))
    for kind in BENIGN:
        found = levels[kind]
        counts = " ".join(f"{name} {found.count(name):4}" for name in ("alarm", "warning", "notice"))
        print(f"{kind:30} n {len(found):5} {counts}")
    for kind, values in delays.items():
        names, errors = np.array(values).T
        print(f"{kind:30} n {len(names):5} names {summary(names)} onset error {np.median(errors):.1f} min")
    print(f"{'all rates':30} {summary(np.array([n for values in delays.values() for n, _ in values]))}")


if __name__ == "__main__":
    main()
