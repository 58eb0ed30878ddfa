"""Every kind of bad input has its clear error or warning; what can be read is counted all the same."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

import pytest

from tests.command import Outcome, call, process
from tests.logs import mail_log, text_of

GOOD = text_of(mail_log(40))
MESSAGES = 40


def totals(*paths: Path) -> tuple[Outcome, dict[str, int]]:
    """The outcome of a JSON report, and its totals."""
    outcome = call("report", "--json", *paths)
    return outcome, json.loads(outcome.out)["totals"]


def report_of(*paths: Path) -> tuple[int, dict[str, object], list[dict[str, str]]]:
    """Status, first source and notices of a JSON report."""
    outcome = call("report", "--json", *paths)
    report = json.loads(outcome.out)
    return outcome.code, report, report["notices"]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.log"
    path.write_bytes(GOOD)
    return path


def is_told(outcome: Outcome, *words: str) -> None:
    """Status 3, the labelled lines on stderr with the words in them, nothing on stdout, no traceback."""
    assert outcome.code == 3, outcome
    assert outcome.out == ""
    assert outcome.err.splitlines()[0].startswith("error: ")
    assert [line.split(": ")[0] for line in outcome.err.splitlines()] == ["error", "why", "where", "try"]
    for word in words:
        assert word in outcome.err


@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2", "zst"])
def test_a_truncated_archive_gives_what_is_readable(tmp_path: Path, suffix: str) -> None:
    """A rotated log that was cut off: its first part is counted, a warning names file and offset, status 3."""
    import bz2
    import lzma

    import zstandard

    noise = random.Random(1)
    text = b"".join(line + b" \n" for line in GOOD.splitlines()) + b"".join(
        b"Mar  3 08:00:00 mx CRON[5]: %d\n" % noise.getrandbits(256) for _ in range(10_000)
    )
    pack = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zst": zstandard.ZstdCompressor().compress}[suffix]
    packed = pack(text)
    path = tmp_path / f"mail.log.1.{suffix}"
    path.write_bytes(packed[: len(packed) * 9 // 10])
    code, report, notices = report_of(path)
    assert code == 3
    assert report["totals"]["N_from"] == MESSAGES  # type: ignore[index]
    warning = next(n for n in notices if n["level"] == "warning")
    assert warning["source"] == str(path)
    assert any(word.strip(",.:;").isdigit() for word in warning["text"].split()), warning
    shown = call("report", path)
    assert shown.code == 3
    assert f"warning: {path}" in " ".join(shown.out.split())


def test_garbage_called_gz_is_told(tmp_path: Path, good: Path) -> None:
    """A file that begins like an archive and is none gives a warning; the other log is counted."""
    path = tmp_path / "mail.log.1.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00" + random.Random(2).randbytes(5000))
    code, report, notices = report_of(good, path)
    assert code == 3
    assert report["totals"]["N_from"] == MESSAGES  # type: ignore[index]
    assert [n["source"] for n in notices if n["level"] == "warning"] == [str(path)]


def test_an_empty_file_is_noted(tmp_path: Path, good: Path) -> None:
    """An empty file is said and changes nothing; alone it is nothing to read."""
    path = tmp_path / "empty.log"
    path.write_bytes(b"")
    code, report, notices = report_of(good, path)
    assert code == 0
    assert {"level": "note", "source": str(path), "text": "empty"} in notices
    assert report["totals"]["N_from"] == MESSAGES  # type: ignore[index]
    is_told(call("report", path), "nothing to read", str(path))


def test_a_binary_file_is_rejected_line_by_line(tmp_path: Path, good: Path) -> None:
    """Random bytes are rejects, shown inert; alone they are an error; the log beside them is counted."""
    path = tmp_path / "noise.bin"
    path.write_bytes(b"\x00" + random.Random(3).randbytes(200_000))
    code, report, _ = report_of(good, path)
    source = next(s for s in report["sources"] if s["source"] == str(path))  # type: ignore[attr-defined]
    assert (code, source["events"]) == (0, 0)
    assert source["rejected"] > 500
    assert report["totals"]["N_from"] == MESSAGES  # type: ignore[index]
    shown = call("report", good, path)
    assert "not understood: " in shown.out
    assert not [c for c in shown.out if ord(c) < 32 and c != "\n"]
    alone = call("report", path)
    is_told(alone, "was understood", str(path), "mailripple formats")
    assert alone.err.isprintable() or not [c for c in alone.err if ord(c) < 32 and c != "\n"]


def test_a_line_of_three_megabytes_is_a_reject(tmp_path: Path) -> None:
    """An over-long line is rejected whole, its bytes are said, and the lines before and behind it count."""
    lines = GOOD.splitlines(keepends=True)
    path = tmp_path / "mail.log"
    path.write_bytes(b"".join(lines[:9]) + b"Mar  2 08:01:00 mx sendmail[5]: x: to=<" + b"a" * 3_000_000 + b">\n" + b"".join(lines[9:]))
    outcome, found = totals(path)
    report = json.loads(outcome.out)
    assert outcome.code == 0
    assert found["N_from"] == MESSAGES
    assert (report["sources"][0]["lines"], report["sources"][0]["rejected"]) == (len(lines) + 1, 1)
    assert report["rejects"][0]["reason"] == "line too long"
    assert report["rejects"][0]["line"] == 10
    assert any("over-long" in n["text"] for n in report["notices"])


@pytest.mark.parametrize("bad", [b"\xff\xfe\x80", b"\x00", b"\x00\x00\x1b[2J", "\u202e\u2028".encode()])
def test_odd_bytes_inside_lines_do_no_harm(tmp_path: Path, bad: bytes) -> None:
    """Invalid UTF-8, NUL and control bytes in an address: the record counts, and the name is shown inert."""
    text = GOOD.replace(b"@d3.example", b"@d3" + bad + b".example").replace(b"u3@", b"u3" + bad + b"@")
    path = tmp_path / "mail.log"
    path.write_bytes(text)
    outcome, found = totals(path)
    assert outcome.code == 0
    assert (found["N_from"], found["N_SD"]) == (MESSAGES, totals_of_good()["N_SD"])
    assert all(line.isascii() or bad.decode("utf-8", "replace") not in line for line in outcome.out.splitlines())
    events = call("events", path)
    assert events.code == 0
    assert len(events.out.splitlines()) == len(GOOD.splitlines())
    for line in events.out.splitlines():
        json.loads(line)
    shown = call("report", path).out
    assert not [c for c in shown if (ord(c) < 32 and c != "\n") or c in "\u202e\u2028"]


def totals_of_good() -> dict[str, int]:
    return json.loads(process("report", "-", "--json", stdin=GOOD).out)["totals"]


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    """A log that went through Windows has the same counts."""
    path = tmp_path / "mail.log"
    path.write_bytes(GOOD.replace(b"\n", b"\r\n"))
    outcome, found = totals(path)
    assert outcome.code == 0
    assert found == totals_of_good()


def test_no_final_newline_is_read(tmp_path: Path) -> None:
    """The last line counts without its newline."""
    path = tmp_path / "mail.log"
    path.write_bytes(GOOD.rstrip(b"\n"))
    assert totals(path)[1] == totals_of_good()


def test_a_missing_file_is_told(good: Path, tmp_path: Path) -> None:
    """A name that is not there stops the run before anything is counted."""
    missing = tmp_path / "nosuch.log"
    for command in ("report", "events"):
        is_told(call(command, good, missing), str(missing), "No such file")
    is_told(call("report", tmp_path / "*.nosuch"), "*.nosuch", "matches no file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_told(good: Path) -> None:
    """A log without permission is told with what to do."""
    good.chmod(0)
    is_told(call("report", good), str(good), "Permission denied")


def test_an_unreadable_file_is_told_to_anybody(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where the tests run as root: opening is refused."""
    import builtins

    real = builtins.open

    def refuse(name: object, *more: object, **options: object) -> object:
        if str(name) == str(good):
            raise PermissionError(13, "Permission denied", str(name))
        return real(name, *more, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", refuse)
    is_told(call("report", good), str(good), "Permission denied")


def test_a_directory_without_logs_is_told(tmp_path: Path) -> None:
    """An empty folder alone is nothing to read."""
    folder = tmp_path / "logs"
    folder.mkdir()
    is_told(call("report", folder), "nothing to read", str(folder))


def test_a_directory_with_logs_is_read(good: Path, tmp_path: Path) -> None:
    """All files of a folder are read; what is no log in it is said."""
    (tmp_path / "README").write_text("hello\n")
    outcome, found = totals(tmp_path)
    assert outcome.code == 0
    assert found["N_from"] == MESSAGES
    assert sum(s["rejected"] for s in json.loads(outcome.out)["sources"]) == 1


def test_a_file_given_twice_is_read_once(good: Path) -> None:
    """The same log by two names counts once, and that is said."""
    link = good.with_name("again.log")
    link.symlink_to(good)
    code, report, notices = report_of(good, link)
    assert code == 0
    assert report["totals"]["N_from"] == MESSAGES  # type: ignore[index]
    assert any("given twice" in n["text"] and n["source"] == str(link) for n in notices)


def test_an_empty_stdin_is_told() -> None:
    """A pipe without a byte is no log."""
    is_told(process("report", "-", stdin=b""), "none of the 0 lines", "-")


def test_a_damaged_archive_warns_in_events_too(tmp_path: Path) -> None:
    """events prints what it could read, the warning goes to stderr, status 3."""
    packed = gzip.compress(GOOD * 40)
    path = tmp_path / "mail.log.gz"
    path.write_bytes(packed[:-100])
    outcome = call("events", path)
    assert outcome.code == 3
    assert f"warning: {path}" in outcome.err
    assert len(outcome.out.splitlines()) > 1000
