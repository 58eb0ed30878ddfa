"""Where the compiled kernels are kept between runs.

The directory must be one that this user can write and nobody else can: it holds code.  Tried in order:

1. ``$MAILRIPPLE_CACHE_DIR``
2. ``$XDG_CACHE_HOME/mailripple``, else ``~/.cache/mailripple``
3. ``mailripple-UID`` in the system's temporary directory (no HOME, read-only home, service accounts)

Where none can be used the kernels are compiled for the one run.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path


def candidates(environment: Mapping[str, str], user: int) -> list[Path]:
    """Directories to try, best first."""
    found: list[Path] = []
    if environment.get("MAILRIPPLE_CACHE_DIR"):
        found.append(Path(environment["MAILRIPPLE_CACHE_DIR"]))
    if environment.get("XDG_CACHE_HOME"):
        found.append(Path(environment["XDG_CACHE_HOME"]) / "mailripple")
    elif environment.get("HOME"):
        found.append(Path(environment["HOME"]) / ".cache" / "mailripple")
    found.append(Path(tempfile.gettempdir()) / f"mailripple-{user}")
    return found


def usable(directory: Path, user: int) -> bool:
    """True if `directory` exists or can be made, is this user's own, and is closed to writing by others."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return False
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == user
    closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and closed and os.access(directory, os.W_OK | os.X_OK)


def cache_directory() -> Path | None:
    """The directory to use, or None."""
    user = os.getuid()
    for directory in candidates(os.environ, user):
        if usable(directory, user):
            return directory
    return None
