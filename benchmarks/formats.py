"""How fast each format is read: MB and records a second of CPU time on one core, from bytes to rows of events.

Lines are the formats' own samples that give events, over and over, so the names are few and in the cache; captures and
dnstap files are made up.  Nothing is stitched or counted.

    python benchmarks/formats.py [ID ...]
"""

from __future__ import annotations

import argparse
import io
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mailripple.formats import Format, FormatSet, load_formats
from mailripple.parse.compile import Program, compile_formats
from mailripple.parse.events import Parser
from mailripple.sources import BufferPool, ChunkReader
from mailripple.sources.discover import Source

MEGABYTE = 1_000_000
START = 1_730_000_000


def sample_text(f: Format, size: int) -> bytes:
    """About `size` bytes of the format's samples; rows of tables stand below their headers in thousands."""
    samples = [s for p in f.patterns if p.kind for s in p.samples]
    plain = "".join(s.line + "\n" for s in samples if not s.header).encode()
    tables = [(s.header, s.line) for s in samples if s.header]
    blocks = [plain * max(1, 200_000 // len(plain))] if plain else []
    blocks += [f"{header}\n{(row + chr(10)) * 1000}".encode() for header, row in tables]
    block = b"".join(blocks)
    return block * max(1, size // len(block)) if block else b""


def question(number: int) -> bytes:
    """A DNS question, one of some thousands."""
    host = b"host%d" % (number % 977)
    wire = bytes([len(host)]) + host + b"\x07example\x03com\x00"
    qtype = (1, 28, 15)[number % 3]
    return struct.pack(">6H", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + wire + struct.pack(">2H", qtype, 1)


def frame(number: int) -> bytes:
    """That question in Ethernet, IPv4 and UDP."""
    data = question(number)
    client = bytes([192, 0, 2, number % 200])
    udp = struct.pack(">4H", 40_000, 53, 8 + len(data), 0) + data
    head = struct.pack(">2B3H2BH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
    return bytes(12) + b"\x08\x00" + head + client + bytes([192, 0, 2, 53]) + udp


def pcap(records: int) -> bytes:
    """A pcap file of that many packets."""
    parts = [struct.pack("<I2H4I", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)]
    for n in range(records):
        data = frame(n)
        parts += [struct.pack("<4I", START + n // 1000, n % 1000, len(data), len(data)), data]
    return b"".join(parts)


def pcapng(records: int) -> bytes:
    """The same as pcapng."""
    parts = [struct.pack("<3I2HqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)]
    parts.append(struct.pack("<2I2H2I", 1, 20, 1, 0, 0, 20))
    for n in range(records):
        data = frame(n)
        size = 32 + len(data) + -len(data) % 4
        stamp = START * MEGABYTE + n
        head = struct.pack("<7I", 6, size, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
        parts += [head, data, bytes(-len(data) % 4), struct.pack("<I", size)]
    return b"".join(parts)


def dnstap(records: int) -> bytes:
    """The same questions as a dnstap file."""
    kind = b"protobuf:dnstap.Dnstap"
    parts = [struct.pack(">5I", 0, 12 + len(kind), 2, 1, len(kind)), kind]
    for n in range(records):
        data = question(n)
        seconds = b"\x40" + bytes([(START >> s) & 127 | 128 for s in (0, 7, 14, 21)]) + bytes([START >> 28])
        inner = b"\x08\x05\x10\x01\x18\x01\x22\x04\xc0\x00\x02" + bytes([n % 200]) + b"\x2a\x04\xc0\x00\x02\x35"
        inner += b"\x30\xc0\xb8\x02\x38\x35" + seconds + struct.pack("<BI", 0x4D, n)
        inner += b"\x52" + bytes([len(data)]) + data
        whole = b"\x0a\x03ns1\x72" + bytes([len(inner)]) + inner + b"\x78\x01"
        parts += [struct.pack(">I", len(whole)), whole]
    return b"".join(parts)


CAPTURES: dict[str, Callable[[int], bytes]] = {"pcap": pcap, "pcapng": pcapng, "dnstap": dnstap}


def measure(program: Program, data: bytes, rounds: int = 3) -> tuple[float, int]:
    """(CPU seconds of the fastest round, events) of reading the bytes."""
    best, events = float("inf"), 0
    parser = Parser(program, 7)
    pool = BufferPool()
    for _ in range(rounds):
        parser.base("bench")
        source = Source("bench", None, 0, None, "plain")
        begun, events = time.process_time(), 0
        with ChunkReader(source, 0, pool, stream=io.BytesIO(data)) as reader:
            for chunk in reader:
                for piece in parser.parse(chunk.buffer.ctypes.data + chunk.start, chunk.length):
                    events += len(piece.events)
                chunk.release()
        best = min(best, time.process_time() - begun)
    return best, events


def rows(formats: FormatSet, wanted: list[str], size: int) -> Iterator[str]:
    """The lines of the table."""
    program = compile_formats(formats)
    yield f"{'format':24}{'MB/s a core':>12}{'million records/s':>19}"
    for f in sorted((*formats.envelopes, *formats.messages), key=lambda f: f.id):
        text = sample_text(f, size)
        if text and (not wanted or f.id in wanted):
            yield row(f.id, program, text)
    for name, made in CAPTURES.items():
        if not wanted or name in wanted:
            yield row(name, program, made(size // 100))


def row(name: str, program: Program, data: bytes) -> str:
    """A line of the table."""
    seconds, events = measure(program, data)
    return f"{name:24}{len(data) / MEGABYTE / seconds:12.0f}{events / MEGABYTE / seconds:19.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="The speed of each format.")
    parser.add_argument("formats", nargs="*", metavar="ID", help="only these")
    parser.add_argument("--size", type=int, default=20, metavar="MB", help="how much of each (default 20)")
    parser.add_argument("--own", type=Path, action="append", default=[], metavar="DIR", help="formats of your own")
    options = parser.parse_args()
    for line in rows(load_formats(options.own), options.formats, options.size * MEGABYTE):
        print(line, flush=True)


if __name__ == "__main__":
    main()
