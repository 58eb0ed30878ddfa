"""Outages are stories of destinations, never accusations of hosts."""

from __future__ import annotations

from mailripple.detectors import outage
from mailripple.detectors.contract import Scores
from mailripple.incidents import as_json, attribute
from mailripple.models.outages import Outage

START = 1_700_000_000_000_000


def made(cause: str, domain: int = 7, *, over: bool = True) -> Outage:
    """An outage of an hour."""
    return Outage(cause, domain, START, START + 3_600_000_000, over, 12, 20, 6.5, 20.0, ((1 << 40) + 5,))


def test_levels_and_subjects() -> None:
    """All are notices, also a door that is closed to few of us; no subject is a host or an account."""
    causes = ("remote-outage", "greylisting", "closed-to-us")
    alarms = outage.decide(Scores(outages=(*map(made, causes), made("dns-outage", 0))))
    assert [a.level for a in alarms] == ["notice"] * 4
    assert [a.kind for a in alarms] == ["domain", "domain", "domain", "server"]
    assert not any(a.account for a in alarms)


def test_two_outages_of_one_destination_are_two_stories() -> None:
    """Each has its own times and id; the text names the destination, and the server where it is all of them."""
    first = made("remote-outage")
    later = Outage("remote-outage", 7, START + 10**11, START + 11 * 10**10, False, 9, 9, 5.0, 20.0, ())
    alarms = outage.decide(Scores(outages=(first, later, made("dns-outage", 0))))
    found = attribute(alarms, lambda key: "192.0.2.1", lambda key: "remote.example")
    assert len({i.id for i in found}) == 3
    assert {i.value for i in found} == {"remote.example", ""}
    assert any("the mail server could reach nobody" in i.sentence for i in found)
    assert as_json(found[0], ["a", "mail.log"])["subject"]["type"] in ("domain", "server")
    assert "mail is not taken yet" in " ".join(i.explanation for i in found)
