"""Which DNS clients are the mail servers whose log was read?  D_q of equation 1 is what they ask.

A mail server asks for the PTR of the hosts that hand mail in, and for the MX of the domains that it delivers to.  So a
client is a mail server if its PTR names cover at least half of the log's client addresses (of 20 or more).  Only where
no client's do, it is one if its MX names cover at least half of the log's recipient domains (of 20 or more): an
infected PC with a mail engine of its own may ask for these too.  The choice is made after all counts are merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MINIMUM = 20
COVER = 0.5
MX, PTR = 1, 2


@dataclass(frozen=True, slots=True)
class MailServer:
    """A DNS client taken for a mail server: key, and how much of the mail log it covers (NaN where given)."""

    key: int
    mx_cover: float
    ptr_cover: float


def infer_mail_servers(
    pairs: npt.NDArray[np.int64], domains: npt.NDArray[np.int64], ptr_names: npt.NDArray[np.int64]
) -> list[MailServer]:
    """Clients that cover the mail log, best first.

    `pairs` (p, 3) client, name, MX or PTR; `domains` (d,) keys of the recipient domains; `ptr_names` (c,) keys of the
    reverse names of the addresses that handed mail in.
    """
    domains, ptr_names = np.unique(domains), np.unique(ptr_names)
    likely = np.concatenate([_asking(pairs, MX, len(domains)), _asking(pairs, PTR, len(ptr_names))])
    pairs = pairs[np.isin(pairs[:, 0], likely)]
    mx = _cover(pairs, domains, MX)
    ptr = _cover(pairs, ptr_names, PTR)
    found = [
        MailServer(client, mx.get(client, 0.0), ptr.get(client, 0.0))
        for client in sorted(set(mx) | set(ptr))
        if mx.get(client, 0.0) >= COVER or ptr.get(client, 0.0) >= COVER
    ]
    certain = [server for server in found if server.ptr_cover >= COVER]
    return sorted(certain or found, key=lambda s: (-max(s.mx_cover, s.ptr_cover), s.key))


def _asking(pairs: npt.NDArray[np.int64], kind: int, wanted: int) -> npt.NDArray[np.int64]:
    """Clients that asked for enough names of that kind to cover half of those wanted: few, so not all are sorted."""
    least = COVER * wanted
    clients = pairs[pairs[:, 2] == kind, 0]
    bucket = clients & 0xFFFF
    clients = clients[np.bincount(bucket, minlength=1 << 16)[bucket] >= least]
    found, counts = np.unique(clients, return_counts=True)
    enough: npt.NDArray[np.int64] = found[counts >= least]
    return enough


def _cover(pairs: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], kind: int) -> dict[int, float]:
    """Share of `wanted` names that each client asked for; empty where too few are wanted."""
    if len(wanted) < MINIMUM or not len(pairs):
        return {}
    chosen = pairs[(pairs[:, 2] == kind) & np.isin(pairs[:, 1], wanted)]
    clients, counts = np.unique(chosen[:, 0], return_counts=True)
    return {int(c): int(n) / len(wanted) for c, n in zip(clients, counts, strict=True)}


def given_mail_servers(addresses: Sequence[str], keys: Mapping[str, int]) -> list[MailServer]:
    """The servers that the operator named."""
    return [MailServer(keys[a], float("nan"), float("nan")) for a in addresses]
