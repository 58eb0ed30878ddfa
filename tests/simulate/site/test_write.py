"""The logs of a Site are understood to the last line, and the report counts what its tables say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailripple.errors import OutputError, UsageError
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene
from mailripple.simulate.site.tables import Site
from mailripple.simulate.site.write import write_site
from tests.command import call
from tests.simulate.site.small import small_site

METRICS = {
    **{name: name for name in ("N_from", "N_to", "N_SS", "N_SD", "N_SX", "N_P", "D_q")},
    "N_to1": "mail.attempt.first",
    "N_ret": "mail.attempt.retry",
    "N_dsn": "mail.dsn",
    "N_dsn_to": "mail.dsn.to",
    "recipients": "mail.rcpt",
    "skipped": "mail.skipped",
    "rejects": "mail.reject",
    "refused": "mail.refused",
    "N_P_failed": "pop.fail",
    "imap": "imap.login",
    "imap_failed": "imap.fail",
    "queries": "dns.query",
}
PAIRS = [("sendmail", "bind"), ("postfix", "unbound"), ("exim", "dnsmasq")]


def assert_counted(folder: Path, truth: dict[str, Any]) -> None:
    """The report's totals are the truth's, and no line is a reject."""
    logs = [folder / name for name in truth["lines"]]
    options = ("--mail-server", truth["mail_server"], "--tz", truth["time_zone"])
    outcome = call("report", "--json", *options, *logs)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert not found["rejects"]
    assert {Path(s["source"]).name: s["lines"] for s in found["sources"]} == truth["lines"]
    counts = {name: found["totals"].get(metric, 0) for name, metric in METRICS.items()}
    assert counts == {name: truth["counts"][name] for name in METRICS}
    # Exim does not say that it asked for a server where it found none in the DNS: what is counted is less.
    away, out = truth["counts"]["N_out1"], found["totals"]["mail.out"]
    assert out == away if truth["mta"] != "exim" else 0 < out <= away


@pytest.mark.parametrize(("mta", "dns"), PAIRS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_truth_is_what_the_report_counts(tmp_path: Path, mta: str, dns: str, seed: int) -> None:
    """Of a Site with every reason, for each server: every total of the report equals truth.json."""
    truth = write_site(small_site(seed, ahead=120_000 * (seed - 1)), tmp_path, mta=mta, dns=dns)
    assert json.loads((tmp_path / "truth.json").read_text()) == truth
    assert_counted(tmp_path, truth)


def campus(seed: int) -> Site:
    return make_site(site_scene("campus"), seed, days=2, clients=60)


@pytest.mark.parametrize(("mta", "dns"), PAIRS)
def test_a_campus_is_counted(tmp_path: Path, mta: str, dns: str) -> None:
    """Two days of the campus, attacks included: every total of the report equals truth.json."""
    assert_counted(tmp_path, write_site(campus(3), tmp_path, mta=mta, dns=dns))


def test_the_same_bytes(tmp_path: Path) -> None:
    """The same Site gives the same files, byte for byte and with the same file times."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        write_site(small_site(4), folder, mta="exim", dns="unbound")
    files = [{p.name: (p.read_bytes(), p.stat().st_mtime) for p in folder.iterdir()} for folder in folders]
    assert files[0] == files[1]
    assert sorted(files[0]) == ["mail.log", "pop.log", "queries.log", "truth.json"]


def test_software_that_nobody_knows(tmp_path: Path) -> None:
    """A server that there is no writer for is an error, and no file is made."""
    for pair in ({"mta": "qmail"}, {"dns": "djbdns"}):
        with pytest.raises(UsageError):
            write_site(small_site(1, messages=5), tmp_path / "x", **pair)
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the folder should be is an error that says so."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError):
        write_site(small_site(1, messages=5), tmp_path / "taken")
