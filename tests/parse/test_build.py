"""Proves that kernels are compiled once, run anywhere, and that nothing but our own whole code is ever loaded."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import mailripple
from mailripple.models import lookups_kernel
from mailripple.parse import build
from mailripple.parse.build import Kernels, digest
from tests.parse import small

NOBODY = 65534
ROOT = os.getuid() == 0
TINY = """
from mailripple.parse.native import entry

@entry
def twice(a: int) -> int:
    return 2 * a
"""
#: What the other process does: everything that is imported late is imported first, for another user may not be able
#: to read this user's Python.
SCRIPT = """
import json, os, sys, tempfile
package, here, user = sys.argv[1:]
sys.path[:0] = [package, here]
import tiny
from mailripple.parse import build, cache
build.compile_modules([tiny], build.target_machine())
tempfile.tempdir = None
if user:
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
made, compile_modules = [], build.compile_modules
build.compile_modules = lambda *given: made.append(1) or compile_modules(*given)
value = build.Kernels([tiny]).twice(21)
print(json.dumps({"value": value, "made": len(made), "directory": str(cache.cache_directory()), "file": build.__file__}))
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("MAILRIPPLE_CACHE_DIR", str(directory))
    return directory


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever something is compiled."""
    count: list[int] = []
    real = build.compile_modules

    def counted(*given: Any) -> bytes:
        count.append(1)
        return real(*given)

    monkeypatch.setattr(build, "compile_modules", counted)
    return count


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can enter, with the module `tiny` and a directory for temporary files."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    (path / "tiny.py").write_text(TINY)
    (path / "tmp").mkdir()
    (path / "tmp").chmod(0o1777)
    yield path
    shutil.rmtree(path)


def started(place: Path, user: int | None = None, package: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Another process that compiles `tiny` and calls it, as another user if root may choose one."""
    source = package or Path(mailripple.__file__).parents[1]
    who = str(user) if user is not None and ROOT else ""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(source), str(place), who],
        env={"TMPDIR": str(place / "tmp"), **environment},
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the process said."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    assert found["value"] == 42
    return found


def test_the_second_time_nothing_is_compiled(cache: Path, made: list[int]) -> None:
    """Code is kept, and the kept code gives the same."""
    first, second = Kernels([small]), Kernels([small])
    assert made == [1]
    assert first.add(2, 3) == second.add(2, 3) == 5
    assert [p.name for p in cache.iterdir()] == [f"kernels-{digest([small])}.o"]


@pytest.mark.parametrize("damage", ["empty", "cut", "longer", "altered", "other sum", "directory"])
def test_a_damaged_cache_is_built_anew(cache: Path, made: list[int], damage: str) -> None:
    """Code that is not whole is not loaded; the next run finds it mended."""
    Kernels([small])
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    wrong = {
        "empty": b"",
        "cut": whole[:-1],
        "longer": whole + b"\0",
        "altered": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "other sum": bytes(32) + whole[32:],
    }
    if damage == "directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(wrong[damage])
    assert Kernels([small]).add(2, 3) == 5
    assert made == [1, 1]
    if damage != "directory":
        assert path.read_bytes() == whole
        Kernels([small])
        assert made == [1, 1]
    assert len(list(cache.iterdir())) == 1


def test_a_full_disk_leaves_nothing_behind(cache: Path, made: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the code cannot be kept the kernels run all the same, and no part of a file stays."""

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert Kernels([small]).add(2, 3) == 5
    assert list(cache.iterdir()) == []


def test_another_source_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the kept code changes with the source of the kernels."""
    before = digest([small])
    copy = tmp_path / "small.py"
    copy.write_text(Path(small.__file__).read_text() + "\n# changed\n")
    monkeypatch.setattr(small, "__file__", str(copy))
    assert digest([small]) != before


def test_another_constant_is_another_code() -> None:
    """What kernels import is part of what their code is made of: tables of numbers in other modules, and what these import."""
    found = {path.name for path in build.sources_of([lookups_kernel])}
    assert {"lookups_kernel.py", "gaps.py", "logs.py", "sums_kernel.py", "messages_tables.py", "text.py"} <= found
    assert "cli.py" not in found


def test_no_home(place: Path) -> None:
    """Without HOME the code is kept in the user's own directory among the temporary files, for that user alone."""
    found = told(started(place))
    directory = Path(found["directory"])
    assert directory == place / "tmp" / f"mailripple-{os.getuid()}"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert told(started(place))["made"] == 0


def test_a_read_only_home(place: Path) -> None:
    """A home that cannot be written is no obstacle."""
    home = place / "home"
    home.mkdir(mode=0o555)
    found = told(started(place, NOBODY, HOME=str(home)))
    user = NOBODY if ROOT else os.getuid()
    assert found["directory"] == str(place / "tmp" / f"mailripple-{user}")
    assert list(home.iterdir()) == []


@pytest.mark.skipif(not ROOT, reason="needs root to be two users")
def test_two_users_never_share(place: Path) -> None:
    """Two users compile each for themselves, even where the cache directory of one is named to the other."""
    mine = told(started(place))
    theirs = told(started(place, NOBODY))
    assert mine["directory"] != theirs["directory"]
    assert (mine["made"], theirs["made"]) == (1, 1)
    stolen = told(started(place, NOBODY, MAILRIPPLE_CACHE_DIR=mine["directory"]))
    assert stolen["directory"] == theirs["directory"]
    trap = told(started(place, MAILRIPPLE_CACHE_DIR=theirs["directory"]))
    assert trap["directory"] == mine["directory"]


@pytest.mark.skipif(not ROOT, reason="needs root to take the directory of another user")
def test_a_squatted_directory_is_not_used(place: Path) -> None:
    """If somebody else made `mailripple-UID` first, nothing is read from it and nothing kept: the run compiles."""
    squatted = place / "tmp" / f"mailripple-{NOBODY}"
    squatted.mkdir(mode=0o777)
    found = told(started(place, NOBODY))
    assert (found["directory"], found["made"]) == ("None", 1)
    assert list(squatted.iterdir()) == []


def test_concurrent_first_runs(place: Path) -> None:
    """Processes that start at once all work, and leave one whole file."""
    processes = [started(place) for _ in range(4)]
    assert all(told(p)["made"] <= 1 for p in processes)
    directory = place / "tmp" / f"mailripple-{os.getuid()}"
    assert len(list(directory.iterdir())) == 1
    assert told(started(place))["made"] == 0


def test_a_read_only_installation(place: Path) -> None:
    """A package that its user cannot write works, and nothing is written into it."""
    package = place / "lib"
    shutil.copytree(Path(mailripple.__file__).parent, package / "mailripple", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [package, *package.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(p for p in package.rglob("*") if p.suffix != ".pyc" and p.name != "__pycache__")
    found = told(started(place, NOBODY, package, PYTHONDONTWRITEBYTECODE="1", HOME="/nonexistent"))
    assert found["file"].startswith(str(package))
    assert found["directory"].startswith(str(place / "tmp"))
    assert sorted(package.rglob("*")) == before
    for path in [package, *package.rglob("*")]:
        path.chmod(0o755)


def test_threads_that_ask_at_a_time_get_the_same_kernels() -> None:
    """Two lanes begin together: the code is compiled once, and both wait for it."""
    calls: list[int] = []

    @build.once
    def slow() -> Kernels:
        calls.append(1)
        time.sleep(0.05)
        return Kernels([small])

    with ThreadPoolExecutor(4) as workers:
        found = list(workers.map(lambda _: slow(), range(4)))
    assert len(calls) == 1
    assert all(kernels is found[0] for kernels in found)
