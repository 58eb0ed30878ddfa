"""Lines can be read again by their numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from mailripple.sources import BufferPool, ChunkReader, Landmarks, Source, discover, lines_again


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


@pytest.mark.parametrize("packed", ["plain", "gz", "mark", "utf-16"])
def test_landmarks_change_nothing(packed: str, tmp_path: Path) -> None:
    """With landmarks the same lines come back as by counting from the first, in a text that is plain, packed, has a
    mark in front, or is UTF-16."""
    lines = [b"line %d %s" % (n, b"x" * (n % 211)) for n in range(1, 20_000)]
    lines[7_000] = b"y" * 3_000_000
    text = b"\n".join(lines) + b"\n"
    content = {
        "plain": text,
        "gz": gzip.compress(text, 1),
        "mark": b"\xef\xbb\xbf" + text,
        "utf-16": text.decode().encode("utf-16"),
    }[packed]
    (tmp_path / "a").write_bytes(content)
    source = discover([str(tmp_path / "a")])[0][0]
    marks, before = Landmarks(), 0
    with ChunkReader(source, 0, BufferPool(), size=100_000) as reader:
        for chunk in reader:
            part = chunk.text()
            places = [0, *(i + 1 for i, c in enumerate(part) if c == 10)][:-1]
            marks.add(np.array([n << 32 | at for n, at in enumerate(places)]), before, chunk.offset)
            before += len(places)
            chunk.release()
    wanted = [1, 2, 256, 257, 5_000, 7_000, 7_002, 7_003, 19_998, 19_999, 20_000]
    got = lines_again(source, wanted, marks)
    assert got == lines_again(source, wanted)
    assert got == {n: lines[n - 1] for n in wanted if n < 20_000}
