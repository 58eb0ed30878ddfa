"""What the tests of the whole line share."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

# So that `from tests...` works for a bare `pytest` too (`python -m pytest` has the checkout on its path).
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# A test says a fact, not how long it takes: on a busy machine one example may take seconds.
settings.register_profile("facts", deadline=None)
settings.load_profile("facts")
