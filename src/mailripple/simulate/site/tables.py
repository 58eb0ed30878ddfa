"""The joint of a simulated campus: everything that happened, as tables of numbers beside lists of names.

    scenario ─▶ people, benign, attacks ─▶ Messages, Recipients ─▶ queue ─▶ Attempts ─▶ resolver ─▶ Queries
                                                     └──────────── a Site ────────────┘
                                       text/* (log lines) · events (Events) · truth (what is so)

Times are UTC milliseconds.  Every table is a NamedTuple of int64 arrays of equal length; a column that names something
holds its place in a list of `Names`, -1 for none.  What made a message is its `cause`, a place in `Site.causes`: the
truth of every later figure hangs on that column and on no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

#: `Recipients.domain` of the campus itself.
LOCAL = -1
#: How an attempt ends.
SENT, DEFERRED, FAILED = range(3)
#: Why it ends so: `Attempts.reason`.
ACCEPTED = 0
#: Deferred; NO_SERVER: the DNS does not answer.
GREYLISTED, TIMED_OUT, REFUSED, POLICY, BUSY, NO_SERVER = range(1, 7)
#: Failed for good.
UNKNOWN_USER, UNKNOWN_HOST, REJECTED, EXPIRED = range(7, 11)
#: The kind of a happening in which the mail server's log was not written.
LOG_GAP = "log-gap"
#: `Logins.service`.
POP, IMAP = range(2)


@dataclass(slots=True)
class Hosts:
    """Machines, inside and outside: parallel lists.  `names[i]` is "" where an address has no name in the DNS;
    `kinds[i]` "pc", "gateway", "monitor", ... ("outside-server" and "outside-client" are not of the campus)."""

    ips: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Names:
    """Texts that the tables point into.

    `accounts` log-in names; `senders` envelope senders (without <>); `users` local parts of recipients; `domains`
    with their `exchangers` (name of the best MX) and `exchanger_ips`, parallel, "" for a domain that does not exist;
    `questions` names asked for in the DNS (lower case, no final dot).
    """

    accounts: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    exchangers: list[str] = field(default_factory=list)
    exchanger_ips: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


class Messages(NamedTuple):
    """Messages taken in by the mail server, by time; `sender` -1 is the null sender, `account` who authenticated."""

    ms: Ints
    client: Ints
    account: Ints
    sender: Ints
    size: Ints
    cause: Ints


class Recipients(NamedTuple):
    """One row a message and recipient, by message: `domain` LOCAL or a domain outside, `user` its local part."""

    message: Ints
    domain: Ints
    user: Ints


class Attempts(NamedTuple):
    """One row a recipient and delivery attempt, by time of its log line.

    `tries` earlier attempts of that recipient; `run` the queue run that made it, -1 for the first try; `took` ms.
    """

    ms: Ints
    recipient: Ints
    tries: Ints
    status: Ints
    reason: Ints
    run: Ints
    took: Ints


class Bounces(NamedTuple):
    """Messages that the server sends back itself: when, which message failed, and the recipient that it names."""

    ms: Ints
    message: Ints
    recipient: Ints


class Refusals(NamedTuple):
    """Messages not taken in (relaying denied, unknown user, greylisted by us): client, claimed sender, recipient."""

    ms: Ints
    client: Ints
    sender: Ints
    domain: Ints
    user: Ints
    reason: Ints


class Logins(NamedTuple):
    """POP3 and IMAP sessions: host, account, service, 1 if the password was right, messages fetched, length in ms."""

    ms: Ints
    host: Ints
    account: Ints
    service: Ints
    ok: Ints
    mails: Ints
    took: Ints


class Queries(NamedTuple):
    """DNS questions that reach the logging resolver: client (a host; the mail server's own too), name, type, rcode."""

    ms: Ints
    client: Ints
    name: Ints
    qtype: Ints
    rcode: Ints


@dataclass(frozen=True, slots=True)
class Cause:
    """What made messages or look-ups: `kind` ("ordinary", "newsletter", "worm", ...); `harm` whether it is an attack.

    `host` (address that is guilty), `account` (log-in that is guilty), -1 for none; `start`, `end` ms;
    `details` numbers and names for the truth (rate, bounce share, novelty, path, ...).
    """

    kind: str
    harm: bool = False
    host: int = -1
    account: int = -1
    start: int = 0
    end: int = 0
    details: dict[str, float | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is no attack and that a report should name as what it is, or stay quiet about.

    `kind` ("remote-outage", "greylisting", "dns-outage", "log-gap", "closed-to-us", ...), `domain` -1 for none.
    """

    kind: str
    start: int
    end: int
    domain: int = -1
    details: dict[str, float | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A campus over a span of time.

    `start`, `end` UTC ms; `mail_server`, `resolver` hosts; `values` the parameters drawn for the seed; `causes[0]` is
    ordinary mail.  `dns_ahead_ms` how far the DNS server's clock is ahead of the mail server's.
    """

    scenario: str
    seed: int
    start: int
    end: int
    zone: ZoneInfo
    mail_server: int
    resolver: int
    values: dict[str, float]
    hosts: Hosts
    names: Names
    causes: list[Cause]
    happenings: list[Happening]
    messages: Messages
    recipients: Recipients
    attempts: Attempts
    bounces: Bounces
    refusals: Refusals
    logins: Logins
    queries: Queries
    runs: Ints
    dns_ahead_ms: int = 0
