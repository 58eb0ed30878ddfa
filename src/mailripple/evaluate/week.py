"""What a rule may see of a site, and what it says: the joint between sites, rules and measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.attempts import KeptAttempts, Rows
from mailripple.messages import Attempts
from mailripple.models.lookups import WINDOW, server_like
from mailripple.parse import layout as L
from mailripple.simulate.site.events import LOCAL_KEY, attempts_of, logins_of, questions_of
from mailripple.simulate.site.tables import Ints, Site
from mailripple.tables import ATTEMPTS, QTYPES

_MX, _PTR = QTYPES.index("MX"), QTYPES.index("PTR")
_PLACE = {column.name: i for i, column in enumerate(ATTEMPTS)}
#: The columns that are kept, by their names here, in the order of `attempts.COLUMNS`.
_KEPT = (
    "ts", "server", "queue_hash", "client_ip", "account", "env_from", "rcpt_domain", "first", "status", "order",
)  # fmt: skip
#: A subject: (is it an account?, its key).
Subject = tuple[bool, int]


@dataclass(frozen=True, slots=True)
class Raised:
    """What a rule says of a subject: when (us since 1970) it was first accused, warned of and noticed; None for never.

    `onset` since when, by the rule; `evidence` log of an e-value, where the rule has one.
    """

    subject: Subject
    alarm: int | None
    warning: int | None = None
    notice: int | None = None
    onset: int | None = None
    evidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Week:
    """The events of a site, without its truth.

    `attempts` (12, n) as `messages.Attempts`; `exchangers` events (14, n), as `models.askers` chooses them; `logins`
    events; `inside` keys of the addresses of the campus; `servers` keys of its mail servers; `reverse` keys of clients
    that ask for the names of addresses as servers do, and `asked` (3, m) their questions for MX and PTR: client, window
    of ten minutes, 1 for PTR; `oracle` for each attempt what a content filter would say that errs now and then: it is
    for one rule only, and no log has it.
    """

    attempts: Attempts
    exchangers: Ints
    logins: Ints
    inside: frozenset[int]
    servers: frozenset[int]
    reverse: frozenset[int]
    asked: Ints
    start: int
    end: int
    oracle: npt.NDArray[np.bool_]

    def column(self, name: str) -> Ints:
        """A column of the attempts."""
        found: Ints = self.attempts.columns[_PLACE[name]]
        return found


Rule = Callable[[Week, float], list[Raised]]


def week_of(site: Site) -> Week:
    """What can be seen of a site."""
    inside = frozenset(i + 1 for i, kind in enumerate(site.hosts.kinds) if not kind.startswith("outside"))
    attempts = attempts_of(site)
    return Week(
        attempts,
        questions_of(site),
        logins_of(site),
        inside,
        frozenset([site.mail_server + 1]),
        reverse := _reverse_askers(site),
        _asked(site, reverse),
        site.start * 1000,
        site.end * 1000,
        _filtered(site, attempts),
    )


def _filtered(site: Site, attempts: Attempts) -> npt.NDArray[np.bool_]:
    """What a content filter says: nine tenths of the attackers' mail, and 2 % of all other, drawn by the message."""
    harm = np.array([cause.harm for cause in site.causes])
    luck = np.random.default_rng(site.seed + 1_000_003).random(len(site.messages.ms))
    marked = np.where(harm[site.messages.cause], luck < 0.9, luck < 0.02)
    found: npt.NDArray[np.bool_] = marked[attempts.columns[3] - 1]
    return found


def kept_of(week: Week) -> KeptAttempts:
    """The attempts that a report keeps for its models, all of them: deferred ones, and others that left the machine."""
    rows = np.stack([*(week.column(name) for name in _KEPT), week.column("dsn") >> 3 & 1])
    away = week.column("rcpt_domain") != LOCAL_KEY
    deferred = week.column("status") == L.DEFERRED
    return KeptAttempts(Rows(rows[:, away & deferred]), Rows(rows[:, away & ~deferred]))


def _asked(site: Site, clients: frozenset[int]) -> Ints:
    """The questions of these clients for MX and PTR."""
    q = site.queries
    rows = np.flatnonzero(np.isin(q.client + 1, sorted(clients)) & np.isin(q.qtype, (_MX, _PTR)))
    return np.stack([q.client[rows] + 1, q.ms[rows] * 1000 // WINDOW, q.qtype[rows] == _PTR]).astype(np.int64)


def _reverse_askers(site: Site) -> frozenset[int]:
    """Clients that ask for the names of addresses as servers do."""
    hosts = len(site.hosts.ips)
    ptr = np.bincount(site.queries.client[site.queries.qtype == _PTR], minlength=hosts)
    mx = np.bincount(site.queries.client[site.queries.qtype == _MX], minlength=hosts)
    found: npt.NDArray[np.int64] = np.flatnonzero(server_like(mx, ptr))
    return frozenset((found + 1).tolist())
