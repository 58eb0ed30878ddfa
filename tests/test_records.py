"""Records come in the order of the logs, with where they stand; what was not understood is kept apart, in order."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mailripple.config import ReadOptions
from mailripple.errors import InputError, Notice
from mailripple.records import read_records, reject_sink
from mailripple.run import read_all
from mailripple.tally import Reject
from tests.logs import mail_log, query_log, text_of

OPTIONS = ReadOptions("UTC", 1_785_000_000_000_000, True)


def records(*paths: Path) -> list[dict[str, Any]]:
    return [r for r in read_records([str(p) for p in paths], OPTIONS) if not isinstance(r, Notice)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two logs, each with lines between that are no events."""
    noise = "Mar  2 08:00:00 mx CRON[5]: (root) CMD (true)"
    (tmp_path / "mail.log").write_bytes(text_of([x for line in mail_log(20) for x in (noise, line, "")]))
    (tmp_path / "queries.log").write_bytes(text_of(query_log(20)))
    return tmp_path


def test_a_record_stands_where_it_says(folder: Path) -> None:
    """The line at `source`, `line` is the one whose fields the record has."""
    lines = (folder / "mail.log").read_text().splitlines()
    found = records(folder / "mail.log")
    assert len(found) == len(mail_log(20))
    for record in found:
        text = lines[record["line"] - 1]
        assert record["source"] == str(folder / "mail.log")
        for name in ("queue_id", "user", "relay", "dsn"):
            assert str(record.get(name, "")) in text


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_line_numbers_do_not_depend_on_chunks(folder: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Read in pieces of any size, every record is the same."""
    from mailripple import records as module
    from mailripple.sources import ChunkReader

    whole = records(folder / "mail.log")
    monkeypatch.setattr(module, "ChunkReader", lambda *a: ChunkReader(*a, size=size))
    assert records(folder / "mail.log") == whole


def test_logs_follow_each_other_by_their_first_stamps(folder: Path) -> None:
    """However the files are named, the earlier one comes first."""
    early = folder / "z.log"
    early.write_bytes(text_of([line.replace("Mar  2", "Feb  1") for line in mail_log(2)]))
    assert records(folder / "mail.log", early)[0]["source"] == str(early)


def test_records_and_counts_agree(folder: Path) -> None:
    """There are as many records of a kind as the counts say."""
    kinds = [r["kind"] for r in records(folder / "mail.log", folder / "queries.log")]
    counts = read_all([str(folder / "mail.log"), str(folder / "queries.log")], OPTIONS).counts
    assert kinds.count("mail.to") == counts.total("mail.to") + counts.total("mail.dsn.to")
    for kind in ("dns.query", "pop.login", "mail.from", "mail.dsn"):
        assert kinds.count(kind) == counts.total(kind)


def test_rejects_are_sorted_however_they_come(tmp_path: Path) -> None:
    """Law 7: the file of rejects is by source and line, whichever thread was first."""
    out = tmp_path / "rejects"
    with reject_sink(str(out)) as sink:
        assert sink is not None
        for source, line in (("b", 1), ("a", 1), ("a", 2), ("b", 2), ("b", 3), ("a", 3)):
            sink(Reject(source, line, "why", b"x"))
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(r["source"], r["line"]) for r in found] == [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)]


def test_a_run_that_understood_nothing_still_writes_its_rejects(tmp_path: Path) -> None:
    """That is when they are needed most."""
    log, out = tmp_path / "x.log", tmp_path / "rejects"
    log.write_text("what is this\nand that\n")
    for run in (read_all, lambda *a, sink: list(read_records(*a, sink))):
        with pytest.raises(InputError), reject_sink(str(out)) as sink:
            run([str(log)], OPTIONS, sink=sink)  # type: ignore[operator]
        assert [json.loads(x)["text"] for x in out.read_text().splitlines()] == ["what is this", "and that"]
        out.unlink()


def test_no_file_is_made_without_being_asked_for(tmp_path: Path) -> None:
    """Without --rejects there is no sink, and nothing is kept."""
    with reject_sink(None) as sink:
        assert sink is None
    assert list(tmp_path.iterdir()) == []


def test_a_record_without_a_time_says_so(tmp_path: Path) -> None:
    """A message without envelope has `ts` null."""
    log = tmp_path / "x.log"
    log.write_text(re.sub(r"^.{15} mx ", "", mail_log(1)[0]) + "\n")
    assert records(log)[0]["ts"] is None
