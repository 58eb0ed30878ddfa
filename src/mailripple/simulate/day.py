"""A day's records: messages with their destinations, delivery attempts, bounces, POP sessions, look-ups.

Numbers only; the writers (`text_*`) turn them into log lines. Times are UTC ms. Each part draws from a stream of its
own, so that the quiet variant of a seed has the same background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mailripple.simulate.campus import A, Campus
from mailripple.simulate.columns import Ints, chosen, joined
from mailripple.simulate.scenario import Scenario, Span

LOCAL = -1
OK, UNKNOWN_USER, UNKNOWN_HOST, BUSY = range(4)
"""What a destination makes of a delivery; BUSY takes it from `opens` on."""
_MOST_HOSTS = 40


class Messages(NamedTuple):
    """Messages taken in, by time: `client` host that handed it in, `account` its sender or (local) its recipient;
    `outside` whether it comes from outside, `worm` number of the infected host or -1."""

    ms: Ints
    client: Ints
    account: Ints
    outside: npt.NDArray[np.bool_]
    worm: Ints
    size: Ints


class Deliveries(NamedTuple):
    """One row for each message and destination host: `domain` (LOCAL for the campus), `place` within its message,
    recipients, fate, when (ms) it opens, and `turn` (0 to 1) within a queue run."""

    message: Ints
    place: Ints
    domain: Ints
    recipients: Ints
    fate: Ints
    opens: Ints
    turn: npt.NDArray[np.float64]


class Sessions(NamedTuple):
    """POP sessions: time, host, account, mails fetched."""

    ms: Ints
    host: Ints
    account: Ints
    mails: Ints


@dataclass(frozen=True, slots=True)
class Worm:
    """Infected PCs: host and time (ms) of infection of each; messages a minute and host."""

    hosts: Ints
    starts: Ints
    rate: float


def intensity(
    scene: Scenario, span: Span, values: dict[str, float], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The level of each minute: the rhythm times an AR(1) in the logarithm times a gamma factor, both of mean 1."""
    hours, levels = np.array(scene.rhythm).T
    rho, sd = float(np.exp(-1.0 / values["noise_minutes"])), values["noise_sd"]
    shocks = rng.normal(size=len(span.hours)) * sd * np.sqrt(1 - rho * rho)
    level, logs = rng.normal() * sd, np.empty(len(shocks))
    for i, shock in enumerate(shocks.tolist()):
        level = rho * level + shock
        logs[i] = level
    shape = values["noise_shape"]
    noise = np.exp(logs - sd * sd / 2) * rng.gamma(shape, 1.0 / shape, size=len(logs))
    result: npt.NDArray[np.float64] = np.interp(span.hours, hours, levels) * noise
    return result


def moments(span: Span, rates: npt.NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """Times (ms, sorted) of a Poisson process with `rates` events in each minute."""
    counts = rng.poisson(rates)
    minutes = np.repeat(np.arange(len(rates)), counts)
    return np.sort(span.start + minutes * 60_000 + rng.integers(60_000, size=len(minutes)))


def _zipf(size: int, exponent: float) -> npt.NDArray[np.float64]:
    weights = np.arange(1, size + 1, dtype=np.float64) ** -exponent
    share: npt.NDArray[np.float64] = weights / weights.sum()
    return share


def _domain_shares(scene: Scenario, share_a: float) -> npt.NDArray[np.float64]:
    shares = _zipf(int(scene.campus["domains"]), scene.campus["domain_exponent"])
    shares[A] = 0.0
    shares *= (1 - share_a) / shares.sum()
    shares[A] = share_a
    return shares


def background(
    scene: Scenario, campus: Campus, span: Span, values: dict[str, float], rng: np.random.Generator
) -> tuple[Messages, Deliveries]:
    """The mail of an ordinary day."""
    ms = moments(span, values["messages"] * intensity(scene, span, values, rng), rng)
    count = len(ms)
    shares = _domain_shares(scene, values["share_a"])
    local = rng.random(count) < values["q"]
    outside = local & (rng.random(count) >= values["inside"])
    pcs = rng.choice(campus.pcs, size=count, p=_zipf(campus.pcs, 0.5))
    servers = campus.pcs + rng.choice(len(shares), size=count, p=shares)
    size = (300 + np.exp(rng.normal(8.0, 1.2, size=count))).astype(np.int64)
    accounts = rng.integers(len(campus.accounts), size=count)
    messages = Messages(ms, np.where(outside, servers, pcs), accounts, outside, np.full(count, -1), size)
    hosts = np.where(local, 1, np.minimum(rng.geometric(1.0 / values["n"], size=count), _MOST_HOSTS))
    message = np.repeat(np.arange(count), hosts)
    domain = _distinct(message, shares, rng)
    domain[local[message]] = LOCAL
    chances = (values["unknown_user"], values["unknown_host"], values["deferred"])
    return messages, _deliveries(campus, values, messages, message, domain, chances, rng)


def _distinct(message: Ints, shares: npt.NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """A domain for each row, none twice for the same message."""
    domain = rng.choice(len(shares), size=len(message), p=shares)
    while True:
        _, first = np.unique(message * len(shares) + domain, return_index=True)
        again = np.ones(len(domain), dtype=bool)
        again[first] = False
        if not again.any():
            return domain
        domain[again] = rng.choice(len(shares), size=int(again.sum()), p=shares)


def _deliveries(
    campus: Campus,
    values: dict[str, float],
    messages: Messages,
    message: Ints,
    domain: Ints,
    chances: tuple[float, float, float],
    rng: np.random.Generator,
) -> Deliveries:
    """What becomes of each: `chances` of an unknown user, an unknown host, a host that is busy for a while."""
    count = len(message)
    starts = np.flatnonzero(np.diff(message, prepend=-1))
    place = np.arange(count) - np.repeat(starts, np.diff(starts, append=count))
    away = domain != LOCAL
    fate = np.searchsorted(np.cumsum(chances), rng.random(count), side="right")
    fate = np.where(away, np.array([UNKNOWN_USER, UNKNOWN_HOST, BUSY, OK])[fate], OK)
    wait = rng.exponential(values["deferred_minutes"] * 60_000, size=count).astype(np.int64)
    opens = np.where(fate == BUSY, messages.ms[message] + 60_000 + wait, 0)
    gone = len(campus.domains) - campus.gone
    nowhere = gone + (rng.integers(campus.gone, size=count) + place) % campus.gone
    domain = np.where(fate == UNKNOWN_HOST, nowhere, domain)
    recipients = np.where(away & (rng.random(count) < 0.1) & (fate == OK) & (messages.worm[message] < 0), 2, 1)
    turn = np.minimum(rng.random(len(messages.ms))[message], 0.999)
    return Deliveries(message, place, domain, recipients, fate, opens, turn)


def outbreak(
    scene: Scenario, campus: Campus, span: Span, values: dict[str, float], rng: np.random.Generator
) -> tuple[Worm, Messages, Deliveries]:
    """Infected PCs, ever more of them (logistic), mail strangers: one recipient a message."""
    count = round(values["worm_hosts"])
    hosts = rng.choice(campus.pcs, size=count, replace=False)
    share = (np.arange(count) + rng.uniform(0.2, 0.8, size=count)) / count
    clock = values["worm_hour"] + values["worm_scale"] * np.log(share / (1 - share))
    starts = np.array([span.moment(float(c) * 60) for c in clock]) + rng.integers(60_000, size=count)
    worm = Worm(hosts, starts, values["worm_messages"] / count)
    minutes = span.start + np.arange(len(span.hours)) * 60_000
    shape = values["noise_shape"]
    ms, number = [], []
    for i in range(count):
        drawn = moments(
            span, worm.rate * (minutes + 60_000 > starts[i]) * rng.gamma(shape, 1 / shape, len(minutes)), rng
        )
        drawn = drawn[drawn >= starts[i]]
        ms.append(drawn)
        number.append(np.full(len(drawn), i))
    times, who = np.concatenate(ms), np.concatenate(number)
    order = np.argsort(times, kind="stable")
    times, who = times[order], who[order]
    account = rng.integers(len(campus.accounts), size=count)[who]
    size = rng.integers(48_000, 52_000, size=len(times))
    messages = Messages(times, hosts[who], account, np.zeros(len(times), dtype=bool), who, size)
    domain = rng.choice(int(scene.campus["domains"]), size=len(times), p=_domain_shares(scene, values["worm_share_a"]))
    chances = (values["worm_unknown_user"], values["worm_unknown_host"], values["deferred"])
    deliveries = _deliveries(campus, values, messages, np.arange(len(times)), domain, chances, rng)
    return worm, messages, deliveries


def merged(first: tuple[Messages, Deliveries], second: tuple[Messages, Deliveries]) -> tuple[Messages, Deliveries]:
    """Both days' mail as one, messages in order of time, deliveries in order of messages."""
    count = len(first[0].ms)
    messages = joined((first[0], second[0]))
    rows = joined((first[1], second[1]._replace(message=second[1].message + count)))
    order = np.argsort(messages.ms, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    rows = rows._replace(message=place[rows.message])
    return chosen(messages, order), chosen(rows, np.lexsort((rows.place, rows.message)))


def sessions(
    scene: Scenario, campus: Campus, span: Span, values: dict[str, float], rng: np.random.Generator
) -> Sessions:
    """People fetch their mail."""
    ms = moments(span, values["pop_sessions"] * intensity(scene, span, values, rng), rng)
    account = rng.integers(len(campus.accounts), size=len(ms))
    return Sessions(ms, account % campus.pcs, account, rng.geometric(0.4, size=len(ms)) - 1)
