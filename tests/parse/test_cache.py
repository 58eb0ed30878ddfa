"""Proves that machine code is kept only where nobody else can put it, and that nothing of it is needed to run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mailripple.parse.cache import candidates, usable

ME = os.getuid()


def test_candidates_best_first() -> None:
    """The variable of our own wins, then the user's cache directory, then a directory of the user's in /tmp."""
    everything = {"MAILRIPPLE_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}
    first, second, last = candidates(everything, 5)
    assert (str(first), str(second), last.name) == ("/a", "/b/mailripple", "mailripple-5")
    assert candidates({"HOME": "/c"}, 5)[0] == Path("/c/.cache/mailripple")
    assert [p.name for p in candidates({}, 5)] == ["mailripple-5"]
    assert [p.name for p in candidates({"HOME": "", "MAILRIPPLE_CACHE_DIR": ""}, 5)] == ["mailripple-5"]


def test_two_users_do_not_share() -> None:
    """The directory of last resort has the user's number in its name."""
    assert candidates({}, 5) != candidates({}, 6)


def test_a_new_directory_is_made_for_its_user_alone(tmp_path: Path) -> None:
    """What does not exist is made, with mode 0700."""
    directory = tmp_path / "a" / "b"
    assert usable(directory, ME)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert usable(directory, ME)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_directory_that_others_can_write_is_not_used(tmp_path: Path, mode: int) -> None:
    """Whoever can write there could put code there."""
    tmp_path.chmod(mode)
    assert not usable(tmp_path, ME)
    tmp_path.chmod(0o755)
    assert usable(tmp_path, ME)


def test_a_directory_of_another_user_is_not_used(tmp_path: Path) -> None:
    """A directory that belongs to somebody else is not ours, whatever its mode."""
    assert not usable(tmp_path, ME + 1)


@pytest.mark.skipif(ME != 0, reason="needs root to give a directory away")
def test_a_directory_given_away_is_not_used(tmp_path: Path) -> None:
    """Not even root takes code from a user's directory."""
    os.chown(tmp_path, 65534, 65534)
    assert not usable(tmp_path, 0)


def test_what_is_no_directory_is_not_used(tmp_path: Path) -> None:
    """Files, links (somebody else may have set them) and paths below a file are refused without an error."""
    file = tmp_path / "file"
    file.write_text("x")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target", target_is_directory=True)
    (tmp_path / "target").mkdir(mode=0o700)
    for path in (file, file / "below", link, Path("/proc/nobody/here")):
        assert not usable(path, ME)


@pytest.mark.skipif(ME == 0, reason="root can write anywhere")
def test_a_directory_without_permission_is_not_used(tmp_path: Path) -> None:
    """A directory that cannot be written is passed over."""
    tmp_path.chmod(0o500)
    assert not usable(tmp_path, ME)
    tmp_path.chmod(0o700)
