"""The demo writes its logs, reports on them, and tells what really happened."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from mailripple import demo
from mailripple.simulate.bulk import BulkTruth, generate
from tests.command import Outcome, call


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the demo's logs."""

    def fewer(out: Path, **more: Any) -> BulkTruth:
        return generate(out, **more | {"mail_bytes": 200_000, "dns_bytes": 200_000, "clients": 500, "domains": 200})

    monkeypatch.setattr(demo, "generate", functools.wraps(generate)(fewer))


def test_the_demo_reports_on_its_own_logs(small: None, tmp_path: Path) -> None:
    """It prints the report, where the logs are, and the address of the infected PC, which is that of truth.json."""
    outcome = call("demo", "--out", tmp_path / "demo", zone="America/New_York")
    assert (outcome.code, outcome.err) == (0, "")
    truth = json.loads((tmp_path / "demo" / "truth.json").read_text())
    assert f"The infected PC is {truth['attacker_ip']}" in outcome.out
    assert "2002-07-15" in outcome.out
    assert "(UTC)" in outcome.out
    totals = json.loads(report(tmp_path / "demo").out)["totals"]
    assert totals["N_from"] == truth["messages"]
    assert totals["N_to"] == truth["to_lines"]
    assert totals["D_q"] == truth["dns_queries_by_mx"]
    assert totals["N_P"] == truth["pop_logins"]


def report(folder: Path) -> Outcome:
    return call("report", "--tz", "UTC", "--json", folder / "mail.log", folder / "queries.log")


def test_the_same_seed_makes_the_same_logs(small: None, tmp_path: Path) -> None:
    """--seed decides everything."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert call("demo", "--out", tmp_path / name, "--seed", seed).code == 0
    logs = [(tmp_path / name / "mail.log").read_bytes() for name in "abc"]
    assert logs[0] == logs[1] != logs[2]


def test_a_place_that_cannot_be_written_is_told(small: None, tmp_path: Path) -> None:
    """--out under a file is an error in four lines, status 3."""
    (tmp_path / "file").write_text("")
    outcome = call("demo", "--out", tmp_path / "file" / "demo")
    assert outcome.code == 3
    assert "error: cannot write" in outcome.err
    assert "--out" in outcome.err
