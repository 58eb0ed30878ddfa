"""What an operator expects is told as a notice, for as long as it holds, and a wrong file is told where."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from mailripple.errors import UsageError
from mailripple.exceptions import Expected, apply, as_json, as_text, read_exceptions
from mailripple.incidents import Incident
from tests.command import call

MOMENT = int(dt.datetime(2026, 3, 10, tzinfo=dt.UTC).timestamp()) * 1_000_000


def incident(value: str = "192.0.2.9") -> Incident:
    """An alarm."""
    return Incident("ip", value, "infected-host", "alarm", MOMENT, MOMENT, MOMENT, 0.99, {}, (), ("much failed",), "a list")


def test_what_is_expected_is_a_notice() -> None:
    """The alarm of a known sender becomes a notice that says why, others stay and come first."""
    expected = (Expected("192.0.2.9", "bulk-sender", "the newsletter"),)
    found, applied = apply([incident(), incident("192.0.2.10")], expected)
    assert [(i.value, i.severity) for i in found] == [("192.0.2.10", "alarm"), ("192.0.2.9", "notice")]
    assert found[1].why == ("expected (bulk-sender: the newsletter)", "much failed")
    assert as_text(applied[0]) == "exception 192.0.2.9 (bulk-sender: the newsletter): applied to 1"
    assert as_json(applied)[0]["applied"] == 1


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [(None, None, True), ("2026-03-10", "2026-03-10", True), ("2026-03-11", None, False), (None, "2026-03-09", False)],
)
def test_exceptions_have_a_time(since: str | None, until: str | None, holds: bool) -> None:
    """Both days are part of it; outside of it the alarm stays, and the report says so."""
    day = [dt.date.fromisoformat(d) if d else None for d in (since, until)]
    (found,), (applied,) = apply([incident()], [Expected("192.0.2.9", "monitor", "", *day)])
    assert (found.severity == "notice") == holds
    assert (applied.incidents, applied.outside) == (int(holds), int(not holds))
    assert ("did not hold" in as_text(applied)) != holds
    assert "not needed" in as_text(apply([], [Expected("x", "other")])[1][0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[[expected]]\nsubject = 'a'\nkind = 'friend'\n", "Invalid enum value 'friend'"),
        (b"[[expected]]\nsubject = 'a'\nkind = 'relay'\nuntl = 2026-01-01\n", "unknown field `untl`"),
        (b"[[expected]\n", "line 1"),
        (b"\xff\xfe", "decode"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: bytes, said: str) -> None:
    """Bad TOML, an unknown key, an unknown kind, bytes that are no text, and no file: each with what and where."""
    path = tmp_path / "expected.toml"
    path.write_bytes(text)
    with pytest.raises(UsageError) as error:
        read_exceptions(path)
    assert said in "\n".join(error.value.lines())
    assert str(path) in "\n".join(error.value.lines())
    with pytest.raises(UsageError):
        read_exceptions(tmp_path / "gone.toml")


def test_an_incident_is_explained_from_the_report(tmp_path: Path) -> None:
    """From logs to a report with an exception, and from the report to the story of an incident."""
    assert call("simulate", "campus", "--out", tmp_path, "--seed", 4, "--days", 6, "--clients", 60).code == 0
    logs = [tmp_path / "mail.log", tmp_path / "queries.log"]
    report = tmp_path / "report.json"
    assert call("report", *logs, "--tz", "Europe/Berlin", "--year", 2026, "--json", report).code == 0
    found = json.loads(report.read_bytes())["incidents"]
    alarm = next(i for i in found if i["severity"] == "alarm")
    told = call("explain", "--incident", alarm["id"], "--report", report)
    assert told.code == 0
    assert alarm["explanation"] in told.out
    assert "model: " in told.out
    assert f":{alarm['evidence'][0]['line']}: " in told.out
    as_data = json.loads(call("explain", "--incident", alarm["id"], "--report", report, "--json").out)
    assert as_data["models"]
    assert call("explain", "--incident", "ip:nobody", "--report", report).code == 2
    assert call("explain", "--incident", "x").code == 2
    assert call("explain", "--incident", "x", "--report", logs[0]).code == 2
    expected = tmp_path / "expected.toml"
    expected.write_text(f'[[expected]]\nsubject = "{alarm["subject"]["value"]}"\nkind = "other"\nnote = "known"\n')
    again = call("report", *logs, "--tz", "Europe/Berlin", "--year", 2026, "--exceptions", expected)
    assert "(other: known): applied to 1" in again.out
