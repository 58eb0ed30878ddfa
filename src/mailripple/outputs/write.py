"""Write a result whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from mailripple.errors import OutputError


def write_whole(path: str, content: bytes) -> None:
    """Write to a file (readable by its owner only: reports hold names and addresses), or to stdout for "-".

    Raises OutputError; a file that was there before then still is.
    """
    try:
        if path == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        elif Path(path).exists() and not stat.S_ISREG(Path(path).stat().st_mode):
            Path(path).write_bytes(content)
        else:
            _replace(Path(path), content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable("stdout" if path == "-" else path, error) from error


def unwritable(where: str, error: OSError) -> OutputError:
    """The error to raise when writing failed."""
    return OutputError(
        f"cannot write to {where}",
        why=error.strerror or str(error),
        where=where,
        todo="free some space or choose another place",
    )


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
