"""Fixtures of the parsing tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# So that `from tests.parse...` works for a bare `pytest` too (`python -m pytest` has the checkout on its path).
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mailripple.formats.load import FormatSet, load_formats
from tests.parse.compare import Comparison


@pytest.fixture(scope="session")
def formats() -> FormatSet:
    """The formats of the package."""
    return load_formats()


@pytest.fixture(scope="session")
def comparison(formats: FormatSet) -> Comparison:
    """Kernel and reference over the formats of the package."""
    return Comparison(formats)
