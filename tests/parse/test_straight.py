"""Law 4 for straight code: it gives what the slow reference gives, whatever rows it was made for."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.errors import FormatError
from mailripple.formats.load import FormatSet
from mailripple.parse import layout as L
from mailripple.parse import straight
from mailripple.parse.compile import Program, compile_formats
from mailripple.parse.events import Parser
from tests.parse.compare import Comparison, joined, pieces_of, samples
from tests.parse.damage import damaged, made_up
from tests.parse.random_formats import fitting_lines, random_formats
from tests.parse.test_compile import pattern, with_message
from tests.parse.test_machine import FILLERS, POSITIONS, filled, seconds
from tests.parse.test_naive import LONGER, must_agree

BUSY = (b": from=", b": to=", b": query: ", b"POP login by user", b" dovecot: pop3-login: Login", b" dovecot: pop3(", b"STARTTLS=server", b": DSN: ")
ENDS = (L.EMIT, L.SKIP, L.JUMP, L.DISPATCH)


def rows_of(program: Program, lines: list[bytes]) -> set[int]:
    """The rows at which the program ends, jumps or dispatches on these lines."""
    parser = Parser(program, 1)
    list(pieces_of(parser, joined(lines)))
    return set(np.flatnonzero(parser.hits).tolist())


def busy_lines(formats: FormatSet, seed: int, n: int) -> list[bytes]:
    """What logs are full of, and some samples more."""
    pool = samples(formats)
    chosen = [next(line for line in pool if text in line) for text in BUSY]
    return [*chosen, b"Oct 27 01:17:13 mx cron[1]: x", *random.Random(seed).sample(pool, n)]


@pytest.fixture(scope="module")
def straightened(formats: FormatSet) -> Comparison:
    """Reference, and a kernel with straight code for the busy lines and some others."""
    program = compile_formats(formats)
    return Comparison(formats, hot=rows_of(program, busy_lines(formats, 1, 24)))


def test_busy_lines_are_not_interpreted(formats: FormatSet, straightened: Comparison) -> None:
    """Lines that logs are full of do not come to the interpreter; lines of rows that no code was made for do."""
    lines = busy_lines(formats, 1, 0)
    straightened.parser.hits.fill(0)
    straightened.kernel(joined(lines))
    assert straightened.parser.hits.sum() == 0
    straightened.kernel(joined(samples(formats)))
    assert straightened.parser.hits.sum() > 300


def test_every_sample(formats: FormatSet, straightened: Comparison) -> None:
    """The samples of every format, in their order and mixed, cut short, and begun late."""
    pool = samples(formats)
    must_agree(straightened, pool)
    must_agree(straightened, random.Random(2).sample(pool, len(pool)))
    must_agree(straightened, [line[:n] for i, line in enumerate(pool) for n in range(i % 24, len(line), 24)])
    must_agree(straightened, [line[n:] for i, line in enumerate(pool[::4]) for n in range(i % 16, len(line), 16)])


@pytest.mark.parametrize("end", [b"", b" ", b" \r"])
def test_lines_that_end_anywhere(formats: FormatSet, straightened: Comparison, end: bytes) -> None:
    """A busy line cut after any byte, with what may stand at the end of a line: no text reaches over the end."""
    lines = busy_lines(formats, 1, 0)
    must_agree(straightened, [line[:n] + end for line in lines for n in range(1, len(line) + 1)])


HOSTS = st.one_of(
    st.text("mx1.-:[]<a", min_size=1, max_size=36).map(str.encode),
    st.sampled_from([b"mx", b"mx1", b"m", b"a" * 30, b"a" * 31, b"a" * 32, b"a" * 33, b"mx:", b"mx[1]:", b"[", b"[mx[", b"<mx", b"192.0.2.1"]),
)


@settings(max_examples=25)
@given(hosts=st.lists(st.one_of(HOSTS, st.tuples(HOSTS, HOSTS).map(b" ".join)), min_size=1, max_size=6), turns=st.integers(1, 4))
def test_the_host_at_hand(straightened: Comparison, comparison: Comparison, hosts: list[bytes], turns: int) -> None:
    """The host of the line before is known again, whatever comes between; no other word is taken for it."""
    lines = [b"Oct 27 01:17:13 " + host + b" sendmail[1]: 49QNVLZB000565: to=<u@c.example>, stat=Sent" for host in hosts]
    lines += [b"Oct 27 01:17:13 " + host + end for host in hosts for end in (b"", b" ")]
    for each in (straightened, comparison):
        must_agree(each, [line for line in lines for _ in range(turns)] * 2)


def test_a_host_that_takes_the_place_of_another(straightened: Comparison) -> None:
    """What is known of the host at hand is not believed of the one that follows it, longer or shorter."""
    hosts = [b"mx", b"mx", b"mx", b"abc", b"abcd", b"abcd", b"abcd", b"m", b"mx", b"abcde", b"ab"]
    must_agree(straightened, [b"Oct 27 01:17:13 " + host + b" sendmail[1]: 49QNVLZB000565: to=<u@c.example>, stat=Sent" for host in hosts])


def busy_damage(formats: FormatSet, programs: list[str], seed: int) -> Iterator[bytes]:
    """Damaged lines, most of them busy ones, and lines made of pieces, without end."""
    rng = random.Random(seed)
    for line in damaged(rng, [*busy_lines(formats, 1, 24) * 12, *samples(formats)]):
        yield line
        if rng.random() < 0.3:
            yield made_up(rng, programs)


def test_damaged_lines(formats: FormatSet, straightened: Comparison) -> None:
    """Bytes changed, lost and put in, pieces repeated, lines spliced: ten thousand lines, or as many as time allows."""
    programs = list(straightened.program.programs)
    lines = busy_damage(formats, programs, random.randrange(1 << 40) if LONGER else 3)
    end = time.monotonic() + LONGER
    for turn in itertools.count():
        must_agree(straightened, list(itertools.islice(lines, 1000)))
        if turn >= 9 and time.monotonic() >= end:
            break


def try_random(seed: int, sets: int, lines: int) -> int:
    """Events that were compared, over sets of formats made up at random; all or some of their rows have code."""
    rng = random.Random(seed)
    tried = events = 0
    while tried < sets:
        try:
            formats = random_formats(rng)
            program = compile_formats(formats)
        except FormatError:
            continue
        tried += 1
        ends = [i for i, row in enumerate(program.ops.tolist()) if row[0] in ENDS]
        hot = ends if rng.random() < 0.5 else rng.sample(ends, (len(ends) + 1) // 2)
        comparison = Comparison(formats, capacity=rng.choice((3, 64, 1024)), hot=hot)
        fitting = fitting_lines(rng, formats, lines)
        found = comparison.differences(fitting)
        assert found == [], "\n".join([*(f"{p.id}: {p.match} {p.keys} {p.status}" for p in formats.patterns), *found])
        events += len(comparison.kernel(joined(fitting)).events)
    return events


def test_any_set_of_patterns_keeps_its_meaning() -> None:
    """Straight code and reference agree on lines of format files made up at random."""
    assert try_random(5, 16, 300) > 50


@pytest.mark.skipif(not LONGER, reason="MAILRIPPLE_FUZZ_SECONDS is not set")
def test_damaged_formats() -> None:
    """Format files made up at random, for as long as time allows."""
    end = time.monotonic() + LONGER
    while time.monotonic() < end:
        try_random(random.randrange(1 << 40), 10, 300)


@pytest.mark.parametrize("head", POSITIONS[::3])
def test_time_is_linear_in_the_line(straightened: Comparison, head: bytes) -> None:
    """64 KiB of anything take about a millisecond, with or without the interpreter's help, and twice what half takes."""
    for filler in FILLERS:
        for _ in range(3):
            long = seconds(straightened.parser, filled(head, filler, 65_536))
            half = seconds(straightened.parser, filled(head, filler, 32_768)) if long > 0.001 else long
            if long < 0.004 and long <= 3 * half:
                break
        else:
            pytest.fail(f"{filler!r}: {long * 1000:.2f} ms, half of it {half * 1000:.2f} ms")


def test_rows_that_resist_are_left_to_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that this module does not know, or that it cannot translate, is no error: its lines are interpreted."""
    formats = with_message(pattern("a", "a {reason:word}", "kind = 'mail.to'"), pattern("b", "b {user:int}", "kind = 'mail.from'"))
    program = compile_formats(formats)
    ends = [i for i, row in enumerate(program.ops.tolist()) if row[0] in ENDS]
    monkeypatch.setattr(straight, "_VALUES", tuple(op for op in straight._VALUES if op != L.INT))
    for hot in (ends, []):
        assert Comparison(formats, hot=hot).differences([b"p: a x", b"p: b 12", b"p: b x", b"p: c", b"q: a x", b"", b"p: "]) == []


def test_fuzzing_is_asked_for_by_name() -> None:
    """The variable that makes the searches above long ones is the one that is documented."""
    assert float(os.environ.get("MAILRIPPLE_FUZZ_SECONDS", "0")) == LONGER
