"""Which attacks are tried: a fractional design over rate, bounces, novelty, senders, path, start and evasion.

Every seed has each rate once on the path through the mail server and once with an engine of its own; the other factors
go round, each with a stride of its own, so that over twelve seeds every pair of levels meets.  All cells weigh the same.
The design was fixed before any detector was run on it.
"""

from __future__ import annotations

from mailripple.simulate.site.attacks import Attack, Shape

#: Messages a minute of one host.
RATES = (0.05, 0.1, 0.5, 2.0, 10.0, 30.0, 100.0)
BOUNCES = (0.2, 0.05, 0.5, 0.02)
NOVELTIES = (0.55, 0.9, 0.2)
SENDERS = (400, 20, 1)
STARTS = (2.0, 10.0, 14.0)
SHAPES: tuple[Shape, ...] = ("steady", "steady", "steady", "ramp", "steady", "duty")
#: Days of a site, and the day from which attacks begin: a week of history first.
DAYS, HISTORY = 14, 7
#: Computers of a site: with the twenty attacks of a seed one in a hundred is infected.
CLIENTS = 2000


def attacks_of(seed: int) -> list[Attack]:
    """The twenty attacks of a seed."""
    found = []
    for i, rate in enumerate(RATES):
        found.append(
            Attack(
                path="relay",
                rate=rate,
                bounce=BOUNCES[(i + seed) % 4],
                novelty=NOVELTIES[(i + seed // 2) % 3],
                senders=SENDERS[(i + seed // 3) % 3],
                start_hour=_start(seed + i),
                hours=hours(rate),
                shape=SHAPES[(i * 5 + seed) % 6],
                recipients=3 if (i + seed) % 11 == 5 else 1,
                closes=float((i + seed) % 2),
            )
        )
        found.append(Attack(path="direct", rate=rate, start_hour=_start(seed + i + 2), hours=hours(rate)))
    for i, rate in enumerate((0.1, 2.0, 10.0)):
        found.append(Attack(path="guessed", rate=rate, start_hour=_start(seed + i + 1), hours=hours(rate)))
    found.append(_account(seed, rate=2.0, clients=1))
    found.append(_account(seed + 1, rate=0.5, clients=30))
    found.append(Attack(path="script", rate=5.0, bounce=0.3, novelty=0.9, senders=1, start_hour=_start(seed), hours=6.0))
    return found


def _account(seed: int, *, rate: float, clients: int) -> Attack:
    return Attack(
        path="account",
        rate=rate,
        bounce=0.2,
        novelty=0.9,
        senders=1,
        clients=clients,
        start_hour=_start(seed),
    )


def _start(turn: int) -> float:
    """A start in the first days after the history."""
    return 24.0 * (HISTORY + turn % 4) + STARTS[turn % 3]


def hours(rate: float) -> float:
    """How long it goes on: a day; a fast one is over sooner."""
    return 24.0 if rate <= 2 else 4.0
