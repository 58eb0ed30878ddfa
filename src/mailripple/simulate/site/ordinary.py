"""Ordinary traffic: what people send, what comes in from outside, and who reads mail when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mailripple.simulate.columns import in_order
from mailripple.simulate.site.contacts import contacts
from mailripple.simulate.site.drafts import Draft, draft
from mailripple.simulate.site.network import LISTED, USERS, Network
from mailripple.simulate.site.scene import Clock
from mailripple.simulate.site.tables import IMAP, LOCAL, POP, UNKNOWN_HOST, UNKNOWN_USER, Ints, Logins, Refusals


@dataclass(frozen=True, slots=True)
class Person:
    """Who sits at a host: its `accounts` (the first is its own), whether they log in to send, and how they fail."""

    host: int
    accounts: Ints
    logs_in: bool
    family: str
    fails: float


def people_of(net: Network, values: dict[str, float], rng: np.random.Generator) -> list[Person]:
    """Everybody who sends mail from inside: computers, shared ones, gateways, the web-mail server."""
    accounts = len(net.names.accounts)
    found = []
    for kind, low, high in (("pc", 1, 2), ("shared-pc", 20, 120), ("gateway", 15, 200), ("web-mail", 200, 500)):
        for i, host in enumerate(net.of[kind].tolist()):
            many = int(rng.integers(low, high))
            if kind == "pc":
                two = rng.random() < values["senders_two"]
                own = np.array([i % accounts, *([rng.integers(accounts)] if two else [])])
            else:
                own = rng.choice(accounts, min(many, accounts), replace=False)
            family = (
                "pitman-yor"
                if rng.random() < values["pitman_yor"]
                else str(rng.choice(["book", "circle", "wandering"]))
            )
            fails = values["fails"] * rng.gamma(3, 1 / 3)
            found.append(Person(host, own, rng.random() < values["auth"], family, fails))
    return found


def messages_of(
    net: Network, person: Person, clock: Clock, values: dict[str, float], rng: np.random.Generator
) -> Draft:
    """What a person sends in the time of the site: in sittings, to people here and elsewhere."""
    many = len(person.accounts)
    weekly = rng.lognormal(np.log(values["messages"]), values["messages_sigma"]) * max(1.0, many**0.6)
    n = int(rng.poisson(min(weekly, 3000) * clock.days / 7))
    sittings = clock.moments(max(1, n // 3), rng)
    sitting = np.sort(rng.integers(0, len(sittings), n))
    order = np.argsort(at := sittings[sitting] + rng.exponential(240_000, n).astype(np.int64), kind="stable")
    at, sitting = at[order], sitting[order]
    local = rng.random(n) < values["q"]
    count = rng.geometric(1 - values["more_recipients"], n)
    message = np.repeat(np.arange(n), count)
    here = local[message] | (rng.random(len(message)) < 0.15)
    domain, strange = np.full(len(message), LOCAL), np.zeros(len(message), np.int64)
    away = np.flatnonzero(~here)
    domain[away], strange[away] = contacts(person.family, len(away), values, rng)
    if rng.random() < values["projects"] and len(away) > 10:  # a dozen new partners within a few days
        partners = rng.integers(*LISTED, int(rng.integers(8, 25)))
        first = int(rng.integers(0, len(away)))
        stretch = away[first : first + int(rng.integers(15, 60))]
        domain[stretch], strange[stretch] = rng.choice(partners, len(stretch)), 1
    who = person.accounts[rng.integers(0, many, len(sittings))[sitting]] if many > 2 else rng.choice(person.accounts, n)
    fate = _fates(person.fails, values["typo"], domain, strange, rng)
    account: Ints | int = who if person.logs_in else -1
    size = rng.lognormal(9.5, 1.4, n).astype(np.int64) + 400
    user = rng.integers(0, USERS, len(message))
    user[here] %= max(1, len(net.names.accounts))
    return draft(at, person.host, account, who, size, 0, message, domain, user, fate)


def _fates(fails: float, typo: float, domain: Ints, strange: Ints, rng: np.random.Generator) -> Ints:
    """Of each recipient 0 or why it fails: some contacts are dead, strangers fail more often, typos happen."""
    dead = (domain * 2_654_435_761 % 1000 < 500 * fails) & (strange == 0)
    chance = np.where(strange == 1, fails * typo, fails / 2)
    failed = (dead | (rng.random(len(domain)) < chance)) & (domain != LOCAL)
    return np.where(failed, np.where(rng.random(len(domain)) < 0.2, UNKNOWN_HOST, UNKNOWN_USER), 0)


def inbound(
    net: Network, n: int, clock: Clock, values: dict[str, float], rng: np.random.Generator
) -> tuple[Draft, Refusals]:
    """What comes in from outside, and what is refused; bounces that answer mail nobody here sent have no sender."""
    servers = net.of["outside-server"]
    weights = (np.arange(len(servers)) + 1.0) ** -0.9
    senders = net.add_senders(
        [f"{net.names.users[i * 13 % USERS]}@{net.names.domains[i * 7 % 4000]}" for i in range(6000)]
    )
    at = clock.moments(n, rng, floor=0.1)
    client = rng.choice(servers, n, p=weights / weights.sum())
    sender = np.where(rng.random(n) < values["backscatter"], -1, rng.choice(senders, n))
    count = rng.geometric(0.9, n)
    message = np.repeat(np.arange(n), count)
    user = rng.integers(0, len(net.names.accounts), len(message))
    size = rng.lognormal(9.6, 1.5, n).astype(np.int64) + 500
    mail = draft(at, client, -1, sender, size, 0, message, LOCAL, user, 0)
    m = int(n * values["unknown_here"])
    when = clock.moments(m, rng, floor=0.3)
    unknown = rng.integers(0, USERS, m)
    refused = Refusals(
        when, rng.choice(servers, m), rng.choice(senders, m), np.full(m, LOCAL), unknown, np.full(m, UNKNOWN_USER)
    )
    return mail, refused


def roaming(net: Network, clock: Clock, values: dict[str, float], rng: np.random.Generator) -> list[Draft]:
    """Some people also send from outside, with their account, from a few addresses."""
    out = []
    accounts = len(net.names.accounts)
    for account in rng.choice(accounts, int(accounts * values["roaming"]), replace=False).tolist():
        clients = rng.choice(net.of["outside-client"], int(rng.integers(1, 4)))
        n = int(rng.poisson(8 * clock.days / 7))
        at = clock.moments(n, rng, floor=0.2)
        domain, strange = contacts("book", n, values, rng)
        fate = _fates(values["fails"], values["typo"], domain, strange, rng)
        size = rng.lognormal(9, 1, n).astype(np.int64) + 400
        out.append(
            draft(
                at,
                rng.choice(clients, n),
                account,
                account,
                size,
                0,
                np.arange(n),
                domain,
                rng.integers(0, USERS, n),
                fate,
            )
        )
    return out


def logins(
    net: Network, people: list[Person], clock: Clock, values: dict[str, float], rng: np.random.Generator
) -> Logins:
    """People read their mail; a few mistype their password first."""
    parts = []
    for person in people:
        n = int(rng.poisson(values["sessions"] * clock.days * max(1.0, len(person.accounts) ** 0.5)))
        account = rng.choice(person.accounts, n) if len(person.accounts) > 2 else np.full(n, person.accounts[0])
        imap = rng.random() < values["imap"]
        service = np.full(n, IMAP if imap else POP)
        took = rng.integers(200, 1_500_000 if imap else 4_000, n)
        ok = (rng.random(n) > 0.01).astype(np.int64)
        at = clock.moments(n, rng)
        parts.append(Logins(at, np.full(n, person.host), account, service, ok, rng.geometric(0.5, n) - 1, took))
    return in_order(parts)
