"""Types of DNS questions by their number, and what the query logs have in common."""

from __future__ import annotations

import numpy as np

from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site.sorts import ADDRESS, NAME, Named
from mailripple.simulate.site.tables import Site
from mailripple.tables import QTYPE_NUMBERS, QTYPES

__all__ = ["event_of", "type_names"]
_TYPES = dict(zip(QTYPE_NUMBERS[1:], QTYPES[1:], strict=True))


def type_names(site: Site, unknown: str) -> list[str]:
    """Name of each type from 0 to the largest one asked for; `unknown` how a type without a name is written."""
    most = int(site.queries.qtype.max(initial=0))
    return [_TYPES.get(number, f"{unknown}{number}") for number in range(most + 1)]


def event_of(site: Site) -> dict[str, Ints | int | Named]:
    """The columns of the events of all queries."""
    q = site.queries
    codes = np.zeros(int(q.qtype.max(initial=0)) + 1, np.int64)
    for i, number in enumerate(QTYPE_NUMBERS):
        if number < len(codes):
            codes[number] = i
    assert L.KIND_QUERY == 1
    return {
        "client": Named(site.hosts.ips, ADDRESS, q.client),
        "name": Named(site.names.questions, NAME, q.name),
        "qtype": codes[q.qtype],
    }
