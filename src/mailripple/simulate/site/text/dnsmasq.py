"""dnsmasq 2.90 with `log-queries` and `log-facility` a file: the question, where it goes, what comes back."""

from __future__ import annotations

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site.sorts import Sort
from mailripple.simulate.site.tables import Site
from mailripple.simulate.site.text.questions import TYPES, event_of
from mailripple.tables import QTYPES

_HEAD = " dnsmasq[412]: "
_UPSTREAM = "192.0.2.4"
_HOUR_MS = 3_600_000
_SERVFAIL, _NXDOMAIN = 2, 3
_A, _AAAA, _MX, _PTR = (QTYPES.index(name) for name in ("A", "AAAA", "MX", "PTR"))
_NODATA = {_A: "NODATA-IPv4", _AAAA: "NODATA-IPv6"}


def dnsmasq_sorts(site: Site) -> list[Sort]:
    """Questions; of those not asked within the hour the upstream server; answers."""
    q, names, ips = site.queries, site.names.questions, site.hosts.ips
    ms = q.ms + site.dns_ahead_ms
    fresh = np.zeros(len(q.ms), bool)
    question_in_hour = (q.ms // _HOUR_MS * len(QTYPES) + q.qtype) * max(len(names), 1) + q.name
    fresh[np.unique(question_in_hour, return_index=True)[1]] = True
    fresh |= q.rcode == _SERVFAIL  # that is not kept
    asked = np.flatnonzero(fresh)

    def question(at: Ints) -> list[str]:
        columns = (q.qtype[at], q.name[at], q.client[at])
        rows = zip(*(c.tolist() for c in columns), strict=True)
        return [f"{_HEAD}query[{TYPES[t]}] {names[n]} from {ips[c]}" for t, n, c in rows]

    def forwarded(at: Ints) -> list[str]:
        return [f"{_HEAD}forwarded {names[n]} to {_UPSTREAM}" for n in q.name[asked[at]].tolist()]

    def answer(at: Ints) -> list[str]:
        columns = (fresh[at], q.name[at], q.qtype[at], q.rcode[at])
        return [
            f"{_HEAD}{'reply' if new else 'cached'} {_answer(names[n], n, t, rcode)}"
            for new, n, t, rcode in zip(*(c.tolist() for c in columns), strict=True)
        ]

    return [Sort(ms, question, L.KIND_QUERY, event_of(site)), Sort(ms[asked], forwarded), Sort(ms, answer)]


def _answer(name: str, number: int, qtype: int, rcode: int) -> str:
    """`NAME is ADDRESS`, or what stands in its place."""
    if rcode == _SERVFAIL:
        return "error is SERVFAIL"
    if rcode == _NXDOMAIN:
        return f"{name} is NXDOMAIN"
    if qtype == _A:
        return f"{name} is 198.18.{number // 250 % 250}.{number % 250 + 1}"
    if qtype == _AAAA and number % 3 == 0:
        return f"{name} is 2001:db8:f::{number % 65_000 + 1:x}"
    if qtype == _MX:
        return f"{name} is <MX>"
    if qtype == _PTR and name.endswith(".in-addr.arpa"):
        ip = ".".join(reversed(name.removesuffix(".in-addr.arpa").split(".")))
        return f"{ip} is host-{number}.example"
    return f"{name} is {_NODATA.get(qtype, 'NODATA')}"
