"""Attacks: what a mass mailer does, as data, and the messages or look-ups that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mailripple.errors import UsageError
from mailripple.simulate.site.drafts import Draft, draft
from mailripple.simulate.site.tables import UNKNOWN_HOST, UNKNOWN_USER, Ints

Path = Literal["relay", "account", "direct", "guessed", "script"]
Shape = Literal["steady", "ramp", "duty"]
Device = Literal["pc", "printer"]
PATHS: tuple[str, ...] = get_args(Path)
HOUR = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One mass mailer, or several of one sort.

    `path`: through the mail server from a computer inside (relay), with a stolen account from outside (account), with
    an engine of its own that asks for exchangers (direct) or guesses their names (guessed), from a web server's script
    (script).  `rate` messages a minute and host; `bounce` share of recipients that do not exist; `novelty` share of
    domains that the host never wrote to; `senders` how many sender addresses; `start_hour` since the site's start;
    `hours` how long; `hosts` at once; `clients` outside addresses that share one account; `recipients` a message;
    `shape` steady, ramp (from a twentieth of the rate up to all of it in three days) or duty (ten minutes an hour);
    `closes` hours after which the most wanted domain refuses us, 0 never; `device` what was broken into.
    """

    path: Path
    rate: float
    start_hour: float
    hours: float = 24.0
    bounce: float = 0.2
    novelty: float = 0.55
    senders: int = 400
    hosts: int = 1
    clients: int = 1
    recipients: int = 1
    shape: Shape = "steady"
    closes: float = 0.0
    device: Device = "pc"

    def __post_init__(self) -> None:
        if self.path not in PATHS or self.shape not in get_args(Shape):
            raise UsageError(f"no attack {self.path!r}, {self.shape!r}", where="scenario", todo=f"one of {PATHS}")


def moments(attack: Attack, start: int, end: int, rng: np.random.Generator, most: int = 20_000) -> Ints:
    """When it sends (UTC ms, sorted): a Poisson process of its rate and shape, `most` messages at most."""
    begin = start + round(attack.start_hour * HOUR)
    stop = min(end, begin + round(attack.hours * HOUR))
    minutes = np.arange(max(0, (stop - begin) // 60_000))
    level = np.ones(len(minutes))
    if attack.shape == "ramp":
        level = np.minimum(1.0, 0.05 + 0.95 * minutes / (72 * 60))
    elif attack.shape == "duty":
        level = np.where(minutes % 60 < 10, 1.0, 0.0)
    counts = rng.poisson(attack.rate * level)
    at = np.repeat(minutes, counts) * 60_000 + rng.integers(0, 60_000, int(counts.sum()))
    return np.sort(begin + at)[:most]


def mail_of(
    attack: Attack, at: Ints, client: Ints, account: int, known: Ints, fresh: Ints, senders: Ints, cause: int,
    rng: np.random.Generator,
) -> Draft:  # fmt: skip
    """Its messages at these moments.

    `client` host of each; `known` domains that the host wrote to; `fresh` domains of the mailer's list; `senders` its
    sender addresses.
    """
    n = len(at) * attack.recipients
    new = rng.random(n) < attack.novelty
    domain = np.where(new, rng.choice(fresh, n), rng.choice(known, n))
    dead = rng.random(n) < attack.bounce
    fate = np.where(dead, np.where(rng.random(n) < 0.15, UNKNOWN_HOST, UNKNOWN_USER), 0)
    message = np.repeat(np.arange(len(at)), attack.recipients)
    size = rng.integers(25_000, 140_000, len(at))
    return draft(
        at,
        client,
        account,
        rng.choice(senders, len(at)),
        size,
        cause,
        message,
        domain,
        rng.integers(0, 20_000, n),
        fate,
    )
