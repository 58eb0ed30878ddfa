"""Who sends much, or oddly, without harm: newsletters, lists, mail merges, old lists, forwarders, replies, jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mailripple.simulate.site.contacts import fresh
from mailripple.simulate.site.drafts import Draft, draft
from mailripple.simulate.site.network import LISTED, USERS, Network
from mailripple.simulate.site.scene import Clock
from mailripple.simulate.site.tables import LOCAL, UNKNOWN_HOST, UNKNOWN_USER, Cause, Ints
from mailripple.simulate.world import HOME

DAY, HOUR = 86_400_000, 3_600_000
Made = tuple[Cause, Draft]
Maker = Callable[[Network, Clock, int, int, np.random.Generator], Iterator[Made]]


def addresses(size: int, dead: float, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """(domain, local part, fate) of a list: two in five at large providers."""
    domain = np.where(rng.random(size) < 0.4, rng.integers(0, 40, size), rng.integers(*LISTED, size))
    gone = rng.random(size) < dead
    fate = np.where(gone, np.where(rng.random(size) < 0.2, UNKNOWN_HOST, UNKNOWN_USER), 0)
    return domain, rng.integers(0, USERS, size), fate


def _mailing(
    begin: int, pace: float, host: int, account: int, sender: Ints, to: tuple[Ints, Ints, Ints], cause: int,
    rng: np.random.Generator,
) -> Draft:  # fmt: skip
    """One message to each address of a list, `pace` seconds apart."""
    domain, user, fate = to
    n = len(domain)
    at = begin + np.sort((np.arange(n) + rng.random(n)) * pace * 1000).astype(np.int64)
    size = np.full(n, int(rng.integers(3_000, 90_000)))
    return draft(at, host, account, sender, size, cause, np.arange(n), domain, user, fate)


def _host(net: Network, cause: int) -> int:
    """A computer of its own for each cause, from the end of the list."""
    pcs = net.of["pc"]
    return int(pcs[-1 - cause % len(pcs)])


def newsletter(known: bool) -> Maker:
    """Twice a week to the same list from the site's first day on, or once to a list that was never written to."""

    def make(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
        to = addresses(int(rng.integers(200, 3000)), rng.uniform(0.01, 0.06) if known else rng.uniform(0.02, 0.12), rng)
        sender = net.add_senders([f"news{cause}@lists.college.example"])
        pace = rng.uniform(0.2, 5)
        begins = [clock.office_time(rng)]
        if known:
            first = clock.start + 9 * HOUR
            begins = list(range(first, clock.end, 7 * DAY // 2))
        name = "known-newsletter" if known else "new-newsletter"
        for begin in begins:
            yield (
                Cause(name, host=host, start=begins[0], end=clock.end),
                _mailing(begin, pace, host, -1, sender, to, cause, rng),
            )

    return make


def once(name: str, size: tuple[int, int], dead: tuple[float, float], pace: tuple[float, float]) -> Maker:
    """One mailing from a computer, with its user's address."""

    def make(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
        to = addresses(int(rng.integers(*size)), rng.uniform(*dead), rng)
        sender = np.array([int(rng.integers(0, len(net.names.accounts)))])
        begin = clock.office_time(rng)
        yield Cause(name, host=host, start=begin), _mailing(begin, rng.uniform(*pace), host, -1, sender, to, cause, rng)

    return make


def list_server(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """Discussion lists: each recipient has a sender of its own, so that bounces tell whom to strike off (VERP)."""
    host = int(net.of["list-server"][0])
    domain, user, fate = addresses(int(rng.integers(40, 250)), rng.uniform(0.005, 0.03), rng)
    texts = [
        f"talk-bounces+{net.names.users[u]}={net.names.domains[d]}@lists.college.example"
        for d, u in zip(domain.tolist(), user.tolist(), strict=True)
    ]
    senders = net.add_senders(texts)
    for begin in clock.moments(int(rng.integers(4, 25) * clock.days / 7) + 1, rng).tolist():
        n = len(domain)
        at = begin + np.sort(rng.integers(0, 20_000, n))
        yield (
            Cause("list-server", host=host, start=clock.start, end=clock.end),
            draft(at, host, -1, senders, np.full(n, 5_000), cause, np.arange(n), domain, user, fate),
        )


def forwarder(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """A host sends on what comes in for its users, under rewritten senders (SRS): many senders, few destinations."""
    n = int(rng.integers(150, 900) * clock.days / 7)
    people = int(rng.integers(4, 15))
    home = fresh(people, 0.1, rng)
    texts = [
        f"SRS0={i * 7919 % 65536:04x}=aa={net.names.domains[i * 11 % 4000]}={net.names.users[i * 3 % USERS]}@{HOME}"
        for i in range(n)
    ]
    senders = net.add_senders(texts)
    who = rng.integers(0, people, n)
    fate = np.where(rng.random(n) < 0.05, UNKNOWN_USER, 0)
    yield (
        Cause("forwarder", host=host, start=clock.start, end=clock.end),
        draft(
            clock.moments(n, rng, floor=0.2),
            host,
            -1,
            senders,
            rng.integers(900, 90_000, n),
            cause,
            np.arange(n),
            home[who],
            who,
            fate,
        ),
    )


def cron(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """A job mails its output every hour; its owner may have left long ago."""
    at = np.arange(clock.start + int(rng.integers(0, HOUR)), clock.end, HOUR)
    dead = rng.random() < 0.5
    sender = int(net.add_senders([f"root@job{cause}.college.example"])[0])
    yield (
        Cause("cron", host=host, start=clock.start, end=clock.end),
        draft(
            at,
            host,
            -1,
            sender,
            np.full(len(at), 700),
            cause,
            np.arange(len(at)),
            int(rng.integers(0, 4000)),
            np.full(len(at), 5),
            UNKNOWN_USER if dead else 0,
        ),
    )


def vacation(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """Replies on their own to whoever wrote, once each: new domains, now and then one that forged its sender."""
    n = int(rng.integers(10, 60))
    sender = int(rng.integers(0, len(net.names.accounts)))
    fate = np.where(rng.random(n) < 0.06, UNKNOWN_USER, 0)
    yield (
        Cause("vacation", host=host, start=clock.start, end=clock.end),
        draft(
            clock.moments(n, rng, floor=0.2),
            host,
            -1,
            sender,
            np.full(n, 900),
            cause,
            np.arange(n),
            fresh(n, 0.5, rng),
            rng.integers(0, USERS, n),
            fate,
        ),
    )


def printer(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """Scanners mail what was scanned to people here."""
    for device in net.of["printer"].tolist():
        n = int(rng.poisson(15 * clock.days / 7))
        sender = int(net.add_senders([f"scanner{device}@college.example"])[0])
        user = rng.integers(0, len(net.names.accounts), n)
        yield (
            Cause("printer", host=device, start=clock.start, end=clock.end),
            draft(
                clock.moments(n, rng),
                device,
                -1,
                sender,
                rng.integers(80_000, 4_000_000, n),
                cause,
                np.arange(n),
                LOCAL,
                user,
                0,
            ),
        )


def help_desk(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """A ticket system answers whoever asks, each ticket from an address of its own; some gave a wrong address."""
    host = int(net.of["help-desk"][0])
    n = int(rng.integers(60, 500) * clock.days / 7) + 1
    first = int(rng.integers(10_000))
    senders = net.add_senders([f"help+{first + i}@{HOME}" for i in range(n)])
    domain, user, fate = addresses(n, rng.uniform(0.01, 0.04), rng)
    domain = np.where(rng.random(n) < 0.5, LOCAL, domain)
    local = domain == LOCAL
    user[local] %= len(net.names.accounts)
    fate[local] = 0
    yield (
        Cause("help-desk", host=host, start=clock.start, end=clock.end),
        draft(
            clock.moments(n, rng), host, -1, senders, rng.integers(900, 9_000, n), cause, np.arange(n), domain, user,
            fate,
        ),
    )  # fmt: skip


def contact_form(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """A form on a web page: any sender that a visitor types, one or two recipients, elsewhere for some."""
    host = int(net.of["web-server"][0])
    n = int(rng.integers(10, 200) * clock.days / 7) + 1
    senders = net.add_senders([f"visitor{cause}.{i}@{net.names.domains[int(rng.integers(0, 9000))]}" for i in range(n)])
    away = rng.random() < 0.4
    domain = np.full(n, int(rng.integers(0, 40)) if away else LOCAL)
    user = np.full(n, int(rng.integers(0, len(net.names.accounts))))
    yield (
        Cause("contact-form", host=host, start=clock.start, end=clock.end),
        draft(
            clock.moments(n, rng, floor=0.2), host, -1, senders, rng.integers(700, 5_000, n), cause, np.arange(n),
            domain, user, 0,
        ),
    )  # fmt: skip


def bombing(net: Network, clock: Clock, cause: int, host: int, rng: np.random.Generator) -> Iterator[Made]:
    """Hundreds of lists greet an account here that somebody has signed up: many servers and senders, one recipient."""
    n = int(rng.integers(150, 1_500))
    begin = clock.office_time(rng)
    at = begin + np.sort(rng.exponential(5_400_000, n)).astype(np.int64)
    servers = net.of["outside-server"]
    senders = net.add_senders([f"welcome@{net.names.domains[d]}" for d in rng.integers(*LISTED, n).tolist()])
    user = np.full(n, int(rng.integers(0, len(net.names.accounts))))
    yield (
        Cause("bombing", start=begin, end=int(at[-1])),
        draft(
            at, rng.choice(servers, n), -1, senders, rng.integers(2_000, 30_000, n), cause, np.arange(n), LOCAL, user, 0
        ),
    )  # fmt: skip


MAKERS: dict[str, Maker] = {
    "known-newsletter": newsletter(known=True),
    "new-newsletter": newsletter(known=False),
    "merge": once("merge", (60, 900), (0.01, 0.05), (0.3, 4)),
    "stale-list": once("stale-list", (60, 500), (0.15, 0.35), (0.3, 4)),
    "invoices": once("invoices", (100, 600), (0.005, 0.03), (0.5, 5)),
    "list-server": list_server,
    "forwarder": forwarder,
    "cron": cron,
    "vacation": vacation,
    "help-desk": help_desk,
    "contact-form": contact_form,
    "bombing": bombing,
}
#: Those that go on all the time; the others are counted by the week.
LASTING = ("known-newsletter", "list-server", "forwarder", "cron", "help-desk", "contact-form")


def benign(
    net: Network, clock: Clock, wanted: dict[str, float], first: int, rng: np.random.Generator
) -> tuple[list[Cause], list[Draft]]:
    """All of them: `wanted` how many of each kind in a week; their causes are numbered from `first` on."""
    causes: list[Cause] = []
    drafts: list[Draft] = []

    def add(maker: Maker) -> None:
        number = first + len(causes)
        made = list(maker(net, clock, number, _host(net, number), rng))
        if made:
            causes.append(made[0][0])
            drafts.extend(d for _, d in made)

    for kind, maker in MAKERS.items():
        n = wanted.get(kind, 0.0) * (
            1 if kind in LASTING else clock.days / 7
        )
        for _ in range(int(n) + int(rng.random() < n % 1)):
            add(maker)
    add(printer)
    return causes, drafts
