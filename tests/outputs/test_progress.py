"""Progress shows on a terminal only, after a second, and cleans up behind itself."""

from __future__ import annotations

import io
import sys
import time

import pytest

from mailripple.outputs.progress import progress_bar


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, screen: io.StringIO, seconds: float) -> str:
    """What appears while 3 MB are read in `seconds`."""
    moments = iter([0.0, seconds, seconds + 1, seconds + 2, seconds + 3])
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with progress_bar(["/nosuch"]) as step:
        step(1_000_000)
        step(2_000_000)
    return screen.getvalue()


def test_a_terminal_sees_how_much_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes read and the rate, on one line that is erased at the end."""
    text = shown(monkeypatch, Terminal(), 2.0)
    assert "1 MB read, 0 MB/s" in text
    assert "3 MB read, 1 MB/s" in text
    assert "\n" not in text
    assert text.endswith("\r\x1b[K")


def test_a_short_run_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the first second the terminal stays quiet."""
    moments = iter([0.0, 0.3, 0.6])
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with progress_bar([]) as step:
        step(1)
        step(1)
    assert screen.getvalue() == ""


def test_a_file_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirected stderr gets no progress."""
    assert shown(monkeypatch, io.StringIO(), 5.0) == ""
