"""Counting as the paper did: lines that contain a word.

Kept for comparison only.  `to=` also stands in `proto=ESMTP`, so the paper's N_to can be N_to + N_from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mailripple.sources import BufferPool, ChunkReader, find_sources

#: The words of the paper's section 2, and what it took their lines for.
WORDS = {
    "from=": "N_from",
    "to=": "N_to",
    "stat=Sent": "N_SS",
    "stat=Deferred": "N_SD",
    "popper": "N_P",
    "domain": "D_q",
}


def count_lines(text: bytes, word: bytes) -> int:
    """Lines of `text` that contain `word` (which has no newline): what `grep -c` prints."""
    count = 0
    at = text.find(word)
    while at >= 0:
        count += 1
        end = text.find(b"\n", at)
        at = text.find(word, end) if end >= 0 else -1
    return count


def grep_totals(arguments: Sequence[str], dns: Collection[str] | None = None) -> dict[str, int]:
    """Lines of all sources that contain each of the paper's words; `domain` only in the sources `dns`, if given."""
    totals = dict.fromkeys(WORDS, 0)
    pool = BufferPool()
    sources, _ = find_sources(arguments)
    for i, source in enumerate(sources):
        with ChunkReader(source, i, pool) as reader:
            for chunk in reader:
                text = chunk.text()
                for word in WORDS:
                    if word == "domain" and dns is not None and source.name not in dns:
                        continue
                    totals[word] += count_lines(text, word.encode())
                chunk.release()
    return totals
