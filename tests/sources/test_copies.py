"""Proves that a log that lies there twice is read once, however it is packed."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mailripple.sources import discover
from mailripple.sources.copies import LEAST, find_sources
from tests.command import call

LINES = b"".join(b"Oct 27 01:17:%02d mx sendmail[%d]: starting daemon (8.18): SMTP\n" % (i % 60, i) for i in range(400))


def same(data: bytes) -> bytes:
    """Not packed."""
    return data


@pytest.mark.parametrize("pack", [same, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("again", [same, gzip.compress], ids=["plain", "gz"])
def test_a_copy_is_read_once(tmp_path: Path, pack: Callable[[bytes], bytes], again: Callable[[bytes], bytes]) -> None:
    """A file and its copy, packed or not, are one source; a note names both."""
    (tmp_path / "mail.log.1").write_bytes(pack(LINES))
    (tmp_path / "mail.log.1.gz").write_bytes(again(LINES))
    found, notices = find_sources([str(tmp_path)])
    assert [Path(s.name).name for s in found] == ["mail.log.1"]
    assert [n.text for n in notices] == [f"has the same contents as {tmp_path}/mail.log.1: read once"]


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress], ids=["bz2", "xz"])
def test_copies_of_other_archives(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Archives that do not tell their size are compared with those of the same kind and size."""
    (tmp_path / "a").write_bytes(pack(LINES))
    shutil.copy(tmp_path / "a", tmp_path / "b")
    found, _ = find_sources([str(tmp_path)])
    assert [Path(s.name).name for s in found] == ["a"]


@pytest.mark.parametrize("change", [0, LEAST + 7, len(LINES) - 2])
def test_one_other_byte_is_another_file(tmp_path: Path, change: int) -> None:
    """Logs of the same size that differ anywhere are both read."""
    other = bytearray(LINES)
    other[change] ^= 1
    (tmp_path / "a").write_bytes(LINES)
    (tmp_path / "b").write_bytes(gzip.compress(bytes(other)))
    assert len(find_sources([str(tmp_path)])[0]) == 2


def test_short_files_and_damaged_ones_are_all_read(tmp_path: Path) -> None:
    """A few lines may be the same on two servers, and of two broken archives nobody knows."""
    short, broken = LINES[: LEAST - 1], gzip.compress(LINES)[:-9]
    for name, data in (("a", short), ("b", short), ("c", broken), ("d", broken)):
        (tmp_path / name).write_bytes(data)
    assert len(find_sources([str(tmp_path)])[0]) == len(discover([str(tmp_path)])[0]) == 4


def test_a_report_says_so(tmp_path: Path) -> None:
    """The report of a folder with a copy counts its lines once and names the copy."""
    (tmp_path / "mail.log.1").write_bytes(LINES)
    (tmp_path / "mail.log.1.gz").write_bytes(gzip.compress(LINES))
    outcome = call("report", "--json", "--year", "2024", tmp_path)
    assert "has the same contents as" in outcome.out
    assert [s["lines"] for s in json.loads(outcome.out)["sources"]] == [400]
