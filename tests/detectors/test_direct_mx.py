"""Hosts that ask for mail exchangers as a mailer does are named, mail servers are not."""

from __future__ import annotations

from dataclasses import replace

from mailripple.detectors import direct_mx
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
