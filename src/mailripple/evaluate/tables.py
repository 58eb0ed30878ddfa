"""From the outcomes of all seeds to the figures of the tables, each with its interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mailripple.evaluate.intervals import clustering, poisson, share
from mailripple.evaluate.measure import Outcome

Attack = dict[str, Any]
#: Who is an ordinary host: people's computers, shared ones, gateways, and the servers inside that send or relay.
ORDINARY = ("pc", "shared-pc", "gateway", "web-mail", "department-relay", "help-desk")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number with its 95 % interval; `n` what it rests on."""

    value: float
    low: float
    high: float
    n: int

    def text(self, digits: int = 2) -> str:
        """As it is printed."""
        if math.isnan(self.value):
            return "-"
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def attacks_in(outcomes: Iterable[Outcome], wanted: Callable[[Attack], bool]) -> list[Attack]:
    """The attacks of a sort."""
    return [a for o in outcomes for a in o["attacks"] if wanted(a)]


def recall(attacks: Sequence[Attack], level: str = "alarm", within: float = math.inf) -> Figure:
    """Share of attacks that reached the level within so many minutes."""
    hits = sum(a[level] is not None and a[level]["minutes"] <= within for a in attacks)
    return Figure(*share(hits, len(attacks)), len(attacks))


def delay(attacks: Sequence[Attack], quantile: float, level: str = "alarm", unit: str = "messages") -> float:
    """That quantile of messages (or minutes) until the level; an attack that was never named counts as without end."""
    values = sorted(a[level][unit] if a[level] else math.inf for a in attacks)
    if not values:
        return math.nan
    return float(values[min(len(values) - 1, math.ceil(quantile * len(values)) - 1)])


def onset_error(attacks: Sequence[Attack]) -> float:
    """Median minutes between the true onset and the one told, of attacks that were named."""
    errors = [a["onset_error"] for a in attacks if a["onset_error"] is not None]
    return median(errors) if errors else math.nan


def false_alarms(outcomes: Sequence[Outcome], kinds: Sequence[str], level: str = "accused") -> tuple[Figure, float]:
    """(per 1,000 host-weeks of these kinds, variance over mean of the seeds' counts)."""
    counts = [sum(o[level].get(kind, 0) for kind in kinds) for o in outcomes]
    weeks = sum(o["weeks"] * sum(o["hosts"].get(kind, 0) for kind in kinds) for o in outcomes)
    rate, low, high = poisson(sum(counts), weeks / 1000)
    return Figure(rate, low, high, round(weeks)), clustering(counts)


def flagged(outcomes: Sequence[Outcome], kind: str, level: str = "accused") -> Figure:
    """Share of the hosts of a kind that were ever accused."""
    hits = sum(o[level].get(kind, 0) for o in outcomes)
    n = sum(o["hosts"].get(kind, 0) for o in outcomes)
    return Figure(*share(hits, n), n)


def precision(outcomes: Sequence[Outcome]) -> Figure:
    """Share of the accused who are guilty."""
    right = sum(a["alarm"] is not None for o in outcomes for a in o["attacks"])
    wrong = sum(sum(o["accused"].values()) for o in outcomes)
    return Figure(*share(right, right + wrong), right + wrong)


def precision_standing_out(outcomes: Sequence[Outcome]) -> Figure:
    """Share of the guilty among the accused that stand out among all that were looked at (e-BH at 5 %)."""
    right = sum(a["stands_out"] for o in outcomes for a in o["attacks"])
    wrong = sum(sum(o["standing_out"].values()) for o in outcomes)
    return Figure(*share(right, right + wrong), right + wrong)


def recall_standing_out(attacks: Sequence[Attack]) -> Figure:
    """Share of attacks that are accused and stand out."""
    return Figure(*share(sum(a["stands_out"] for a in attacks), len(attacks)), len(attacks))


def goal_attacks(outcomes: Iterable[Outcome], wanted: Callable[[Attack], bool]) -> list[Attack]:
    """The attacks of a sort in the second design, see `grid.goal_attacks_of`."""
    return [a for o in outcomes for a in o["goals"] if wanted(a)]


def server_alarms(outcomes: Sequence[Outcome]) -> Figure:
    """Surges of the whole server a week, at the sites left alone."""
    weeks = sum(o["weeks"] for o in outcomes)
    return Figure(*poisson(sum(o["surges"][0] for o in outcomes), weeks), round(weeks))


def exceeding(outcomes: Sequence[Outcome], path: str, power: int) -> Figure:
    """Share of ordinary hosts whose e-value on a path ever was 10**power or more."""
    rows = [o["exceedance"][path] for o in outcomes]
    n = sum(r[0] for r in rows)
    return Figure(*share(sum(r[power] for r in rows), n), n)


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    """All kinds of innocent subjects, by name."""
    return sorted({kind for o in outcomes for kind in o["hosts"]})


def reliability(outcomes: Sequence[Outcome]) -> list[tuple[str, int, float, Figure]]:
    """(range of confidence told, how many, mean told, share that was guilty)."""
    edges = (0.0, 0.1, 0.5, 0.9, 0.99, 1.01)
    rows = []
    pairs = [(c, g) for o in outcomes for c, g in o["confidence"]]
    for low, high in zip(edges, edges[1:], strict=False):
        some = [(c, g) for c, g in pairs if low <= c < high]
        if some:
            told = sum(c for c, _ in some) / len(some)
            name = f"{low:g} to {min(high, 1.0):g}"
            rows.append((name, len(some), told, Figure(*share(sum(g for _, g in some), len(some)), len(some))))
    return rows


def totals(outcomes: Sequence[Outcome], level: str) -> Counter[str]:
    """Accusations or warnings by kind over all seeds."""
    found: Counter[str] = Counter()
    for outcome in outcomes:
        found.update(outcome[level])
    return found
