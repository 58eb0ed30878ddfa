"""Proves that `RawStream` delivers the bytes of any file and turns operating system errors into InputError."""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from typing import Any

import pytest

from mailripple.errors import InputError
from mailripple.sources.raw import RawStream, unreadable


class Broken(io.BytesIO):
    """A file whose disk fails at its end."""

    def readinto(self, buffer: Any, /) -> int:
        got = super().readinto(buffer)
        if not got:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return got


def test_peek_uses_nothing_up() -> None:
    """After `peek` the same bytes are read again, and are counted once."""
    raw = RawStream(io.BytesIO(b"abcdef"), "x")
    assert raw.peek(3) == b"abc"
    assert raw.bytes_in == 0
    assert raw.read(100) + raw.read(100) == b"abcdef"
    assert raw.bytes_in == 6
    assert raw.read(100) == b""


def test_seek_counts_from_where_the_stream_began() -> None:
    """A file lent at a later position is taken from that position on, and `seek(0)` goes back to there."""
    file = io.BytesIO(b"used;fresh")
    file.seek(5)
    raw = RawStream(file, "x", owned=False)
    assert raw.read(3) == b"fre"
    raw.seek(0)
    assert (raw.read(100), raw.bytes_in) == (b"fresh", 5)


def test_only_an_owned_file_is_closed() -> None:
    """A file that was lent stays open."""
    lent, owned = io.BytesIO(), io.BytesIO()
    RawStream(lent, "x", owned=False).close()
    RawStream(owned, "x").close()
    assert (lent.closed, owned.closed) == (False, True)


def test_io_error_becomes_input_error() -> None:
    """A failing disk is told as an InputError with the name of the source and the reason."""
    raw = RawStream(Broken(b"abc"), "mail.log")
    assert raw.read(10) == b"abc"
    with pytest.raises(InputError) as caught:
        raw.read(10)
    assert caught.value.where == "mail.log"
    assert caught.value.why == os.strerror(errno.EIO)
    assert caught.value.todo


def test_error_text_depends_on_the_cause() -> None:
    """Missing and forbidden files call for different actions."""
    missing = unreadable("a", FileNotFoundError(errno.ENOENT, "No such file"))
    denied = unreadable("a", PermissionError(errno.EACCES, "Permission denied"))
    assert "spelling" in missing.todo
    assert "permission" in denied.todo


def test_non_blocking_pipe_is_waited_for() -> None:
    """A pipe set to non-blocking is read to its end, not taken as ended while it is empty."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def write() -> None:
        time.sleep(0.05)
        os.write(writer, b"late")
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    raw = RawStream(io.FileIO(reader, "rb"), "-")
    assert raw.read(10) == b"late"
    assert raw.read(10) == b""
    thread.join()
    raw.close()
