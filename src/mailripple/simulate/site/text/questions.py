"""Types of DNS questions, and the columns that the events of all query logs have in common."""

from __future__ import annotations

from mailripple.simulate.columns import Ints
from mailripple.simulate.site.sorts import ADDRESS, NAME, Named
from mailripple.simulate.site.tables import Site
from mailripple.tables import QTYPES

#: By `Queries.qtype`; for a type that is not counted by itself (RFC 8659).
TYPES = ("CAA", *QTYPES[1:])


def event_of(site: Site) -> dict[str, Ints | int | Named]:
    """The columns of the events of all queries."""
    q = site.queries
    return {
        "client": Named(site.hosts.ips, ADDRESS, q.client),
        "name": Named(site.names.questions, NAME, q.name),
        "qtype": q.qtype,
    }
