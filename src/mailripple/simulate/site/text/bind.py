"""BIND 9.11 to 9.20: the query log with a file of its own, `print-time`, `print-category` and `print-severity` set."""

from __future__ import annotations

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site.sorts import Sort
from mailripple.simulate.site.tables import Site
from mailripple.simulate.site.text.questions import TYPES, event_of


def bind_sorts(site: Site) -> list[Sort]:
    """A line each; the milliseconds follow the stamp."""
    q = site.queries
    ms = q.ms + site.dns_ahead_ms
    ips, names = site.hosts.ips, site.names.questions
    at_server = site.hosts.ips[site.resolver]
    own = q.client == site.mail_server
    ports = 32768 + (q.ms * 7919 + q.name * 31) % 28_000
    #: A client of a resolver library asks with `+`, a forwarder or stub with EDNS as well.
    edns = np.where(own, 0, (q.client * 7 + 3) % 3)
    flags = ("+", "+E(0)", "+E(0)K")

    def texts(at: Ints) -> list[str]:
        columns = (ms[at] % 1000, q.client[at], ports[at], q.name[at], q.qtype[at], edns[at])
        return [
            f".{milli:03d} queries: info: client @0x7f5d612f{4096 + port % 4096:04x} {ips[c]}#{port} ({names[n]}): "
            f"query: {names[n]} IN {TYPES[t]} {flags[e]} ({at_server})"
            for milli, c, port, n, t, e in zip(*(c.tolist() for c in columns), strict=True)
        ]

    return [Sort(ms, texts, L.KIND_QUERY, event_of(site))]
