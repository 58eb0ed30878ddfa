"""Fuzz every reader for as long as asked for: damaged input must be read as the slow reference reads it.

`python tests/fuzz.py --minutes 60 [--seed N]` takes the readers in turn, a while each, and prints what each of them was
given.  It stops at the first difference or crash, and says the seed that finds it again.
"""

from __future__ import annotations

import argparse
import codecs
import io
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from mailripple.config import ReadOptions  # noqa: E402
from mailripple.errors import InputError  # noqa: E402
from mailripple.formats.load import FormatSet, load_formats  # noqa: E402
from mailripple.parse.compile import compile_formats  # noqa: E402
from mailripple.run import read_all  # noqa: E402
from mailripple.sources.codec import open_stream  # noqa: E402
from mailripple.sources.discover import Source  # noqa: E402
from tests.parse import capture, test_straight  # noqa: E402
from tests.parse.compare import Comparison, samples  # noqa: E402
from tests.parse.damage import changed, damaged, made_up  # noqa: E402
from tests.sources import test_codec, test_packets  # noqa: E402

#: Seconds that a reader has before it is the next one's turn.
TURN = 15.0
Try = Callable[[random.Random], int]


def flipped(rng: random.Random, data: bytes) -> bytes:
    """Some bytes of the data changed, lost or put in, or its end cut off."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(out) + 1)
        what = rng.randrange(4)
        if what == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            del out[at : at + rng.choice((1, 2, 17, 400))]
        elif what == 2:
            out[at:at] = rng.randbytes(rng.choice((1, 2, 9)))
        else:
            del out[rng.randrange(len(out) // 2, len(out) + 1) :]
    return bytes(out)


class Readers:
    """What is tried: each of these takes a source of chance and gives how many lines, files or archives it tried."""

    def __init__(self, formats: FormatSet, place: Path) -> None:
        self.pool = samples(formats)
        self.text_pool = [line for line in self.pool if not line.startswith((b"{", b"#"))]
        self.records = [line for line in self.pool if b'{"' in line or b"\t" in line or line.startswith(b"#")]
        self.comparison = Comparison(formats)
        self.programs = list(self.comparison.program.programs)
        rows = test_straight.rows_of(compile_formats(formats), test_straight.busy_lines(formats, 1, 24))
        self.straight = Comparison(formats, hot=rows)
        self.place = place

    def all(self) -> dict[str, Try]:
        return {
            "lines": self.lines,
            "records": self.record_lines,
            "straight code": self.straight_lines,
            "random formats": lambda rng: test_straight.try_random(rng.randrange(1 << 40), 2, 60),
            "captures": self.captures,
            "archives": self.archives,
            "UTF-16": self.wide_text,
            "whole runs": self.runs,
        }

    def _some(self, rng: random.Random, pool: list[bytes]) -> list[bytes]:
        lines = list(itertools.islice(damaged(rng, pool), 400))
        return lines + [made_up(rng, self.programs) for _ in range(100)]

    def _agree(self, comparison: Comparison, lines: list[bytes]) -> int:
        found = comparison.differences(lines)
        assert found == [], "\n".join(found)
        return len(lines)

    def lines(self, rng: random.Random) -> int:
        """Damaged lines of text: kernel = reference (law 4)."""
        return self._agree(self.comparison, self._some(rng, self.text_pool))

    def record_lines(self, rng: random.Random) -> int:
        """JSON objects and rows of tables, damaged, behind whole headers: kernel = reference."""
        whole = [rng.choice(self.records) for _ in range(150)]
        lines = [changed(rng, line, self.records) if rng.random() < 0.7 else line for line in whole]
        return self._agree(self.comparison, [line.replace(b"\n", b"") for line in lines])

    def straight_lines(self, rng: random.Random) -> int:
        """Damaged lines read by code that was made for the whole ones."""
        return self._agree(self.straight, self._some(rng, self.pool))

    def captures(self, rng: random.Random) -> int:
        """pcap, pcapng and dnstap files with wrong lengths, counts and pointers: kernel = reference."""
        data = capture.some_file(rng)
        for _ in range(5):
            test_packets.must_agree(capture.damaged(data, rng), rng.choice((1, 7, 1 << 20)), rng.choice((64, 1 << 20)))
        return 5

    def archives(self, rng: random.Random) -> int:
        """Damaged archives: nothing is raised, and what comes out is what a decoder fed byte by byte gives.

        The block of zstd or bzip2 that the damage is in may be lost whole.
        """
        codec = rng.choice(test_codec.CODECS)
        text = b"\n".join(rng.choice(self.pool) for _ in range(rng.choice((1, 9, 200))))
        bad = flipped(rng, test_codec.PACK[codec](text))
        if not bad.startswith(test_codec.PACK[codec](b"")[:4]):
            return 0
        out = test_codec.drain(open_stream(Source("-", None, 0, None, "plain"), io.BytesIO(bad)))
        expected = test_codec.byte_by_byte(codec, bad).removeprefix(codecs.BOM_UTF8)
        block = {"zst": 128 << 10, "bz2": 900_000}.get(codec, 0)
        assert out.startswith(expected) or (expected.startswith(out) and len(expected) - len(out) <= block), (codec, bad)
        return 1

    def wide_text(self, rng: random.Random) -> int:
        """UTF-16, damaged: what Python's own decoder makes of it."""
        text = "\r\n".join(rng.choice(self.text_pool).decode("utf-8", "replace") for _ in range(40))
        name = rng.choice(("utf-16-le", "utf-16-be"))
        mark = "\ufeff".encode(name)
        data = mark + flipped(rng, text.encode(name))
        stream = open_stream(Source("-", None, 0, None, "plain"), test_packets.Dripping(data, rng.choice((1, 3, 4096))))
        assert test_codec.drain(stream) == data[2:].decode(name, "replace").encode()
        return 1

    def runs(self, rng: random.Random) -> int:
        """Whole runs over files of anything: every line is accounted for (law 1), or the run says why it cannot go on."""
        content = b"\n".join(itertools.islice(damaged(rng, self.pool), 60))
        if rng.random() < 0.3:
            content = capture.damaged(capture.some_file(rng), rng)
        if rng.random() < 0.3:
            content = flipped(rng, test_codec.PACK[rng.choice(test_codec.CODECS)](content))
        path = self.place / "log"
        path.write_bytes(content)
        try:
            result = read_all([str(path)], ReadOptions("UTC", 1_800_000_000_000_000, seed=rng.randrange(1 << 60)))
        except InputError:
            return 1
        for tally in result.sources:
            assert tally.lines == tally.events + tally.skipped + tally.rejected
        return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tried: Counter[str] = Counter()
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as place:
        readers = Readers(load_formats(), Path(place)).all()
        for number in itertools.count():
            if time.monotonic() >= end:
                break
            name = list(readers)[number % len(readers)]
            until = min(end, time.monotonic() + TURN)
            for step in itertools.count():
                seed = f"{options.seed}/{number}/{step}"
                try:
                    tried[name] += readers[name](random.Random(seed))
                except BaseException:
                    print(f"{name}, seed {seed}:", file=sys.stderr)
                    raise
                if time.monotonic() >= until:
                    break
    print("\n".join(f"{name}: {n}" for name, n in tried.items()))


if __name__ == "__main__":
    main()
