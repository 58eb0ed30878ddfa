"""One description, two readings: the parser finds in the text of a Site the Events that the Site gives without text."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

import numpy as np
import pytest

from mailripple.formats import load_formats
from mailripple.messages import LOCAL_MAILERS, Stitcher
from mailripple.models.senders import Senders
from mailripple.parse import layout as L
from mailripple.parse.compile import Program, compile_formats
from mailripple.parse.events import Parser
from mailripple.parse.timemap import TimeMap, resolve
from mailripple.parse.zone import zone
from mailripple.run import Fold
from mailripple.simulate.columns import Ints
from mailripple.simulate.site import logged
from mailripple.simulate.site.counted import counts_of
from mailripple.simulate.site.sorts import log_text
from mailripple.simulate.site.tables import Site
from tests.simulate.site.small import moved, small_site

SEED = 7
#: But the number of the pattern, the offset of a line and the place of recipients in a side table.
KEPT = {"code": 0xFFFFFFFF, "line": -1, "count": ~((1 << 40) - 1)}


@functools.cache
def program() -> Program:
    return compile_formats(load_formats())


def parsed(parser: Parser, text: bytes, site: Site, file: str) -> Ints:
    """All events of the text with UTC times and line numbers from 1; no line may be a reject."""
    parser.base(file)
    buffer = np.frombuffer(text + bytes(128), np.uint8)
    clock = TimeMap(year=datetime.fromtimestamp(site.start / 1000, site.zone).year, latest=site.start * 1000)
    found = []
    before = 0
    for piece in parser.parse(buffer.ctypes.data, len(text)):
        assert piece.tally.rejected == 0
        columns = piece.events.columns.copy()
        columns[L.COL["line"]] = (columns[L.COL["line"]] >> 32) + 1 + before
        before += piece.tally.lines
        clock = resolve(clock, columns, zone(site.zone.key))
        found.append(columns)
    return np.concatenate(found, axis=1)


def assert_same(real: Ints, made: Ints) -> None:
    """Equal columns, in the same order."""
    assert real.shape == made.shape
    for name, column in L.COL.items():
        mask = KEPT.get(name, -1)
        if name in ("queue", "link", "sender", "count", "pid", "relay", "account"):
            mail = (made[L.COL["code"]] & 0xFF) >= L.KIND_FROM
            assert np.array_equal(real[column, mail] & mask, made[column, mail] & mask), name
        else:
            assert np.array_equal(real[column] & mask, made[column] & mask), name


def text_of(site: Site, log: logged.Log) -> bytes:
    return b"".join(log_text(log.sorts, log.stamp, site.zone, log.stretches(site)))


@pytest.mark.parametrize("mta", logged.MTAS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mail_log_parsed_is_its_events(mta: str, seed: int) -> None:
    """For each mail server the parser gives, of three Sites' logs, the Events that were made without text."""
    site = small_site(seed, zone=("Asia/Tokyo", "Europe/Berlin", "America/New_York")[seed - 1])
    parser = Parser(program(), SEED)
    real = [parsed(parser, text_of(site, log), site, log.file) for log in logged.mail_logs(site, mta)]
    for source, columns in enumerate(real, 1):
        columns[L.COL["line"]] += source << 40
    together = np.concatenate(real, axis=1)
    together = together[:, np.argsort(together[L.COL["ts"]], kind="stable")]
    assert_same(together, logged.mail_events(site, mta, parser.key))


@pytest.mark.parametrize("dns", logged.RESOLVERS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_query_log_parsed_is_its_events(dns: str, seed: int) -> None:
    """For each name server the parser gives, of three Sites' logs, the Events that were made without text."""
    site = small_site(seed, ahead=(0, 90_000, -240_000)[seed - 1])
    parser = Parser(program(), SEED)
    log = logged.dns_log(site, dns)
    assert_same(parsed(parser, text_of(site, log), site, log.file), logged.dns_events(site, dns, parser.key))


@pytest.mark.parametrize("start", ["2026-10-24T20:00", "2026-03-28T22:00", "2026-12-31T20:00"])
def test_clocks_that_are_set_and_years_that_end(start: str) -> None:
    """The same holds where an hour occurs twice or never, and at New Year, for every server's stamps."""
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    site = moved(small_site(1, zone="Europe/Berlin"), int(begin.timestamp() * 1000))
    parser = Parser(program(), SEED)
    logs = [log for mta in logged.MTAS for log in logged.mail_logs(site, mta)]
    for log in [*logs, *(logged.dns_log(site, dns) for dns in logged.RESOLVERS)]:
        assert_same(parsed(parser, text_of(site, log), site, log.file), log.events(site, parser.key, 0))


@pytest.mark.parametrize("mta", logged.MTAS)
def test_the_fold_takes_the_events_as_they_are(mta: str) -> None:
    """A run's fold, given the Events alone, counts what the Site's tables say."""
    site = small_site(2)
    parser = Parser(program(), SEED)
    key = parser.key
    mail, dns = (
        Fold(Stitcher(key(b"relay", 2), key(b"::1", 1), [key(m, 2) for m in LOCAL_MAILERS]), Senders(key(b"", 2)))
        for _ in range(2)
    )
    mail.take(logged.mail_events(site, mta, parser.key), mail=True)
    dns.take(logged.dns_events(site, "bind", parser.key), mail=False)
    asked, handled = dns.close(mail=False)[0], mail.close(mail=True)[0]
    truth = counts_of(site, mta)
    names = {"N_from": "mail.from", "N_to": "mail.to", "N_SD": "mail.deferred", "N_SX": "mail.failed", "N_ret": "mail.attempt.retry"}
    assert {n: handled.total(metric) for n, metric in names.items()} == {n: truth[n] for n in names}
    assert asked.total("dns.query") == truth["queries"]
