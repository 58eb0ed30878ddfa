"""What servers log of a Site: as files of text, and as the Events that the parser would give for them.

`mail_events` and `dns_events` are ready for `InOrder.take`, `Stitcher.step`, `Counter.count`, `Senders.step` and
`Lookups.step` as they are used in `run.Fold`: (14, n) int64, by time, contiguous, stamps in UTC microseconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mailripple.errors import UsageError
from mailripple.parse import layout as L
from mailripple.simulate.columns import Ints
from mailripple.simulate.site.journal import Journal
from mailripple.simulate.site.sorts import Key, Sort, Stamp, log_events
from mailripple.simulate.site.tables import LOG_GAP, Site
from mailripple.simulate.site.text.bind import bind_sorts
from mailripple.simulate.site.text.dnsmasq import dnsmasq_sorts
from mailripple.simulate.site.text.dovecot import dovecot_sorts
from mailripple.simulate.site.text.exim import Exim, spaced
from mailripple.simulate.site.text.postfix import Postfix
from mailripple.simulate.site.text.sendmail import Sendmail
from mailripple.simulate.site.text.unbound import epoch, unbound_sorts
from mailripple.simulate.stamps import named, rfc3164

MTAS = ("sendmail", "postfix", "exim")
RESOLVERS = ("bind", "unbound", "dnsmasq")
MAIL, POP, QUERIES = "mail.log", "pop.log", "queries.log"
_SYSLOG = Stamp(rfc3164, 1000)


class Log(NamedTuple):
    """A log file: its name, its lines, how it tells the time; `host` in its lines ("" none: the file's name counts).

    `ahead_ms` how far its clock is ahead; `gaps` whether the Site's log gaps are its.
    """

    file: str
    sorts: list[Sort]
    stamp: Stamp
    host: str
    ahead_ms: int = 0
    gaps: bool = True

    def stretches(self, site: Site, edges: Sequence[int] = ()) -> list[tuple[int, int]]:
        """What is logged, as [from, to) in UTC ms by the log's own clock; cut also at `edges` (ms)."""
        gaps = [(h.start, h.end) for h in site.happenings if h.kind == LOG_GAP] if self.gaps else []
        cuts = sorted({site.start, site.end, *(e for e in edges if site.start < e < site.end), *itertools.chain(*gaps)})
        return [
            (begin + self.ahead_ms, end + self.ahead_ms)
            for begin, end in itertools.pairwise(cuts)
            if not any(a <= begin < b for a, b in gaps)
        ]

    def events(self, site: Site, key: Key, source: int) -> Ints:
        """(14, n) the events of the log."""
        server = key((self.host or self.file).encode(), 0)
        return log_events(self.sorts, self.stamp, server, key, self.stretches(site), source=source)


def mail_logs(site: Site, mta: str) -> list[Log]:
    """The mail server's log files; POP3 and IMAP stand in the same one where all write to syslog."""
    journal = Journal(site)
    if mta == "sendmail":
        return [Log(MAIL, [*Sendmail(journal).sorts(), *dovecot_sorts(journal)], _SYSLOG, journal.host)]
    if mta == "postfix":
        return [Log(MAIL, [*Postfix(journal).sorts(), *dovecot_sorts(journal)], _SYSLOG, journal.host)]
    if mta == "exim":
        main = Log(MAIL, Exim(journal).sorts(), Stamp(spaced, 1000), "")
        return [main, Log(POP, dovecot_sorts(journal), _SYSLOG, journal.host)]
    raise UsageError(f"no mail server {mta!r}", where="--mta", todo="use one of: " + ", ".join(MTAS))


def dns_log(site: Site, dns: str) -> Log:
    """The name server's query log, by its own clock."""
    if dns == "bind":
        return Log(QUERIES, bind_sorts(site), Stamp(named, 1), "", site.dns_ahead_ms, gaps=False)
    if dns == "unbound":
        return Log(QUERIES, unbound_sorts(site), Stamp(epoch, 1000), "", site.dns_ahead_ms, gaps=False)
    if dns == "dnsmasq":
        return Log(QUERIES, dnsmasq_sorts(site), _SYSLOG, "", site.dns_ahead_ms, gaps=False)
    raise UsageError(f"no name server {dns!r}", where="--dns", todo="use one of: " + ", ".join(RESOLVERS))


def mail_events(site: Site, mta: str, key: Key, *, source: int = 1) -> Ints:
    """(14, n) the events of the logs that `mta` would write, POP3 and IMAP included, by time.

    `key` `Parser.key` of the run; `source` rank of the first log in the column "line".  Raises UsageError.
    """
    parts = [log.events(site, key, source + i) for i, log in enumerate(mail_logs(site, mta))]
    if len(parts) == 1:
        return parts[0]
    together = np.concatenate(parts, axis=1)
    return np.ascontiguousarray(together[:, np.argsort(together[L.COL["ts"]], kind="stable")])


def dns_events(site: Site, dns: str, key: Key, *, source: int = 0) -> Ints:
    """(14, n) the events of the query log that `dns` would write, by time.  Raises UsageError."""
    return dns_log(site, dns).events(site, key, source)
