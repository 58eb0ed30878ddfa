"""A result is written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mailripple.errors import OutputError
from mailripple.outputs.write import write_whole


def test_a_new_file_is_its_owners(tmp_path: Path) -> None:
    """Reports hold names and addresses: mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        write_whole(str(tmp_path / "out.json"), b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "out.json").read_bytes() == b"{}"
    assert stat.S_IMODE((tmp_path / "out.json").stat().st_mode) == 0o600


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    """Whoever has the old file open keeps the old text; nothing else is left in the folder."""
    path = tmp_path / "out.json"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_whole(str(path), b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the error tells why and where, the old file still is, no half-written one stays."""
    path = tmp_path / "out.json"
    path.write_bytes(b"old")

    def full(descriptor: int, mode: str) -> object:
        os.close(descriptor)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OutputError) as caught:
        write_whole(str(path), b"new")
    assert caught.value.exit_code == 3
    assert [line.split(":")[0] for line in caught.value.lines()] == ["error", "why", "where", "try"]
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


@pytest.mark.parametrize("place", ["/nosuch/out.json", "/dev/full"])
def test_a_place_that_takes_nothing_is_told(place: str) -> None:
    """A folder that is not there, a device that is full."""
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(place, b"new")


def test_a_device_is_written_to_not_replaced() -> None:
    """/dev/null stays what it is."""
    write_whole("/dev/null", b"new")
    assert not stat.S_ISREG(Path("/dev/null").stat().st_mode)


def test_a_folder_is_no_place(tmp_path: Path) -> None:
    """The name of a folder is told, not overwritten."""
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(str(tmp_path), b"new")
