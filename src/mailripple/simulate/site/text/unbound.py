"""Unbound with `log-queries: yes` and a file of its own: seconds since 1970, the thread, the question."""

from __future__ import annotations

from datetime import datetime

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site.sorts import Sort
from mailripple.simulate.site.tables import Site
from mailripple.simulate.site.text.questions import TYPES, event_of

_PID, _THREADS = 563, 2


def epoch(t: datetime) -> str:
    """`[1795351552]`."""
    return f"[{int(t.timestamp())}]"


def unbound_sorts(site: Site) -> list[Sort]:
    """A line each."""
    q = site.queries
    ips, names = site.hosts.ips, site.names.questions

    def texts(at: Ints) -> list[str]:
        columns = (at % _THREADS, q.client[at], q.name[at], q.qtype[at])
        return [
            f" unbound[{_PID}:{thread}] info: {ips[c]} {names[n]}. {TYPES[t]} IN"
            for thread, c, n, t in zip(*(c.tolist() for c in columns), strict=True)
        ]

    return [Sort(q.ms + site.dns_ahead_ms, texts, L.KIND_QUERY, event_of(site))]
