"""Proves that chunks hold every line of the input, whole, once, with true offsets, whatever the input is."""

from __future__ import annotations

import bz2
import codecs
import errno
import gzip
import io
import os
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.errors import InputError
from mailripple.sources import CHUNK, MAX_LINE, PAD, BufferPool, Chunk, ChunkReader, Source, discover, head
from mailripple.sources.codec import SNIFF, sniff
from mailripple.sources.packets import kind_of

STDIN = Source("-", None, 0, None, "plain")


def reader(data: bytes, pool: BufferPool | None = None, **more: Any) -> ChunkReader:
    """A reader over bytes."""
    return ChunkReader(STDIN, 3, pool or BufferPool(), stream=io.BytesIO(data), **more)


def expected(data: bytes, max_line: int) -> list[tuple[int, bytes]]:
    """The rule, written down plainly: offset and text of each line to be delivered."""
    lines = []
    offset = 0
    for line in data.split(b"\n"):
        lines.append((offset, line[: max_line + 1] + b"\n"))
        offset += len(line) + 1
    if lines[-1][1] == b"\n":  # what follows the final newline is no line
        lines.pop()
    return lines


def lines_of(chunk: Chunk) -> list[tuple[int, bytes]]:
    """Offset and text of each line in a chunk."""
    lines = []
    offset = chunk.offset
    for line in chunk.text().split(b"\n")[:-1]:
        lines.append((offset, line + b"\n"))
        offset += len(line) + 1
    return lines


def check(data: bytes, size: int, max_line: int, **more: Any) -> list[Chunk]:
    """Reads `data` and checks all that must hold for any input; the chunks, not released."""
    source = reader(data, size=size, max_line=max_line, **more)
    chunks = list(source)
    assert [line for chunk in chunks for line in lines_of(chunk)] == expected(data, max_line)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        end = chunk.start + chunk.length
        assert chunk.source == 3
        assert chunk.text().endswith(b"\n")
        assert chunk.length <= size + max_line + 2
        assert chunk.start >= PAD
        assert not chunk.buffer[chunk.start - PAD : chunk.start].any()
        assert len(chunk.buffer[end : end + PAD]) == PAD
        assert not chunk.buffer[end : end + PAD].any()
    too_long = [len(line) - max_line - 1 for line in data.split(b"\n") if len(line) > max_line + 1]
    assert source.dropped == sum(too_long)
    assert source.bytes_read == source.bytes_in == len(data)
    assert source.damage is None
    return chunks


MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
texts = (
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(lambda byte, count: bytes([byte]) * count, st.integers(0, 255), st.integers(0, 400)),
            st.just(b"\n"),
        ),
        max_size=30,
    )
    .map(b"".join)
    .filter(lambda data: sniff(data[:SNIFF]) == "plain" and not kind_of(data) and not data.startswith(MARKS))
)  # Hypothesis does find the two bytes of gzip, the four of a capture, and the marks of UTF-8 and UTF-16


@settings(max_examples=400, deadline=None)
@given(data=texts, size=st.integers(1, 300), max_line=st.integers(1, 60))
def test_any_bytes_any_size(data: bytes, size: int, max_line: int) -> None:
    """For any bytes, chunk size and line limit every line comes once, cut as specified, at its true offset."""
    check(data, size, max_line)


class Dripping(io.BytesIO):
    """A stream that gives few bytes at a time."""

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(memoryview(buffer)[: 1 + self.tell() % 7])


@settings(max_examples=100, deadline=None)
@given(data=texts, size=st.integers(1, 300), max_line=st.integers(1, 60))
def test_short_reads_change_nothing(data: bytes, size: int, max_line: int) -> None:
    """The chunks do not depend on the pieces in which the operating system gives the bytes."""
    whole = [(c.offset, c.text()) for c in check(data, size, max_line)]
    source = ChunkReader(STDIN, 3, BufferPool(), size=size, max_line=max_line, stream=Dripping(data))
    lines = [line for chunk in source for line in lines_of(chunk)]
    assert b"".join(text for _, text in lines) == b"".join(text for _, text in whole)


@settings(max_examples=100, deadline=None)
@given(data=texts, size=st.integers(1, 300))
def test_buffers_used_again_leak_nothing(data: bytes, size: int) -> None:
    """A buffer full of stale text gives the same chunks, with clean padding."""
    pool = BufferPool()
    for _ in range(3):
        stale = pool.take()
        stale[PAD:-PAD] = ord("\n")
        pool.give(stale)
        for chunk in check(data, size, 20):
            chunk.release()


def test_default_size_on_real_files(tmp_path: Path) -> None:
    """Several chunks of the default size, from a plain and a packed file, add up to the text."""
    text = b"".join(b"line %d with some text to make it long enough for a log\n" % i for i in range(360_000))
    (tmp_path / "a.log").write_bytes(text)
    (tmp_path / "b.log").write_bytes(gzip.compress(text, 1))
    found, _ = discover([str(tmp_path)])
    for number, source in enumerate(found):
        chunks = list(ChunkReader(source, number, BufferPool()))
        assert len(chunks) == len(text) // CHUNK + 1
        assert b"".join(chunk.text() for chunk in chunks) == text
        assert {chunk.start for chunk in chunks} == {PAD}
        assert chunks[1].length <= CHUNK + MAX_LINE
        assert text[chunks[2].offset : chunks[3].offset] == chunks[2].text()


def test_empty_inputs_give_no_chunk() -> None:
    """Nothing in, nothing out: an empty stream and an archive of nothing have no chunk."""
    assert check(b"", 100, 10) == []
    assert list(reader(gzip.compress(b""))) == []


def test_final_newline() -> None:
    """A missing final newline is added, a present one adds no empty line, and an empty line stays."""
    assert [chunk.text() for chunk in check(b"a\nb", 100, 10)] == [b"a\nb\n"]
    assert [chunk.text() for chunk in check(b"a\nb\n", 100, 10)] == [b"a\nb\n"]
    assert [chunk.text() for chunk in check(b"a\n\n", 100, 10)] == [b"a\n\n"]
    assert [chunk.text() for chunk in check(b"a\nb\n", 2, 10)] == [b"a\n", b"b\n"]


def test_line_of_three_megabytes() -> None:
    """A line longer than any buffer is delivered cut, once, and the lines around it are whole."""
    data = b"before\n" + b"x" * 3_000_000 + b"\nafter\nlast\n"
    chunks = check(data, CHUNK, MAX_LINE)
    assert [chunk.length for chunk in chunks] == [7 + MAX_LINE + 2, 11]
    assert chunks[1].offset == 7 + 3_000_001


def test_endless_line_is_bounded_in_memory() -> None:
    """A stream of one endless line is read to its end in the memory of three buffers."""
    packed = bz2.compress(b"x" * (48 << 20))
    source = reader(packed)
    tracemalloc.start()
    chunks = list(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [chunk.length for chunk in chunks] == [MAX_LINE + 2]
    assert source.dropped == (48 << 20) - MAX_LINE - 1
    assert peak < 5 * CHUNK


@pytest.mark.parametrize("extra", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("end", [b"\n", b"", b"\nnext\n"])
def test_lines_about_the_limit(extra: int, end: bytes) -> None:
    """A line of up to MAX_LINE + 1 bytes is delivered as it is, one more byte is dropped."""
    check(b"a" * (MAX_LINE + extra) + end, CHUNK, MAX_LINE)
    check(b"short\n" * 9 + b"a" * (MAX_LINE + extra) + end, 100, MAX_LINE)


def test_over_long_line_within_a_chunk() -> None:
    """An over-long line is cut also where the whole of it lies in one chunk, so that the size changes nothing."""
    data = b"one\n" + b"x" * 200_000 + b"\ntwo\n" + b"y" * 100_000 + b"\nthree"
    assert [chunk.length for chunk in check(data, CHUNK, MAX_LINE)] == [4 + MAX_LINE + 2, 4 + MAX_LINE + 2, 6]


def test_any_byte_is_text() -> None:
    """NUL bytes, invalid UTF-8, carriage returns and random binary pass unchanged."""
    odd = b"\0\0\n\xff\xfe\x80 \xc3\x28\r\n\x85\x1c\x0b\x0c\n" + np.random.default_rng(5).bytes(300_000)
    check(odd, 5000, MAX_LINE)
    check(bytes(200_000), CHUNK, MAX_LINE)


def test_damage_reaches_the_caller() -> None:
    """The chunks of a damaged archive hold all that can be read, and the reader then tells the damage."""
    text = b"".join(b"line %d\n" % i for i in range(50_000))
    packed = gzip.compress(text)[:-3000]
    source = reader(packed, size=10_000)
    out = b"".join(chunk.text() for chunk in source)
    assert text.startswith(out[:-1])
    assert len(out) > len(text) // 2
    assert source.damage is not None
    assert source.damage.startswith("truncated gzip")
    assert source.bytes_in == len(packed)


class Failing(io.BytesIO):
    """A file whose disk fails at its end."""

    def readinto(self, buffer: Any, /) -> int:
        got = super().readinto(buffer)
        if not got:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return got


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_disk_error_comes_after_what_was_read(pack: Callable[[bytes], bytes]) -> None:
    """All lines before a disk error are delivered, from an archive too, then the InputError is raised."""
    text = b"".join(b"line %d\n" % i for i in range(50_000))
    packed = pack(text)[:-1000]
    texts: list[bytes] = []
    with pytest.raises(InputError):
        texts.extend(chunk.text() for chunk in ChunkReader(STDIN, 0, BufferPool(), stream=Failing(packed)))
    plain = packed if packed[:4] == text[:4] else zlib.decompressobj(31).decompress(packed)
    assert b"".join(texts).rstrip(b"\n") == plain.rstrip(b"\n")


def test_missing_file_is_told_when_reading_starts(tmp_path: Path) -> None:
    """A file that vanished after discovery is an InputError at the first chunk, not before."""
    source = ChunkReader(Source("gone", tmp_path / "gone", 1, 0.0, "plain"), 0, BufferPool())
    with pytest.raises(InputError):
        next(iter(source))


def test_release_is_idempotent() -> None:
    """A chunk released twice gives its buffer back once."""
    pool = BufferPool()
    (chunk,) = reader(b"a\n", pool)
    buffer = chunk.buffer
    free = {id(pool.take()) for _ in range(1)}  # the one that found the end of the stream
    chunk.release()
    chunk.release()
    first, second = pool.take(), pool.take()
    assert first is buffer
    assert second is not buffer
    assert id(buffer) not in free


def test_buffers_go_round() -> None:
    """A caller that releases each chunk needs no more than three buffers for any number of chunks."""
    pool = BufferPool()
    seen = set()
    kept = []  # so that no address is used again
    for chunk in reader(b"some text\n" * 5000, pool, size=100):
        seen.add(id(chunk.buffer))
        kept.append(chunk.buffer)
        chunk.release()
    assert len(kept) > 100
    assert len(seen) <= 3


def open_files() -> int:
    """How many files this process has open; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_stopping_early_gives_back_and_closes(tmp_path: Path) -> None:
    """A caller that stops in the middle leaves no buffer behind and no file open."""
    path = tmp_path / "a.log"
    path.write_bytes(b"some text\n" * 500)
    pool = BufferPool()
    before = open_files()
    with ChunkReader(discover([str(path)])[0][0], 0, pool, size=100) as source:
        chunks = iter(source)
        chunk = next(chunks)
        del chunks
        chunk.release()
    source.close()
    assert list(source) == []
    first, second = pool.take(), pool.take()
    assert first is not second
    assert source.bytes_in > 0
    assert open_files() == before


def test_pool_is_safe_for_threads() -> None:
    """Threads that take and give at once never hold the same buffer."""
    pool = BufferPool()
    faults = []

    def work(mark: int) -> None:
        for _ in range(300):
            buffer = pool.take()
            buffer[PAD] = mark
            faults.append(buffer[PAD] != mark)
            pool.give(buffer)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 1200
    assert not any(faults)


def test_sizes_out_of_range() -> None:
    """Sizes that would overrun a buffer are refused."""
    for size, max_line in ((0, 1), (CHUNK + 1, 1), (1, 0), (1, MAX_LINE + 1)):
        with pytest.raises(ValueError, match="out of range"):
            reader(b"", size=size, max_line=max_line)


def test_head_unpacks_the_first_bytes(tmp_path: Path) -> None:
    """`head` gives the beginning of the text, of a packed file as of a plain one, also of a damaged one."""
    text = b"".join(b"line %d\n" % i for i in range(50_000))
    packed = gzip.compress(text)
    for name, data in (("a", text), ("b", packed), ("c", packed[:-100])):
        (tmp_path / name).write_bytes(data)
    for source in discover([str(tmp_path)])[0]:
        assert head(source) == text[:65536]
        assert head(source, 100) == text[:100]
    (tmp_path / "a").write_bytes(b"short")
    assert head(discover([str(tmp_path / "a")])[0][0]) == b"short"


def test_head_never_consumes_a_stream(tmp_path: Path) -> None:
    """`head` of standard input or a named pipe is empty, and does not wait."""
    os.mkfifo(tmp_path / "pipe")
    assert head(STDIN) == b""
    assert head(discover([str(tmp_path / "pipe")])[0][0]) == b""
