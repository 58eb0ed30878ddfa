"""Proves that a scenario's file is honoured, and that a mistake in it is told by file and name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailripple.errors import UsageError
from mailripple.simulate.site.scene import load_scene, site_scene
from tests.command import call

HEAD = 'id = "mine"\ntitle = "mine"\n'


def test_a_file_says_what_is_different(tmp_path: Path) -> None:
    """What a file does not say is as in campus-quiet; what it says counts."""
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + "days = 2\n[people]\npcs = 30\n[draw]\nmessages = [3.0, 3.0]\n")
    scene, base = load_scene(path), site_scene("campus-quiet")
    assert (scene.days, scene.people["pcs"], scene.draw["messages"]) == (2, 30, (3.0, 3.0))
    assert scene.people["accounts"] == base.people["accounts"]
    assert scene.draw | {"messages": base.draw["messages"]} == base.draw


def test_a_file_is_simulated(tmp_path: Path) -> None:
    """`simulate FILE` writes its campus, rotated as it asks, and says how to read it."""
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + "days = 2\n[people]\npcs = 30\n[logs]\nrotate = true\n")
    outcome = call("simulate", path, "--out", tmp_path / "out", "--dns", "unbound")
    assert outcome.code == 0, outcome.err
    truth = json.loads((tmp_path / "out" / "truth.json").read_text())
    assert truth["scenario"] == "mine"
    assert sorted(truth["lines"]) == ["mail.log", "mail.log-20260303.gz", "queries.log", "queries.log-20260303.gz"]
    assert "mail.log*" in outcome.out


@pytest.mark.parametrize(("text", "said"), [
    ("foo = 1\n", "a scenario has no 'foo'"),
    ("[draw]\nfoo = [1, 2]\n", "[draw] has no 'foo'"),
    ("[logs]\nfoo = 1\n", "a scenario has no 'foo'"),
    ("days = 'x'\n", "Expected `int`, got `str` - at `$.days`"),
    ("[draw]\nmessages = [1]\n", "array` of length 2"),
    ("[[attacks]]\npath = 'rocket'\nrate = 1\nstart_hour = 1\n", "'rocket'"),
    ("[[attacks]]\npath = 'relay'\nrate = 1\nstart_hour = 1\nspeed = 3\n", "'speed'"),
    ("zone = 'Moon/Sea'\n", "Moon/Sea"),
    ("x =\n", "cannot be read"),
])  # fmt: skip
def test_a_mistake_is_told(tmp_path: Path, text: str, said: str) -> None:
    """The message names the file and what is wrong in it; nothing is written."""
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text)
    outcome = call("simulate", path, "--out", tmp_path / "out", "--days", "1", "--clients", "10")
    assert outcome.code == 2
    assert said in outcome.err
    assert "mine" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_missing_file(tmp_path: Path) -> None:
    """A path that leads nowhere is no scenario."""
    with pytest.raises(UsageError, match="cannot be read"):
        site_scene(str(tmp_path / "none.toml"))
