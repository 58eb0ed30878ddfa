"""Make a site: draw its parameters, let people, programs and attackers act, and let servers answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mailripple.errors import UsageError
from mailripple.simulate.site import attacks as attacking
from mailripple.simulate.site import ordinary, queue, resolver
from mailripple.simulate.site.attacks import Attack
from mailripple.simulate.site.benign import benign
from mailripple.simulate.site.changes import Leases, gaps_of, leases_of
from mailripple.simulate.site.drafts import Draft, together
from mailripple.simulate.site.network import DOMAINS, GONE, KNOWN, MAIL_SERVER, RESOLVER, TARGETS, Network, build
from mailripple.simulate.site.scene import Clock, SiteScene, clock_of
from mailripple.simulate.site.tables import (
    UNKNOWN_HOST,
    Attempts,
    Bounces,
    Cause,
    Happening,
    Ints,
    Logins,
    Queries,
    Site,
)

HOUR = 3_600_000
STREAMS = (
    "values",
    "network",
    "clock",
    "people",
    "inbound",
    "benign",
    "attacks",
    "happenings",
    "queue",
    "dns",
    "logins",
    "changes",
    "logs",
)


def make_site(
    scene: SiteScene,
    seed: int,
    *,
    days: int | None = None,
    clients: int | None = None,
    attacks: Sequence[Attack] | None = None,
) -> Site:
    """The site of that seed: the same arguments give the same arrays.

    `attacks` instead of the scenario's own; each part draws from a stream of its own, so that a site with attacks has
    the background of the site without.  Raises UsageError.
    """
    days = scene.days if days is None else days
    scene = scene.scaled(days, scene.people["pcs"] if clients is None else clients)
    spawned = np.random.SeedSequence(seed).spawn(len(STREAMS))
    draws = {name: np.random.default_rng(stream) for name, stream in zip(STREAMS, spawned, strict=True)}
    values = scene.parameters(draws["values"])
    clock = clock_of(scene, days, values, draws["clock"])
    net = build(scene.people, draws["network"])
    people = ordinary.people_of(net, values, draws["people"])
    drafts = [ordinary.messages_of(net, person, clock, values, draws["people"]) for person in people]
    drafts += ordinary.roaming(net, clock, values, draws["people"])
    n = int(sum(len(d.messages.ms) for d in drafts) * values["inbound"])
    coming, refusals = ordinary.inbound(net, n, clock, values, draws["inbound"])
    kinds, made = benign(net, clock, scene.benign, 1, draws["benign"])
    wanted = scene.attacks if attacks is None else attacks
    harm, evil, closed, engines = attack_all(net, wanted, clock, drafts, 1 + len(kinds), draws["attacks"])
    mail = existing(together([*drafts, coming, *made, *evil], clock.start, clock.end))
    happenings = [*happenings_of(clock, values, draws["happenings"]), *closed]
    logins = ordinary.logins(net, people, clock, values, draws["logins"])
    leases = leases_of(net, clock, {c.host for c in kinds}, values, draws["changes"])
    mail, logins = leases.used(mail, logins)
    served = serve(net, clock, mail, logins, happenings, leases, values, draws)
    queries = resolver.all_queries([*served.queries, *engines], clock.start, clock.end)
    lines = [mail.messages.ms, served.attempts.ms, served.bounces.ms, refusals.ms, logins.ms, logins.ms + logins.took]
    happenings += gaps_of(clock, scene.logs, lines, draws["logs"])
    return Site(
        scenario=scene.id,
        seed=seed,
        start=clock.start,
        end=clock.end,
        zone=clock.zone,
        mail_server=MAIL_SERVER,
        resolver=RESOLVER,
        values=values,
        hosts=net.hosts,
        names=net.names,
        causes=[Cause("ordinary"), *kinds, *harm],
        happenings=happenings,
        messages=mail.messages,
        recipients=mail.recipients,
        attempts=served.attempts,
        bounces=served.bounces,
        refusals=refusals,
        logins=logins,
        queries=queries,
        runs=served.runs,
        dns_ahead_ms=_ahead_ms(values["ahead_minutes"]),
    )


def _ahead_ms(minutes: float) -> int:
    """How far the name server's clock is ahead: whole minutes, if three or more."""
    return 0 if abs(minutes) < 3 else round(minutes) * 60_000


class Served(NamedTuple):
    """What servers make of mail and log-ins: attempts, bounces, queue runs, and the look-ups of all of it."""

    attempts: Attempts
    bounces: Bounces
    runs: Ints
    queries: list[Queries]


def serve(
    net: Network,
    clock: Clock,
    mail: Draft,
    logins: Logins,
    happenings: list[Happening],
    leases: Leases,
    values: dict[str, float],
    draws: dict[str, np.random.Generator],
) -> Served:
    """Deliver the mail, run the queue, look names up."""
    runs = queue.queue_runs(clock, values, draws["queue"])
    doors = queue.doors_of(mail, happenings, values, draws["queue"])
    pace = queue.Pace(runs, values["spread"] * 60_000, backs_off=values["backoff"] < 0.5)
    attempts, bounces = queue.deliver(mail, doors, pace, clock.end, draws["queue"])
    queries = resolver.mail_queries(net, mail, attempts, logins, values, draws["dns"])
    browsed = resolver.browsing(net, clock, values, draws["dns"])
    queries += [part._replace(client=leases.at(part.ms, part.client)) for part in browsed]
    return Served(attempts, bounces, runs, queries)


def existing(mail: Draft) -> Draft:
    """Recipients whose host is unknown have a domain that does not exist, another one for each domain."""
    domain = mail.recipients.domain
    gone = GONE[0] + domain % (GONE[1] - GONE[0])
    return mail._replace(recipients=mail.recipients._replace(domain=np.where(mail.fate == UNKNOWN_HOST, gone, domain)))


def happenings_of(clock: Clock, values: dict[str, float], rng: np.random.Generator) -> list[Happening]:
    """What goes wrong elsewhere: a domain that does not answer, one that is down, and an hour without the DNS."""
    found = []
    for kind, share in (("remote-outage", 1.0), ("remote-down", 0.5)):
        if rng.random() < share:
            begin = clock.office_time(rng)
            length = round(values["outage_hours"] * rng.uniform(0.4, 1) * HOUR)
            found.append(
                Happening(
                    kind, begin, min(begin + length, clock.end), int(values["outage_domain"] + rng.integers(0, 9))
                )
            )
    if rng.random() < 0.3:
        begin = clock.office_time(rng)
        found.append(Happening("dns-outage", begin, begin + round(values["dns_outage_minutes"] * 60_000)))
    return found


def attack_all(
    net: Network, wanted: Sequence[Attack], clock: Clock, drafts: list[Draft], first: int, rng: np.random.Generator
) -> tuple[list[Cause], list[Draft], list[Happening], list[Queries]]:
    """Let the attacks happen: their causes (numbered from `first`), messages, what closes to us, and look-ups."""
    causes: list[Cause] = []
    mail: list[Draft] = []
    closed: list[Happening] = []
    engines: list[Queries] = []
    hosts = {
        "pc": rng.permutation(net.of["pc"][: net.steady]).tolist(),
        "printer": net.of["printer"].tolist(),
    }
    written = {int(d.messages.client[0]): d.recipients.domain for d in drafts if len(d.messages.ms)}
    accounts = rng.permutation(len(net.names.accounts)).tolist()
    if any(sum(a.hosts for a in wanted if a.device == device) > len(some) for device, some in hosts.items()):
        raise UsageError("more attacks than computers", where="--clients", todo="give more computers")
    for attack in wanted:
        for _ in range(attack.hosts):
            number = first + len(causes)
            host = int(net.of["web-server"][0]) if attack.path == "script" else int(hosts[attack.device].pop())
            account = int(accounts.pop()) if attack.path == "account" else -1
            begin = clock.start + round(attack.start_hour * HOUR)
            details = _details(attack)
            if attack.path in ("direct", "guessed"):
                queries = resolver.own_engine(net, attack, host, clock, rng)
                engines.append(queries)
                end = int(queries.ms[-1]) if len(queries.ms) else begin
                causes.append(Cause(attack.path, harm=True, host=host, start=begin, end=end, details=details))
                continue
            at = attacking.moments(attack, clock.start, clock.end, rng)
            known = np.unique(written.get(host, np.zeros(0, np.int64)))
            known = known[known >= 0] if np.any(known >= 0) else rng.integers(*KNOWN, 30)
            client: Ints = np.full(len(at), host)
            if attack.path == "account":
                some = net.of["outside-client"]
                outside = rng.choice(some, min(attack.clients, len(some)), replace=False)
                client, host = rng.choice(outside, len(at)), -1
            senders = _senders(net, attack, number, account, rng)
            fresh = rng.integers(*TARGETS, 20_000)
            mail.append(attacking.mail_of(attack, at, client, account, known, fresh, senders, number, rng))
            last = int(at[-1]) if len(at) else begin
            causes.append(
                Cause(attack.path, harm=True, host=host, account=account, start=begin, end=last, details=details)
            )
            if attack.closes:
                shut = begin + round(attack.closes * HOUR)
                closed.append(Happening("closed-to-us", shut, clock.end, int(known[0])))
    return causes, mail, closed, engines


def _senders(net: Network, attack: Attack, number: int, account: int, rng: np.random.Generator) -> Ints:
    """Sender addresses of an attack: the account's own if it has one only, else made up."""
    if attack.senders == 1 and account >= 0:
        return np.array([account])
    domains = rng.integers(0, DOMAINS, attack.senders).tolist()
    return net.add_senders([f"x{number}.{i}@{net.names.domains[d]}" for i, d in enumerate(domains)])


def _details(attack: Attack) -> dict[str, float | str | bool]:
    names = ("rate", "bounce", "novelty", "senders", "clients", "recipients", "shape", "closes", "hours", "device")
    return {name: getattr(attack, name) for name in names}
