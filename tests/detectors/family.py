"""What every detector is tried on: simulated quiet streams, a worm, and scores of both."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from mailripple.detectors import Scores
from mailripple.messages import Attempts
from mailripple.models.lookups import Lookups
from mailripple.models.senders import Senders
from tests.models.test_lookups import Question, questions
from tests.models.test_senders import START, attempts, quiet, worm
from tests.naive_senders import Unit
from tests.streams import hashed


def quiet_hosts(seed: int, hosts: int = 40, messages: int = 150) -> list[Unit]:
    """Ordinary hosts, each with its own partners, in the order of time."""
    rng = random.Random(seed)
    units = [u for host in range(hosts) for u in quiet(rng, host, START, messages)]
    return numbered(sorted(units, key=lambda u: u.ts))


def numbered(units: list[Unit]) -> list[Unit]:
    """The units with the orders of their places."""
    return [replace(u, order=n + 1) for n, u in enumerate(units)]


def infected(seed: int) -> list[Unit]:
    """The quiet hosts and a worm on 192.0.2.1."""
    rng = random.Random(seed)
    units = quiet_hosts(seed)
    return numbered(sorted([*units, *worm(rng, units[len(units) // 2].ts, 150, senders=400)], key=lambda u: u.ts))


def scores_of(units: list[Unit], cuts: int = 1) -> Scores:
    """The models' scores, as if each host asked for the exchangers of what it mails to, now and then or, if infected, always."""
    senders, lookups = Senders(hashed("")), Lookups()
    for piece in np.array_split(attempts(units).columns, cuts, axis=1):
        senders.step(Attempts(piece))
    asked = [Question(u.ts, u.order, u.client, u.domain) for u in units if u.queue.endswith("0") or u.queue.startswith("w")]
    for piece in np.array_split(questions(asked), cuts, axis=1):
        lookups.step(piece)
    return Scores((tuple(senders.scores()),), (tuple(lookups.scores()),))
