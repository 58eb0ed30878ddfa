"""Proves the kernel's ways of finding, comparing, hashing and reading text against Python's own."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import naive, naive_addresses
from mailripple.parse.build import Kernels
from tests.parse.compare import Place
from tests.parse.damage import SPECIAL, WORDS

# Few different bytes, so that what is looked for is often there, and nearly there.
FEW = st.binary(max_size=200).map(lambda b: bytes(b"ab,"[c % 3] for c in b))
TEXTS = st.one_of(FEW, st.binary(max_size=120), st.lists(st.sampled_from([*SPECIAL, *WORDS]), max_size=12).map(b"".join))


@given(text=TEXTS, after=st.binary(max_size=40), byte=st.sampled_from(b'ab,"<>[] \n\0'))
def test_find_a_byte(probes: Kernels, text: bytes, after: bytes, byte: int) -> None:
    """First and last position of a byte, whatever stands behind the text."""
    place = Place(text, after=after)
    assert place.at(probes.try_find_byte(place.p, place.e, byte)) == text.find(bytes([byte]))
    assert place.at(probes.try_find_last_byte(place.p, place.e, byte)) == text.rfind(bytes([byte]))


@given(text=TEXTS, after=FEW, needle=st.one_of(FEW.filter(bool), st.sampled_from(WORDS)), put=st.integers(0, 200))
def test_find_a_text(probes: Kernels, text: bytes, after: bytes, needle: bytes, put: int) -> None:
    """First position of a text of any length; one that reaches behind the end is not there."""
    for hay in (text, text[:put] + needle + text[put:]):
        place, other = Place(hay, after=after), Place(needle, after=after)
        found = probes.try_find_text(place.p, place.e, other.p, len(needle))
        assert place.at(found) == hay.find(needle)


@given(text=TEXTS, other=TEXTS, n=st.integers(0, 200))
def test_equal_looks_at_n_bytes(probes: Kernels, text: bytes, other: bytes, n: int) -> None:
    """Equal if the first n bytes are, different if one is not."""
    n = min(n, len(text))
    left, right = Place(text), Place(text[:n] + other)
    assert probes.try_equal(left.p, right.p, n) == 1
    if n:
        changed = bytearray(text)
        changed[n - 1] ^= 1
        other_text = Place(bytes(changed))
        assert probes.try_equal(left.p, other_text.p, n) == 0


@given(word=st.binary(min_size=8, max_size=8))
def test_lower_case_of_eight_bytes(probes: Kernels, word: bytes) -> None:
    """A to Z become a to z; every other byte stays, those beyond ASCII too."""
    found = probes.try_lower8(int.from_bytes(word, "little", signed=True))
    assert (found & ((1 << 64) - 1)).to_bytes(8, "little") == word.lower()


@given(text=TEXTS, after=st.binary(max_size=20), before=st.binary(max_size=9), seed=st.integers(0, 1 << 62))
def test_a_hash_depends_on_its_text_alone(probes: Kernels, text: bytes, after: bytes, before: bytes, seed: int) -> None:
    """Neither the place of the text nor what follows it matters; the hash of the lower case is that of the text."""
    place, other = Place(text), Place(text, before, after)
    assert probes.try_hash_text(place.p, len(text), seed) == probes.try_hash_text(other.p, len(text), seed)
    lower = Place(text.lower())
    assert probes.try_hash_lower(place.p, len(text), seed) == probes.try_hash_text(lower.p, len(text), seed)


@pytest.mark.parametrize("at", [0, 7, 8, 31, 32, 63, 64, 99])
def test_one_capital_anywhere_does_not_matter_to_the_hash_of_the_lower_case(probes: Kernels, at: int) -> None:
    """A name of a hundred letters with one of them large has the hash that it has with all of them small."""
    name = b"abcdefghij" * 10
    large = Place(name[:at] + name[at : at + 1].upper() + name[at + 1 :])
    assert probes.try_hash_lower(large.p, 100, 5) == probes.try_hash_text(Place(name).p, 100, 5)


def test_hashes_differ(probes: Kernels) -> None:
    """Short texts, texts of zeros of different lengths and different seeds do not collide."""
    texts = [bytes([a, b]) for a in range(256) for b in range(256)] + [bytes(n) for n in range(60) if n != 2]
    buffer = np.frombuffer(b"".join(t.ljust(80, b"\xee") for t in texts), np.uint8)
    found = {probes.try_hash_text(buffer.ctypes.data + 80 * i, len(t), 5) for i, t in enumerate(texts)}
    assert len(found) == len(texts)
    place = Place(b"one name")
    assert len({probes.try_hash_text(place.p, 8, seed) for seed in range(1000)}) == 1000


@pytest.mark.parametrize("n", range(1, 101))
def test_each_byte_of_a_text_counts_in_its_hash(probes: Kernels, n: int) -> None:
    """Texts of one length that differ in one byte, or in the order of their words, have different hashes."""
    text = (b"abcdefghijklmnopqrstuvwxyz" * 4)[:n]
    others = {text[:k] + b"#" + text[k + 1 :] for k in range(n)} | {text[8:16] + text[:8] + text[16:], text[::-1]}
    places = [Place(t) for t in {text, *others}]
    for hashed in (probes.try_hash_text, probes.try_hash_lower):
        assert len({hashed(place.p, n, 5) for place in places}) == len(places)


@given(text=TEXTS)
def test_runs_of_characters(probes: Kernels, text: bytes) -> None:
    """Words, digits, queue ids and programs end where the reference says."""
    place = Place(text)
    assert place.at(probes.try_skip_word(place.p, place.e)) == len(text.split(b" ")[0])
    digits = re.match(rb"[0-9]*", text)
    assert digits is not None
    assert place.at(probes.try_skip_digits(place.p, place.e)) == digits.end()
    assert place.at(probes.try_skip_qid(place.p, place.e)) == naive._run("qid", text, 0)
    assert place.at(probes.try_skip_program(place.p, place.e)) == naive._run("program", text, 0)
    assert place.at(probes.try_structured_data(place.p, place.e)) == naive._structured_data(text, 0)


@given(text=st.text("0123456789abcXYZ ", max_size=30).map(str.encode))
def test_queue_ids(probes: Kernels, text: bytes) -> None:
    """A queue id is 5 to 24 letters and digits, with a digit."""
    place = Place(text)
    run = re.match(rb"[0-9A-Za-z]*", text)
    assert run is not None
    word = run[0]
    fits = 5 <= len(word) <= 24 and any(c in b"0123456789" for c in word)
    assert place.at(probes.try_skip_qid(place.p, place.e)) == (len(word) if fits else -1)


def test_every_character(probes: Kernels) -> None:
    """Letters, digits and hexadecimal digits are the ASCII ones, nothing else."""
    for c in range(256):
        hexadecimal = int(chr(c), 16) if chr(c) in "0123456789abcdefABCDEF" else -1
        assert probes.try_character(c) == (100 if chr(c).isascii() and chr(c).isalnum() else 0) + hexadecimal


@given(number=st.integers(0, 10**18 - 1), zeros=st.integers(0, 3))
def test_numbers(probes: Kernels, number: int, zeros: int) -> None:
    """Digits are read as their value, with leading zeros or not."""
    place = Place((b"0" * zeros + str(number).encode())[:18])
    assert probes.try_read_int(place.p, place.e) == int(place.text)


@given(text=TEXTS, after=st.binary(max_size=70))
def test_find_the_end_of_a_line(probes: Kernels, text: bytes, after: bytes) -> None:
    """The first newline, wherever it stands among the next 64 bytes and beyond."""
    place = Place(text, after=after)
    assert place.at(probes.try_find_newline(place.p, place.e)) == text.find(b"\n")


@given(size=st.integers(0, 900), at=st.lists(st.integers(0, 899), max_size=4), after=st.booleans())
def test_find_the_end_of_a_long_line(probes: Kernels, size: int, at: list[int], after: bool) -> None:
    """The first of some newlines, in the first 256 bytes or any later ones; none behind the end."""
    text = bytearray(b"x" * size)
    for k in at:
        text[k : k + 1] = b"\n" if k < size else b""
    place = Place(bytes(text), after=b"\n" * 300 if after else b"x" * 300)
    assert place.at(probes.try_find_newline(place.p, place.e)) == text.find(b"\n")


PIECES = st.lists(st.sampled_from([b"<", b">", b'"', b",", b"\\", b"@", b"a", b" ", b"a" * 33, b"b@c.example"]), max_size=14).map(b"".join)


@given(text=st.one_of(PIECES, TEXTS), after=PIECES)
def test_addresses_end_where_the_reference_says(probes: Kernels, text: bytes, after: bytes) -> None:
    """The end of an address, of one with open quotes or brackets too, does not depend on what lies behind the line."""
    place = Place(text, after=b"\n" + after)
    for quotes in (0, 1):
        found = probes.try_scan_addr(place.p, place.e, quotes)
        assert place.at(found) == naive_addresses.scan_address(text, 0, quotes=bool(quotes))
    unclosed, state, at = np.zeros(1, np.int64), naive_addresses.Unclosed(), 0
    while at < len(text):
        end = place.at(probes.try_skip_addr(place.p + at, place.e, unclosed.ctypes.data))
        assert end == naive_addresses.address_end(text, at, state)
        assert unclosed[0] == state.quote + 2 * state.bracket
        at = end + 1


@given(text=PIECES)
def test_quoted_strings(probes: Kernels, text: bytes) -> None:
    """A quoted string ends behind the first quote that no backslash precedes; -1 where there is none."""
    place = Place(b'"' + text)
    found = re.match(rb'"(?:[^"\\]|\\.)*+"', place.text, re.DOTALL)
    assert place.at(probes.try_skip_quoted(place.p, place.e)) == (found.end() if found else -1)
