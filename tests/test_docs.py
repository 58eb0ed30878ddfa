"""What the program can do stands in its documentation, under the names that it really has."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest

from mailripple.cli import cli
from mailripple.counts import METRIC_NAMES
from mailripple.formats import load_formats

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def docs() -> str:
    """All pages for users, as one text."""
    return "\n".join(p.read_text(encoding="utf-8") for p in PAGES)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_told(docs: str, name: str) -> None:
    """README and docs name each command, and each long option of it."""
    assert f"mailripple {name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"mailripple {name}" in docs
    for parameter in cli.commands[name].params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert option in docs, option


def test_no_command_is_told_that_is_not(docs: str) -> None:
    """What README and docs show as a command exists."""
    shown = set(re.findall(r"(?:`|^ {4,}(?:\S*/)?)mailripple ([a-z][a-z-]+)", docs, re.MULTILINE))
    assert shown <= set(cli.commands)


def test_every_metric_is_told(docs: str) -> None:
    """Each metric of a report stands in the reference."""
    assert [name for name in (*METRIC_NAMES, "mail.failed", "D_q") if f"`{name}`" not in docs] == []


def test_every_format_is_told(docs: str) -> None:
    """Each format stands in the reference by its id."""
    formats = load_formats()
    assert [f.id for f in (*formats.envelopes, *formats.messages) if f"`{f.id}`" not in docs] == []


def test_the_made_pages_are_those_of_the_code() -> None:
    """docs/reference.md and formats-list.md are what docs/generate.py makes of this code; headings are headings."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert text == generate.reference(), "run `python docs/generate.py`"
    assert not re.search(r"^#+[^# \n]", text, re.MULTILINE)
    assert (ROOT / "docs" / "formats-list.md").read_text(encoding="utf-8") == generate.formats_list(), "run `python docs/generate.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of the project names one that is there."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
