"""Write a result whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mailripple.errors import OutputError


def write_whole(path: str, content: bytes) -> None:
    """Write to a file (readable by its owner only: reports hold names and addresses), or to stdout for "-".

    Raises OutputError; a file that was there before then still is.
    """
    with writing("stdout" if path == "-" else path):
        if path == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        elif Path(path).exists() and not stat.S_ISREG(Path(path).stat().st_mode):
            Path(path).write_bytes(content)
        else:
            _replace(Path(path), content)


@contextlib.contextmanager
def writing(where: str) -> Iterator[None]:
    """What fails inside is an OutputError about `where`, but for a reader that went away (BrokenPipeError)."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write to {where}",
            why=error.strerror or str(error),
            where=where,
            todo="free some space or choose another place",
        ) from error


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
