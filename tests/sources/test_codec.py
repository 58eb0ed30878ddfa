"""Proves that every codec is found by magic number, and that damaged archives give all that can be read."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import random
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mailripple.errors import InputError
from mailripple.sources import codec as codec_module
from mailripple.sources.codec import Stream, open_stream, sniff
from mailripple.sources.discover import Source

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, 6, mtime=0),
    "zst": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    "xz": lzma.compress,
    "bz2": lambda data: bz2.compress(data, 1),
}
CODECS = sorted(PACK)


def log_lines(count: int) -> bytes:
    """`count` lines that look like a log and pack about as well."""
    pick = random.Random(7)
    return b"".join(
        b"Jan 12 10:%02d:%02d mx smtpd[%d]: connect from host%d.example.org[10.%d.%d.1]\n"
        % (i // 60 % 60, i % 60, pick.randrange(99999), pick.randrange(9999), pick.randrange(256), pick.randrange(256))
        for i in range(count)
    )


TEXT = log_lines(8000)
ARCHIVES = {name: pack(TEXT) for name, pack in PACK.items()}


class Pipe(io.BytesIO):
    """Bytes that come as from a pipe: not seekable, in odd pieces."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def tell(self) -> int:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(memoryview(buffer)[:777])


def source(path: Path | None = None) -> Source:
    """A source as `discover` would give it; the codec told is wrong on purpose."""
    return Source(str(path) if path else "-", path, 0, None, "plain")


def drain(stream: Stream, step: int = 50_000) -> bytes:
    """All that the stream delivers."""
    view = memoryview(bytearray(step))
    parts = []
    while got := stream.readinto(view):
        parts.append(bytes(view[:got]))
    assert stream.readinto(view) == 0
    stream.close()
    return b"".join(parts)


def unpack(data: bytes, file: type[io.BytesIO] = io.BytesIO) -> tuple[bytes, str | None]:
    """What `open_stream` makes of `data`: the text and the damage."""
    stream = open_stream(source(), file(data))
    return drain(stream), stream.damage


def decoder(codec: str) -> Any:
    """The oracle: a decoder of the library itself for one member."""
    makers: dict[str, Callable[[], Any]] = {
        "gz": lambda: zlib.decompressobj(31),
        "zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
        "xz": lzma.LZMADecompressor,
        "bz2": bz2.BZ2Decompressor,
    }
    return makers[codec]()


def byte_by_byte(codec: str, data: bytes) -> bytes:
    """What the oracle gives before it fails or ends, when fed one byte at a time."""
    inner = decoder(codec)
    parts = []
    try:
        for i in range(len(data)):
            parts.append(inner.decompress(data[i : i + 1]))
            if getattr(inner, "eof", False):
                break
    except (zlib.error, lzma.LZMAError, OSError, zstandard.ZstdError):
        pass
    return b"".join(parts)


def test_sniff_tells_text_from_archives() -> None:
    """Only real magic numbers count, so that a text beginning with BZh or P is plain."""
    assert [sniff(ARCHIVES[name][:10]) for name in CODECS] == CODECS
    assert sniff(b"\x50\x2a\x4d\x18\x00\x00\x00\x00") == "zst"
    for text in (b"", b"B", b"BZh", b"BZh1 text", b"P*M", b"Jan 12", b"\xfd7zX", b"(\xb5/", b"\0\0\0"):
        assert sniff(text) == "plain"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["mail.log", "mail.log.gz", "mail.log.zst"])
def test_codec_by_magic_with_misleading_name(codec: str, name: str, tmp_path: Path) -> None:
    """The name of a file has no say in how it is unpacked."""
    path = tmp_path / name
    path.write_bytes(ARCHIVES[codec])
    stream = open_stream(source(path))
    assert drain(stream) == TEXT
    assert stream.damage is None
    assert stream.bytes_in == len(ARCHIVES[codec])


def test_plain_text_with_archive_name(tmp_path: Path) -> None:
    """A plain file called .gz is read as it is."""
    path = tmp_path / "mail.log.gz"
    path.write_bytes(TEXT)
    assert drain(open_stream(source(path))) == TEXT


@pytest.mark.parametrize("file", [io.BytesIO, Pipe])
@pytest.mark.parametrize("codec", CODECS)
def test_members_are_read_on(codec: str, file: type[io.BytesIO]) -> None:
    """Archives put one after the other, empty ones and zero padding between or after them, are one text."""
    pack = PACK[codec]
    many = pack(b"one\n") + pack(b"") + pack(TEXT) + pack(b"two\n")
    assert unpack(many, file) == (b"one\n" + TEXT + b"two\n", None)
    if codec != "zst":
        padded = pack(b"one\n") + bytes(5000) + pack(b"two\n") + bytes(512)
        assert unpack(padded, file) == (b"one\ntwo\n", None)


@pytest.mark.parametrize("file", [io.BytesIO, Pipe])
@pytest.mark.parametrize("codec", CODECS)
def test_empty_archive(codec: str, file: type[io.BytesIO]) -> None:
    """An archive of nothing is an empty stream without damage."""
    assert unpack(PACK[codec](b""), file) == (b"", None)


def test_pipe_of_plain_text() -> None:
    """Plain text from a pipe loses nothing to the look at its first bytes, however short it is."""
    for text in (b"", b"x", b"123456789", b"1234567890", TEXT):
        assert unpack(text, Pipe) == (text, None)


@pytest.mark.parametrize("file", [io.BytesIO, Pipe])
@pytest.mark.parametrize("codec", CODECS)
def test_truncated_gives_all_that_is_there(codec: str, file: type[io.BytesIO]) -> None:
    """An archive cut anywhere gives exactly what the library's own decoder gets out of the bytes that are left."""
    packed = ARCHIVES[codec]
    for cut in (20, 21, 100, 5000, len(packed) // 2, len(packed) - 9, len(packed) - 1):
        text, damage = unpack(packed[:cut], file)
        assert text == decoder(codec).decompress(packed[:cut]), cut
        assert damage is not None
        assert damage.startswith("truncated ")
        assert damage.endswith(f"compressed offset {cut}")


@pytest.mark.parametrize("codec", CODECS)
def test_truncated_at_every_byte(codec: str) -> None:
    """No cut of a small archive raises, loses data, or goes unnoticed."""
    packed = PACK[codec](b"first\n") + PACK[codec](TEXT[:3000])
    for cut in range(12, len(packed)):
        text, damage = unpack(packed[:cut])
        first = decoder(codec)
        expected = first.decompress(packed[:cut])
        rest = first.unused_data
        if rest and sniff(rest) == codec:
            expected += decoder(codec).decompress(rest)
        assert text == expected
        assert (damage is None) == (first.eof and not rest)


@pytest.mark.parametrize("codec", CODECS)
def test_truncated_large_archive_after_fast_reading(codec: str) -> None:
    """Nothing is lost or doubled when the cut comes after many large reads."""
    text = TEXT * 12
    packed = PACK[codec](text)[:-7]
    stream = open_stream(source(), io.BytesIO(packed))
    out = drain(stream, 1 << 20)
    assert out == decoder(codec).decompress(packed)
    assert len(out) > len(text) * 0.9
    assert stream.damage


@pytest.mark.parametrize("codec", CODECS)
def test_corrupt_middle(codec: str) -> None:
    """Up to a flipped byte anywhere, all data is delivered that a decoder fed byte by byte delivers."""
    packed = PACK[codec](b"first member\n") + ARCHIVES[codec]
    first = len(PACK[codec](b"first member\n"))
    pick = random.Random(3)
    for at in [len(packed) // 2, len(packed) - 2] + [pick.randrange(first + 16, len(packed)) for _ in range(8)]:
        bad = bytearray(packed)
        bad[at] ^= 1 << pick.randrange(8)
        text, damage = unpack(bytes(bad))
        expected = byte_by_byte(codec, bytes(bad[first:]))
        assert text == b"first member\n" + expected
        assert damage is not None, at
        assert "offset" in damage


@pytest.mark.parametrize("codec", CODECS)
def test_corrupt_in_a_pipe_loses_one_step_at_most(codec: str) -> None:
    """What cannot be read again gives all but the last step before the fault, and still tells the damage."""
    bad = bytearray(ARCHIVES[codec])
    bad[len(bad) // 2] ^= 0xFF
    text, damage = unpack(bytes(bad), Pipe)
    expected = byte_by_byte(codec, bytes(bad))
    assert expected.startswith(text)
    # In bzip2 a step may unpack to a block, here of 100 kB, of which a flipped bit leaves nothing right.
    assert len(expected) - len(text) < (100_000 if codec == "bz2" else 20_000)
    assert damage is not None


@pytest.mark.parametrize("codec", ["gz", "xz", "bz2"])
def test_corrupt_within_buffered_output(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is found as well when the decoder meets it in input it took in an earlier call."""
    monkeypatch.setattr(codec_module, "MAX_OUT", 1000)
    monkeypatch.setattr(codec_module, "FILE_STEP", 1 << 20)
    bad = bytearray(ARCHIVES[codec])
    bad[len(bad) - 20] ^= 0xFF
    text, damage = unpack(bytes(bad))
    assert text.startswith(byte_by_byte(codec, bytes(bad)))
    assert damage is not None


@pytest.mark.parametrize("file", [io.BytesIO, Pipe])
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("junk", [b"x", b"trailing garbage that is no archive\n" * 300])
def test_trailing_garbage(codec: str, junk: bytes, file: type[io.BytesIO]) -> None:
    """Bytes after the last member cost none of the data, are not delivered, and are told with their place."""
    packed = ARCHIVES[codec]
    text, damage = unpack(packed + junk, file)
    assert text == TEXT
    assert damage is not None
    assert "trailing garbage" in damage
    assert damage.endswith(str(len(packed)))


def test_random_bytes_after_magic() -> None:
    """Any bytes behind a magic number end in damage, never in an exception."""
    pick = random.Random(11)
    for magic in (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\xfd7zXZ\0", b"BZh91AY&SY"):
        for size in (0, 1, 3, 8, 30, 300):
            for file in (io.BytesIO, Pipe):
                _, damage = unpack(magic + pick.randbytes(size), file)
                assert damage is not None


def test_zstd_skippable_frames() -> None:
    """Skippable frames are passed over, also a cut one, which is damage."""
    skip = b"\x5a\x2a\x4d\x18" + (300_000).to_bytes(4, "little") + bytes(300_000)
    pack = PACK["zst"]
    assert unpack(skip + pack(b"a\n") + skip + pack(b"b\n") + skip) == (b"a\nb\n", None)
    text, damage = unpack(pack(b"a\n") + skip[:-1])
    assert text == b"a\n"
    assert damage is not None
    assert damage.startswith("truncated zstd")


def test_zstd_header_forms() -> None:
    """Frames with and without content size and checksum, streamed, of RLE and raw blocks, are followed rightly."""
    texts = [b"", b"a\n", b"\0" * 700_000, random.Random(1).randbytes(300_000), TEXT]
    for checksum in (False, True):
        for size in (False, True):
            packer = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=size)
            packed = b"".join(packer.compress(text) for text in texts)
            streamed = packer.compressobj()
            packed += streamed.compress(TEXT) + streamed.flush()
            assert unpack(packed) == (b"".join(texts) + TEXT, None)


@pytest.mark.parametrize("codec", CODECS)
def test_bomb_is_streamed(codec: str) -> None:
    """An archive that unpacks a thousandfold and more is never held in memory."""
    size = 24 << 20
    packed = PACK[codec](bytes(size))
    for file in (io.BytesIO, Pipe):
        stream = open_stream(source(), file(packed))
        view = memoryview(bytearray(65536))
        total = 0
        tracemalloc.start()
        while got := stream.readinto(view):
            total += got
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == size
        assert peak < 14 << 20  # of which 8 MiB are the xz dictionary


def test_xz_header_cannot_ask_for_any_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """An xz dictionary beyond the limit is damage, not an allocation."""
    monkeypatch.setattr(codec_module, "XZ_MEMORY", 1 << 20)
    text, damage = unpack(ARCHIVES["xz"])
    assert text == b""
    assert damage is not None
    assert "emory" in damage


class Failing(io.BytesIO):
    """A file whose disk fails after 10,000 bytes."""

    def readinto(self, buffer: Any, /) -> int:
        if self.tell() >= 10_000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(memoryview(buffer)[:5000])


@pytest.mark.parametrize("codec", ["plain", *CODECS])
def test_disk_error_is_input_error(codec: str) -> None:
    """A disk error is not taken for damage of the archive but raised, with the name."""
    stream = open_stream(source(), Failing(ARCHIVES.get(codec, TEXT)))
    with pytest.raises(InputError) as caught:
        drain(stream)
    assert caught.value.where == "-"
    assert caught.value.why == os.strerror(errno.EIO)


def test_path_that_cannot_be_opened(tmp_path: Path) -> None:
    """A path that vanished, or is a directory, is an InputError with the path."""
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(InputError) as caught:
            open_stream(source(path))
        assert caught.value.where == str(path)


@pytest.fixture
def standard_input() -> Iterator[int]:
    """Lends file descriptor 0 to the test; gives the end to write to."""
    saved = os.dup(0)
    reader, writer = os.pipe()
    os.dup2(reader, 0)
    os.close(reader)
    yield writer
    os.dup2(saved, 0)
    os.close(saved)


@pytest.mark.parametrize("codec", ["plain", *CODECS])
def test_standard_input_is_sniffed(codec: str, standard_input: int) -> None:
    """What comes on standard input is unpacked by its magic number, and the descriptor stays open."""

    def write() -> None:
        with os.fdopen(standard_input, "wb") as file:
            file.write(ARCHIVES.get(codec, TEXT))

    thread = threading.Thread(target=write)
    thread.start()
    assert drain(open_stream(source())) == TEXT
    thread.join()
    os.fstat(0)


def test_named_pipe_is_sniffed(tmp_path: Path) -> None:
    """A named pipe is unpacked as a file is."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(ARCHIVES["gz"],))
    thread.start()
    assert drain(open_stream(source(path))) == TEXT
    thread.join()
