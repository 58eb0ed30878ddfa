"""What a rule sees of a site holds no truth, and our own detectors find a plain mailer there."""

from __future__ import annotations

from mailripple.evaluate.ours import ours
from mailripple.evaluate.week import week_of
from mailripple.simulate.site.attacks import Attack
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene


def test_a_plain_mailer_is_named() -> None:
    """A computer that relays two messages a minute of which a third fails is accused, soon after it began; a quiet one is not."""
    attack = Attack(path="relay", rate=2.0, start_hour=40.0, bounce=0.33, novelty=0.9)
    site = make_site(site_scene("campus"), 2, days=3, clients=40, attacks=[attack])
    (cause,) = [c for c in site.causes if c.harm]
    (found,) = [r for r in ours(week_of(site)) if r.subject == (False, cause.host + 1)]
    assert found.alarm is not None
    assert 0 < found.alarm - cause.start * 1000 < 90 * 60_000_000
    quiet = make_site(site_scene("campus"), 2, days=3, clients=40, attacks=[])
    assert (False, cause.host + 1) not in {r.subject for r in ours(week_of(quiet)) if r.alarm is not None}


def test_a_week_is_the_campus_without_its_truth() -> None:
    """The columns are those of all attempts; hosts inside are told from others, and the mail server is known."""
    site = make_site(site_scene("campus"), 1, days=2, clients=20, attacks=[])
    week = week_of(site)
    assert len(week.oracle) == len(week.attempts)
    assert week.servers <= week.inside
    assert all(not site.hosts.kinds[key - 1].startswith("outside") for key in week.inside)
    assert week.column("client_ip").min() > 0
    assert not week.oracle.all()
