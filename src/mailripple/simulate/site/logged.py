"""A Site as Events, the columns that the parser would give for its logs: an evaluation needs no text.

`mail_events` and `dns_events` are ready for `InOrder.take`, `Stitcher.step`, `Counter.count`, `Senders.step` and
`Lookups.step` as they are used in `run.Fold`: (14, n) int64, by time, contiguous, stamps in UTC microseconds.
"""

from __future__ import annotations

from datetime import datetime

from mailripple.simulate.columns import Ints
from mailripple.simulate.site.journal import Journal
from mailripple.simulate.site.sorts import Key, Sort, Stamp, log_events
from mailripple.simulate.site.tables import Site
from mailripple.simulate.site.text.bind import bind_sorts
from mailripple.simulate.site.text.dovecot import dovecot_sorts
from mailripple.simulate.site.text.sendmail import Sendmail
from mailripple.simulate.stamps import named, rfc3164

MTAS = ("sendmail", "postfix", "exim")
RESOLVERS = ("bind", "unbound", "dnsmasq")
MAIL, QUERIES = "mail.log", "queries.log"


def mail_sorts(site: Site, mta: str) -> tuple[list[Sort], Stamp, str]:
    """The lines of the mail log, how it tells the time, and the name of the host in it."""
    journal = Journal(site)
    return [*Sendmail(journal).sorts(), *dovecot_sorts(journal)], Stamp(rfc3164, 1000), journal.host


def dns_sorts(site: Site, dns: str) -> tuple[list[Sort], Stamp, str]:
    """The lines of the query log, how it tells the time, and the name of the host: that of the file."""
    return bind_sorts(site), Stamp(named, 1), QUERIES


def mail_events(site: Site, mta: str, key: Key, *, source: int = 1) -> Ints:
    """(14, n) the events of the mail log that `mta` would write, POP3 and IMAP included, by time.

    `key` `Parser.key` of the run; `source` rank of the log in the column "line".
    """
    sorts, stamp, host = mail_sorts(site, mta)
    return log_events(sorts, stamp, key(host.encode(), 0), key, source=source, between=(site.start, site.end))


def dns_events(site: Site, dns: str, key: Key, *, source: int = 0) -> Ints:
    """(14, n) the events of the query log that `dns` would write, by time; the server is named as the file is."""
    sorts, stamp, host = dns_sorts(site, dns)
    return log_events(sorts, stamp, key(host.encode(), 0), key, source=source, between=(site.start, site.end + abs(site.dns_ahead_ms)))


__all__ = ["MTAS", "RESOLVERS", "datetime", "dns_events", "mail_events"]
