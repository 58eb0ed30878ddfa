"""The rules of the house (DESIGN, sections 2 and 3), as far as a machine can see them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "mailripple"
TESTS = ROOT / "tests"
FILES = sorted([*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")])
#: Rooms between parsing and attributing: they read no file, no clock, no environment, no network (law 7).
INNER = [p for p in sorted(PACKAGE.rglob("*.py")) if p.relative_to(PACKAGE).parts[0].split(".")[0] in {
    "parse", "formats", "messages", "messages_kernel", "messages_tables", "counts", "counts_kernel", "cells_kernel", "tally", "tables", "models", "detectors", "incidents",
}]  # fmt: skip
#: Where the outside is met on purpose, and why.
DOORS = {
    "parse/cache.py": "where the cache of machine code may lie",
    "parse/build.py": "the cache of machine code",
    "parse/compiled.py": "the cache of compiled formats",
    "parse/zone.py": "the machine's zone, asked for by the command line",
    "parse/events.py": "the seed of the keys, drawn by the run",
    "formats/load.py": "format files",
    "counts.py": "cells beyond the budget",
}
OUTSIDE = re.compile(
    r"^(open|input|print|exec|eval|os\.(environ|getenv|urandom|open|replace|unlink|stat|path\.realpath)|time\.\w+|random\.\w+|socket\.\w+"
    r"|tempfile\.\w+|dt\.(datetime|date)\.(now|today|utcnow)|datetime\.(now|today|utcnow))$"
)
FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob", "unlink", "mkdir", "exists", "is_file"}
#: Modules that another's test proves.
PROVED_BY = {
    "counts_kernel": "test_counts",
    "cells_kernel": "test_counts",
    "asked_kernel": "test_counts",
    "parse/choose_kernel": "test_choose",
    "parse/elements": "test_machine",
    "parse/keys": "test_machine",
    "parse/vectors": "test_native",
    "attempts_kernel": "test_attempts",
    "messages_kernel": "test_messages",
    "slots_kernel": "test_slots",
    "messages_tables": "test_messages",
    "models/senders_kernel": "test_senders",
    "models/askers_kernel": "test_askers",
    "models/lookups_kernel": "test_lookups",
    "models/sums_kernel": "test_senders",
    "simulate/bulk_dns": "test_bulk",
    "simulate/bulk_mail": "test_bulk",
    "simulate/bulk_pop": "test_bulk",
    "simulate/timeline": "test_bulk",
    "simulate/campus": "test_records",
    "simulate/columns": "test_records",
    "simulate/day": "test_records",
    "simulate/attempts": "test_records",
    "simulate/lookups": "test_records",
    "simulate/truth": "test_write",
    "simulate/stamps": "test_write",
    "simulate/text_sendmail": "test_write",
    "simulate/text_qpopper": "test_write",
    "simulate/text_bind": "test_write",
    "simulate/world": "test_bulk",
    "simulate/site/tables": "test_generate",
    "simulate/site/attacks": "test_generate",
    "simulate/site/benign": "test_generate",
    "simulate/site/contacts": "test_generate",
    "simulate/site/drafts": "test_generate",
    "simulate/site/network": "test_generate",
    "simulate/site/ordinary": "test_generate",
    "simulate/site/resolver": "test_generate",
    "simulate/site/counted": "test_write",
    "simulate/site/journal": "test_logged",
    "simulate/site/sorts": "test_logged",
    "simulate/site/text/bind": "test_lines",
    "simulate/site/text/dnsmasq": "test_lines",
    "simulate/site/text/dovecot": "test_lines",
    "simulate/site/text/exim": "test_lines",
    "simulate/site/text/postfix": "test_lines",
    "simulate/site/text/questions": "test_lines",
    "simulate/site/text/sendmail": "test_lines",
    "simulate/site/text/unbound": "test_lines",
    "parse/layout": "test_events",
    "evaluate/grid": "test_page",
    "evaluate/measure": "test_page",
    "evaluate/tables": "test_page",
    "evaluate/ours": "test_week",
    "evaluate/windows": "test_peers",
    "models/evidence": "test_study",
    "models/words": "test_study",
    "models/traffic": "test_study",
    "models/claims": "test_study",
    "parse/frames": "../sources/test_packets",
    "parse/naive_addresses": "test_naive",
    "parse/naive_packets": "../sources/test_packets",
    "parse/packets": "../sources/test_packets",
    "parse/questions": "../sources/test_packets",
    "parse/taps": "../sources/test_packets",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_files_are_short() -> None:
    """A file has at most 500 lines."""
    assert {name_of(p): n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 500} == {}


def test_functions_are_short() -> None:
    """A function has at most 60 lines."""
    long = {f"{name_of(p)}:{f.name}": n for p in FILES for f in functions(p) if (n := (f.end_lineno or 0) - f.lineno + 1) > 60}
    assert long == {}


def test_every_module_has_its_test() -> None:
    """tests/ mirrors src/: each module has a test file of its name, or one that is named here."""
    missing = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("")
        if module.name.startswith("__"):
            continue
        wanted = TESTS / module.parent / f"{PROVED_BY.get(str(module), f'test_{module.name}')}.py"
        if not wanted.exists():
            missing.append(str(module))
    assert missing == []


def test_names_say_something() -> None:
    """Nothing is called Helper, Util, Manager or Handler."""
    vague = re.compile(r"helper|utils?$|_util|manager|handler", re.IGNORECASE)
    found = []
    for path in FILES:
        names = [path.stem]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.append(node.name)
        found += [f"{name_of(path)}: {name}" for name in names if vague.search(name)]
    assert found == []


def test_every_test_says_its_fact() -> None:
    """Each test has a docstring that is a sentence."""
    silent = []
    for path in sorted(TESTS.rglob("test_*.py")):
        for function in functions(path):
            text = ast.get_docstring(function) or ""
            if function.name.startswith("test_") and not text.rstrip().endswith((".", "!", "`", ")")):
                silent.append(f"{name_of(path)}: {function.name}")
    assert silent == []


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


@pytest.mark.parametrize("path", INNER, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_inner_rooms_have_no_windows(path: Path) -> None:
    """Between parse and incidents nothing reads a file, the clock, the environment or the network (law 7)."""
    where = str(path.relative_to(PACKAGE))
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute | ast.Name) and OUTSIDE.match(dotted(node)):
            used.add(dotted(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FILE_METHODS:
            used.add(node.func.attr)
    assert where in DOORS or used == set(), f"{where} uses {sorted(used)}"


def test_every_door_is_needed() -> None:
    """The list of exceptions has no module that is gone."""
    gone = [name for name in DOORS if not (PACKAGE / name).exists()]
    assert gone in ([], ["parse/compiled.py"])
