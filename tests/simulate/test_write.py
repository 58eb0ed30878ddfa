"""The simulated logs are understood to the last line, and their truth is what the report counts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mailripple.simulate.scenario import Variant
from mailripple.simulate.text_sendmail import duration
from mailripple.simulate.write import simulate
from tests.command import Outcome, call, process

METRICS = {
    **{name: name for name in ("N_from", "N_to", "N_SS", "N_SD", "N_SX", "N_P", "D_q")},
    "N_to1": "mail.attempt.first",
    "N_ret": "mail.attempt.retry",
    "N_dsn": "mail.dsn",
    "N_dsn_to": "mail.dsn.to",
    "recipients": "mail.rcpt",
    "queries": "dns.query",
}


def report_on(folder: Path, truth: dict[str, Any]) -> dict[str, Any]:
    """The report's JSON; nothing may have been rejected, skipped or warned of."""
    outcome = call("report", "--json", "--tz", truth["time_zone"], folder / "mail.log", folder / "queries.log")
    assert outcome.code == 0
    found: dict[str, Any] = json.loads(outcome.out)
    assert not found["rejects"]
    assert not found["skipped"]
    assert not [n for n in found["notices"] if n["level"] == "warning"]
    return found


@pytest.mark.parametrize(
    ("seed", "variant"),
    [
        (1, Variant(retry_lookups=1)),
        (2, Variant(quiet=True)),
        (3, Variant(queue_runners=3, queue_jitter=5, queue_spread=10, clock_offset=-7.5)),
        (4, Variant(hours="8")),
        (5, Variant(date="2002-10-27", zone="Europe/Berlin")),
        (6, Variant(gap="11:00-12:30")),
        (7, Variant(hours="14:00-18:00")),
    ],
)
def test_the_truth_is_what_the_report_counts(tmp_path: Path, seed: int, variant: Variant) -> None:
    """Every count of truth.json equals the report's, no line is rejected, and the mail server is found: also on a day with an hour that occurs twice, with a gap, with the first hours alone."""
    truth = simulate("paper-day", tmp_path, seed, variant)
    assert json.loads((tmp_path / "truth.json").read_text()) == truth
    found = report_on(tmp_path, truth)
    counts = truth["counts"]
    assert {name: found["totals"][metric] for name, metric in METRICS.items()} == {name: counts[name] for name in METRICS}
    assert {s["lines"] for s in found["sources"]} == {counts["mail_lines"], counts["queries"]}
    assert [server["address"] for server in found["assumed"]["mail_servers"]] == [truth["mail_server"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("day") / "new" / "folder"
    simulate("paper-day", made, 20020715)
    return made


def truth_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return found


def test_the_same_seed_gives_the_same_bytes_in_another_process(folder: Path, tmp_path: Path) -> None:
    """--seed decides every byte, whatever the machine's zone and hash seed; another seed gives another day."""
    for name, seed in (("same", 20020715), ("other", 1)):
        outcome = process("simulate", "paper-day", "--out", tmp_path / name, "--seed", seed, TZ="America/New_York", PYTHONHASHSEED="7")
        assert outcome.code == 0
    for name in ("mail.log", "queries.log", "truth.json"):
        made = [(place / name).read_bytes() for place in (folder, tmp_path / "same", tmp_path / "other")]
        assert made[0] == made[1] != made[2]


def test_lines_have_the_shape_of_their_programs(folder: Path) -> None:
    """Each line of the mail log is one that sendmail 8.9.3 or qpopper 4.0 writes, each of the other one of BIND."""
    qid, to, time = r"[A-X]AA\d{5}", r"to=<\S+@\S+>(,<\S+@\S+>)?, ", r"delay=\d\d:\d\d:\d\d, xdelay=\d\d:\d\d:\d\d, "
    client = r"(\S+ )?\[[\d.]+\]"
    sendmail = "|".join((
        rf"{qid}: from=<\S+@\S+>, size=\d+, class=0, pri=\d+, nrcpts=\d+, msgid=<\d{{12}}\.{qid}@\S+>, proto=ESMTP, relay={client}",
        rf"{qid}: {to}(ctladdr=<\S+@\S+> \(\d+/100\), )?{time}mailer=(local, relay=local|esmtp, relay={client}), stat=.+",
        rf"{qid}: {to}ctladdr=<\S+> \(\d+/100\), {time}mailer=esmtp, relay=\S+, stat=Host unknown \(Name server: \S+: host not found\)",
        rf"{qid}: {qid}: return to sender: .+",
    ))  # fmt: skip
    popper = r'\(v4\.0\.4\) POP login by user "\w+" at \(\S+\) [\d.]+|Stats: \w+ \d+ \d+ 0 0 \S+ [\d.]+'
    stamp = r"Jul 15 \d\d:\d\d:\d\d mx1 "
    mail = re.compile(rf"{stamp}(sendmail\[\d+\]: ({sendmail})|popper\[\d+\]: ({popper}))")
    query = re.compile(r"15-Jul-2002 \d\d:\d\d:\d\d\.\d{3} queries: info: client [\d.]+#\d+: query: \S+ IN (A|PTR|MX|ANY) \+")
    for name, shape in (("mail.log", mail), ("queries.log", query)):
        lines = (folder / name).read_text("ascii").splitlines()
        assert not [line for line in lines if not shape.fullmatch(line)][:3]
        assert [line[:15] for line in lines] == sorted(line[:15] for line in lines)


def test_a_queue_id_belongs_to_one_message(folder: Path) -> None:
    """No queue id is given twice, to a message or to a bounce, and its letter is the hour."""
    lines = (folder / "mail.log").read_text("ascii").splitlines()
    given = [m for line in lines if (m := re.search(r": (\w{8}): from=| (\w{8}): return to sender", line))]
    ids = [line.group(1) or re.findall(r"\w{8}", line.string)[-1] for line in given if line.group(1)]
    ids += [m[1] for line in lines if (m := re.search(r": \w{8}: (\w{8}): return to sender", line))]
    assert len(ids) == len(set(ids))
    assert all(ord(m.group(1)[0]) - 65 == int(m.string[7:9]) for m in given if m.group(1))


def test_the_truth_of_the_outbreak_stands_in_the_log(folder: Path) -> None:
    """The messages of each infected PC, and what cannot be delivered to A, are as many as a plain search finds."""
    truth = truth_in(folder)
    text = (folder / "mail.log").read_text("ascii")
    for host in truth["infected"]:
        worm = re.findall(rf": (\w{{8}}): from=<\S+>, size=(?:4[89]|5[01])\d{{3}}, .*\[{re.escape(host['ip'])}\]$", text, re.MULTILINE)
        assert host["messages"] <= len(worm) <= host["messages"] + 12  # ordinary mail of that size is rare
    a = truth["domain_a"]
    stuck = set()
    for line in text.splitlines():
        if line[7:12] >= "17:00" and (m := re.search(rf": (\w+): to=<\S+@{re.escape(a['name'])}>.* stat=Deferred", line)):
            stuck.add(m[1])
    earlier = len(stuck) - a["undeliverable"]
    assert 0 <= earlier < 20  # deferred before the close, still waiting
    assert sum(a["series"]["count"]) == a["undeliverable"]
    assert a["inflow_per_minute"] == pytest.approx(a["undeliverable"] / 420)


def test_the_clock_offset_moves_the_query_log_alone(folder: Path, tmp_path: Path) -> None:
    """With the name server's clock 7.5 minutes ahead its log is the same, 7.5 minutes later; the mail log is the same."""
    truth = simulate("paper-day", tmp_path, 20020715, Variant(clock_offset=7.5))
    assert truth["clock_offset_s"] == 450
    assert (tmp_path / "mail.log").read_bytes() == (folder / "mail.log").read_bytes()
    seconds = []
    for place in (folder, tmp_path):
        first = (place / "queries.log").read_text("ascii").splitlines()[0]
        clock = [float(part) for part in first.split()[1].split(":")]
        seconds.append(np.dot(clock, [3600, 60, 1]))
    assert seconds[1] - seconds[0] == pytest.approx(450)


def test_a_stretch_and_a_gap_are_cut_from_the_same_day(folder: Path, tmp_path: Path) -> None:
    """--hours and --gap leave lines out, and change none."""
    simulate("paper-day", tmp_path, 20020715, Variant(hours="9:00-13:00", gap="11-11:30"))
    whole = (folder / "mail.log").read_text("ascii").splitlines()
    kept = [line for line in whole if "09:00" <= line[7:12] < "13:00" and not "11:00" <= line[7:12] < "11:30"]
    assert (tmp_path / "mail.log").read_text("ascii").splitlines() == kept


def test_the_coefficients_are_told(folder: Path) -> None:
    """m_S is 2 + 4 n (1 - q) of the parameters, and what was realised lies near."""
    truth = truth_in(folder)
    c = truth["coefficients"]
    assert (c["a"], c["b"], c["c"], c["d"], c["m_P"]) == (2, 4, 1, 0, 1)
    assert c["m_S"] == pytest.approx(2 + 4 * c["n"] * (1 - c["q"]))
    assert truth["realised"]["m_S"] == pytest.approx(c["m_S"], rel=0.05)


def failing(*arguments: object) -> Outcome:
    outcome = call("simulate", *arguments)
    assert "Traceback" not in outcome.err
    return outcome


def test_scenarios_are_named_without_an_argument() -> None:
    """`simulate` alone and `simulate --list` name the scenarios."""
    assert call("simulate").out == call("simulate", "--list").out
    assert call("simulate").out.startswith("paper-day  ")


def test_bad_input_is_told(tmp_path: Path) -> None:
    """No folder, no such scenario, numbers out of range: status 2; a place that cannot be written: 3, and nothing is left there."""
    (tmp_path / "file").write_text("")
    assert failing("paper-day").code == 2
    assert failing("nowhere", "--out", tmp_path).code == 2
    assert failing("paper-day", "--out", tmp_path, "--hours", "99").code == 2
    assert failing("paper-day", "--out", tmp_path, "--queue-runners", 0).code == 2
    told = failing("paper-day", "--out", tmp_path / "file" / "x", "--hours", "1")
    assert told.code == 3
    assert "error: cannot write to" in told.err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no room for the second log, status 3, the old files are untouched and no part of a new one stays."""
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if "queries" in path.name:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    (tmp_path / "mail.log").write_text("old")
    told = failing("paper-day", "--out", tmp_path, "--hours", "1")
    assert told.code == 3
    assert "No space left" in told.err
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("mail.log", "old")]


def test_durations() -> None:
    """Delays are written as sendmail writes them, with days in front."""
    assert duration(3_723_999) == "01:02:03"
    assert duration(86_400_000 * 2 + 1000) == "2+00:00:01"
