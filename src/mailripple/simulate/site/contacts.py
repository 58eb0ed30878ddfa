"""To whom a host writes: several ways in which people find their contacts.

Only one of them is the process that detectors of first contacts usually assume (Pitman and Yor 1997); the others are
address books of Zipf shape, small circles, contacts that wander, and projects that bring a dozen new partners at once.
"""

from __future__ import annotations

import numpy as np

from mailripple.simulate.site.network import KNOWN, STRANGE
from mailripple.simulate.site.tables import Ints

FAMILIES = ("pitman-yor", "book", "circle", "wandering")


def fresh(n: int, strangers: float, rng: np.random.Generator) -> Ints:
    """Domains met for the first time: a popular one, or a stranger."""
    popular = (rng.random(n) ** 2.5 * KNOWN[1]).astype(np.int64)
    strange = rng.integers(*STRANGE, n)
    return np.where(rng.random(n) < strangers, strange, popular)


def contacts(family: str, n: int, values: dict[str, float], rng: np.random.Generator) -> tuple[Ints, Ints]:
    """(domain of each of n recipients in the order of time, 1 where it is in no address book)."""
    if family == "pitman-yor":
        return _pitman_yor(n, rng)
    strangers = min(0.5, values["strangers"] * rng.gamma(2, 0.5))
    size = {"book": int(rng.integers(8, 90)), "circle": int(rng.integers(3, 9)), "wandering": int(rng.integers(5, 12))}[
        family
    ]
    if family == "circle":
        strangers /= 5
    book = fresh(size, 0.5, rng)
    weights = (np.arange(size) + 1.0) ** -values["exponent"]
    pick = rng.choice(size, n, p=weights / weights.sum())
    if family == "wandering":  # the circle moves on: one contact in thirty messages is replaced for good
        moves = np.cumsum(rng.random(n) < 1 / 30)
        book = fresh(size + int(moves[-1]) + 1 if n else size, 0.5, rng)
        pick = pick + moves
    strange = rng.random(n) < strangers
    return np.where(strange, rng.integers(*STRANGE, n), book[pick]), strange.astype(np.int64)


def _pitman_yor(n: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The process with parameters of the host's own: concentration 1 to 8, discount .2 to .7."""
    theta, discount = rng.uniform(1, 8), rng.uniform(0.2, 0.7)
    luck, choice = rng.random(n).tolist(), rng.random(n).tolist()
    pool = fresh(n, 0.4, rng).tolist()
    seen: list[int] = []
    out, new = [], []
    met = 0
    for k in range(n):
        if luck[k] < (theta + discount * met) / (theta + k):
            out.append(pool[k])
            new.append(1)
            met += 1
        else:
            out.append(seen[int(choice[k] * k)])
            new.append(0)
        seen.append(out[-1])
    return np.array(out, np.int64), np.array(new, np.int64)
