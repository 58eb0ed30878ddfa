"""Call the command line: in this process (quick), or in one of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any
from unittest import mock

from mailripple.cli import main


@dataclass(frozen=True)
class Outcome:
    """Exit status, and what was written."""

    code: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    """Standard output that is kept, also when the program closes it."""

    def __init__(self) -> None:
        self.kept = io.BytesIO()
        super().__init__(self.kept, encoding="utf-8", write_through=True)

    def close(self) -> None:
        self.flush()


def call(*arguments: object, stdin: bytes = b"", zone: str = "UTC") -> Outcome:
    """Call `main` in this process, with this machine's zone as given."""
    streams: dict[str, Any] = {"stdout": _Stream(), "stderr": _Stream(), "stdin": io.TextIOWrapper(io.BytesIO(stdin))}
    code: object = 0
    with mock.patch.multiple(sys, argv=["mailripple", *map(str, arguments)], **streams), mock.patch.dict(os.environ, TZ=zone):
        try:
            main()
        except SystemExit as done:
            code = done.code
    out, err = (streams[name].kept.getvalue().decode() for name in ("stdout", "stderr"))
    return Outcome(code if isinstance(code, int) else int(code is not None), out, err)


def process(*arguments: object, stdin: bytes = b"", **environment: str) -> Outcome:
    """Run `python -m mailripple` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "mailripple", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        env=os.environ | {"TZ": "UTC"} | environment,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
