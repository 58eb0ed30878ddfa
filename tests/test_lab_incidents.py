"""Who is accused on the logs of real servers whose truth is known."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mailripple.config import ReadOptions, ReportOptions
from mailripple.reporting import summary_of
from mailripple.run import read_all

LAB = Path(__file__).resolve().parents[2] / "shared" / "lab"
ZONES = {"E": "Europe/Berlin", "F": "Asia/Tokyo", "G": "America/New_York"}
pytestmark = pytest.mark.skipif(not (LAB / "E").is_dir(), reason="the lab lies beside the repository, not in it")


@cache
def incidents(name: str, *logs: str) -> list[dict[str, Any]]:
    """The incidents of a run, as the JSON report has them."""
    paths = [str(LAB / name / f"{log}.gz") for log in logs or ("mail.log", "queries.log")]
    result = read_all(paths, ReadOptions(ZONES[name], 1_795_000_000_000_000, zone_given=True, seed=7))
    return json.loads(json.dumps(summary_of(result, ReportOptions()).as_json()["incidents"]))


def alarms(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The alarms by address."""
    return {i["subject"]["value"]: i for i in found if i["severity"] == "alarm"}


def infected(kind: str) -> dict[str, Any]:
    """What the truth says of the infected PCs of run F, by address."""
    truth = json.loads((LAB / "F" / "truth.json").read_text())
    return {pc["ip"]: pc for key, pcs in truth.items() if key.startswith(kind) for pc in pcs}


def test_every_infected_pc_is_named_and_no_other() -> None:
    """Run F: those that relay and those with an engine of their own; not even a warning for anybody else."""
    found = incidents("F")
    assert set(alarms(found)) == set(infected("worm_type"))
    assert {i["subject"]["value"] for i in found if i["severity"] != "notice"} == set(infected("worm_type"))


def test_onset_is_within_a_quarter_of_an_hour_for_the_faster() -> None:
    """Of the PCs that send 38 or more messages an hour."""
    import datetime as dt

    found = alarms(incidents("F"))
    for address, pc in infected("worm_type").items():
        if pc["planned_msgs_per_h"] >= 38:
            told = dt.datetime.fromisoformat(found[address]["onset"]).timestamp()
            assert abs(told - pc["epoch"][0]) <= 900, address


@pytest.mark.parametrize("name", ["E", "G"])
def test_nobody_is_accused_where_nothing_is_wrong(name: str) -> None:
    """A newsletter, an outage, greylisting, a forwarder: no alarm, no warning."""
    assert [i["subject"] for i in incidents(name) if i["severity"] != "notice"] == []


@pytest.mark.parametrize("name", ["E", "F", "G"])
def test_one_log_alone_accuses_nobody_else(name: str) -> None:
    """Mail only, or DNS only (where the mail server is not known): still no alarm for who is not infected."""
    known = {"F": (infected("worm_type1"), infected("worm_type2"))}.get(name, ({}, {}))
    assert set(alarms(incidents(name, "mail.log"))) == set(known[0])
    assert set(alarms(incidents(name, "queries.log"))) == set(known[1])


def test_the_lines_of_evidence_are_the_hosts_own() -> None:
    """Each line that an incident names exists, and a look-up's line has the address that is blamed."""
    for incident in incidents("F", "queries.log"):
        for line in incident["evidence"]:
            assert f" {incident['subject']['value']}#" in line["text"]


@pytest.mark.parametrize("name", ["E", "G"])
def test_the_outage_is_named_as_what_it_is(name: str) -> None:
    """The big domain that takes no mail for a while is told with its time, within five minutes, as a remote outage."""
    import datetime as dt

    truth = json.loads((LAB / name / "truth.json").read_text())["closed_domain"]
    (found,) = [i for i in incidents(name) if i["subject"] == {"type": "domain", "value": truth["domain"]}]
    assert (found["verdict"], found["severity"]) == ("remote-outage", "notice")
    told = [dt.datetime.fromisoformat(found[key]).timestamp() for key in ("onset", "last_seen")]
    assert abs(told[0] - truth["epoch"][0]) <= 300
    assert truth["epoch"][0] < told[1] <= truth["epoch"][1] + 1800  # a queue run later, by the memory of the host's state


def test_the_newsletter_is_named_as_what_it_is() -> None:
    """The host that sends the newsletter is told as one that sends bulk mail, not as an infected one."""
    truth = json.loads((LAB / "G" / "truth.json").read_text())["newsletter_burst"]
    host = truth.get("client_ip") or truth.get("ip") or truth.get("host")
    bulk = [i for i in incidents("G") if i["verdict"] == "bulk-sender"]
    assert [i["severity"] for i in bulk] == ["notice"]
    assert host in (None, bulk[0]["subject"]["value"])
