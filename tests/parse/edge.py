"""Memory that ends where it says: a page that nobody may touch, right behind the text and its padding."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterable

from mailripple.formats.load import load_formats
from mailripple.parse.compile import compile_formats
from mailripple.parse.events import Parser
from mailripple.sources import PAD
from tests.parse.compare import joined, samples

PAGE = mmap.PAGESIZE
PROT_NONE = 0


class Edge:
    """Room for texts between two pages that cannot be read."""

    def __init__(self, size: int) -> None:
        self._room = (size + 2 * PAD + PAGE - 1) // PAGE * PAGE
        self._map = mmap.mmap(-1, self._room + 2 * PAGE)
        self._begin = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        libc = ctypes.CDLL(None, use_errno=True)
        for at in (self._begin, self._begin + PAGE + self._room):
            if libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(PAGE), PROT_NONE) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")

    def at_the_end(self, text: bytes, fill: int = 0) -> int:
        """Address of the text, with PAD bytes behind it and then the forbidden page."""
        end = PAGE + self._room - PAD
        self._map[end - len(text) - PAD : end + PAD] = bytes([fill]) * PAD + text + bytes([fill]) * PAD
        return self._begin + end - len(text)

    def at_the_begin(self, text: bytes, fill: int = 0) -> int:
        """Address of the text, with PAD bytes before it and the forbidden page before them."""
        self._map[PAGE : PAGE + 2 * PAD + len(text)] = bytes([fill]) * PAD + text + bytes([fill]) * PAD
        return self._begin + PAGE + PAD


def endings() -> Iterable[bytes]:
    """Texts that end in the middle of everything: samples cut everywhere (neighbours share a byte in five each)."""
    for i, line in enumerate(samples(load_formats())):
        yield from (line[:n] for n in range(i % 5, len(line) + 1, 5))
    for head in (b"", b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: to=", b"Oct 27 01:17:13 mx named[1]: client "):
        for byte in b'<>",[]:= \\\0\r%1a.':
            yield head + bytes([byte]) * 70


def main() -> None:
    """Parse at both edges; a read beyond them ends the process with a signal."""
    parser = Parser(compile_formats(load_formats()), 1, wide=True)
    edge, n = Edge(1 << 17), 0
    for line in endings():
        text = joined([line])
        for address in (edge.at_the_end(text, 0x3E), edge.at_the_begin(text, 0x39)):
            for piece in parser.parse(address, len(text)):
                n += piece.tally.lines
    sys.stdout.write(f"{n} lines\n")


if __name__ == "__main__":
    main()
