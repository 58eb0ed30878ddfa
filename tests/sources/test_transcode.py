"""Proves that text in UTF-16 is read as the same text in UTF-8, line by line and byte by byte."""

from __future__ import annotations

import codecs
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.sources import BufferPool, ChunkReader, Source
from mailripple.sources.raw import RawStream
from mailripple.sources.transcode import TextStream, encoding_of

TEXT = "10/27/2024 1:17:13 AM 0D48 PACKET  (3)www(0)\r\nzweite Zeile: \u00e4\u20ac\U0001f600\r\n"
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE, "utf-8": codecs.BOM_UTF8}


def read(data: bytes, step: int = 7) -> bytes:
    """All that comes out, read in small steps."""
    stream, out = TextStream(RawStream(io.BytesIO(data), "x")), b""
    room = memoryview(bytearray(step))
    while got := stream.readinto(room):
        out += bytes(room[:got])
    return out


@pytest.mark.parametrize("name", MARKS)
@given(text=st.text(st.characters(exclude_categories=["Cs"])), step=st.integers(1, 200))
def test_a_marked_text_comes_out_as_utf8(name: str, text: str, step: int) -> None:
    """Any text with a mark gives its UTF-8 without the mark, whatever the steps."""
    assert read(MARKS[name] + text.encode(name), step) == text.encode()


@given(data=st.binary(max_size=300), step=st.integers(1, 200))
def test_other_bytes_pass_as_they_are(data: bytes, step: int) -> None:
    """What has no mark and does not look like UTF-16 is left alone."""
    if encoding_of(data[:64]) == ("", 0):
        assert read(data, step) == data


def test_ascii_in_utf16_without_a_mark() -> None:
    """The later part of a log that was cut has no mark."""
    assert read(TEXT.encode("utf-16-le")) == read(TEXT.encode("utf-16-be")) == TEXT.encode()
    assert encoding_of(b"a\0b\0") == ("", 0)


def test_half_a_character_at_the_end() -> None:
    """A file that is cut within a character loses that character only."""
    assert read(codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le") + b"x") == TEXT.encode() + "\ufffd".encode()


def test_lines_and_offsets_are_those_of_the_utf8_text(tmp_path: Path) -> None:
    """Chunks of a packed UTF-16 file are the chunks of the same file in UTF-8."""
    found = []
    for name, data in (("a", (200 * TEXT).encode()), ("b", gzip.compress(codecs.BOM_UTF16_LE + (200 * TEXT).encode("utf-16-le")))):
        path = tmp_path / name
        path.write_bytes(data)
        reader = ChunkReader(Source(name, path, len(data), 0.0, "plain"), 0, BufferPool(), size=3000)
        found.append([(chunk.offset, chunk.text()) for chunk in reader])
    assert found[0] == found[1]
    assert len(found[0]) > 2
