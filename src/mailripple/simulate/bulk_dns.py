"""The name server of the bulk generator: BIND's query log of the mail server's look-ups and of everybody's browsing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from mailripple.simulate.timeline import Timeline
from mailripple.simulate.world import DNS_IP, DNS_IP6, HOME, MX_IP, World, Zipf, reverse_name

_QTYPES = ("A", "AAAA", "HTTPS", "PTR", "TXT", "SRV", "SOA", "MX")
_QTYPE_SHARES = (0.52, 0.25, 0.10, 0.07, 0.025, 0.015, 0.01, 0.01)
_FLAGS = ("+E(0)K", "+", "+E(0)", "-E(0)D", "+T", "+E(0)DC")
_FLAG_SHARES = (0.45, 0.25, 0.22, 0.05, 0.01, 0.02)
_LABELS = ("www.", "", "cdn.", "api.", "img.", "m.", "static.", "mail.")


class NameServer:
    """Writes queries as BIND 9.11 and later do, with a file of its own, and counts them in `truth`."""

    def __init__(self, world: World, timeline: Timeline, rng: np.random.Generator) -> None:
        self.timeline = timeline
        self.rng = rng
        self.truth: Counter[str] = Counter()
        self._world = world
        self._clients = Zipf(len(world.ips), 0.85)
        self._client_of_rank = rng.permutation(len(world.ips))
        self._domains = Zipf(len(world.domains), 0.95)
        self._reverse = [reverse_name(ip) for ip in world.exchanger_ips]

    def answer_mail_server(self, times: list[int], names: list[str], types: list[str]) -> None:
        """The look-ups that the mail server noted."""
        self._write(times, [MX_IP] * len(times), names, types, ["+"] * len(times))
        self.truth["dns_queries_by_mx"] += len(times)

    def answer_clients(self, times: npt.NDArray[np.int64]) -> None:
        """A query by one of the computers at each of `times`."""
        n, rng, world = len(times), self.rng, self._world
        clients = self._client_of_rank[self._clients.pick(rng, n)].tolist()
        domains = self._domains.pick(rng, n).tolist()
        types = [_QTYPES[i] for i in rng.choice(len(_QTYPES), size=n, p=_QTYPE_SHARES).tolist()]
        flags = [_FLAGS[i] for i in rng.choice(len(_FLAGS), size=n, p=_FLAG_SHARES).tolist()]
        labels = [_LABELS[i] for i in (rng.random(n) ** 2 * len(_LABELS)).astype(np.int64).tolist()]
        # A computer asks for the mail server of its own provider, not of everybody.
        own = (np.array(clients) * 7919 % len(world.domains)).tolist()
        names = [
            self._name(qtype, label, home if label == "mail." or qtype == "MX" else domain)
            for qtype, label, domain, home in zip(types, labels, domains, own, strict=True)
        ]
        for i in np.flatnonzero(rng.random(n) < 0.005).tolist():
            names[i] = names[i].title()  # some clients mix the case
        self._write(times.tolist(), [world.ips[i] for i in clients], names, types, flags)

    def _name(self, qtype: str, label: str, domain: int) -> str:
        name = self._world.domains[domain]
        match qtype:
            case "PTR":
                return self._reverse[domain]
            case "TXT":
                return f"_dmarc.{name}" if label else name
            case "SRV":
                return f"_ldap._tcp.{HOME}"
            case "SOA" | "MX":
                return name
            case _:
                return label + name

    def _write(self, times: list[int], ips: list[str], names: list[str], types: list[str], flags: list[str]) -> None:
        n = len(times)
        ports = self.rng.integers(1024, 65_536, size=n).tolist()
        places = self.rng.integers(1, 24, size=n).tolist()
        texts = [
            f".{ms % 1000:03d} queries: info: client @0x7f3a5c{place * 0x1C00 + 0x98:06x} {ip}#{port} ({name}): "
            f"query: {name} IN {qtype} {flag} ({DNS_IP6 if ':' in ip else DNS_IP})\n"
            for ms, place, ip, port, name, qtype, flag in zip(
                times, places, ips, ports, names, types, flags, strict=True
            )
        ]
        self.timeline.extend(times, texts)
        self.truth["dns_queries"] += n
