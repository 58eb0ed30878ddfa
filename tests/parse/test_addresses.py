"""Proves the kernel's ways of reading IP addresses against Python's own."""

from __future__ import annotations

import ipaddress
import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse import addresses
from mailripple.parse.build import Kernels
from tests.parse.compare import Place
from tests.parse.damage import SPECIAL, WORDS

TEXTS = st.one_of(
    st.text("0123456789abcdefABCDEF:.gG @`/;", max_size=120).map(str.encode),
    st.lists(st.sampled_from([*SPECIAL, *WORDS]), max_size=12).map(b"".join),
)
OCTETS = st.one_of(st.integers(0, 300).map(str), st.sampled_from(["", "00", "01", "-1", "0x1", "1e", " 1", "255", "256"]))
QUADS = st.lists(OCTETS, min_size=1, max_size=6).map(".".join)
GROUPS = st.one_of(st.integers(0, 0x1FFFF).map(lambda g: f"{g:x}"), st.sampled_from(["", "0", "00000", "G", "FFFF", "abCD"]))
SIXES = st.one_of(
    st.integers(0, (1 << 128) - 1).map(lambda v: str(ipaddress.IPv6Address(v))),
    st.integers(0, (1 << 128) - 1).map(lambda v: ipaddress.IPv6Address(v).exploded.upper()),
    st.integers(0, 1 << 34).map(lambda v: str(ipaddress.IPv6Address(v))),
    st.lists(GROUPS, min_size=1, max_size=11).map(":".join),
    st.lists(st.one_of(GROUPS, QUADS), min_size=1, max_size=9).map(":".join),
    st.text("0123456789abcdefF:.", max_size=47),
    st.tuples(st.lists(GROUPS, max_size=7), st.sampled_from([":", "::", ""]), QUADS).map(lambda t: ":".join(t[0]) + t[1] + t[2]),
)


@given(text=QUADS, after=st.sampled_from([b"\n", b" ", b"]", b"#", b",", b"x"]))
def test_ipv4_addresses(probes: Kernels, text: str, after: bytes) -> None:
    """Exactly the dotted quads that Python's ipaddress takes are taken, with their value."""
    place, out = Place(text.encode(), after=after), np.zeros(4, np.int64)
    stop = probes.try_read_ipv4(place.p, place.e, out.ctypes.data)
    try:
        value = int(ipaddress.IPv4Address(text))
    except ValueError:
        assert stop != place.e
    else:
        assert stop == place.e
        assert out[0] == value


@given(text=QUADS, after=st.sampled_from([b"\n", b" ", b"]", b"#", b",", b"x"]))
def test_ipv4_addresses_byte_by_byte(probes: Kernels, text: str, after: bytes) -> None:
    """Where there is no way to read an address at once, it is read as well: what both take is the same."""
    place, out, slow = Place(text.encode(), after=after), np.zeros(4, np.int64), np.zeros(4, np.int64)
    stop = probes.try_read_ipv4(place.p, place.e, out.ctypes.data)
    assert probes.try_slow_ipv4(place.p, place.e, slow.ctypes.data) == stop
    assert stop < 0 or out[0] == slow[0]


def test_ipv4_addresses_of_all_lengths(probes: Kernels) -> None:
    """Each way in which four numbers can be one to three digits long is known, with the least and the largest of them."""
    for lengths in itertools.product((1, 2, 3), repeat=4):
        for ends in itertools.product((0, 1), repeat=4):
            parts = [((0, 9), (10, 99), (100, 255))[n - 1][end] for n, end in zip(lengths, ends, strict=True)]
            text = ".".join(map(str, parts))
            place, out = Place(text.encode(), after=b"#1"), np.zeros(4, np.int64)
            assert probes.try_read_ipv4(place.p, place.e, out.ctypes.data) == place.e
            assert out[0] == int(ipaddress.IPv4Address(text))


def test_each_shape_of_an_address_has_a_place_of_its_own() -> None:
    """No two of the 81 ways to place dots and end have the same hash."""
    keys = [addresses.QUADS[at] for at in range(0, len(addresses.QUADS), addresses.QUAD_WORDS)]
    assert sum(key != 0 for key in keys) == 81


@given(text=SIXES, after=st.sampled_from([b"\n", b" ", b"]", b"#", b",", b":", b"f"]))
def test_ipv6_addresses(probes: Kernels, text: str, after: bytes) -> None:
    """Exactly the IPv6 addresses that Python's ipaddress takes are taken, with their 16 bytes, v4 endings included."""
    place, out = Place(text.encode(), after=after), np.full(8, -1, np.int64)
    taken = probes.try_read_ipv6(place.p, place.e, out.ctypes.data)
    try:
        packed = ipaddress.IPv6Address(text).packed
    except ValueError:
        assert not taken
    else:
        assert taken
        assert out.tobytes()[:16] == packed


@pytest.mark.parametrize("text", ["", ":", "::", ":::", "1::", "::1", "1::2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
                                  "1:2:3:4:5:6:7:8:9", "1::2:3:4:5:6:7:8", "::1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "12345::", "1:2:3:4:5:6:1.2.3.4",
                                  "1:2:3:4:5:6:7:1.2.3.4", "::ffff:01.2.3.4", ":1::2", "1::2:", "g::", "1:::2", "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7:8", "::1:", "::2:3:4:5:6:7:8:", "1.2.3.4", ":1.2.3.4", "1::2:1.2.3.4", "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:6::1.2.3.4", "1:2:3:4:5:1.2.3.4", "1:::1.2.3.4", "1::2::1.2.3.4",
                                  "::1.2.3.4:", "::ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "0ffff::1.2.3.4", "::.1.2.3", "1.2:3::4.5.6.7", "1.1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:.6:1.2.3.4", "1.2.3.4:1.2.3.4", "1.2.3.4::1.2.3.4"])  # fmt: skip
def test_ipv6_edges(probes: Kernels, text: str) -> None:
    """The odd ones: colons at the ends, too many groups, dotted quads in the wrong place."""
    test_ipv6_addresses.hypothesis.inner_test(probes, text, b" ")  # type: ignore[attr-defined]


@given(text=TEXTS)
def test_address_characters(probes: Kernels, text: bytes) -> None:
    """Addresses are made of hexadecimal digits, colons and dots."""
    place = Place(text)
    run = re.match(rb"[0-9A-Fa-f:.]*", text)
    assert run is not None
    assert place.at(probes.try_skip_address_text(place.p, place.e)) == run.end()
