"""Who exists: hosts inside and outside, accounts, domains with their exchangers, and the names that are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from mailripple.simulate.site.tables import Hosts, Ints, Names
from mailripple.simulate.world import HOME, reverse_name

MAIL_SERVER, RESOLVER = 0, 1
#: Domains by what they are to the campus: in address books, strangers, on mailing lists, on a mailer's list, and names
#: that do not exist.
KNOWN, STRANGE, LISTED, TARGETS, GONE = (
    (0, 4_000),
    (4_000, 24_000),
    (24_000, 44_000),
    (44_000, 64_000),
    (64_000, 66_000),
)
DOMAINS = GONE[1]
USERS = 20_000
GUESSES = ("mx", "mail", "smtp", "mxs", "mail1", "relay", "ns", "gate")

_SYLLABLES = [a + b for b in "aeiou" for a in "bdfgklmnprst"]
_ENDS = ("example", "test", "com.example", "org.example", "net.test", "edu.example", "com.test", "city.example")
_INSIDE4, _OUTSIDE4 = int(IPv4Address("198.18.0.0")), int(IPv4Address("198.19.64.0"))
_INSIDE6, _OUTSIDE6 = int(IPv6Address("2001:db8:20::")), int(IPv6Address("2001:db8:99::"))


def word(number: int, syllables: int) -> str:
    """A word that can be spoken, another one for each number below 60 ** syllables."""
    text = ""
    for _ in range(syllables):
        number, digit = divmod(number, len(_SYLLABLES))
        text += _SYLLABLES[digit]
    return text


@dataclass(slots=True)
class Network:
    """Hosts and names, and who is where: `of` gives the hosts of a kind, `questions` the places of names asked for."""

    hosts: Hosts = field(default_factory=Hosts)
    names: Names = field(default_factory=Names)
    of: dict[str, Ints] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)

    @property
    def steady(self) -> int:
        """How many of the computers never change their address: the first ones, of which some are attacked."""
        return (len(self.of["pc"]) + 1) // 2

    def add_host(self, kind: str, ip: str, name: str) -> int:
        """A new host; its number."""
        self.hosts.ips.append(ip)
        self.hosts.names.append(name)
        self.hosts.kinds.append(kind)
        return len(self.hosts.ips) - 1

    def add_senders(self, addresses: list[str]) -> Ints:
        """New envelope senders; their numbers."""
        first = len(self.names.senders)
        self.names.senders += addresses
        return np.arange(first, first + len(addresses))

    def question(self, name: str) -> int:
        """The place of a name that is asked for."""
        place = self._asked.get(name)
        if place is None:
            place = self._asked[name] = len(self.names.questions)
            self.names.questions.append(name)
        return place

    def questions(self, kind: str, what: Ints) -> Ints:
        """The places of names: "domain", "exchanger", "web" by domain; "reverse", "forward", "list" by host."""
        numbers, inverse = np.unique(what, return_inverse=True)
        places = np.array([self.question(self._name(kind, i)) for i in numbers.tolist()], np.int64)
        found: Ints = places[inverse] if len(places) else np.zeros(0, np.int64)
        return found

    def _name(self, kind: str, i: int) -> str:
        if kind == "domain":
            return self.names.domains[i]
        if kind == "exchanger":
            return self.names.exchangers[i] or self.names.domains[i]
        if kind == "second":
            return f"mx0.{self.names.domains[i]}"
        if kind == "web":
            return f"www.{self.names.domains[i]}"
        if kind == "reverse":
            return reverse_name(self.hosts.ips[i])
        if kind == "list":
            return (
                reverse_name(self.hosts.ips[i]).removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa") + ".dnsbl.test"
            )
        if kind == "forward":
            return self.hosts.names[i] or HOME
        raise ValueError(kind)


def build(people: dict[str, int], rng: np.random.Generator) -> Network:
    """The network for these numbers of people and machines."""
    net = Network()
    net.add_host("mail-server", "192.0.2.25", f"mx1.{HOME}")
    net.add_host("resolver", "192.0.2.53", f"ns1.{HOME}")
    singles = {"web-mail": "webmail", "list-server": "lists", "web-server": "www", "help-desk": "helpdesk"}
    for k, (kind, name) in enumerate(singles.items()):
        net.of[kind] = np.array([net.add_host(kind, f"192.0.2.{30 + k}", f"{name}.{HOME}")])
    inside = (
        ("pc", "pcs"),
        ("shared-pc", "shared"),
        ("gateway", "gateways"),
        ("monitor", "monitors"),
        ("printer", "printers"),
    )
    number = 0
    for kind, plural in inside:
        found = []
        for i in range(people[plural]):
            number += 1
            nameless = rng.random() < 0.05
            ip = str(IPv6Address(_INSIDE6 + number * 0x10001)) if rng.random() < 0.08 else _inside4(number)
            found.append(net.add_host(kind, ip, "" if nameless else f"{kind}{i}.{HOME}"))
        net.of[kind] = np.array(found)
    for kind, plural in (("outside-server", "outside_servers"), ("outside-client", "outside_clients")):
        found = []
        for i in range(people[plural]):
            number += 1
            far = rng.random() < 0.1
            ip = (
                str(IPv6Address(_OUTSIDE6 + number * 0x10001))
                if far
                else str(IPv4Address(_OUTSIDE4 + 3 * number))
            )
            name = "" if rng.random() < 0.1 else f"{word(7919 * number % 216_000, 3)}{i}.net.test"
            found.append(net.add_host(kind, ip, name))
        net.of[kind] = np.array(found)
    _name_things(net, people)
    return net


def _inside4(number: int) -> str:
    return str(IPv4Address(_INSIDE4 + 257 + number + number // 250 * 6))


def _name_things(net: Network, people: dict[str, int]) -> None:
    """Accounts with their addresses, local parts, domains and exchangers."""
    names = net.names
    names.accounts = [f"{word(37 * i + 11, 2)}{i % 97:02d}{word(i, 1)}" for i in range(people["accounts"])]
    net.add_senders([f"{account}@{HOME}" for account in names.accounts])
    names.users = [f"{word(7 * i % 216_000, 3)}{i % 89}" for i in range(USERS)]
    names.domains = [
        f"{word(7919 * i % 216_000, 3)}{i // 216_000 or ''}.{_ENDS[i % len(_ENDS)]}" for i in range(DOMAINS)
    ]
    exist = GONE[0]
    names.exchangers = [f"mx{1 + i % 3}.{name}" for i, name in enumerate(names.domains[:exist])] + [""] * (
        DOMAINS - exist
    )
    names.exchanger_ips = [str(IPv4Address(_OUTSIDE4 + 8192 + i * 5 % 24_000)) for i in range(exist)] + [""] * (
        DOMAINS - exist
    )
