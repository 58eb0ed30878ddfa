"""How the tests of this room read logs."""

from __future__ import annotations

from mailripple.config import ReadOptions

READING = ReadOptions("Europe/Berlin", 1_790_000_000_000_000, seed=5)
