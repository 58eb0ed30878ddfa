"""One description, two readings: the parser finds in the text of a Site the Events that the Site gives without text."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from mailripple.formats import load_formats
from mailripple.parse import layout as L
from mailripple.parse.compile import Program, compile_formats
from mailripple.parse.events import Parser
from mailripple.parse.timemap import TimeMap, resolve
from mailripple.parse.zone import zone
from mailripple.simulate.columns import Ints
from mailripple.simulate.site import logged
from mailripple.simulate.site.sorts import log_text
from mailripple.simulate.site.tables import Site
from tests.simulate.site.small import START, small_site

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
    clock = TimeMap(year=2026, latest=START * 1000)
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
    return b"".join(log_text(log.sorts, log.stamp, site.zone, log.between(site)))


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
