"""Settings are frozen, and their defaults are those that the help tells."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mailripple.cli import own_formats
from mailripple.config import ReadOptions, ReportOptions
from mailripple.errors import UsageError


def test_settings_cannot_change() -> None:
    """One tree, read once at the door."""
    options = ReadOptions("UTC", 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.zone = "Asia/Tokyo"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        ReportOptions().top = 3  # type: ignore[misc]


def test_nothing_is_assumed_given() -> None:
    """Without options the zone is this machine's, the year and the mail servers are inferred, all formats are used."""
    options = ReadOptions("UTC", 0)
    assert (options.zone_given, options.year, options.formats, options.format, options.seed) == (False, None, (), None, None)
    assert ReportOptions().mail_servers == ()


def test_the_users_own_formats_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~/.config/mailripple/formats is read if it is there; a folder that is named must be."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert own_formats(()) == ()
    home = tmp_path / ".config" / "mailripple" / "formats"
    home.mkdir(parents=True)
    assert own_formats((tmp_path,)) == (home, tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        own_formats((tmp_path / "nosuch",))
