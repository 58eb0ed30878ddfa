"""The made-up college: its computers, accounts, the domains outside, and when people are awake.

Addresses come from the ranges set aside for documentation and benchmarks (RFC 5737, RFC 2544, RFC 3849), names end in
.example or .test (RFC 6761): nothing here can be anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import numpy as np
import numpy.typing as npt

HOME = "college.example"
MX_IP = "192.0.2.25"
DNS_IP = "192.0.2.53"
DNS_IP6 = "2001:db8::53"
DAY_MS = 86_400_000

_INSIDE4 = int(IPv4Address("198.18.0.0"))
_INSIDE4_SIZE = 0x1C000  # 198.18.0.0 to 198.19.191.255: the computers
_INSIDE6 = int(IPv6Address("2001:db8:20::"))
_OUTSIDE4 = int(IPv4Address("198.19.192.0"))
_OUTSIDE4_SIZE = 0x4000  # 198.19.192.0 to 198.19.255.255: the mail servers of small domains
_TEST_NETS = (int(IPv4Address("203.0.113.0")), int(IPv4Address("198.51.100.0")))

_SYLLABLES = [consonant + vowel for vowel in "aeio" for consonant in "bdgkmnst"]
_SUFFIXES = ("example", "test", "com.example", "org.example", "net.test", "edu.example", "com.test", "city.example")

OK, GREYLISTS, BUSY, DEAD, NO_HOST = range(5)
"""What a domain's mail servers do: accept; say 451 to strangers; are often full; never answer; do not exist."""


class Zipf:
    """Picks 0 .. n-1, the first ones far more often: the weight of rank r is r ** -exponent."""

    def __init__(self, n: int, exponent: float) -> None:
        weights = np.arange(1, n + 1, dtype=np.float64) ** -exponent
        self._cumulated = np.cumsum(weights) / weights.sum()

    def pick(self, rng: np.random.Generator, size: int) -> npt.NDArray[np.int64]:
        """`size` independent picks."""
        picks: npt.NDArray[np.int64] = np.searchsorted(self._cumulated[:-1], rng.random(size), side="right")
        return picks


class DailyCurve:
    """How traffic spreads over the span: busy at 14:00 UTC, quiet at 02:00, half as much at the weekend."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self._edges = np.linspace(start_ms, end_ms, max(2, int((end_ms - start_ms) // 60_000) + 1))
        middle = (self._edges[1:] + self._edges[:-1]) / 2
        hour = middle % DAY_MS / 3_600_000
        weekday = (middle // DAY_MS + 3) % 7  # the epoch was a Thursday
        rate = (1.0 + 0.8 * np.cos((hour - 14) * np.pi / 12)) * np.where(weekday >= 5, 0.5, 1.0)
        self._share = np.concatenate(([0.0], np.cumsum(rate) / rate.sum()))

    def times(self, share: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The time (ms) by which each `share` (0 to 1) of all traffic has passed."""
        times: npt.NDArray[np.int64] = np.interp(np.asarray(share), self._share, self._edges).astype(np.int64)
        return times


@dataclass(frozen=True, slots=True)
class World:
    """Who exists. Lists are parallel: computer i has `ips[i]` and `relays[i]`; domain d has `domains[d]`, ..."""

    ips: list[str]
    relays: list[str]
    accounts: list[str]
    domains: list[str]
    fates: list[int]
    exchangers: list[str]
    exchanger_ips: list[str]

    @classmethod
    def build(cls, clients: int, domains: int, accounts: int, rng: np.random.Generator) -> World:
        """The same numbers and the same `rng` state give the same world."""
        ips = [_client_ip(i) for i in range(clients)]
        names = [_domain_name(i) for i in range(domains)]
        fates = rng.choice(5, size=domains, p=[0.893, 0.06, 0.03, 0.005, 0.012])
        fates[: min(50, domains)] = OK  # the big ones work
        return cls(
            ips=ips,
            relays=[relay_text(client_name(i) if i % 10 != 5 else "", ip) for i, ip in enumerate(ips)],
            accounts=[f"{_word(i * 37 + 11, 2)}{i % 97:02d}{_word(i, 1)}" for i in range(accounts)],
            domains=names,
            fates=fates.tolist(),
            exchangers=[f"mx{1 + i % 3}.{name}" for i, name in enumerate(names)],
            exchanger_ips=[_exchanger_ip(i) for i in range(domains)],
        )


def client_name(i: int) -> str:
    """The host name of computer `i`."""
    return f"pc{i}.{HOME}"


def relay_text(name: str, ip: str) -> str:
    """A client as sendmail writes it after `relay=`: addresses of version 6 have their zeros written out."""
    bracket = f"[IPv6:{_zeros_written_out(ip)}]" if ":" in ip else f"[{ip}]"
    return f"{name} {bracket}" if name else bracket


@cache
def reverse_name(ip: str) -> str:
    """The name that a PTR query for `ip` asks for."""
    return ip_address(ip).reverse_pointer


def _zeros_written_out(ip: str) -> str:
    return ":".join(f"{int(group, 16):x}" for group in IPv6Address(ip).exploded.split(":"))


def _client_ip(i: int) -> str:
    """Nine in ten have an address of version 4, as long as there are any left."""
    nth4 = i - i // 10 - 1
    if i % 10 == 0 or nth4 >= _INSIDE4_SIZE:
        return str(IPv6Address(_INSIDE6 + ((i // 1000) << 64) + i * 0x10001 + 0x100))
    return str(IPv4Address(_INSIDE4 + nth4))


def _exchanger_ip(i: int) -> str:
    """The big domains and, at shared providers, half of the small ones live in the two TEST-NETs."""
    if i % 2 == 0:
        return str(IPv4Address(_TEST_NETS[i // 2 % 2] + 1 + i // 4 % 254))
    return str(IPv4Address(_OUTSIDE4 + i // 2 % _OUTSIDE4_SIZE))


def _word(number: int, syllables: int) -> str:
    text = ""
    for _ in range(syllables):
        number, digit = divmod(number, len(_SYLLABLES))
        text += _SYLLABLES[digit]
    return text


def _domain_name(i: int) -> str:
    """A different name for each `i`: three syllables hold 32768, the number behind tells the rest apart."""
    word = _word(i * 7919 % 32768, 3)
    return f"{word}{i // 32768 or ''}.{_SUFFIXES[i % len(_SUFFIXES)]}"
