"""The tally of a source adds up, keeps the first few rejects, and tells what the operator should know."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mailripple.config import ReadOptions
from mailripple.run import read_all
from mailripple.tally import KEEP, Reject, SourceTally
from tests.logs import mail_log, text_of

OPTIONS = ReadOptions("UTC", 1_785_000_000_000_000, True)


def test_a_few_rejects_are_kept_all_are_counted(tmp_path: Path) -> None:
    """The report shows the first five with their true line numbers; the sink gets every one."""
    bad = [f"bad {n}" for n in range(30)]
    (tmp_path / "x.log").write_bytes(text_of(mail_log(5) + bad))
    seen: list[Reject] = []
    tally = read_all([str(tmp_path / "x.log")], OPTIONS, sink=seen.append).sources[0]
    first = len(mail_log(5)) + 1
    assert tally.rejected == 30
    assert [(r.line, r.text) for r in tally.rejects] == [(first + n, f"bad {n}".encode()) for n in range(KEEP)]
    assert [r.line for r in seen] == list(range(first, first + 30))


def test_skips_are_what_is_neither_event_nor_reject() -> None:
    """Named skips, other programs and blank lines together."""
    tally = SourceTally("x", "x", 3, mail=True)
    tally.patterns += np.array([5, 2, 0, 0])
    tally.events, tally.blank, tally.other = 5, 3, {9: 4, 0: 1}
    assert tally.skipped == 2 + 3 + 5


def test_notices_tell_damage_loss_and_assumptions() -> None:
    """Damage is a warning (status 3); what was left out or assumed is a note."""
    tally = SourceTally("x", "x", 1, mail=True, assumed="year 2002 (given)", damage="cut off at byte 99", dropped=7)
    assert [(n.level, n.source) for n in tally.notices()] == [("warning", "x"), ("note", "x"), ("note", "x")]
    assert [n.text for n in tally.notices()] == ["cut off at byte 99", "7 bytes of over-long lines left out", "assumed: year 2002 (given)"]
    assert SourceTally("x", "x", 1, mail=True).notices() == []


def test_the_span_is_that_of_the_events(tmp_path: Path) -> None:
    """First and last are the earliest and the latest stamp, wherever they stand in the file."""
    lines = mail_log(30)
    (tmp_path / "x.log").write_bytes(text_of(lines[1:] + lines[:1]))
    tally = read_all([str(tmp_path / "x.log")], OPTIONS).sources[0]
    assert tally.first == 1_772_438_400_000_000
    assert tally.last is not None
    assert tally.last > tally.first
