"""Event streams for the tests of stitch and count: drawn by chance, as the kernels' columns and back."""

from __future__ import annotations

import hashlib
import ipaddress
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple.counts import CLIENT_METRICS, ENTITY_KINDS, ENTITY_METRICS, METRIC_NAMES, Counts
from mailripple.messages import LOCAL_MAILERS, Attempts, InOrder, Stitcher
from mailripple.parse import layout as L
from mailripple.tables import KINDS, QTYPES, STATUSES
from tests.naive_fold import SECOND, Event

START = 1_700_000_000 * SECOND
V4_KEY, TEXT_KEY = 1 << 32, 1 << 62
FLAGS = {
    "dsn": L.F_DSN,
    "attempt": L.F_ATTEMPT,
    "first": L.F_FIRST,
    "again": L.F_AGAIN,
    "internal": L.F_INTERNAL,
    "late": L.F_LATE,
    "refused": L.F_REFUSED,
    "out": L.F_OUT,
    "final": L.F_FINAL,
}
SESSION_KINDS = ("pop.login", "pop.fail", "pop.logout", "pop.connect", "imap.login", "imap.fail", "imap.logout")
GAPS = (0, 0, 0, 1, 1, 2, 3, 7, 20, 61, 119, 121, 400, 901, 1799, 1801, 3600, 5000, 90_000, 520_000)


def key(text: str) -> int:
    """The key of a name or address, as the parser's: 0 for none, an IPv4 address is its own."""
    if not text:
        return 0
    if text.count(".") == 3:
        return V4_KEY + int(ipaddress.IPv4Address(text))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") & (TEXT_KEY - 1) | TEXT_KEY


def hashed(text: str) -> int:
    """The hash of a queue id, sender or mailer: 0 for none, else odd."""
    return key("=" + text) | 1 if text else 0


def columns_of(events: Sequence[Event]) -> npt.NDArray[np.int64]:
    """The events as the parser's columns (14, n), with UTC times."""
    out = np.zeros((len(L.COLUMNS), len(events)), np.int64)
    for n, e in enumerate(events):
        code = KINDS.index(e.kind) | STATUSES.index(e.status) << 8 | e.dsn << 24
        code |= (QTYPES.index(e.qtype) if e.qtype else 0) << 16 | (L.UTC if e.ts is not None else L.NO_TIME) << 28
        count = e.rcpts << 40 if e.kind in ("mail.to", "mail.start") else -1 if e.nrcpts is None else e.nrcpts << 40
        found = {
            "ts": e.ts or 0, "code": code, "line": e.line << 32, "server": key(e.server), "client": key(e.client),
            "name": key(e.name), "account": key(e.account), "queue": hashed(e.queue), "link": hashed(e.link),
            "sender": hashed(e.mailer if e.kind == "mail.to" else e.sender), "count": count, "pid": e.pid,
            "relay": key(e.relay), "flags": sum(FLAGS[f] for f in e.flags),
        }  # fmt: skip
        out[:, n] = [found[name] for name in L.COLUMNS]
    return out


def new_stitcher(slots: int = 1 << 13) -> Stitcher:
    """A stitcher that knows what the keys of these streams are."""
    return Stitcher(hashed("relay"), key("::1"), [hashed(m.decode()) for m in LOCAL_MAILERS], slots=slots)


def stitched(events: Sequence[Event], cuts: Sequence[int] = (), slots: int = 256) -> npt.NDArray[np.int64]:
    """The columns behind InOrder and Stitcher, the stream handed over in pieces that end at `cuts`."""
    stitcher, in_order = new_stitcher(slots), InOrder()
    everything = columns_of(events)
    out = [everything[:, :0]]
    bounds = [0, *sorted(cuts), len(events)]
    for a, b in zip(bounds, bounds[1:], strict=False):
        for ready, late in in_order.take(np.ascontiguousarray(everything[:, a:b])):
            if not late:
                stitcher.step(ready)
            out.append(ready.copy())
    for ready, _ in in_order.rest():
        stitcher.step(ready)
        out.append(ready.copy())
    return np.ascontiguousarray(np.concatenate(out, axis=1))


def attempts_in(columns: npt.NDArray[np.int64]) -> Attempts:
    """The attempts among stitched events, picked one by one (law 4)."""
    rows = []
    for row in columns.T.tolist():
        e = dict(zip(L.COLUMNS, row, strict=True))
        code, flags = e["code"], e["flags"]
        if code & 0xFF != L.KIND_TO or not code >> 28 & 3 or flags & (L.F_DSN | L.F_INTERNAL | L.F_LATE):
            continue
        if flags & (L.F_ATTEMPT | L.F_FINAL):
            names = ("ts", "line", "server", "queue", "client", "account", "sender", "name")
            said = int(flags & L.F_FIRST > 0), code >> 8 & 0xFF, code >> 24 & 15 | (code >> 16 & 1) << 3, int(flags & L.F_FINAL > 0)
            rows.append((*(e[name] for name in names), *said))
    return Attempts(np.array(rows, np.int64).reshape(-1, 12).T)


def said(columns: npt.NDArray[np.int64]) -> dict[int, tuple[int, int, int, int]]:
    """What stitch said, by line: client, account, sender of deliveries and messages, flags of all."""
    found = {}
    for c in columns.T.tolist():
        mail = c[L.COL["code"]] & 0xFF in (L.KIND_FROM, L.KIND_TO)
        who = [c[L.COL[n]] if mail else 0 for n in ("client", "account", "sender")]
        found[c[L.COL["line"]] >> 32] = (*who, c[L.COL["flags"]])
    return found


def plain(counts: Counts) -> tuple[Any, Any, Any]:
    """Counts in the form of `NaiveCounts.plain`, with keys for names."""
    servers = {}
    for server, minute, values in zip(counts.server.tolist(), counts.minute.tolist(), counts.values.tolist(), strict=True):
        servers[server, minute] = {m: n for m, n in zip(METRIC_NAMES, values, strict=True) if n}
    dns = [f"minute {i}" for i in range(10)] + list(CLIENT_METRICS)
    entities: dict[Any, dict[str, int]] = {}
    for rows in counts.cells.parts():
        for one, tag, values in zip(rows["key"].tolist(), rows["tag"].tolist(), rows["n"].tolist(), strict=True):
            kind = ENTITY_KINDS[tag & 0xFF]
            cell = entities.setdefault((kind, one, tag >> 8), {})
            for metric, n in zip(dns if kind == "dns_client" else ENTITY_METRICS, values, strict=True):
                if n:
                    cell[metric] = cell.get(metric, 0) + n
    pairs = {(a, b, ("", "MX", "PTR")[kind]) for a, b, kind in counts.pairs.tolist()}
    return {k: v for k, v in servers.items() if v}, {k: v for k, v in entities.items() if v}, pairs


def keyed(naive: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    """The naive counts with keys for names."""
    servers, entities, pairs = naive
    return (
        {(key(s), m): v for (s, m), v in servers.items()},
        {(kind, key(k), w): v for (kind, k, w), v in entities.items()},
        {(key(c), key(n), t) for c, n, t in pairs},
    )


def random_event(dice: random.Random, ids: int) -> Event:
    """One event over small pools of names, so that events meet."""
    kind = dice.choices(
        ("mail.to", "mail.from", "mail.dsn", "mail.clone", "mail.client", "mail.msgid", "mail.start", "mail.done", "mail.reject", "dns.query", "other"),
        (40, 25, 4, 3, 8, 8, 4, 3, 4, 12, 4),
    )[0]
    queue = f"q{dice.randrange(ids)}"
    e = Event(kind, 0, server=dice.choice(("mx1", "mx2")), queue=queue, pid=dice.choice((0, 1, 2, 3)))
    if kind == "mail.to":
        status = dice.choice(("sent", "sent", "deferred", "deferred", "bounced", "expired", "rejected", "other", "skipped", ""))
        mailer = dice.choice(("esmtp", "esmtp", "local", "relay", ""))
        name = "" if mailer == "local" else f"d{dice.randrange(4)}.example"
        relay = dice.choice(("", "127.0.0.1", "::1", "198.51.100.1"))
        if dice.random() < 0.15:
            e = replace(e, queue="", link=f"delivery {dice.randrange(4)}")
        elif dice.random() < 0.1:
            e = replace(e, link=f"q{dice.randrange(ids)}")
        return replace(e, status=status, mailer=mailer, name=name, relay=relay, rcpts=dice.choice((0, 1, 1, 3)), dsn=dice.choice((0, 2, 4, 5)))
    client = dice.choice(("", "127.0.0.1", "192.0.2.7", "192.0.2.8", "2001:db8::7", "::1"))
    account = dice.choice(("", "", "ann", "bob"))
    if kind == "mail.from":
        return replace(e, client=client, account=account, sender=dice.choice(("a@x.example", "")), link=dice.choice(("", "m1", "m2", "m3", f"q{dice.randrange(ids)}")), nrcpts=dice.choice((None, 0, 1, 2, 5)))
    if kind in ("mail.dsn", "mail.clone"):
        return replace(e, link=f"q{dice.randrange(ids)}")
    if kind == "mail.msgid":
        return replace(e, link=dice.choice(("", "m1", "m2", "m3")))
    if kind == "mail.start":
        return replace(e, link=f"delivery {dice.randrange(4)}", name=f"d{dice.randrange(4)}.example", rcpts=dice.choice((0, 1)))
    if kind == "mail.client" and dice.random() < 0.5:
        return replace(e, client=client, account=account, link=dice.choice(("", f"q{dice.randrange(ids)}")))
    if kind == "mail.client" and dice.random() < 0.5:
        return replace(e, client=client, account=account, queue="")
    if kind == "dns.query":
        return replace(e, client=client, name=f"n{dice.randrange(3)}.example", qtype=dice.choice(("A", "MX", "PTR", "NS", "other")), queue="", pid=0)
    if kind == "other":
        return replace(e, kind=dice.choice((*SESSION_KINDS, "dns.response", "dns.packet")), client=client, account=account, queue="")
    return replace(e, client=client, account=account)


def random_stream(seed: int, size: int, *, ids: int = 12, gaps: Sequence[int] = GAPS, jitter: int = 0) -> list[Event]:
    """A stream in the order of its lines; times go up by one of `gaps` seconds and are up to `jitter` seconds off."""
    dice = random.Random(seed)
    now, out = START, []
    for line in range(size):
        now += dice.choice(gaps) * SECOND
        out.append(replace(random_event(dice, ids), ts=now - dice.randrange(jitter + 1) * SECOND, line=line))
    return out
