"""Progress on stderr, where that is a terminal: what is read, at which rate, and how long it will take."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Progress = Callable[[int], None]


@contextlib.contextmanager
def progress_bar(arguments: Sequence[str]) -> Iterator[Progress]:
    """A function that takes numbers of bytes read; silent unless stderr is a terminal and a second has passed."""
    if not sys.stderr.isatty():
        yield lambda n: None
        return
    total = sum(Path(a).stat().st_size for a in arguments if Path(a).is_file())
    begin = shown = time.monotonic()
    done = 0

    def step(n: int) -> None:
        nonlocal done, shown
        done += n
        now = time.monotonic()
        if now - shown >= 0.25 and now - begin >= 1.0:
            shown = now
            rate = done / (now - begin)
            left = f", {max(total - done, 0) / rate:.0f} s left" if total > done else ""
            sys.stderr.write(f"\r{done / 1e6:,.0f} MB read, {rate / 1e6:,.0f} MB/s{left}\x1b[K")
            sys.stderr.flush()

    try:
        yield step
    finally:
        if shown > begin:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
