"""Which attacks are tried: a balanced design over rate, bounces, novelty, senders, path, start and evasion; and a
second one that has enough attacks of the sort that the goals speak of.

Every seed has each rate once on the path through the mail server and once with an engine of its own; the levels of the
other factors are dealt out to them by a shuffle of their own, so that over some seeds all pairs of levels meet.  All
cells weigh the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from mailripple.simulate.site.attacks import Attack, Shape

Level = TypeVar("Level")

#: Messages a minute of one host.
RATES = (0.05, 0.1, 0.5, 2.0, 10.0, 30.0, 100.0)
BOUNCES = (0.2, 0.05, 0.5, 0.02)
NOVELTIES = (0.55, 0.9, 0.2)
SENDERS = (400, 20, 1)
STARTS = (2.0, 10.0, 14.0)
SHAPES: tuple[Shape, ...] = ("steady", "steady", "steady", "steady", "steady", "ramp", "duty")
RECIPIENTS = (1, 1, 1, 1, 1, 1, 3)
#: Hours after which the most wanted domain refuses us; 0: never.
CLOSES = (0.0, 1.0)
#: Days of a site, and the day from which attacks begin: a week of history first.
DAYS, HISTORY = 14, 7
#: Computers of a site: with the twenty attacks of a seed one in a hundred is infected.
CLIENTS = 2000


def attacks_of(seed: int) -> list[Attack]:
    """The twenty attacks of a seed."""
    rng = np.random.default_rng([2003, seed])

    def dealt(levels: Sequence[Level]) -> list[Level]:
        """Seven levels, each as often as the others or once more."""
        turns = rng.permutation(len(levels)).tolist()
        row = [levels[turns[i % len(levels)]] for i in range(len(RATES))]
        return [row[i] for i in rng.permutation(len(RATES)).tolist()]

    factors = [dealt(f) for f in (BOUNCES, NOVELTIES, SENDERS, SHAPES, RECIPIENTS, CLOSES)]
    found = []
    for rate, bounce, novelty, senders, shape, recipients, closes in zip(RATES, *factors, strict=True):
        found.append(
            Attack(
                path="relay",
                rate=rate,
                bounce=bounce,
                novelty=novelty,
                senders=senders,
                start_hour=_start(rng),
                hours=hours(rate),
                shape=shape,
                recipients=recipients,
                closes=closes,
            )
        )
    found += [Attack(path="direct", rate=rate, start_hour=_start(rng), hours=hours(rate)) for rate in RATES]
    found += [Attack(path="guessed", rate=rate, start_hour=_start(rng), hours=hours(rate)) for rate in (0.1, 2.0, 10.0)]
    for rate, clients in ((2.0, 1), (0.5, 30)):
        many = {"bounce": 0.2, "novelty": 0.9, "senders": 1, "clients": clients}
        found.append(Attack(path="account", rate=rate, start_hour=_start(rng), **many))  # type: ignore[arg-type]
    found.append(Attack(path="script", rate=5.0, bounce=0.3, novelty=0.9, senders=1, start_hour=_start(rng), hours=6.0))
    return found


#: Of the second design: (rate, how many a seed), where bounces are as the goals say, and where 5 % fail.  Over twenty
#: seeds 300 and 100 attacks of the first sort and 60 of the other: .99 can be shown by 299 attacks, .95 by 59.
GOAL_RATES = ((0.1, 5), (0.5, 3), (2.0, 3), (10.0, 3), (30.0, 3), (100.0, 3))
LOW_RATES = ((0.5, 1), (2.0, 1), (10.0, 1))


def goal_attacks_of(seed: int) -> list[Attack]:
    """The attacks of a seed's second site: relayed mail at the bounces and novelties of the goals."""
    rng = np.random.default_rng([2004, seed])
    found = []
    for rates, bounces in ((GOAL_RATES, (0.2, 0.5)), (LOW_RATES, (0.05,))):
        for rate, many in rates:
            senders = rng.permutation(SENDERS).tolist() * 2
            for k in range(many):
                found.append(
                    Attack(
                        path="relay",
                        rate=rate,
                        bounce=float(rng.choice(bounces)),
                        novelty=float(rng.choice((0.55, 0.9))),
                        senders=senders[k],
                        start_hour=_start(rng),
                        hours=hours(rate),
                        closes=float(rng.choice(CLOSES)),
                    )
                )
    return found


def _start(rng: np.random.Generator) -> float:
    """A start in the first days after the history, at night, in the morning or in the afternoon."""
    return 24.0 * (HISTORY + int(rng.integers(4))) + STARTS[int(rng.integers(3))]


def hours(rate: float) -> float:
    """How long it goes on: a day; a fast one is over sooner."""
    return 24.0 if rate <= 2 else 4.0
