"""One description, two readings: the parser finds in the text of a Site the Events that the Site gives without text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from mailripple.config import ReadOptions
from mailripple.parse import layout as L
from mailripple.parse.events import Parser
from mailripple.parse.timemap import TimeMap, resolve
from mailripple.parse.zone import zone
from mailripple.run import program_for
from mailripple.simulate.columns import Ints
from mailripple.simulate.site import events
from mailripple.simulate.site.sorts import log_text
from mailripple.simulate.site.tables import Site
from tests.simulate.site.small import small_site

SEED = 7
#: The number of the pattern, and the place of the recipients in a side table that nobody reads later.
KEPT = {"code": 0xFFFFFFFF, "count": ~((1 << 40) - 1)}


def parsed(parser: Parser, text: bytes, site: Site, name: str) -> Ints:
    """All events of the text, with UTC times; no line may be a reject."""
    parser.base(name)
    buffer = np.frombuffer(text + bytes(64), np.uint8)
    clock = TimeMap(site.start // 1000, year=2026) if False else _clock(site)
    found = []
    for piece in parser.parse(buffer.ctypes.data, len(text)):
        assert piece.tally.rejected == 0
        columns = piece.events.columns.copy()
        clock = resolve(clock, columns, zone(site.zone.key))
        found.append(columns)
    return np.concatenate(found, axis=1)
