"""Figures 1 and 2 as the paper drew them: six files, the same bytes each time, and clear errors."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mailripple.errors import InputError, UsageError
from mailripple.outputs import paper
from mailripple.outputs.summary import Series, Summary
from tests.outputs.page.sample import sample


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return sample(tmp_path_factory.mktemp("logs"))


def test_both_figures_in_three_kinds(summary: Summary, tmp_path: Path) -> None:
    """PNG, SVG and PDF of both, readable by their owner only, and the same bytes twice."""
    pytest.importorskip("matplotlib")
    names = paper.write_figures(summary, str(tmp_path / "a"))
    assert sorted(Path(n).name for n in names) == sorted(f"figure{i}.{k}" for i in (1, 2) for k in paper.KINDS)
    paper.write_figures(summary, str(tmp_path / "b"))
    for name in names:
        path = Path(name)
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a" / "figure1.png").read_bytes()[:4] == b"\x89PNG"


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named before any log is read."""
    monkeypatch.setattr(paper, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="cannot draw"):
        paper.require_matplotlib()


def test_logs_with_none_of_the_curves(summary: Summary, tmp_path: Path) -> None:
    """Nothing to draw is an error, not an empty picture."""
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match="no figure"):
        paper.write_figures(dataclasses.replace(summary, series=Series(0, 60, {})), str(tmp_path))
