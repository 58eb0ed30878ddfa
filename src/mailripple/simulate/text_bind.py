"""BIND 9's query log with a file of its own (9.3 to 9.8: the stamp has a year, the line no name in brackets)."""

from __future__ import annotations

import numpy as np

from mailripple.simulate.campus import Campus
from mailripple.simulate.lookups import MAIL_SERVER, TYPES, Queries

_PORT = 1031  # a resolver of 2002 kept its port


def query_lines(campus: Campus, queries: Queries) -> list[str]:
    """A line each; the milliseconds follow the stamp."""
    ips = [*campus.ips, campus.mail_server]
    own = queries.client == MAIL_SERVER
    ports = np.where(own, _PORT, 1024 + (queries.ms * 7919 + queries.name) % 60_000).tolist()
    columns = (queries.ms.tolist(), queries.client.tolist(), ports, queries.name.tolist(), queries.qtype.tolist())
    return [
        f".{ms % 1000:03d} queries: info: client {ips[client]}#{port}: query: {campus.names[name]} IN {TYPES[qtype]} +"
        for ms, client, port, name, qtype in zip(*columns, strict=True)
    ]
