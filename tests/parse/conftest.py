"""Fixtures of the parsing tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

from mailripple.formats.load import FormatSet, load_formats
from mailripple.parse import addresses, clock, elements, emit, keys, machine, objects, pick, rows, text
from mailripple.parse.build import Kernels
from tests.parse import probes as building_blocks
from tests.parse.compare import Comparison

# A shared machine may be slow; `--hypothesis-profile long` tries harder.
settings.register_profile("default-without-deadline", deadline=None)
settings.register_profile("long", deadline=None, max_examples=3000)
settings.load_profile("default-without-deadline")


@pytest.fixture(scope="session")
def formats() -> FormatSet:
    """The formats of the package."""
    return load_formats()


@pytest.fixture(scope="session")
def comparison(formats: FormatSet) -> Comparison:
    """Kernel and reference over the formats of the package."""
    return Comparison(formats)


@pytest.fixture(scope="session")
def probes() -> Kernels:
    """The kernel's building blocks as functions."""
    return Kernels([text, addresses, clock, emit, objects, rows, elements, pick, keys, machine, building_blocks])
