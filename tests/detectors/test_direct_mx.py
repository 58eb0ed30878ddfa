"""Hosts that ask for mail exchangers as a mailer does are named, mail servers are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailripple.config import ReadOptions, ReportOptions
from mailripple.detectors import direct_mx
from mailripple.reporting import summary_of
from mailripple.run import read_all
from tests.detectors.family import infected, quiet_hosts, scores_of
from tests.streams import key


def test_the_infected_host_and_no_other_is_named() -> None:
    """The worm's host asks for a new name each minute; the others for one now and then."""
    found = direct_mx.decide(scores_of(infected(21)))
    assert [(a.key, a.level, a.verdict) for a in found] == [(key("192.0.2.1"), "alarm", "infected-host")]


def test_a_mail_server_may_ask() -> None:
    """Who is known as a mail server is left out, whatever it asks."""
    scores = replace(scores_of(infected(21)), mail_hosts=frozenset({key("192.0.2.1")}))
    assert direct_mx.decide(scores) == []


def test_quiet_hosts_are_not_even_noticed() -> None:
    """Ordinary hosts that look an exchanger up now and then."""
    assert direct_mx.decide(scores_of(quiet_hosts(22))) == []


def test_who_asks_for_names_of_addresses_is_worth_a_notice() -> None:
    """A server that nobody named asks for PTR records as well: it is told, not accused."""
    scores = replace(scores_of(infected(21)), ask_reverse=frozenset({key("192.0.2.1")}))
    assert [(a.level, a.verdict) for a in direct_mx.decide(scores)] == [("notice", "dns-anomaly")]


HOSTILE = (
    ("MX", "192.0.2.7"),
    ("MX", "d{n}.client.192.0.2.7"),
    ("MX", "7.2.0.192.in-addr.arpa.d{n}.example"),
    ("MX", "client\\032192.0.2.7#53:\\032query:\\032d{n}.example"),
    ("A", "mail.192.0.2.{n}"),
    ("A", "smtp.192.0.2.7.d{n}.example"),
)


@pytest.mark.parametrize(("qtype", "name"), HOSTILE)
def test_addresses_in_names_accuse_nobody(tmp_path: Path, qtype: str, name: str) -> None:
    """Whoever asks for names that hold another's address is accused itself, or nobody is."""
    log = tmp_path / "queries.log"
    lines = []
    for n in range(60):
        q = name.format(n=n)
        stamp = f"02-Mar-2026 10:{n:02}:{7 * n % 60:02}.000"
        lines.append(f"{stamp} queries: info: client @0x7f56 192.0.2.66#5{n} ({q}): query: {q} IN {qtype} + (192.0.2.2)\n")
        lines.append(f"{stamp} queries: info: client @0x7f56 192.0.2.7#5 (a.example): query: a.example IN A + (192.0.2.2)\n")
    log.write_text("".join(lines))
    result = read_all([str(log)], ReadOptions("UTC", 1_795_000_000_000_000, zone_given=True, seed=7))
    found = summary_of(result, ReportOptions()).incidents
    assert {i.value for i in found} <= {"192.0.2.66"}
    assert bool(found) == ("{n}" in name)
