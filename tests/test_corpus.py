"""Proves the formats on real lines: the shared corpus, where it lies beside the repository."""

from __future__ import annotations

import pytest

from mailripple.formats.load import load_formats
from tests import corpus

pytestmark = pytest.mark.skipif(not corpus.CORPUS.exists(), reason=f"no corpus at {corpus.CORPUS}")


@pytest.mark.parametrize("software", corpus.SOFTWARE)
def test_every_labelled_line_is_right(software: str) -> None:
    """Each labelled field of the four first softwares is read as its label says, known wrong labels apart."""
    score = corpus.score(load_formats(), software)
    assert score.wrong == []
    assert score.right == score.labelled > 0


@pytest.mark.parametrize("software", corpus.SOFTWARE)
def test_every_line_is_named(software: str) -> None:
    """No line of the four softwares fits nothing."""
    assert corpus.score(load_formats(), software).rejects == []


def test_other_programs_give_no_event() -> None:
    """Lines of other programs in the same log are passed over."""
    assert corpus.noise_events(load_formats()) == []


def test_no_sample_is_a_line_of_the_corpus() -> None:
    """The samples that are shipped are of our own making."""
    lines = {record["line"] for record in corpus.corpus()}
    shipped = {sample.line for pattern in load_formats().patterns for sample in pattern.samples}
    assert shipped & lines == set()
