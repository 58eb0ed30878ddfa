"""Proves that addresses change as leases do, and that what a log does not hold lies between quiet moments."""

from __future__ import annotations

import functools
import json
from ipaddress import IPv6Address
from pathlib import Path

import numpy as np
import pytest

from mailripple.simulate.site.changes import LOG_GAP, gaps_of, leases_of
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.network import build
from mailripple.simulate.site.scene import LogHabits, clock_of, load_scene, site_scene
from mailripple.simulate.site.write import write_site
from tests.command import call

ROUGH = """
id = "rough"
title = "a campus whose logs are kept as in life"
[logs]
rotate = true
copies = 1
gaps = 14.0
[draw]
dhcp = [1.0, 1.0]
privacy = [1.0, 1.0]
"""


@functools.cache
def rough(folder: Path) -> Path:
    """The scenario in a file."""
    path = folder / "rough.toml"
    path.write_text(ROUGH)
    return path


def test_an_address_is_one_computers_at_a_time() -> None:
    """Each day every address of the pool is held by one computer; IPv6 ones stay in their /64; the spared keep theirs."""
    scene = site_scene("campus-quiet").scaled(4, 200)
    rng = np.random.default_rng(1)
    values = scene.parameters(rng) | {"dhcp": 1.0, "privacy": 1.0}
    net, clock = build(scene.people, rng), clock_of(scene, 4, values, rng)
    spared = {*net.of["pc"][-2:].tolist(), -1}
    own = len(net.hosts.ips)
    leases = leases_of(net, clock, spared, values, rng)
    assert leases.of.shape == (own, 4)
    for day in range(4):
        assert len(set(leases.of[:, day].tolist())) == own
    for host in range(own):
        held = {net.hosts.ips[a] for a in leases.of[host].tolist()}
        if host in spared or host not in net.of["pc"][net.steady :]:
            assert held == {net.hosts.ips[host]}
        elif ":" in net.hosts.ips[host]:
            assert len(held) == 4
            assert len({int(IPv6Address(ip)) >> 64 for ip in held}) == 1
        else:
            assert len(held) == 4
    assert leases.at(np.array([clock.start, clock.end - 1]), np.array([own - 1, own - 1])).tolist() == [own - 1, own - 1]


def test_gaps_begin_and_end_where_nothing_happens() -> None:
    """No line is within a second of the edges of a gap, where the night leaves such moments; gaps do not overlap."""
    scene = site_scene("campus-quiet").scaled(20, 100)
    rng = np.random.default_rng(2)
    clock = clock_of(scene, 20, scene.parameters(rng), rng)
    lines = np.sort(rng.integers(clock.start, clock.end, 200_000))
    gaps = gaps_of(clock, LogHabits(gaps=5.0), [lines], rng)
    assert len(gaps) > 5
    for gap in gaps:
        assert gap.kind == LOG_GAP
        for edge in (gap.start, gap.end):
            assert np.abs(lines - edge).min() > 1000
    times = sorted((g.start, g.end) for g in gaps)
    assert all(a[1] < b[0] for a, b in zip(times, times[1:], strict=False))
    assert gaps_of(clock, LogHabits(), [lines], rng) == []


@pytest.mark.parametrize("mta", ["sendmail", "postfix", "exim"])
def test_rotated_logs_with_gaps_and_copies_are_counted_as_the_truth_says(tmp_path: Path, mta: str) -> None:
    """A folder of rotated logs, one of them twice, with holes: every total of the report is that of truth.json."""
    scene = load_scene(rough(tmp_path))
    site = make_site(scene, 3, days=4, clients=30)
    truth = write_site(site, tmp_path / "logs", mta=mta, dns="bind", logs=scene.logs)
    assert any(h["kind"] == LOG_GAP for h in truth["happenings"])
    assert len(truth["lines"]) == (12 if mta == "exim" else 8)
    outcome = call(
        "report", "--json", "--mail-server", truth["mail_server"], "--tz", truth["time_zone"], tmp_path / "logs"
    )
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    names = {
        "N_from": "mail.from", "N_to": "mail.to", "N_SS": "mail.sent", "N_SD": "mail.deferred", "N_SX": "mail.failed",
        "N_to1": "mail.attempt.first", "N_ret": "mail.attempt.retry", "N_dsn": "mail.dsn", "N_dsn_to": "mail.dsn.to",
        "N_P": "pop.login", "imap": "imap.login", "D_q": "D_q", "queries": "dns.query", "rejects": "mail.reject",
    }  # fmt: skip
    assert {n: found["totals"].get(m, 0) for n, m in names.items()} == {n: truth["counts"][n] for n in names}
    read = {Path(s["source"]).name: s["lines"] for s in found["sources"] if not Path(s["source"]).name.startswith("truth")}
    copies = {original: copy for copy, original in truth["copies"].items()}
    assert read == {copies.get(name, name): lines for name, lines in truth["lines"].items()}
