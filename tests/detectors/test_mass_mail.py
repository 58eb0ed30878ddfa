"""Mass mail handed in is found, named, and called what it is."""

from __future__ import annotations

import random
from dataclasses import replace

from mailripple.detectors import mass_mail
from mailripple.detectors.contract import Scores
from tests.detectors.family import infected, scores_of
from tests.models.test_senders import START, worm
from tests.streams import key


def test_the_infected_host_and_no_other_is_named() -> None:
    """One alarm: the worm's host, infected."""
    found = mass_mail.decide(scores_of(infected(11)))
    assert [(a.key, a.level, a.verdict) for a in found] == [(key("192.0.2.1"), "alarm", "infected-host")]


def test_an_authenticated_account_is_named_too() -> None:
    """Mail of one account from many addresses names the account, and none of the addresses."""
    rng = random.Random(1)
    units = [replace(u, client=f"198.51.100.{n}", account="carol") for n, u in enumerate(worm(rng, START, 200, senders=300))]
    assert [(a.account, a.key, a.verdict) for a in mass_mail.decide(scores_of(units))] == [(True, key("carol"), "stolen-account")]


def test_forged_senders_convict_nobody() -> None:
    """A worm that forges the senders of the campus: only its host is named, whatever it claims."""
    rng = random.Random(2)
    units = [replace(u, sender=f"u{rng.randrange(40)}@campus.example") for u in worm(rng, START, 300, senders=1)]
    assert [(a.account, a.key) for a in mass_mail.decide(scores_of(units))] == [(False, key("192.0.2.1"))]


def test_a_known_mail_server_is_a_relay() -> None:
    """The same evidence at a known mail server means that it relays."""
    scores = scores_of(infected(11))
    found = mass_mail.decide(Scores(scores.senders, (), frozenset({key("192.0.2.1")})))
    assert [a.verdict for a in found] == ["hijacked-relay"]


def test_of_two_logs_the_stronger_evidence_counts_once() -> None:
    """A host in the logs of two servers is one alarm."""
    scores = scores_of(infected(11))
    assert mass_mail.decide(Scores(scores.senders * 2)) == mass_mail.decide(scores)
