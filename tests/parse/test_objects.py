"""Proves that JSON objects are read as the slow reference reads them, whole or damaged, nested or flat."""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import layout as L
from tests.parse.compare import Comparison, joined
from tests.parse.record_formats import FORMATS, KEYS, TEXTS

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(TEXTS), st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=5)), inner, max_size=5),
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=10)


@pytest.fixture(scope="module")
def records() -> Comparison:
    """Kernel and reference over a small set of record formats."""
    return Comparison(FORMATS)


def written(value: Any, seed: int) -> bytes:
    """The object as one of the many ways to write it."""
    rng = random.Random(seed)
    gaps = rng.choice([(",", ":"), (", ", ": "), (" , ", " : ")])
    return json.dumps(value, ensure_ascii=rng.random() < 0.5, separators=gaps).encode("utf-8", "surrogatepass")


@given(objects=st.lists(OBJECTS, min_size=1, max_size=8), seed=st.integers(0, 1 << 30))
def test_kernel_and_reference_agree_on_objects(objects: list[Any], seed: int) -> None:
    """Every JSON object gives the same event, skip or reject by the kernel and by the reference."""
    must_agree([written(o, seed + i) for i, o in enumerate(objects)])


@given(value=OBJECTS, seed=st.integers(0, 1 << 30), cuts=st.lists(st.integers(0, 400), min_size=1, max_size=4))
def test_kernel_and_reference_agree_on_broken_objects(value: Any, seed: int, cuts: list[int]) -> None:
    """An object with bytes taken out, put in or cut off is read or refused alike."""
    rng = random.Random(seed)
    lines = [damaged(written(value, seed), cut, rng) for cut in cuts]
    must_agree([b"{" + line.lstrip(b"{") for line in lines] + lines)


def damaged(line: bytes, at: int, rng: random.Random) -> bytes:
    """The line with one thing wrong."""
    at = min(at, len(line))
    piece = rng.choice([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\\u12", b"\\ud83d", b"\\ude00", b"\xff", b"1e5"])
    return rng.choice([line[:at], line[:at] + line[at + 1 :], line[:at] + piece + line[at:]])


COMPARISON = Comparison(FORMATS)


def must_agree(lines: list[bytes]) -> None:
    """Both sides say the same of the lines."""
    assert COMPARISON.differences(lines) == []


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"{",
        b'{"a":}',
        b'{"a":1,}',
        b'{,"a":1}',
        b'{"a" 1}',
        b'{"kind":"q"} ',
        b'{"kind":"q"}x',
        b'{"kind":"q","kind":"other"}',
        b'{"kind":null}',
        b'{"kind":[null,1]}',
        b'{"a":{"ip":"192.0.2.7"},"query":"x.example","kind":"q"}',
        b'{"a.ip":"192.0.2.7","query":"x.example","kind":"q","b":[{"type":"A"},{"type":"MX"}]}',
        b'{"query":"\\u0041\\ud83d\\ude00\\ud83d\\uzzzz\\q\\","kind":"q"}',
        b'{"query":"\\u0041\\ud83d\\ude00\\ud83d\\uzzzz\\q","kind":"q"}',
        b'{"query":"a\\u0000b","kind":"q"}',
        b'{"kind":' + b"[" * 31 + b"]" * 31 + b"}",
        b'{"kind":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"kind":' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"kind":' + b'{"a":' * 40 + b"1" + b"}" * 41,
    ],
)
def test_edges(line: bytes) -> None:
    """Empty, nested, doubled, unfinished: the same by both."""
    must_agree([line, b"p: query=x A", line])


def test_the_first_value_of_a_key_counts(records: Comparison) -> None:
    """What is appended to a record changes nothing."""
    (event,) = records.kernel(joined([b'{"query":"a.example","kind":"q","query":"b.example"}'])).events
    assert event.fields["qname"] == b"a.example"


def test_nested_and_flat_keys_mean_the_same(records: Comparison) -> None:
    """`{"a":{"ip":...}}` and `{"a.ip":...}` fill the same field."""
    nested, flat = (
        records.kernel(joined([line])).events[0].columns["client"]
        for line in (b'{"query":"x","kind":"q","a":{"ip":"192.0.2.7"}}', b'{"query":"x","kind":"q","a.ip":"192.0.2.7"}')
    )
    assert nested == flat == (1 << 32) + (192 << 24) + (2 << 8) + 7


def test_hostile_objects_take_linear_time(records: Comparison) -> None:
    """A line full of brackets, quotes or backslashes takes no longer than ten times plain text of that length."""
    plain = joined([b'{"x":"' + b"a" * 60_000 + b'"}'] * 8)
    hostile = [b"{" + c * 60_000 for c in (b"[", b'"', b"\\", b'{"a":', b'"a":[', b'"\\u0041', b"{}", b'"":"",')]
    records.kernel(plain)
    begin = time.process_time()
    for _ in range(5):
        records.kernel(plain)
    usual = (time.process_time() - begin) / 5
    begin = time.process_time()
    records.kernel(joined(line[: L.MAX_LINE] for line in hostile))
    assert time.process_time() - begin < 10 * usual + 0.2


@pytest.mark.skipif("MAILRIPPLE_FUZZ_SECONDS" not in os.environ, reason="MAILRIPPLE_FUZZ_SECONDS is not set")
def test_long_fuzz_of_records() -> None:
    """For as long as asked for: made-up records, damaged anywhere, headers and rows among them, agree."""
    rng = random.Random(int(os.environ.get("MAILRIPPLE_FUZZ_SEED", "1")))
    end = time.monotonic() + float(os.environ["MAILRIPPLE_FUZZ_SECONDS"])
    while time.monotonic() < end:
        must_agree([made_up(rng) for _ in range(20)])


def made_up(rng: random.Random) -> bytes:
    """A record, a header or a row, often damaged."""

    def value(depth: int) -> Any:
        if depth and rng.random() < 0.3:
            return [value(depth - 1) for _ in range(rng.randrange(4))]
        if depth and rng.random() < 0.3:
            return {rng.choice(KEYS): value(depth - 1) for _ in range(rng.randrange(4))}
        return rng.choice([*TEXTS, *TEXTS, None, True, rng.randrange(1000), rng.random() * 2e9, chr(rng.randrange(0xD7FF))])

    kind = rng.random()
    if kind < 0.6:
        line = written({rng.choice(KEYS): value(3) for _ in range(rng.randrange(12))}, rng.randrange(1 << 30))
    elif kind < 0.75:
        mark, gap = rng.choice([("#t ", "\t"), ("#c ", ",")])
        line = (mark + gap.join(rng.choice(KEYS) for _ in range(rng.randrange(1, 8)))).encode()
    else:
        gap = rng.choice(["\t", ","])
        texts = [rng.choice([*TEXTS, "-", "(empty)", '"a,""b"', '"x']) for _ in range(rng.randrange(1, 8))]
        line = gap.join(texts).encode()
    while rng.random() < 0.4:
        line = damaged(line, rng.randrange(len(line) + 1), rng)
    return line
