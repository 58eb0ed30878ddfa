"""Every DNS question of a day: what the mail server's work costs (equation 1 of the paper), and others' browsing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mailripple.simulate.attempts import Attempts
from mailripple.simulate.campus import Campus
from mailripple.simulate.columns import Ints, chosen, in_order, joined
from mailripple.simulate.day import LOCAL, Deliveries, Messages, Sessions
from mailripple.simulate.scenario import Span

TYPES = ("A", "PTR", "MX", "ANY")
_A, _PTR, _MX, _ANY = range(4)
PER_MESSAGE, PER_HOST, PER_SESSION = 2, 4, 1
MAIL_SERVER = -1


class Queries(NamedTuple):
    """Questions in order of time: who asks (host, or MAIL_SERVER), place of the name in `Campus.names`, type."""

    ms: Ints
    client: Ints
    name: Ints
    qtype: Ints


def lookups(
    campus: Campus,
    messages: Messages,
    deliveries: Deliveries,
    attempts: Attempts,
    pop: Sessions,
    retry_lookups: int,
    browsing: Queries,
    repeats: float,
    rng: np.random.Generator,
) -> Queries:
    """2 a message (PTR of its client, then the forward check); 4 a first attempt at another host (ANY, A and MX of the
    domain, A of its exchanger); `retry_lookups` a retry; 1 a POP session (PTR of its client).

    These are means: a share `repeats` of the questions is not asked (cached), as many are asked twice, a second later.
    """
    parts: list[Queries] = []

    def ask(ms: Ints, name: Ints, qtype: int) -> None:
        parts.append(Queries(ms, np.full_like(ms, MAIL_SERVER), name, np.full_like(ms, qtype)))

    ask(messages.ms - 150, campus.reverse() + messages.client, _PTR)
    ask(messages.ms - 100, campus.forward() + messages.client, _A)
    ask(pop.ms - 40, campus.reverse() + pop.host, _PTR)
    domain = deliveries.domain[attempts.delivery]
    questions = (
        (campus.domain(), _ANY),
        (campus.domain(), _A),
        (campus.domain(), _MX),
        (campus.exchanger(), _A),
    )
    first = (attempts.tries == 0) & (domain != LOCAL)
    begun = attempts.ms - attempts.took
    for i, (base, qtype) in enumerate(questions):
        ask(begun[first] - 300 + 60 * i, base + domain[first], qtype)
    again = attempts.tries > 0
    for i in range(retry_lookups):
        base, qtype = questions[3 - i % 4]
        ask(attempts.ms[again] - 80 + 10 * i, base + domain[again], qtype)
    asked = joined(parts)
    luck = rng.random(len(asked.ms))
    twice = chosen(asked, luck > 1 - repeats)
    return in_order([browsing, chosen(asked, luck >= repeats), twice._replace(ms=twice.ms + 1000)])


def browsing(campus: Campus, span: Span, ms: Ints, rng: np.random.Generator) -> Queries:
    """People's own look-ups at each of `ms`: web servers outside, and the home mail server's domain."""
    count = len(ms)
    client = rng.integers(campus.pcs, size=count)
    web = campus.web() + (rng.random(count) ** 3 * (len(campus.domains) - campus.gone)).astype(np.int64)
    reverse = rng.random(count) < 0.08
    name = np.where(reverse, campus.reverse() + rng.integers(len(campus.ips), size=count), web)
    return Queries(ms, client, name, np.where(reverse, _PTR, _A))
