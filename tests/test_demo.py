"""The demo simulates the paper's day, reports on it, and tells what really happened."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command import call


def test_the_demo_reports_on_its_own_logs(tmp_path: Path) -> None:
    """It prints the report in the campus' zone, where the logs are, and the infected PCs and domain A of truth.json."""
    outcome = call("demo", "--out", tmp_path / "demo", zone="America/New_York")
    assert (outcome.code, outcome.err) == (0, "")
    truth = json.loads((tmp_path / "demo" / "truth.json").read_text())
    assert truth["infected"]
    assert all(host["ip"] in outcome.out.split("The infected PCs are ")[1] for host in truth["infected"])
    assert f"domain A is {truth['domain_a']['name']}" in outcome.out
    assert "2002-07-15 00:00 to 2002-07-15 23:59 (Asia/Tokyo)" in outcome.out
    assert f"{truth['counts']['N_from']:,} messages" in outcome.out.replace("\n", " ")
    assert str(tmp_path / "demo" / "mail.log") in outcome.out


def test_the_command_it_names_gives_the_same_report(tmp_path: Path) -> None:
    """The `mailripple report` line that `simulate` prints reads the logs it wrote, year and zone included."""
    told = call("simulate", "paper-day", "--out", tmp_path, "--hours", "9").out
    arguments = told.split("mailripple report ")[1].split()
    found = json.loads(call("report", "--json", *arguments).out)
    assert found["span"]["first"].startswith("2002-07-14T15:")
    assert found["totals"]["N_from"] == json.loads((tmp_path / "truth.json").read_text())["counts"]["N_from"]


def test_a_campus_is_written_and_read(tmp_path: Path) -> None:
    """The `mailripple report` line for a campus reads the logs of the servers that were asked for."""
    wanted = ("--days", "1", "--clients", "60", "--mta", "exim", "--dns", "unbound", "--seed", "4")
    told = call("simulate", "campus-quiet", "--out", tmp_path, *wanted).out
    found = json.loads(call("report", "--json", *told.split("mailripple report ")[1].split()).out)
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert (truth["mta"], truth["dns"], sorted(truth["lines"])) == ("exim", "unbound", ["mail.log", "pop.log", "queries.log"])
    assert found["totals"]["N_from"] == truth["counts"]["N_from"]


def test_options_of_the_other_sort_of_scenario(tmp_path: Path) -> None:
    """A campus has no `--gap`, the paper's day no `--mta`: an error, status 2, and the scenarios are all listed."""
    for arguments in (("campus", "--gap", "11:00-12:00"), ("paper-day", "--mta", "exim")):
        assert call("simulate", *arguments, "--out", tmp_path / "x").code == 2
    assert not (tmp_path / "x").exists()
    listed = call("simulate", "--list").out
    assert all(name in listed for name in ("paper-day", "campus", "campus-quiet"))


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """--out under a file is an error in four lines, status 3."""
    (tmp_path / "file").write_text("")
    outcome = call("demo", "--out", tmp_path / "file" / "demo")
    assert outcome.code == 3
    assert "error: cannot write" in outcome.err
    assert "--out" in outcome.err
