"""A surge of the whole server is a warning or a notice, in words, and names nobody."""

from __future__ import annotations

from mailripple.detectors import surge
from mailripple.detectors.contract import Scores
from mailripple.incidents import attribute
from mailripple.models.findings import Surge

LOOKUPS = Surge("lookups", 1_000_000, 2_000_000, 9_000_000, 1000.4, 2500.0, 20.0, 96.0)


def test_questions_without_mail_are_a_warning() -> None:
    """More DNS questions than mail explains: a warning of the server, with what was expected."""
    (alarm,) = surge.decide(Scores(surges=(LOOKUPS,)))
    (found,) = attribute([alarm], str, str)
    assert (found.kind, found.severity, found.verdict) == ("server", "warning", "dns-anomaly")
    assert found.sentence == "the mail server asks the DNS more than its mail explains"
    assert found.why == ("2,500 DNS questions of the mail servers; 1,000 were expected by the 96 hours before",)


def test_more_destinations_are_information() -> None:
    """A mailing with many recipients is no alarm; surges are stories of their own, in the order of their begin."""
    other = Surge("destinations", 500_000, 2_000_000, 9_000_000, 10.0, 25.0, 20.0, 96.0)
    alarms = surge.decide(Scores(surges=(LOOKUPS, other)))
    assert [(a.verdict, a.level) for a in alarms] == [("bulk-sender", "notice"), ("dns-anomaly", "warning")]
    assert len(attribute(alarms, str, str)) == 2
