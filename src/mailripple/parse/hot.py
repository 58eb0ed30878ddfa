"""Which rows of the program a log uses, and the straight code for them: compiled once, kept between runs.

A small log is read before code for it could be compiled, so nothing is compiled for the first `COMPILE_AFTER` bytes;
code that an earlier run has left is used after `LOOK_AFTER` bytes.  One file in the cache serves all logs whose lines
begin alike: code that covers more rows than a log uses is as good, and what is compiled anew covers what the file
covered before.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple.parse import (
    addresses,
    build,
    clock,
    elements,
    emit,
    keys,
    machine,
    objects,
    pick,
    rows,
    special,
    straight,
    text,
)
from mailripple.parse import layout as L
from mailripple.parse.cache import cache_directory
from mailripple.parse.compile import Program

#: Bytes of a log that are interpreted before it is asked what is used often.
LOOK_AFTER = 4 << 20
#: ... and before code is compiled for it, which takes some seconds once and spares 0.4 s a GB of every run.
COMPILE_AFTER = 128 << 20
#: Share of the lines from which on a row is worth compiling.
OFTEN = 0.002
#: Share of the lines that are interpreted from which on code is made for them, and how often in a run at most.
WORTH = 0.05
MOST_TIMES = 3
#: Rows that a file covers at most; beyond them only what the present log uses is compiled.
MOST_ROWS = 120

MODULES: tuple[ModuleType, ...] = (text, addresses, clock, emit, objects, rows, elements, pick, keys, machine)
Run = Callable[[int, int, int], int]
_LOCK = threading.Lock()
_LOADED: dict[str, tuple[frozenset[int], Run]] = {}


def often(hits: npt.NDArray[np.int64], lines: int) -> frozenset[int]:
    """Rows that at least `OFTEN` of the lines came by; `hits` (rows,) int64."""
    return frozenset(np.flatnonzero(hits > OFTEN * lines).tolist())


def name_of(program: Program) -> str:
    """What straight code depends on: the kernels, this compiler, the processor, and the program."""
    total = hashlib.sha256(build.digest([*MODULES, special, straight]).encode())
    for part in (program.ops.tobytes(), program.literals, program.switch.tobytes(), repr(program.programs).encode()):
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:24]


def group_of(program: Program, hits: npt.NDArray[np.int64]) -> int:
    """The row that leads most lines to their message: how a log's lines begin.  Code is kept apart by it."""
    ends = np.flatnonzero(np.isin(program.ops[:, 0], (L.JUMP, L.DISPATCH)))
    return int(ends[np.argmax(hits[ends])]) if len(ends) else 0


def find(program: Program, rows: frozenset[int], group: int, *, compile_it: bool) -> tuple[frozenset[int], Run] | None:
    """Code for the rows, and what it covers: from this process or the cache, or (if wished and needed) compiled now.

    Without `compile_it` code that covers some of the rows is good enough.
    """
    name = f"{name_of(program)}-{group}"
    with _LOCK:
        found = _LOADED.get(name)
        if found and (found[0] >= rows or (found[0] & rows and not compile_it)):
            return found
        machine_ = build.target_machine()
        directory = cache_directory()
        path = directory / f"straight-{name}.o" if directory else None
        covered, code = found[0] if found else frozenset(), b""
        stored = build.read_kept(path) if path else None
        if stored is not None:
            covered, code = _unpacked(stored)
        if not code or not covered >= rows:
            if not compile_it:
                if not code or not covered & rows:
                    return None
            else:
                both = covered | rows
                covered = both if len(both) <= MOST_ROWS else rows
                code = build.compile_text(straight.translate(program, covered), machine_)
                if path:
                    build.keep(path, _packed(covered, code))
        _LOADED[name] = covered, _entry(code, machine_)
        return _LOADED[name]


def compiled(program: Program, rows: frozenset[int]) -> Run:
    """Straight code for these rows, kept nowhere."""
    machine_ = build.target_machine()
    return _entry(build.compile_text(straight.translate(program, rows), machine_), machine_)


def _packed(rows: frozenset[int], code: bytes) -> bytes:
    numbers = np.array([len(rows), *sorted(rows)], np.int64)
    return numbers.tobytes() + code


def _unpacked(stored: bytes) -> tuple[frozenset[int], bytes]:
    n = int(np.frombuffer(stored, np.int64, 1)[0])
    return frozenset(np.frombuffer(stored, np.int64, n, 8).tolist()), stored[8 * (n + 1) :]


def _entry(code: bytes, machine_: Any) -> Run:
    engine = build.load_object(code, machine_)
    shape = ctypes.CFUNCTYPE(ctypes.c_int64, *([ctypes.c_int64] * 3))
    return shape(engine.get_function_address("run"))


@dataclass(slots=True)
class Watch:
    """Watches what a parser's interpreter does, and says when there is better code for it."""

    program: Program
    covered: frozenset[int] = frozenset()
    lines: int = 0
    bytes: int = 0
    due: int = 0
    compiled: int = 0
    group: int = 0

    def seen(self, lines: int, n: int, hits: npt.NDArray[np.int64]) -> Run | None:
        """Count a piece of `lines` lines and n bytes in; straight code, if it is time to change to it.

        `hits` (rows,) int64: how often the interpreter came by each row since this was last considered; it is set to 0
        when it is.
        """
        self.due = self.due or LOOK_AFTER
        self.lines += lines
        self.bytes += n
        if self.bytes < self.due:
            return None
        first = self.due == LOOK_AFTER
        self.group = group_of(self.program, hits) if first else self.group
        wanted = often(hits, self.lines) - self.covered
        worth = int(hits[list(wanted)].sum()) > WORTH * self.lines
        found = None
        if worth and (first or self.compiled < MOST_TIMES):
            found = find(self.program, self.covered | wanted, self.group, compile_it=not first)
            self.compiled += not first
        self.due = COMPILE_AFTER if first else self.bytes + COMPILE_AFTER
        self.lines = 0
        hits.fill(0)
        if found is None or found[0] == self.covered:
            return None
        self.covered = found[0]
        return found[1]
