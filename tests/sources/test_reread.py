"""Lines can be read again by their numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

from mailripple.sources import Source, discover, lines_again


def test_lines_come_back_by_number(tmp_path: Path) -> None:
    """Plain and packed files, the first and the last line, the last without an end."""
    text = b"".join(b"line %d\r\n" % n for n in range(1, 300_000)) + b"the end"
    (tmp_path / "a").write_bytes(text)
    (tmp_path / "b.gz").write_bytes(gzip.compress(text, 1))
    for name in ("a", "b.gz"):
        (source,) = discover([str(tmp_path / name)])[0]
        assert lines_again(source, [300_000, 1, 200_001, 400_000]) == {1: b"line 1", 200_001: b"line 200001", 300_000: b"the end"}


def test_what_cannot_be_read_again_has_no_lines(tmp_path: Path) -> None:
    """Standard input and a file that has gone give none."""
    assert lines_again(Source("-", None, 0, None, "plain"), [1]) == {}
    assert lines_again(Source("x", tmp_path / "gone", 0, None, "plain"), [1]) == {}
