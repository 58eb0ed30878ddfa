"""Law 4: the kernel gives what the slow reference gives, for every line there is and for those that should not be.

`MAILRIPPLE_FUZZ_SECONDS=600` makes the two fuzz tests at the end search that long, from another seed each time.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.formats.load import FormatSet
from mailripple.parse import naive
from tests.corpus import SHARED
from tests.parse.compare import Comparison, joined, lines_of, samples
from tests.parse.damage import SPECIAL, WORDS, damaged, made_up
from tests.parse.test_compile import try_random

CORPUS = SHARED / "corpus" / "corpus.jsonl"
FILES = sorted([*SHARED.glob("lab/[A-Z]/*.log.gz"), *SHARED.glob("corpus/files/*")])
LONGER = float(os.environ.get("MAILRIPPLE_FUZZ_SECONDS", "0"))


def corpus_lines() -> list[bytes]:
    """The lines of the shared corpus, as they are and with the program in front where that was left out."""
    found = []
    with CORPUS.open(encoding="utf-8") as records:
        for record in map(json.loads, records):
            line = str(record["line"]).encode()
            found.append(line)
            if record.get("program"):
                found.append(str(record["program"]).encode() + b": " + line)
    return found


def must_agree(comparison: Comparison, lines: list[bytes]) -> None:
    """Fail with what the two sides say differently."""
    found = comparison.differences(lines)
    assert found == [], "\n".join(found)


def test_every_sample(formats: FormatSet, comparison: Comparison) -> None:
    """The samples of every format, together and one by one."""
    must_agree(comparison, samples(formats))
    for sample in samples(formats):
        must_agree(comparison, [sample])


def test_every_sample_without_its_end_or_beginning(formats: FormatSet, comparison: Comparison) -> None:
    """Samples cut short at every byte, and samples that begin late."""
    pool = samples(formats)
    must_agree(comparison, [line[:n] for i, line in enumerate(pool) for n in range(i % 16, len(line), 16)])
    must_agree(comparison, [line[n:] for i, line in enumerate(pool[::4]) for n in range(i % 16, len(line), 16)])


@pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}")
def test_every_line_of_the_corpus(comparison: Comparison) -> None:
    """Real lines of many servers and of programs that we do not know."""
    lines = corpus_lines()
    assert len(lines) > 4000
    must_agree(comparison, lines)


@pytest.mark.skipif(not FILES, reason=f"no logs below {SHARED}")
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_real_logs(comparison: Comparison, path: Path) -> None:
    """A sample of some hundred lines of every log of the laboratory and of the corpus, in their order."""
    lines = lines_of(path)
    must_agree(comparison, lines[:: max(1, len(lines) // 400)])


TEXTS = st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from(SPECIAL), st.binary(max_size=6)), max_size=25).map(b"".join)
HEADS = st.sampled_from([
    b"", b"Oct 27 01:17:13 mx ", b"<22>Oct  7 01:17:13.5 ", b"2024-10-27T01:17:13+02:00 mx ", b"<22>1 2024-10-27T01:17:13Z mx p 1 - - ",
    b"27-Oct-2024 01:17:13.622 ", b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: from=", b"Oct 27 01:17:13 mx sendmail[1]: RAA20512: to=<a@b>",
    b"Oct 27 01:17:13 mx sendmail[1]: ", b"sm-mta: ", b"27-Oct-2024 01:17:13.622 queries: info: client ", b"Oct 27 01:17:13 mx named[7]: client @0x1 ",
    b"Oct 27 01:17:13 mx dovecot: pop3-login: Login: user=<", b"Oct 27 01:17:13 mx in.qpopper[1]: (v4.0.9) POP login by user ",
])  # fmt: skip


@given(head=HEADS, texts=st.lists(TEXTS, min_size=1, max_size=8))
def test_any_text_behind_a_beginning(comparison: Comparison, head: bytes, texts: list[bytes]) -> None:
    """Any bytes behind any beginning; several lines in a row, for what one leaves in memory must not reach the next."""
    must_agree(comparison, [head + text for text in texts])


@given(seed=st.integers(0, 1 << 40))
def test_lines_made_of_pieces(comparison: Comparison, seed: int) -> None:
    """Lines put together from stamps, hosts, programs, messages and hostile values of each software."""
    rng = random.Random(seed)
    must_agree(comparison, [made_up(rng, list(comparison.program.programs)) for _ in range(12)])


def test_lines_of_other_bytes(formats: FormatSet, comparison: Comparison) -> None:
    """Carriage returns, NUL bytes, bytes that are no UTF-8 and the shortest lines."""
    pool = samples(formats)
    must_agree(comparison, [line + end for line in pool[::3] for end in (b"\r", b" \r ", b"\0", b"\r\r", b"\t", b"\xff", b" x")])
    must_agree(comparison, [bytes([a]) for a in range(256)])
    must_agree(comparison, [bytes([a, b]) for a in b"O2<-s \0" for b in range(256)])
    must_agree(comparison, [line.replace(b" ", b"  ") for line in pool] + [line.swapcase() for line in pool])


def stream(formats: FormatSet, comparison: Comparison, seed: int) -> Iterator[bytes]:
    """Damaged samples and corpus lines, and lines made of pieces, without end."""
    rng = random.Random(seed)
    pool = samples(formats) * 2 + (corpus_lines() if CORPUS.exists() else [])
    programs = list(comparison.program.programs)
    for line in damaged(rng, pool):
        yield line
        if rng.random() < 0.3:
            yield made_up(rng, programs)


def test_damaged_lines(formats: FormatSet, comparison: Comparison) -> None:
    """Bytes changed, lost and put in, pieces repeated, lines spliced: ten thousand lines, or as many as time allows."""
    lines = stream(formats, comparison, random.randrange(1 << 40) if LONGER else 1)
    end = time.monotonic() + LONGER
    for turn in itertools.count():
        must_agree(comparison, list(itertools.islice(lines, 1000)))
        if turn >= 9 and time.monotonic() >= end:
            break


@pytest.mark.skipif(not LONGER, reason="MAILRIPPLE_FUZZ_SECONDS is not set")
def test_damaged_formats() -> None:
    """Format files made up at random, for as long as time allows."""
    end = time.monotonic() + LONGER
    while time.monotonic() < end:
        try_random(random.randrange(1 << 40), 100)


def test_the_reference_by_hand(formats: FormatSet) -> None:
    """The reference itself, on lines whose reading can be told by looking at them."""
    line = b"Oct 27 01:17:13 mx sendmail[565]: 49QNVLZB000565: to=<A@b.Example>,<\"x,y\"@c.example.>, delay=1, dsn=4.2.0, stat=Deferred"
    outcome = naive.read_line(formats, line)
    assert (outcome.what, outcome.pattern and outcome.pattern.kind) == ("event", "mail.to")
    assert outcome.line is not None
    assert outcome.line.rcpts == [b"b.example", b"c.example"]
    assert outcome.line.fields["pid"] == b"565"
    assert naive.read_line(formats, b"  \r ").what == "blank"
    assert naive.read_line(formats, b"Oct 27 01:17:13 mx cron[1]: x").what == "other"
    assert naive.read_line(formats, b"\xff").reason == 1
    assert naive.read_line(formats, b"Oct 27 01:17:13 mx sendmail[1]: nothing like it at all").reason == 2
    assert naive.read_line(formats, b"x" * 65_537).reason == 3


def test_a_difference_would_be_seen(formats: FormatSet) -> None:
    """The comparison is no empty promise: a reference that reads one field otherwise is noticed."""
    spoilt = Comparison(formats)
    spoilt.base += 1
    line = b"client 192.0.2.3#1035: query: a.example IN A"
    assert any("event 0" in text for text in spoilt.differences([line]))
    assert Comparison(formats).differences([line]) == []
    assert joined([b"a\nb"]) == b"ab\n"
