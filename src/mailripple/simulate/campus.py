"""Who exists in a scenario: hosts inside and outside, accounts, and every name that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

import numpy as np

from mailripple.simulate.world import DNS_IP, HOME, MX_IP, World, client_name, reverse_name

_INSIDE = int(IPv4Address("198.18.0.0"))
A = 1
"""The domain that closes."""


@dataclass(frozen=True, slots=True)
class Campus:
    """Hosts are the `pcs` computers inside, then the mail server of each domain outside.

    `ips`, `host_names` ("" has none) by host; `domains`, `exchangers` by domain, the last `gone` of which do not exist;
    `names` all names asked for: of each host its reverse name and then its forward check, of each domain itself, its
    exchanger, its web server.
    """

    pcs: int
    gone: int
    ips: list[str]
    host_names: list[str]
    accounts: list[str]
    domains: list[str]
    exchangers: list[str]
    names: list[str]

    mail_server = MX_IP
    name_server = DNS_IP
    home = HOME

    @classmethod
    def build(cls, sizes: dict[str, float], rng: np.random.Generator) -> Campus:
        """The same sizes and the same `rng` state give the same campus."""
        pcs, count = int(sizes["pcs"]), int(sizes["domains"]) + int(sizes["gone"])
        world = World.build(1, count, int(sizes["accounts"]), rng)
        named = rng.random(pcs) >= sizes["nameless"]
        inside = [str(IPv4Address(_INSIDE + 257 + i + i // 250 * 6)) for i in range(pcs)]
        ips = inside + world.exchanger_ips
        hosts = [client_name(i) if named[i] else "" for i in range(pcs)] + world.exchangers
        names = [reverse_name(ip) for ip in ips] + [host or HOME for host in hosts]
        names += world.domains + world.exchangers + [f"www.{domain}" for domain in world.domains]
        return cls(pcs, int(sizes["gone"]), ips, hosts, world.accounts, world.domains, world.exchangers, names)

    def reverse(self) -> int:
        """Place in `names` of the first host's reverse name."""
        return 0

    def forward(self) -> int:
        """Place of the first host's own name."""
        return len(self.ips)

    def domain(self) -> int:
        """Place of the first domain."""
        return 2 * len(self.ips)

    def exchanger(self) -> int:
        """Place of the first domain's exchanger."""
        return 2 * len(self.ips) + len(self.domains)

    def web(self) -> int:
        """Place of the first domain's web server."""
        return 2 * len(self.ips) + 2 * len(self.domains)

    def relay(self, host: int) -> str:
        """A client as sendmail writes it behind `relay=`."""
        name, ip = self.host_names[host], self.ips[host]
        return f"{name} [{ip}]" if name else f"[{ip}]"
