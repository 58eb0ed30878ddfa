"""A simulated campus is what it says: whole, in order, the same for the same seed, and harmless when it is quiet."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from mailripple.errors import UsageError
from mailripple.simulate.site.attacks import PATHS, Attack
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene, site_scenes
from mailripple.simulate.site.tables import DEFERRED, FAILED, LOCAL, SENT, Site

TABLES = ("messages", "recipients", "attempts", "bounces", "refusals", "logins", "queries")


@functools.cache
def small(seed: int, scene: str = "campus") -> Site:
    """Three days of forty computers, attacked on the second day."""
    attacks = [
        Attack(path=path, rate=1.0, start_hour=30.0, bounce=0.3, novelty=0.7, hours=5.0)  # type: ignore[arg-type]
        for path in PATHS
    ]
    return make_site(site_scene(scene), seed, days=3, clients=40, attacks=attacks if scene == "campus" else None)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_seed_gives_the_same_arrays(seed: int) -> None:
    """Made twice, every table and every name is the same; another seed gives other mail."""
    one, two = small(seed), small.__wrapped__(seed)
    for table in TABLES:
        for a, b in zip(getattr(one, table), getattr(two, table), strict=True):
            assert np.array_equal(a, b)
    assert one.names == two.names
    assert one.hosts == two.hosts
    assert one.messages.ms.tolist() != small(seed + 1).messages.ms.tolist()


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_tables_are_whole(seed: int) -> None:
    """Tables are sorted by time, point to what is there, lie within the span, and each message has a recipient."""
    site = small(seed)
    for name in ("messages", "attempts", "bounces", "logins", "queries"):
        ms = getattr(site, name)[0]
        assert np.all(np.diff(ms) >= 0), name
        assert ms[0] >= site.start - 1000
        assert ms[-1] <= site.end + 1000
    assert np.all(np.diff(site.recipients.message) >= 0)
    assert np.array_equal(np.unique(site.recipients.message), np.arange(len(site.messages.ms)))
    assert site.messages.client.max() < len(site.hosts.ips)
    assert site.messages.sender.max() < len(site.names.senders)
    assert site.messages.cause.max() < len(site.causes)
    assert site.recipients.domain.max() < len(site.names.domains)
    assert site.queries.name.max() < len(site.names.questions)
    assert len(set(site.names.domains)) == len(site.names.domains)
    assert len(set(site.hosts.ips)) == len(site.hosts.ips)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_attempts_follow_from_each_other(seed: int) -> None:
    """A recipient is tried first, then again only after a deferral, and never after it was delivered or given up."""
    site = small(seed)
    a = site.attempts
    order = np.lexsort((a.ms, a.recipient))
    recipient, tries, status = a.recipient[order], a.tries[order], a.status[order]
    again = recipient[1:] == recipient[:-1]
    assert np.all(tries[1:][again] == tries[:-1][again] + 1)
    assert np.all(tries[1:][~again] == 0)
    assert np.all(status[:-1][again] == DEFERRED)
    assert set(status.tolist()) <= {SENT, DEFERRED, FAILED}
    assert np.all(a.ms >= site.messages.ms[site.recipients.message[a.recipient]])
    assert np.all(a.status[site.recipients.domain[a.recipient] == LOCAL] != DEFERRED)


def test_quiet_sites_hold_no_harm() -> None:
    """The quiet scenario has no attack, and the background of an attacked site is that of the same site left alone."""
    quiet = make_site(site_scene("campus"), 5, days=2, clients=30, attacks=[])
    assert not any(cause.harm for cause in quiet.causes)
    assert not any(cause.harm for cause in small(5, "campus-quiet").causes)
    attacked = make_site(
        site_scene("campus"), 5, days=2, clients=30, attacks=[Attack(path="relay", rate=2.0, start_hour=20.0)]
    )
    harm = np.array([c.harm for c in attacked.causes])[attacked.messages.cause]
    assert harm.any()
    assert np.array_equal(attacked.messages.ms[~harm], quiet.messages.ms)
    assert np.array_equal(attacked.messages.client[~harm], quiet.messages.client)


@pytest.mark.parametrize(("bounce", "novelty", "rate"), [(0.05, 0.9, 0.5), (0.5, 0.2, 2.0)])
def test_an_attack_is_what_was_asked_for(bounce: float, novelty: float, rate: float) -> None:
    """Rate, bounces and new domains of an attack are those of its record, as far as chance allows."""
    attack = Attack(path="relay", rate=rate, bounce=bounce, novelty=novelty, start_hour=2.0, hours=30.0)
    site = make_site(site_scene("campus"), 3, days=2, clients=30, attacks=[attack])
    (number,) = [i for i, cause in enumerate(site.causes) if cause.harm]
    mine = site.messages.cause == number
    n = int(mine.sum())
    assert abs(n - rate * 30 * 60) < 5 * (rate * 30 * 60) ** 0.5
    rows = mine[site.recipients.message]
    first = (site.attempts.tries == 0) & rows[site.attempts.recipient]
    ended = first & (site.attempts.status != DEFERRED)
    share = float((site.attempts.status[ended] == FAILED).mean())
    assert abs(share - bounce) < 5 * (bounce * (1 - bounce) / ended.sum()) ** 0.5 + 0.01
    assert site.causes[number].host == int(site.messages.client[mine][0])
    assert abs(float((site.recipients.domain[rows] >= 44_000).mean()) - novelty) < 0.1


def test_scenarios_are_data() -> None:
    """Every scenario file loads; an unknown one, and a campus of no size, are told to the user."""
    assert {"campus", "campus-quiet"} <= set(site_scenes())
    with pytest.raises(UsageError, match="no scenario"):
        site_scene("nowhere")
    with pytest.raises(UsageError, match="cannot be made"):
        make_site(site_scene("campus"), 1, days=0)
    with pytest.raises(UsageError, match="no attack"):
        Attack(path="magic", rate=1.0, start_hour=0.0)  # type: ignore[arg-type]


def test_a_campus_of_a_thousand_has_every_kind_of_innocent_sender() -> None:
    """Each benign kind that the scenario counts happens, and a printer that was broken into is guilty as a printer."""
    attack = Attack(path="relay", rate=2.0, start_hour=10.0, hours=4.0, device="printer", recipients=100)
    site = make_site(site_scene("campus-quiet"), 1, days=7, clients=1000, attacks=[attack])
    kinds = {cause.kind for cause in site.causes}
    assert set(site_scene("campus-quiet").benign) <= kinds
    guilty = [cause for cause in site.causes if cause.harm]
    assert [site.hosts.kinds[cause.host] for cause in guilty] == ["printer"]
    harm = np.flatnonzero(site.messages.cause == len(site.causes) - 1)
    assert np.bincount(site.recipients.message)[harm].mean() > 90
    assert "temporary" in site.hosts.kinds
