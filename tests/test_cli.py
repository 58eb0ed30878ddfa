"""The command line does what its help says, and every way to fail has its status and its four lines."""

from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mailripple import __version__
from mailripple.cli import cli, json_argument
from tests.command import Outcome, call, process
from tests.logs import mail_log, query_log, text_of

COMMANDS = ("check-format", "demo", "events", "explain", "formats", "report", "selftest", "simulate")


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    """A mail log and a query log that belong together."""
    paths = [tmp_path / "mail.log", tmp_path / "queries.log"]
    for path, lines in zip(paths, (mail_log(30), query_log(30)), strict=True):
        path.write_bytes(text_of(lines))
    return paths


def is_told(outcome: Outcome, code: int, *words: str) -> None:
    """The status is `code`, nothing was printed, and the error has its labelled lines with the words in them."""
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert outcome.err.startswith("error: ")
    labels = [line.split(": ")[0] for line in outcome.err.splitlines() if line]
    assert labels == [label for label in ("error", "why", "where", "try") if label in labels]
    for word in words:
        assert word in outcome.err


# --- help, version, usage


def test_all_commands_are_there() -> None:
    """The commands are those of the design, and the list names each."""
    assert tuple(sorted(cli.commands)) == COMMANDS
    text = CliRunner().invoke(cli, ["--help"]).output
    for name in COMMANDS:
        assert f"  {name} " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_its_help(name: str) -> None:
    """Each option and argument of a command stands in its help, with words behind it."""
    command = cli.commands[name]
    text = CliRunner().invoke(cli, [name, "--help"]).output
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help
            for spelling in parameter.opts:
                assert spelling in text
        else:
            assert parameter.human_readable_name in text.splitlines()[0]


@pytest.mark.parametrize("name", ["report", "events"])
@pytest.mark.parametrize("option", ["--tz", "--year", "--format", "--formats", "--rejects"])
def test_reading_options_are_the_same_everywhere(name: str, option: str) -> None:
    """report and events read alike."""
    assert option in {o for p in cli.commands[name].params for o in p.opts}


@pytest.mark.parametrize("arguments", [("--version",), ("-V",), ("--help",), ("report", "--help"), ("-h",)])
def test_help_and_version_are_light(arguments: tuple[str, ...]) -> None:
    """They import none of the heavy libraries."""
    code = (
        "import sys; sys.argv = ['mailripple', *sys.argv[1:]]\nfrom mailripple.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sorted(set(sys.modules) & set('numpy llvmlite pyarrow rich msgspec'.split())), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    assert done.stdout


def test_the_version_is_that_of_the_package() -> None:
    """`mailripple --version` prints it."""
    assert process("--version").out == f"mailripple {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("report",),
        ("events",),
        ("nosuch",),
        ("report", "--nosuch", "x"),
        ("report", "x", "--year", "1900"),
        ("report", "x", "--year", "abc"),
        ("report", "x", "--top", "0"),
        ("report", "x", "--counting", "guess"),
        ("check-format",),
    ],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    """A command line that cannot work says how to use it, without a traceback."""
    outcome = call(*arguments)
    assert outcome.code == 2
    assert "Usage: mailripple" in outcome.err
    assert "Traceback" not in outcome.err


def test_wrong_values_are_told(logs: list[Path]) -> None:
    """An odd window, a bad zone, a bad address, a folder that is not there: each with its status and where it stood."""
    is_told(call("report", logs[0], "--window", "90"), 2, "whole minutes", "--window")
    is_told(call("report", logs[0], "--tz", "Mars/Olympus"), 4, "Mars/Olympus", "--tz", "Europe/Berlin")
    is_told(call("report", logs[0], "--mail-server", "mx.example"), 2, "mx.example", "--mail-server", "192.0.2.25")
    is_told(call("report", logs[0], "--formats", "/nosuch"), 2, "/nosuch", "--formats")
    is_told(call("events", logs[0], "--format", "nosuch"), 2, "nosuch", "--format", "sendmail")


# --- report


def test_a_report_says_all_on_stdout(logs: list[Path]) -> None:
    """The text has the totals, the balance, the lists, and what was read and assumed."""
    outcome = call("report", *logs)
    assert (outcome.code, outcome.err) == (0, "")
    for words in ("30 messages", "N_to", "D_q", "Most deferred destinations", "Busiest mail clients", "Input", str(logs[0]), "zone UTC"):
        assert words in outcome.out


def test_the_json_report_has_what_others_rely_on(logs: list[Path]) -> None:
    """Its keys stay: a schema, the span, incidents, findings, totals, series, tops, sources, what was assumed."""
    report = json.loads(call("report", *logs, "--json", "--mail-server", "192.0.2.3").out)
    assert report["schema"] == "mailripple.report/1"
    assert {"span", "totals", "series", "top_deferred", "top_clients", "sources", "assumed"} <= set(report)
    assert report["totals"]["D_q"] == 90
    assert {r["id"] for r in report["relations"]} >= {"eq1", "eq8", "K1", "K12"}
    assert report["ripple"]["growing"] in ("holds", "does not hold", "cannot tell")
    assert report["incidents"] == []
    assert {"headline", "domain_a", "relations", "ripple"} <= set(report)


def test_the_series_has_the_asked_window(logs: list[Path]) -> None:
    """--window 300 gives windows of five minutes, which add up to the totals."""
    report = json.loads(call("report", *logs, "--json", "--window", "300").out)
    series = report["series"]
    assert series["window_s"] == 300
    for name, values in series["columns"].items():
        assert sum(values) == report["totals"][name]


def test_a_window_may_be_given_in_minutes(logs: list[Path]) -> None:
    """--window 5m is five minutes."""
    assert json.loads(call("report", *logs, "--json", "--window", "5m").out)["series"]["window_s"] == 300


def test_a_report_of_a_part(logs: list[Path]) -> None:
    """--since and --until leave what lies in [since, until)."""
    span = ("--since", "2026-03-02T08:10:00Z", "--until", "2026-03-02T08:15:00Z")
    report = json.loads(call("report", *logs, "--json", *span).out)
    assert report["totals"]["mail.from"] == sum("T08:1" in t for t in _times(logs) if t < "2026-03-02T08:15")


def _times(logs: list[Path]) -> list[str]:
    records = map(json.loads, call("events", *logs).out.splitlines())
    return [r["ts"] for r in records if r["kind"] == "mail.from"]


def test_counting_like_grep(logs: list[Path]) -> None:
    """--counting grep adds what `grep -c` prints for the paper's words."""
    report = json.loads(call("report", *logs, "--json", "--counting", "grep").out)
    text = logs[0].read_text().splitlines()
    for word in ("from=", "to=", "stat=Sent", "stat=Deferred", "popper"):
        assert report["grep"][word] == sum(word in line for line in text)
    assert report["grep"]["domain"] == 0
    assert "grep" in call("report", *logs, "--counting", "grep").out


def test_json_alone_goes_to_stdout_and_never_over_a_log(logs: list[Path]) -> None:
    """`report --json mail.log` reads mail.log; `--json out.json` and `--json=out` write."""
    before = logs[0].read_bytes()
    assert json.loads(call("report", "--json", logs[0]).out)["totals"]["N_from"] == 30
    assert logs[0].read_bytes() == before
    out = logs[0].with_name("out.json")
    assert call("report", "--json", out, logs[0]).out == ""
    assert json.loads(out.read_text())["totals"]["N_from"] == 30
    other = logs[0].with_name("out")
    assert call("report", logs[0], f"--json={other}").code == 0
    assert other.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (["report", "--json", "mail.log"], ["report", "--json=-", "mail.log"]),
        (["report", "x", "--json"], ["report", "x", "--json=-"]),
        (["report", "--json", "-"], ["report", "--json=-", "-"]),
        (["report", "--json", "a.json", "x"], ["report", "--json=a.json", "x"]),
        (["report", "--json=a.log", "x"], ["report", "--json=a.log", "x"]),
        (["report", "--json", "--tz", "UTC"], ["report", "--json=-", "--tz", "UTC"]),
        (["report", "--", "--json"], ["report", "--", "--json"]),
    ],
)
def test_where_json_goes(given: list[str], taken: list[str]) -> None:
    """--json takes a name only where no log can be meant."""
    assert json_argument(given) == taken


def test_a_report_file_is_private(logs: list[Path]) -> None:
    """Reports hold names and addresses: mode 0600, also over a file that was open to all."""
    out = logs[0].with_name("out.json")
    out.write_text("old")
    out.chmod(0o644)
    call("report", logs[0], "--json", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_stdin_is_a_log(logs: list[Path]) -> None:
    """`-` reads standard input, packed or not."""
    for data in (logs[0].read_bytes(), gzip.compress(logs[0].read_bytes())):
        assert json.loads(process("report", "-", "--json", stdin=data).out)["totals"]["N_from"] == 30


def test_rejects_go_to_their_file(logs: list[Path]) -> None:
    """--rejects writes each line that was not understood: source, line number, reason, text; stdout stays as it was."""
    with logs[0].open("ab") as log:
        log.write(b"what is \xff this\n")
    out = logs[0].with_name("rejects.jsonl")
    outcome = call("report", logs[0], "--rejects", out)
    assert "not understood: 1 lines" in outcome.out
    wanted = {"source": str(logs[0]), "line": len(mail_log(30)) + 1, "reason": "no known way to begin a log line", "text": r"what is \xff this"}
    assert [json.loads(line) for line in out.read_text().splitlines()] == [wanted]
    assert call("events", logs[0], "--rejects", out).code == 0
    assert json.loads(out.read_text()) == wanted


# --- events


def test_events_are_records_as_documented(logs: list[Path]) -> None:
    """Each record has source, line, format, kind and ts, and the fields that its line has."""
    records = [json.loads(line) for line in call("events", *logs).out.splitlines()]
    assert len(records) == len(mail_log(30)) + len(query_log(30))
    for record in records:
        assert {"source", "line", "format", "kind", "ts"} <= set(record)
        assert record["ts"].endswith("Z")
    first = {kind: next(r for r in records if r["kind"] == kind) for kind in ("mail.from", "mail.to", "pop.login", "dns.query", "mail.dsn")}
    message, delivery, query = first["mail.from"], first["mail.to"], first["dns.query"]
    assert (message["source"], message["line"], message["format"], message["ts"]) == (str(logs[0]), 1, "sendmail", "2026-03-02T08:00:00Z")
    assert (message["host"], message["program"], message["pid"]) == ("mx", "sendmail", 1000)
    assert (message["client_ip"], message["env_from"], message["nrcpts"], message["size"]) == ("192.0.2.20", "ann@campus.example", 1, 398)
    assert (delivery["queue_id"], delivery["status"], delivery["dsn"]) == (message["queue_id"], "deferred", "4.0.0")
    assert (delivery["rcpt_domain"], delivery["relay_ip"]) == ("d0.example", "198.51.100.0")
    assert delivery["relay"] == "mx.d0.example. [198.51.100.0]"
    assert (query["client_ip"], query["qname"], query["qtype"], query["ts"]) == ("192.0.2.3", "20.2.0.192.in-addr.arpa", "PTR", "2026-03-02T08:00:00.100000Z")
    assert first["pop.login"]["client_ip"] == "192.0.2.60"


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("sendmail[1]: 622800aa000000: AUTH=server, relay=pc [192.0.2.9], authid=ann, mech=PLAIN, bits=0", {"kind": "mail.client", "sasl_user": "ann", "client_ip": "192.0.2.9"}),
        ("named[1]: client 2001:DB8::0:9#5: query: WWW.Example. IN AAAA +", {"kind": "dns.query", "qname": "www.example", "client_ip": "2001:db8::9"}),
        ("sendmail[1]: 622800aa000000: from=<>, size=0, class=0, nrcpts=0, proto=SMTP, relay=[192.0.2.9]", {"kind": "mail.from", "env_from": "", "nrcpts": 0, "client_ip": "192.0.2.9"}),
        ("sendmail[1]: 622800aa000000: to=<u@d.example>, delay=00:00:00, mailer=esmtp, dsn=5.1.1, stat=User unknown", {"kind": "mail.to", "status": "bounced"}),
        ("sendmail[1]: 622800aa000000: to=<u@d.example>, delay=5+00:00:00, mailer=esmtp, dsn=5.4.7, stat=Cannot send message for 5 days", {"kind": "mail.to", "status": "expired"}),
        ("dovecot: imap-login: Login: user=<ann>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.3, mpid=1, session=<x>", {"kind": "imap.login", "client_ip": "192.0.2.9"}),
    ],
)
def test_fields_have_the_words_of_the_design(line: str, fields: dict[str, object]) -> None:
    """Kinds, fields and values are named as the reference names them."""
    outcome = process("events", "-", stdin=f"Mar  2 08:00:00 mx {line}\n".encode())
    record = json.loads(outcome.out)
    assert {name: record[name] for name in fields} == fields


def test_events_and_report_agree(logs: list[Path]) -> None:
    """The number of records is the number of events that the report tells of each source."""
    lines = call("events", *logs).out.splitlines()
    sources = json.loads(call("report", *logs, "--json").out)["sources"]
    for source in sources:
        assert sum(json.loads(line)["source"] == source["source"] for line in lines) == source["events"]


def test_zone_and_year_are_obeyed(logs: list[Path]) -> None:
    """--tz and --year say what the stamps of a mail log leave out."""
    record = json.loads(call("events", logs[0], "--tz", "Asia/Tokyo", "--year", "2002").out.splitlines()[0])
    assert record["ts"] == "2002-03-01T23:00:00Z"


def test_the_machines_zone_is_the_default(logs: list[Path]) -> None:
    """$TZ is taken and the report says so."""
    outcome = call("report", logs[1], zone="Europe/Berlin")
    assert "zone Europe/Berlin (this machine's)" in " ".join(outcome.out.split())
    assert "07:00" not in outcome.out
    assert json.loads(call("events", logs[1], zone="Europe/Berlin").out.splitlines()[0])["ts"] == "2026-03-02T07:00:00.100000Z"


# --- formats, check-format, own formats

OWN = """
id = "toy"
title = "A toy mail server"
url = "https://toy.example/"
programs = ["toy"]

[[pattern]]
name = "login"
kind = "pop.login"
match = 'hello {user} from {client_ip:ip}'
sample = [{ line = 'Oct 27 01:31:21 mx toy[1]: hello ann from 192.0.2.9', event = { user = "ann", client_ip = "192.0.2.9" } }]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a format of the administrator's own."""
    path = tmp_path / "formats" / "mail" / "toy.toml"
    path.parent.mkdir(parents=True)
    path.write_text(OWN)
    return path


def test_formats_lists_them_all(own: Path) -> None:
    """The list names each bundled format, and one of the administrator's own."""
    text = call("formats").out
    for name in ("sendmail", "bind", "dovecot", "qpopper", "syslog"):
        assert name in text
    rows = json.loads(call("formats", "--formats", own.parents[1], "--json").out)
    toy = next(r for r in rows if r["id"] == "toy")
    assert (toy["programs"], toy["patterns"], toy["kinds"]) == (["toy"], 1, ["pop.login"])


def test_a_format_of_ones_own_is_used(own: Path, tmp_path: Path) -> None:
    """--formats reads a folder of format files; without it the line belongs to nobody."""
    log = tmp_path / "toy.log"
    log.write_text("Mar  2 08:00:00 mx toy[1]: hello ann from 192.0.2.9\n")
    assert json.loads(call("events", log, "--formats", own.parents[1]).out)["user"] == "ann"
    assert json.loads(call("report", log, "--formats", own.parents[1], "--json").out)["totals"]["N_P"] == 1
    assert call("report", log).code == 3
    assert "kind:    pop.login" in call("explain", "--formats", own.parents[1], log.read_text().strip()).out


def test_a_good_format_is_confirmed(own: Path) -> None:
    """check-format says how many patterns have proved themselves."""
    outcome = call("check-format", own)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"{own}: 1 patterns")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('user = "ann"', 'user = "bob"', ("a sample gives another event", "'login'", "sample 1", "hello ann", "bob")),
        ("hello {user}", "howdy {user}", ("a sample is not understood", "'login'", "sample 1", "howdy")),
        ("pop.login", "pop.nosuch", ("unknown kind 'pop.nosuch'", "'login'", "pop.login")),
        ("{user}", "{nosuch}", ("nosuch", "'login'")),
        ("sample = [{", "sample = [] # [{", ("a pattern without a sample", "'login'")),
        ('title = "A toy mail server"', "", ("title",)),
        ('id = "toy"', 'id = "toy', ("could not be read",)),
        ("url =", "uri =", ("uri",)),
    ],
)
def test_a_bad_format_is_told_where(own: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    """check-format points at file, pattern and sample, and ends with status 4."""
    assert old in OWN
    own.write_text(OWN.replace(old, new))
    is_told(call("check-format", own), 4, str(own), *words)


def test_a_bad_format_stops_a_run(own: Path, logs: list[Path]) -> None:
    """report with a broken format file ends with status 4 and names the file."""
    own.write_text("id = ")
    is_told(call("report", logs[0], "--formats", own.parents[1]), 4, str(own))


def test_a_format_file_that_is_not_there(tmp_path: Path) -> None:
    """check-format of nothing is told as such."""
    is_told(call("check-format", tmp_path / "nosuch.toml"), 4, "nosuch.toml")


# --- pipes and full disks


def test_an_output_closed_early_is_quiet(tmp_path: Path) -> None:
    """`mailripple events ... | head -1` ends without a word."""
    log = tmp_path / "mail.log"
    log.write_bytes(text_of(mail_log(3000, gap_s=5)))
    command = [sys.executable, "-m", "mailripple", "events", "--tz", "UTC", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("report",), ("report", "--json"), ("events",), ("explain", "--file"), ("formats",)])
def test_a_full_stdout_is_told(logs: list[Path], arguments: tuple[str, ...], unbuffered: str) -> None:
    """Writing to /dev/full ends with status 3 and the four lines, not with a traceback, however Python buffers."""
    more = {"report": ["--tz", "UTC", str(logs[0])], "events": ["--tz", "UTC", str(logs[0])], "explain": [str(logs[0])]}
    command = [sys.executable, "-m", "mailripple", *arguments, *more.get(arguments[0], [])]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, env=environment)
    is_told(Outcome(done.returncode, "", done.stderr.decode()), 3, "stdout", "No space left")


def test_a_full_disk_leaves_the_old_report(logs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that cannot be written whole is told; the file that was there still is, and nothing else is left."""
    out = logs[0].with_name("out.json")
    out.write_text("old")
    before = sorted(p.name for p in out.parent.iterdir())

    def full(source: str, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    is_told(call("report", logs[0], "--json", out), 3, "out.json", "No space left", "free some space")
    assert out.read_text() == "old"
    assert sorted(p.name for p in out.parent.iterdir()) == before


def test_a_full_temporary_folder_is_told(logs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that go to disk and rejects that wait there: no room for them is an error, status 3."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **more: Path("/dev/full").open("w+b", buffering=0))  # noqa: SIM115
    with logs[0].open("ab") as log:
        log.write(b"what is this\n")
    is_told(call("report", logs[0], "--rejects", logs[0].with_name("rejects")), 3, "temporary", "No space left", "TMPDIR")


def test_a_report_to_a_full_device_or_nowhere_is_told(logs: list[Path]) -> None:
    """--json to /dev/full, or into a folder that is not there."""
    is_told(call("report", logs[0], "--json", "/dev/full"), 3, "/dev/full", "No space left")
    is_told(call("report", logs[0], "--json", "/nosuch/out.json"), 3, "/nosuch/out.json", "No such file")
    is_told(call("report", logs[0], "--rejects", "/nosuch/rejects"), 3, "/nosuch/rejects", "No such file")


@pytest.mark.parametrize("counting", ["tokens", "grep"])
def test_the_ways_of_counting_are_two(logs: list[Path], counting: str) -> None:
    """--counting takes tokens and grep."""
    assert call("report", logs[0], "--json", "--counting", counting).code == 0


def test_an_own_format_must_prove_itself_before_it_is_used(logs: list[Path], own: Path) -> None:
    """A format whose sample gives another event than it says is refused, with file, pattern and sample."""
    own.write_text(OWN.replace('user = "ann", ', 'user = "bob", '))
    is_told(call("report", logs[0], "--formats", own.parents[1]), 4, str(own), "'login'", "sample 1")
