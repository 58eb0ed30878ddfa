"""From arguments to what is written: the report, the list of formats, the proof of format files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailripple import reporting
from mailripple.config import ReadOptions, ReportOptions
from mailripple.formats import load_formats, read_format
from mailripple.reporting import check_formats, list_formats, report, with_own
from tests.logs import mail_log, text_of

OPTIONS = ReadOptions("UTC", 1_785_000_000_000_000, True)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "mail.log"
    path.write_bytes(text_of(mail_log(10)))
    return path


def test_a_report_is_written_where_it_is_wanted(log: Path, tmp_path: Path) -> None:
    """The JSON file holds one object and a newline; False: nothing was damaged."""
    out = tmp_path / "out.json"
    assert report([str(log)], OPTIONS, ReportOptions(), window_s=None, json_to=str(out), rejects_to=None) == 0
    assert out.read_bytes().endswith(b"}\n")
    assert json.loads(out.read_text())["totals"]["N_from"] == 10


def test_files_are_written_before_the_text(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of the text that goes away (`| head`) does not cost the page."""

    def gone(summary: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(reporting, "print_text", gone)
    out = tmp_path / "page.html"
    with pytest.raises(BrokenPipeError):
        report([str(log)], OPTIONS, ReportOptions(), window_s=None, json_to=None, rejects_to=None, html_to=str(out))
    assert out.read_bytes().startswith(b"<!doctype html>")


def test_damage_is_told_to_the_caller(log: Path, tmp_path: Path) -> None:
    """True: an input could not be read whole."""
    import gzip

    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(log.read_bytes())[:-9])
    assert report([str(path)], OPTIONS, ReportOptions(), window_s=None, json_to=str(tmp_path / "o.json"), rejects_to=None) == 3


def test_the_list_of_formats_is_that_of_the_loader(tmp_path: Path) -> None:
    """Each format, with how many patterns it has and which events they give."""
    list_formats([], str(tmp_path / "formats.json"))
    rows = json.loads((tmp_path / "formats.json").read_text())
    formats = load_formats()
    assert [r["id"] for r in rows] == [f.id for f in (*formats.envelopes, *formats.messages)]
    assert sum(r["patterns"] for r in rows) == len(formats.patterns)


def test_bundled_formats_prove_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    """check-format finds nothing wrong with the package's own files."""
    folder = Path(__file__).resolve().parents[1] / "src" / "mailripple" / "formats"
    assert check_formats([folder / "mail" / "sendmail.toml", folder / "dns" / "bind.toml"]) is False
    assert capsys.readouterr().out.count("every sample gives the event") == 2


def test_a_format_of_ones_own_takes_a_program_over() -> None:
    """Where both know a program, the administrator's format wins."""
    text = """
id = "mine"
title = "My sendmail"
url = "https://mine.example/"
programs = ["sendmail"]
[[pattern]]
name = "any"
match = '{_}'
sample = [{ line = 'Oct 27 01:31:21 mx sendmail[1]: x' }]
"""
    formats = with_own(load_formats(), [read_format(text, "mine.toml", "mail")])
    assert formats.by_program()["sendmail"].id == "mine"
    assert formats.by_program()["sm-mta"].id == "sendmail"


def test_hostile_lines_accuse_nobody_else(tmp_path: Path) -> None:
    """A mailer that writes another host's address into every field that it fills: its own address is named, no other."""
    lines = []
    for i in range(400):
        at = f"Mar  2 {8 + i // 60:02d}:{i % 60:02d}:00 mx sendmail[{900 + i}]: 622{i:05d}"
        claim = f"x{i}[192.0.2.99]"
        lines.append(
            f'{at}: from=<"{claim}, relay=pc [192.0.2.99]"@evil.example>, size=900, class=0, nrcpts=1, '
            f"msgid=<{claim}@evil.example>, proto=ESMTP, daemon=MTA, relay=192.0.2.99 [198.51.100.7]"
        )
        fate = "dsn=5.1.1, stat=User unknown" if i % 3 == 0 else "dsn=2.0.0, stat=Sent (ok)"
        lines.append(
            f'{at}: to=<"u, relay=[192.0.2.99], stat=Sent"@d{i}.example>, ctladdr=<root@192.0.2.99>, delay=00:00:01, '
            f"xdelay=00:00:01, mailer=esmtp, pri=120900, relay=mx.d{i}.example. [203.0.113.9], {fate}"
        )
    log = tmp_path / "mail.log"
    log.write_text("\n".join(lines) + "\n")
    out = tmp_path / "out.json"
    given = {"window_s": None, "json_to": str(out), "rejects_to": None}
    assert report([str(log)], OPTIONS, ReportOptions(), **given, exit_code=True) == 1
    incidents = json.loads(out.read_text())["incidents"]
    assert [i["subject"] for i in incidents] == [{"type": "ip", "value": "198.51.100.7"}]
    assert incidents[0]["severity"] == "alarm"
    assert all("198.51.100.7" in line["text"] or "to=<" in line["text"] for line in incidents[0]["evidence"])


def asked(minute: float, client: str, name: str, qtype: str) -> tuple[float, str]:
    """A line of BIND's query log, and its minute, by which lines are sorted."""
    hour, at = divmod(minute, 60)
    stamp = f"02-Mar-2026 {int(hour):02d}:{int(at):02d}:{60 * at % 60:06.3f}"
    return minute, f"{stamp} queries: info: client @0x7f56 {client}#53124 ({name}): query: {name} IN {qtype} + (192.0.2.2)\n"


def test_who_asks_who_addresses_are_is_a_server_only_if_it_does_so_meanwhile(tmp_path: Path) -> None:
    """A PC that asked for names of addresses all day, and then for exchangers, is accused; a server that nobody named,
    which asks for both at once, is not."""
    lines = [asked(10 * n, "198.51.100.7", f"{n}.113.0.203.in-addr.arpa", "PTR") for n in range(100)]
    for n in range(40):
        at = 1010 + 1.3 * n + 0.4 * (n * n % 3)
        for client in ("198.51.100.7", "198.51.100.25"):
            lines.append(asked(at, client, f"d{n}.example", "MX"))
            lines.append(asked(at + 0.002, client, f"mx.d{n}.example", "A"))
        lines.append(asked(at + 0.004, "198.51.100.25", f"{n}.2.0.192.in-addr.arpa", "PTR"))
    log, out = tmp_path / "queries.log", tmp_path / "out.json"
    log.write_text("".join(line for _, line in sorted(lines)))
    report([str(log)], OPTIONS, ReportOptions(), window_s=None, json_to=str(out), rejects_to=None)
    found = {i["subject"]["value"]: i for i in json.loads(out.read_text())["incidents"] if i["subject"]["type"] == "ip"}
    assert {value: i["severity"] for value, i in found.items()} == {"198.51.100.7": "alarm", "198.51.100.25": "notice"}
    assert found["198.51.100.7"]["statistics"]["direct-mx"]["followed"] >= 30
    assert "at once for another host's address too" in found["198.51.100.7"]["explanation"]
