"""The bulk generator: gigabytes of sendmail, POP3 and BIND logs that fit together, and the truth about them.

It is made for benchmarks and the demo: fast, coherent (each delivery belongs to a message, each of the mail server's
queries to a delivery or a connection), with realistic numbers of clients and domains, but with a plain user model. Do
not take thresholds from it.

The span is cut into blocks of equal traffic. A block's events are drawn at once, written as lines with their times, and
handed to the two `Timeline`s; what reaches beyond the block (a retry, a slow delivery) waits for its own.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple.simulate.bulk_dns import NameServer
from mailripple.simulate.bulk_mail import MailServer, Outage
from mailripple.simulate.bulk_pop import Mailboxes
from mailripple.simulate.stamps import iso
from mailripple.simulate.timeline import Timeline, named_stamp, syslog_stamp
from mailripple.simulate.world import DAY_MS, MX_IP, DailyCurve, World

_Ints = npt.NDArray[np.int64]
_BLOCK_BYTES = 16_000_000
# Measured: what a message brings on average, with its share of POP logins and noise, and its look-ups.
_MAIL_BYTES_PER_MESSAGE = 850.0
_MX_BYTES_PER_MESSAGE = 640.0
_CLIENT_QUERY_BYTES = 160.0
_FETCHES_PER_MESSAGE = 0.9
_NOISE_PER_MESSAGE = 0.12
_ATTACK_SHARE = 0.08  # of all messages
_MX_SHARE = 0.4  # at most, of the query log: beyond that the mail server's own cache answers


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkTruth:
    """What was written, by the generator's own count. Times are ISO 8601, UTC; the logs' local time is UTC too."""

    seed: int
    start: str
    end: str
    time_zone: str = "UTC"
    mail_server: str = MX_IP
    lines: int
    mail_lines: int
    mail_bytes: int
    dns_bytes: int
    from_lines: int = 0
    """All `from=` lines: `messages` and `refused_sessions` (nrcpts=0)."""
    messages: int = 0
    refused_sessions: int = 0
    to_lines: int = 0
    """Delivery records of `messages`: `sent` + `deferred` + `failed`. Those of DSNs are `dsn_to_lines`."""
    recipients: int = 0
    """Recipients named in `to_lines`, a retry counted again."""
    first_attempts: int = 0
    retries: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    expired: int = 0
    """Messages given up after a day in the queue; their last delivery record still says Deferred."""
    dsn_messages: int = 0
    dsn_to_lines: int = 0
    pop_logins: int = 0
    imap_logins: int = 0
    pop_failures: int = 0
    noise_lines: int = 0
    """STARTTLS notes and lines of programs that have nothing to do with mail."""
    dns_queries: int = 0
    dns_queries_by_mx: int = 0
    outage_domain: str
    outage_start: str
    outage_end: str
    attacker_ip: str | None
    attack_start: str | None
    attack_end: str | None
    attack_messages: int = 0


@dataclass(frozen=True, slots=True)
class _Attack:
    client: int
    start_ms: int
    end_ms: int

    def share_before(self, ms: int) -> float:
        return min(1.0, max(0.0, (ms - self.start_ms) / (self.end_ms - self.start_ms)))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How much of what, in how many blocks."""

    blocks: int
    messages: float
    attack_messages: float
    client_queries: float
    cached: float
    """The share of messages whose look-ups the mail server's own cache answers."""

    @classmethod
    def of(cls, mail_bytes: int, dns_bytes: int, *, attack: bool) -> _Plan:
        messages = mail_bytes / _MAIL_BYTES_PER_MESSAGE
        attacks = _ATTACK_SHARE * messages if attack else 0.0
        mx_bytes = messages * _MX_BYTES_PER_MESSAGE
        asked = min(1.0, _MX_SHARE * dns_bytes / mx_bytes) if mx_bytes else 0.0
        queries = (dns_bytes - asked * mx_bytes) / _CLIENT_QUERY_BYTES
        blocks = max(1, math.ceil((mail_bytes + dns_bytes) / _BLOCK_BYTES))
        return cls(blocks, messages - attacks, attacks, queries, 1.0 - asked)

    def due(self, total: float, block: int) -> int:
        """How many of `total` things that are spread over the traffic fall into `block`."""
        return round(total * (block + 1) / self.blocks) - round(total * block / self.blocks)


def generate(
    out: Path,
    *,
    mail_bytes: int,
    dns_bytes: int,
    seed: int,
    start: datetime,
    days: float,
    clients: int = 100_000,
    domains: int = 20_000,
    accounts: int = 5_000,
    attack: bool = True,
) -> BulkTruth:
    """Write `mail.log`, `queries.log` and `truth.json` into the folder `out`; the sizes are met within some percent.

    The logs cover `days` days from `start`, which must know its zone; the logs' own is UTC. The same arguments give the
    same bytes. With `attack`, one computer mass-mails during the last third.
    """
    if start.tzinfo is None:
        msg = "start must know its time zone"
        raise ValueError(msg)
    out.mkdir(parents=True, exist_ok=True)
    since = round(start.timestamp()) * 1000
    until = since + round(days * DAY_MS)
    random = [np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(4)]
    world = World.build(clients, domains, max(1, min(accounts, clients)), random[0])
    outage = Outage(0, since + (until - since) * 2 // 5, since + (until - since) // 2)
    worm = _Attack(int(random[0].integers(len(world.accounts))), since + (until - since) * 2 // 3, until)
    plan = _Plan.of(mail_bytes, dns_bytes, attack=attack)
    with (out / "mail.log").open("wb") as mail_file, (out / "queries.log").open("wb") as dns_file:
        mail, queries = Timeline(mail_file, syslog_stamp), Timeline(dns_file, named_stamp)
        server = MailServer(world, mail, random[1], outage, plan.cached)
        boxes = Mailboxes(world, mail, random[2])
        names = NameServer(world, queries, random[3])
        _run(plan, DailyCurve(since, until), worm, server, boxes, names)
    facts: dict[str, Any] = {
        "start": iso(since),
        "end": iso(until),
        "outage_domain": world.domains[outage.domain],
        "outage_start": iso(outage.start_ms),
        "outage_end": iso(outage.end_ms),
        "attacker_ip": world.ips[worm.client] if attack else None,
        "attack_start": iso(worm.start_ms) if attack else None,
        "attack_end": iso(worm.end_ms) if attack else None,
        "lines": mail.lines + queries.lines,
        "mail_lines": mail.lines,
        "mail_bytes": mail.bytes,
        "dns_bytes": queries.bytes,
        **(server.truth + boxes.truth + names.truth),
    }
    truth = BulkTruth(seed=seed, **facts)
    (out / "truth.json").write_text(json.dumps(asdict(truth), indent=2) + "\n", encoding="ascii")
    return truth


def _run(
    plan: _Plan, curve: DailyCurve, worm: _Attack, server: MailServer, boxes: Mailboxes, names: NameServer
) -> None:
    """Block by block: new mail, the retries that fall due, the queries of both; then all that is now in order."""
    edges = curve.times(np.linspace(0.0, 1.0, plan.blocks + 1)).tolist()
    for block in range(plan.blocks):

        def spread(total: float, rng: np.random.Generator, block: int = block) -> _Ints:
            return curve.times((block + rng.random(plan.due(total, block))) / plan.blocks)

        server.receive(spread(plan.messages, server.rng))
        low, high = max(edges[block], worm.start_ms), edges[block + 1]
        if plan.attack_messages and low < high:
            before, after = (round(plan.attack_messages * worm.share_before(ms)) for ms in (low, high))
            server.attack(server.rng.integers(low, high, size=after - before), worm.client)
        server.run_queue(edges[block + 1])
        boxes.fetch(spread(_FETCHES_PER_MESSAGE * plan.messages, boxes.rng))
        boxes.noise(spread(_NOISE_PER_MESSAGE * plan.messages, boxes.rng))
        names.answer_mail_server(*server.take_lookups())
        names.answer_clients(spread(plan.client_queries, names.rng))
        last = block + 1 == plan.blocks
        for timeline in (server.timeline, names.timeline):
            timeline.write_before(None if last else edges[block + 1])
