"""The evaluation from end to end, on two small sites: its figures are counts of what happened, and its page is whole."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from benchmarks.evaluate import evaluate, numbers, tuned

from mailripple.evaluate import grid, tables
from mailripple.evaluate.measure import accomplices_of, exceedance, guilty_of, kinds_of, measure
from mailripple.evaluate.ours import scores_of
from mailripple.evaluate.peers import PEERS
from mailripple.evaluate.week import Raised, week_of
from mailripple.simulate.site.attacks import Attack
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene


def test_the_design_is_balanced() -> None:
    """Each seed has every rate once through the server and once with an engine of its own; over many seeds levels meet."""
    pairs: Counter[tuple[float, float]] = Counter()
    for seed in range(120):
        attacks = grid.attacks_of(seed)
        assert len(attacks) == 20
        relay = [a for a in attacks if a.path == "relay"]
        assert sorted(a.rate for a in relay) == sorted(grid.RATES)
        assert sorted(a.rate for a in attacks if a.path == "direct") == sorted(grid.RATES)
        assert all(24 * grid.HISTORY <= a.start_hour < 24 * grid.DAYS for a in attacks)
        assert {a.bounce for a in relay} == set(grid.BOUNCES)
        pairs.update((a.rate, a.bounce) for a in relay)
    assert min(pairs.values()) > 10
    assert len(pairs) == 28
    assert grid.attacks_of(5) == grid.attacks_of(5) != grid.attacks_of(6)


def test_the_second_design_has_what_the_goals_need() -> None:
    """Twenty seeds have 300 fast attacks and 100 slow ones at the goals' bounces, and 60 of which 5 % fail."""
    attacks = [a for seed in range(20) for a in grid.goal_attacks_of(seed)]
    assert {a.path for a in attacks} == {"relay"}
    assert {a.novelty for a in attacks} == {0.55, 0.9}
    goals = [a for a in attacks if a.bounce >= 0.2]
    assert Counter(a.rate == 0.1 for a in goals) == {False: 300, True: 100}
    assert Counter(a.bounce for a in attacks if a not in goals) == {0.05: 60}
    assert all(Counter(a.senders for a in attacks)[n] > 120 for n in grid.SENDERS)


def test_e_values_are_counted() -> None:
    """Of hosts that are ordinary, those whose evidence is ten or more, a hundred or more, ..."""
    site = make_site(site_scene("campus"), 4, days=2, clients=40, attacks=[])
    scores = scores_of(week_of(site))
    found = exceedance(site, scores, tables.ORDINARY)
    judged = {s.key for s in scores.senders[0] if not s.account and site.hosts.kinds[s.key - 1] in tables.ORDINARY}
    assert found["mail"][0] == len(judged) > 30
    assert all(a >= b for path in found.values() for a, b in zip(path, path[1:], strict=False))
    outcome = {"exceedance": {"mail": [200, 3, 1, 0, 0, 0]}}
    assert tables.exceeding([outcome, outcome], "mail", 1).value == 6 / 400


def test_what_is_said_is_held_against_what_is_so() -> None:
    """A guilty host that was named counts with its delay, an innocent one as false, an attacker's address outside as neither."""
    attacks = [
        Attack(path="relay", rate=2.0, start_hour=20.0),
        Attack(path="account", rate=1.0, start_hour=20.0, clients=2),
    ]
    site = make_site(site_scene("campus"), 4, days=2, clients=40, attacks=attacks)
    relay, account = (c for c in site.causes if c.harm)
    assert set(guilty_of(site)) == {(False, relay.host + 1), (True, account.account + 1)}
    outside = next(iter(accomplices_of(site) - {(False, relay.host + 1)}))
    innocent = next(s for s, kind in kinds_of(site).items() if kind == "pc")
    at = relay.start * 1000 + 30 * 60_000_000
    said = [Raised((False, relay.host + 1), at, at, at, relay.start * 1000, 12.0), Raised(innocent, at), Raised(outside, at)]
    out = measure(site, said, watched=1000)
    named, missed = sorted(out["attacks"], key=lambda a: a["path"], reverse=True)
    assert named["alarm"]["minutes"] == 30
    assert 30 <= named["alarm"]["messages"] <= 90
    assert named["onset_error"] == 0
    assert missed["alarm"] is None
    assert (named["stands_out"], missed["stands_out"], out["standing_out"]) == (True, False, {})
    assert sum(out["accused"].values()) == 1
    assert sum(out["hosts"].values()) == len(site.hosts.ips) + len(site.names.accounts) - 2


def test_figures_count() -> None:
    """Recall, delays with attacks never named, and rates by host-weeks, on outcomes made by hand."""
    named = {"path": "relay", "alarm": {"minutes": 10.0, "messages": 20}, "warning": None, "onset_error": 2.0, "stands_out": True}
    missed = {"path": "relay", "alarm": None, "warning": None, "onset_error": None, "stands_out": False}
    outcome = {
        "weeks": 2.0, "attacks": [named, missed], "hosts": {"pc": 500}, "accused": {"pc": 1}, "warned": {},
        "confidence": [(0.95, 1), (0.95, 0)], "standing_out": {},
    }  # fmt: skip
    both = tables.attacks_in([outcome], lambda a: a["path"] == "relay")
    assert tables.recall(both).value == 0.5
    assert tables.recall(both, within=5).value == 0
    assert tables.delay(both, 0.5) == 20
    assert math.isinf(tables.delay(both, 0.9))
    assert tables.onset_error(both) == 2.0
    assert tables.false_alarms([outcome], ("pc",))[0].value == 1.0
    assert tables.precision([outcome]).value == 0.5
    assert tables.precision_standing_out([outcome]).value == 1.0
    assert tables.recall_standing_out(both).value == 0.5
    assert tables.reliability([outcome])[0][3].value == 0.5


@pytest.fixture(scope="module")
def small() -> tuple[str, dict[str, object]]:
    """A run over one tuning seed and two others."""
    page, data = evaluate([10, 11], [0], 60, 1, "make evaluate ARGS=...")
    assert isinstance(data, dict)
    return page, data


def test_the_page_is_whole(small: tuple[str, dict[str, object]]) -> None:
    """The command stands on the page, every rule has a row at its usual and its matched number, every goal a figure."""
    page, _ = small
    assert "`make evaluate ARGS=...`" in page
    for peer in PEERS:
        assert page.count(f"| {peer.name}") == 2
    assert page.count("\n## ") == 9
    assert "nan" not in page
    assert all(line.count("|") > 4 for line in page.splitlines() if line.startswith("| recall"))


def test_tuning_matches_false_alarms(small: tuple[str, dict[str, object]]) -> None:
    """A matched number is one of the rule's choices, and seeds are read as ranges and lists."""
    _, data = small
    limits = data["limits"]
    assert isinstance(limits, dict)
    assert all(limits[p.name] in p.choices for p in PEERS)
    assert numbers("100-102,7") == [100, 101, 102, 7]
    assert tuned.__doc__
