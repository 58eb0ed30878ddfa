"""The compiled formats, kept between runs: reading some hundred patterns from TOML takes longer than a small report."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from mailripple import __version__
from mailripple.formats.load import FormatSet, bundled
from mailripple.parse.cache import cache_directory
from mailripple.parse.compile import PatternName, Program, compile_formats

_HERE = Path(__file__).parent
#: Whatever a compiled program depends on besides the format files.
_SOURCES = (
    _HERE / "compile.py",
    _HERE / "layout.py",
    _HERE.parent / "tables.py",
    _HERE.parent / "formats" / "language.py",
    _HERE.parent / "formats" / "load.py",
)


class _Stored(msgspec.Struct, array_like=True):
    ops: bytes
    literals: bytes
    switch: bytes
    programs: dict[str, int]
    patterns: list[tuple[str, str, str]]


def cached_program(folders: Sequence[Path], only: str, make: Callable[[], FormatSet]) -> Program:
    """The program of the bundled formats and those of `folders`; `only` names the one format used, "" for all."""
    directory = cache_directory()
    if directory is None:
        return compile_formats(make())
    path = directory / f"formats-{_digest(folders, only)}.bin"
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            return _program(msgspec.msgpack.decode(content[32:], type=_Stored))
    except (OSError, msgspec.MsgspecError):
        pass
    program = compile_formats(make())
    _keep(path, program)
    return program


def _digest(folders: Sequence[Path], only: str) -> str:
    total = hashlib.sha256(f"{__version__} {only}".encode())
    for path in _SOURCES:
        total.update(path.read_bytes())
    for name, _, text in bundled():
        total.update(name.encode() + b"\0" + text.encode())
    for folder in folders:
        for path in sorted(folder.glob("**/*.toml")):
            total.update(str(path).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:24]


def _program(stored: _Stored) -> Program:
    ops = np.frombuffer(stored.ops, np.int64).reshape(-1, 6).copy()
    switch = np.frombuffer(stored.switch, np.int64).copy()
    patterns = tuple(PatternName(*p) for p in stored.patterns)
    return Program(ops, stored.literals, switch, stored.programs, patterns)


def _keep(path: Path, program: Program) -> None:
    """Write whole or not at all: another process may be reading."""
    stored = _Stored(
        program.ops.tobytes(),
        program.literals,
        program.switch.tobytes(),
        program.programs,
        [(p.format, p.name, p.kind) for p in program.patterns],
    )
    content = msgspec.msgpack.encode(stored)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as out:
            out.write(hashlib.sha256(content).digest() + content)
        os.replace(out.name, path)
    except OSError:
        return
