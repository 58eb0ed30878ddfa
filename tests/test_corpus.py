"""Proves the formats on real lines: the shared corpus, where it lies beside the repository."""

from __future__ import annotations

import pytest

from mailripple.formats.load import load_formats
from tests import corpus

pytestmark = pytest.mark.skipif(not corpus.CORPUS.exists(), reason=f"no corpus at {corpus.CORPUS}")


@pytest.mark.parametrize("software", corpus.SOFTWARE)
def test_the_labelled_fields_are_right(software: str) -> None:
    """98 % of the labelled fields of each supported software are read as their label says, known wrong labels apart."""
    found = corpus.score(load_formats(), software)
    assert found.share >= corpus.GOAL_EACH, found.wrong


@pytest.mark.parametrize("software", corpus.SOFTWARE)
def test_every_line_is_named(software: str) -> None:
    """No line of a supported software fits nothing, free text apart."""
    found = corpus.score(load_formats(), software)
    assert len(found.rejects) <= corpus.FREE_TEXT.get(software, 0) * found.lines, found.rejects


def test_no_line_is_too_much() -> None:
    """Each line of the corpus has an outcome, also those that nothing is claimed of."""
    formats = load_formats()
    assert all(corpus.read(formats, record).what for record in corpus.corpus())


def test_a_wrong_label_says_why() -> None:
    """Each label that is passed over belongs to a line of the corpus, and has a reason."""
    labels = {corpus.line_hash(r["line"]): r["expected"] or {} for r in corpus.corpus()}
    for line, fields in corpus.wrong_labels().items():
        assert all(name in ("line", *labels[line]) and len(why) > 20 for name, why in fields.items()), line


def test_other_programs_give_no_event() -> None:
    """Lines of other programs in the same log are passed over."""
    assert corpus.noise_events(load_formats()) == []


def test_no_sample_is_a_line_of_the_corpus() -> None:
    """The samples that are shipped are of our own making."""
    lines = {record["line"] for record in corpus.corpus()}
    shipped = {sample.line for pattern in load_formats().patterns for sample in pattern.samples}
    assert shipped & lines == set()
