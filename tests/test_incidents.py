"""Alarms become stories: one a subject, with a confidence that means something."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mailripple.detectors import Alarm
from mailripple.incidents import as_json, attribute, confidence, mean_evidence, with_texts

BASE = Alarm(
    "mass-mail", 7, False, "alarm", "infected-host", 1_000_000, 2_000_000, 3_000_000, math.log(1e6), math.log(1e5),
    {"messages": 9}, ("9 of 9 failed",), "a mailing", ((2 << 40) + 5, 6), 77,
)  # fmt: skip


def address(key: int) -> str:
    """A made-up address."""
    return f"192.0.2.{key}"


def text(key: int) -> str:
    """A made-up name."""
    return f"name{key}"


def test_one_incident_a_subject() -> None:
    """Alarms of the same host are one incident: the gravest level, the earliest onset, all lines and reasons."""
    other = replace(BASE, detector="direct-mx", onset=500_000, evidence=0.0, lines=(9,), why=("asks",), login=0)
    (found,) = attribute([BASE, other, replace(BASE, detector="x", level="notice", onset=1)], address, text)
    assert (found.id, found.severity, found.onset, found.user) == ("ip:192.0.2.7", "alarm", 500_000, "name77")
    assert [(e.source, e.line) for e in found.evidence][:3] == [(0, 9), (2, 5), (0, 6)]
    assert found.statistics["log10_evidence"] == pytest.approx(math.log10((1e5 + 1e5 + 1) / 3), abs=0.01)


def test_host_and_account_of_the_same_key_are_two_subjects() -> None:
    """The gravest comes first."""
    found = attribute([replace(BASE, level="warning"), replace(BASE, account=True)], address, text)
    assert [(i.kind, i.value, i.severity) for i in found] == [("account", "name7", "alarm"), ("ip", "192.0.2.7", "warning")]


def test_confidence_is_the_posterior() -> None:
    """With a prior of 1 in 1,000: E = 1e3 is even odds, 1e5 is 99 %."""
    assert [round(confidence(math.log(e)), 3) for e in (1, 1e3, 1e4, 1e5)] == [0.001, 0.5, 0.909, 0.99]
    assert confidence(-1e4) == pytest.approx(0.0)


def test_evidence_is_averaged() -> None:
    """The mean of e-values, also of huge ones."""
    assert mean_evidence([math.log(3), 0.0]) == pytest.approx(math.log(2))
    assert mean_evidence([900.0, 900.0]) == pytest.approx(900.0)


def test_json_has_the_lines() -> None:
    """The JSON names source, line and text; a line that cannot be read again has none."""
    (found,) = attribute([BASE], address, text)
    told = as_json(with_texts(found, lambda source, line: "said" if source == 2 else None), ["a", "b", "c"])
    assert told["evidence"] == [{"source": "c", "line": 5, "text": "said"}, {"source": "a", "line": 6, "text": None}]
    assert told["subject"] == {"type": "ip", "value": "192.0.2.7"}
    assert told["onset"] == "1970-01-01T00:00:01Z"


def test_who_stands_out_among_many_is_told() -> None:
    """Of few hosts the same evidence stands out that among a million does not; without their number nothing is said."""
    alarm = replace(BASE, evidence=12.0)
    for watched, told in ((0, None), (50, True), (1_000_000, False)):
        (found,) = attribute([alarm], address, text, watched)
        assert found.statistics.get("fdr_rejected") is told


ACCOUNT = replace(BASE, key=9, account=True, verdict="stolen-account")


def test_addresses_that_use_a_stolen_account_are_its_story() -> None:
    """Where an account is under alarm, and several addresses that act as it only, there is one incident: the account's."""
    alarms = [ACCOUNT, *(replace(BASE, key=k) for k in (1, 2, 3))]
    found = attribute(alarms, lambda k: f"198.51.100.{k}", text, 0, {1: 9, 2: 9, 3: 8})
    assert [(i.kind, i.value) for i in found] == [("account", "name9"), ("ip", "198.51.100.3")]
    assert "used from 198.51.100.1, 198.51.100.2" in found[0].why


def test_one_address_that_uses_an_account_is_named_itself() -> None:
    """A single computer may be what is infected, so both are told; and an account that is only a notice hides nobody."""
    both = [ACCOUNT, replace(BASE, key=1)]
    assert len(attribute(both, address, text, 0, {1: 9})) == 2
    quiet = [replace(ACCOUNT, level="notice"), *(replace(BASE, key=k) for k in (1, 2))]
    assert len(attribute(quiet, address, text, 0, {1: 9, 2: 9})) == 3


def test_the_onset_has_a_latest_moment() -> None:
    """By the time evidence had come to 1,000 it had begun; of several alarms the earliest such moment counts."""
    (found,) = attribute([replace(BASE, by=70_000_000), replace(BASE, detector="x", by=50_000_000)], address, text)
    assert as_json(found, ["a", "b", "c"])["onset_latest"] == "1970-01-01T00:00:50Z"
