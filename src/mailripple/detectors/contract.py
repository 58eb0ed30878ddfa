"""What every detector takes and gives.

A detector is a module with `NAME`, `MODEL` (how it judges and what it expects, in words) and a pure function
`decide(scores) -> list[Alarm]`: it looks at scores, never at logs, learns nothing, and gives the same alarms whatever
the order of the scores.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailripple.models.findings import Surge
from mailripple.models.lookups import LookupScore
from mailripple.models.outages import Outage
from mailripple.models.senders import SenderScore

#: Levels in rising order.
LEVELS = ("notice", "warning", "alarm")


@dataclass(frozen=True, slots=True)
class Scores:
    """All that the models say of hosts and accounts.

    `senders` for each fold of mail logs (a server, or servers that follow each other), `lookups` for each fold of DNS
    logs; `mail_hosts` keys of addresses known to be mail servers; `ask_reverse` keys of DNS clients that ask for the
    names of addresses too, as servers do and mailers do not; `outages` what kept mail from going out; `surges` of the
    mail server as a whole.
    """

    senders: tuple[tuple[SenderScore, ...], ...] = ()
    lookups: tuple[tuple[LookupScore, ...], ...] = ()
    mail_hosts: frozenset[int] = frozenset()
    ask_reverse: frozenset[int] = frozenset()
    outages: tuple[Outage, ...] = ()
    surges: tuple[Surge, ...] = ()

    @property
    def watched(self) -> int:
        """How many hosts and accounts were looked at."""
        mail = {(s.account, s.key) for fold in self.senders for s in fold}
        return len(mail | {(False, s.key) for fold in self.lookups for s in fold})


@dataclass(frozen=True, slots=True)
class Alarm:
    """A subject whose evidence reached a level.

    `log_e` the natural logarithm of the largest e-CUSUM, `evidence` that of E, an e-value at any moment; `onset`,
    `at` (when the level was reached) and `last` microseconds since 1970; `lines` orders of records (source << 40 |
    line); `why` short clauses for people, heaviest first; `login` key of the last mailbox user at that host, 0 if none;
    `kind` of the subject where it is no host and no account: "domain" (a destination) or "server"; `by` when at the
    latest it had begun (evidence of 1,000), `warned` when it was first worth a warning; None where it never was.
    """

    detector: str
    key: int
    account: bool
    level: str
    verdict: str
    onset: int
    at: int
    last: int
    log_e: float
    evidence: float
    statistics: dict[str, float | int]
    why: tuple[str, ...]
    innocent: str
    lines: tuple[int, ...] = ()
    login: int = 0
    kind: str = ""
    by: int | None = None
    warned: int | None = None

    @property
    def subject(self) -> str:
        """What the subject is: "ip", "account", "domain" or "server"."""
        return self.kind or ("account" if self.account else "ip")
