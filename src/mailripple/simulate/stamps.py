"""Stamps of a local clock, and log files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from mailripple.errors import OutputError
from mailripple.simulate.columns import Ints

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def rfc3164(t: datetime) -> str:
    """`Jul 15 17:02:11`."""
    return f"{_MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S}"


def named(t: datetime) -> str:
    """BIND's own (9.3 and later), up to the second: `15-Jul-2002 17:02:11`."""
    return f"{t.day:02d}-{_MONTHS[t.month - 1]}-{t:%Y %H:%M:%S}"


def stamped(ms: Ints, texts: list[str], zone: ZoneInfo, stamp: Callable[[datetime], str]) -> bytes:
    """`texts` behind the local stamps of `ms` (UTC), in order of time; equal times keep their order."""
    order = np.argsort(ms, kind="stable")
    seconds, which = np.unique(ms[order] // 1000, return_inverse=True)
    stamps = [stamp(datetime.fromtimestamp(second, UTC).astimezone(zone)) for second in seconds.tolist()]
    lines = [stamps[w] + texts[i] + "\n" for w, i in zip(which.tolist(), order.tolist(), strict=True)]
    return "".join(lines).encode("ascii")


def iso(ms: int) -> str:
    """A moment (UTC ms) as ISO 8601 with Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


@contextlib.contextmanager
def whole_files(out: Path, names: Iterable[str], modified: int) -> Iterator[dict[str, Path]]:
    """Places where the files of the folder `out` are to be written; then all of them appear at once.

    Their file times are `modified` (seconds UTC), since old stamps have no year.  Raises OutputError; then none of the
    files is there that was not there before.
    """
    parts = {name: out / f".{name}.part" for name in names}
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield parts
        for part in parts.values():
            os.utime(part, (modified, modified))
        for name, part in parts.items():
            os.replace(part, out / name)
    except OSError as error:
        raise OutputError(
            f"cannot write to {out}",
            why=error.strerror or str(error),
            where="--out",
            todo="free some space or choose another folder",
        ) from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                os.unlink(part)


def write_files(out: Path, files: dict[str, bytes], modified: int) -> None:
    """Write `files` into the folder `out`, as `whole_files`."""
    with whole_files(out, files, modified) as parts:
        for name, part in parts.items():
            part.write_bytes(files[name])
