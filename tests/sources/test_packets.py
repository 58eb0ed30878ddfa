"""Proves that captures and dnstap files become the lines that the slow reference makes of them, whole or damaged."""

from __future__ import annotations

import io
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.parse import naive_packets
from mailripple.parse.questions import DNSTAP, PCAP, PCAPNG
from mailripple.sources.packets import LOOK, PacketStream, as_text, kind_of
from mailripple.sources.raw import RawStream
from tests.parse import capture

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
REFERENCES = {PCAP: naive_packets.pcap, PCAPNG: naive_packets.pcapng, DNSTAP: naive_packets.dnstap}


class Dripping(io.BytesIO):
    """A file that gives few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step = step

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(memoryview(buffer)[: self.step])


def read(data: bytes, step: int = 1 << 20, give: int = 1 << 20) -> tuple[list[str], str]:
    """(lines, what is wrong) of a file that is read `step` and given `give` bytes at a time."""
    stream = as_text(RawStream(Dripping(data, step), "x"), data[:LOOK])
    assert isinstance(stream, PacketStream)
    out = bytearray()
    room = memoryview(bytearray(give))
    while got := stream.readinto(room):
        out += room[:got]
    return out.decode("ascii").splitlines(), (stream.damage or "").partition(" at byte")[0]


def must_agree(data: bytes, step: int = 1 << 20, give: int = 1 << 20) -> list[str]:
    """The lines of a file, the same by both."""
    kind = kind_of(data[:LOOK])
    if not kind:
        return []
    reference = REFERENCES[kind](data)
    lines, damage = read(data, step, give)
    assert lines == reference.lines
    assert damage == reference.damage
    return lines


QUERY = capture.message(capture.name("www.Example.com"), 1)
SAID = "dnspacket: query udp 192.0.2.7 192.0.2.53 www.example.com A"
TIME = "2024-10-27T03:33:20.250000Z "
FRAME = capture.ethernet(capture.ip(capture.udp(QUERY)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap(order: str, nano: bool) -> None:
    """Both byte orders, micro- and nanoseconds: the second packet is a quarter of a second later."""
    assert must_agree(capture.pcap([FRAME, FRAME], order=order, nano=nano))[1] == TIME + SAID


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("units", [6, 9, 3, 138])
def test_pcapng(order: str, units: int) -> None:
    """Both byte orders, every resolution; blocks that hold no packet are passed over."""
    assert must_agree(capture.pcapng([FRAME, FRAME], order=order, units=units))[1] == TIME + SAID
    assert must_agree(capture.pcapng([FRAME], order=order, simple=True)) == [SAID]


@pytest.mark.parametrize(
    ("link", "frame", "said"),
    [
        (1, capture.ethernet(capture.ip(capture.udp(QUERY)), vlans=2), SAID),
        (101, capture.ip(capture.udp(QUERY)), SAID),
        (113, capture.cooked(capture.ip(capture.udp(QUERY))), SAID),
        (276, capture.cooked(capture.ip(capture.udp(QUERY)), second=True), SAID),
        (0, b"\2\0\0\0" + capture.ip(capture.udp(QUERY)), SAID),
        (1, capture.ethernet(capture.ip(capture.tcp(QUERY))), SAID.replace("udp", "tcp")),
        (1, capture.ethernet(capture.ip(capture.tcp(b"", framed=False))), "dnspacket: skip empty"),
        (1, capture.ethernet(capture.ip(capture.tcp(b"x" * 90, framed=False))), "dnspacket: skip segment"),
        (1, capture.ethernet(capture.ip(capture.udp(QUERY), fragment=0x2000)), "dnspacket: skip fragment"),
        (1, capture.ethernet(capture.ip(capture.udp(QUERY, 1, 2))), "dnspacket: skip not-dns"),
        (1, capture.ethernet(b"", kind=0x0806), "dnspacket: skip not-ip"),
        (1, capture.ethernet(capture.ip(capture.udp(QUERY[:20]))), "dnspacket: broken"),
        (147, FRAME, "dnspacket: link 147"),
        (
            1,
            capture.ethernet(capture.ip(capture.udp(capture.message(b"\0", 2, flags=0x8180), 53, 9), "2001:db8::53", "::ffff:192.0.2.7")),
            "dnspacket: response udp 0:0:0:0:0:ffff:c000:207 2001:db8:0:0:0:0:0:53 . NS",
        ),
    ],
)
def test_layers(link: int, frame: bytes, said: str) -> None:
    """Each link type, VLAN tags, IPv4 and IPv6, UDP and TCP; what holds no question is skipped by name."""
    (line,) = must_agree(capture.pcap([frame], link=link))
    assert line == "2024-10-27T03:33:20.000000Z " + said


def test_what_was_captured_in_part_is_skipped_by_name() -> None:
    """A frame that the capture cut before its question is no broken one."""
    (line,) = must_agree(capture.pcap([FRAME], snap=60))
    assert line.endswith("dnspacket: skip cut")


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (capture.name([b"a.b", b"c\\d", b"x y", b"\xc3\xa9", b"$@;()\"", b"\0\x7f"]), r"a\.b.c\\d.x\032y.\195\169.\$\@\;\(\)\".\000\127"),
        (b"\x03www\xc0\x0c", None),
        (b"\xc0\x00", None),
        (b"\x40abc\0", None),
        (capture.name([b"x" * 63] * 3 + [b"x" * 61]), "x" * 63 + "." + "x" * 63 + "." + "x" * 63 + "." + "x" * 61),
        (capture.name([b"x" * 63] * 4), None),
    ],
)
def test_names(wire: bytes, shown: str | None) -> None:
    """Names are written as BIND writes them; loops, bad labels and names beyond 255 bytes make a broken packet."""
    data = capture.pcap([capture.ip(capture.udp(capture.message(wire, 1)))], link=101)
    (line,) = must_agree(data)
    assert line.endswith(f" {shown} A" if shown else "dnspacket: broken")


def test_dnstap() -> None:
    """Frames say who asked whom; control frames are no records; each type keeps its name."""
    taps = [capture.tap(kind, QUERY if kind % 2 else capture.message(capture.name("a"), 15, flags=0x8180)) for kind in range(1, 15)]
    lines = must_agree(capture.stream(taps) + capture.stream(taps[:1]))
    assert len(lines) == 15
    assert lines[4] == TIME + "ns1 dnspacket: client query udp 192.0.2.7 192.0.2.53 www.example.com A"
    assert lines[5] == TIME + "ns1 dnspacket: client response udp 192.0.2.7 192.0.2.53 a MX"
    assert must_agree(capture.stream([capture.tap(5, None)]))[0].endswith("dnspacket: skip no-message")


@settings(max_examples=300)
@given(seed=st.integers(0, 1 << 40), step=st.sampled_from([1, 7, 100, 1 << 20]), give=st.sampled_from([1, 13, 4096]))
def test_any_file_as_the_reference(seed: int, step: int, give: int) -> None:
    """Made-up files, however they arrive: the same lines by both."""
    must_agree(capture.some_file(random.Random(seed)), step, give)


@settings(max_examples=500)
@given(seed=st.integers(0, 1 << 40))
def test_any_damage_as_the_reference(seed: int) -> None:
    """Wrong lengths, counts, pointers and missing ends: the same lines by both, and the same complaint."""
    rng = random.Random(seed)
    must_agree(capture.damaged(capture.some_file(rng), rng))


@pytest.mark.skipif("MAILRIPPLE_FUZZ_SECONDS" not in os.environ, reason="MAILRIPPLE_FUZZ_SECONDS is not set")
def test_long_fuzz_of_packets() -> None:
    """For as long as asked for: files of all kinds, most of them damaged."""
    rng = random.Random(int(os.environ.get("MAILRIPPLE_FUZZ_SEED", "1")))
    end = time.monotonic() + float(os.environ["MAILRIPPLE_FUZZ_SECONDS"])
    while time.monotonic() < end:
        data = capture.some_file(rng)
        for _ in range(5):
            must_agree(capture.damaged(data, rng))


@pytest.mark.parametrize("kind", ["pcap", "pcapng", "dnstap"])
def test_every_cut_gives_what_is_before_it(kind: str) -> None:
    """A file cut off anywhere gives the records that are whole, and says that it ends too early unless they all are."""
    whole = {"pcap": capture.pcap([FRAME] * 3), "pcapng": capture.pcapng([FRAME] * 3), "dnstap": capture.stream([capture.tap(5, QUERY)] * 3)}[kind]
    lines = must_agree(whole)
    for at in range(LOOK, len(whole)):
        found = must_agree(whole[:at])
        assert found == lines[: len(found)]


def test_text_is_no_capture() -> None:
    """What begins like a log, or is empty, is left alone."""
    assert [kind_of(head) for head in (b"", b"Oct 27 03:33:20 mx sendmail[1]: started, and so on", b"{}", b"\n\n\n\n" * 9, bytes(36))] == [0] * 5


@pytest.mark.skipif(not (SHARED / "samples" / "pcap").exists(), reason=f"no samples below {SHARED}")
def test_captures_of_real_servers() -> None:
    """Samples of real servers: questions and answers as the bit in each message says, counted at fixed places."""
    for path in (SHARED / "samples" / "pcap").glob("*.pcap"):
        data, at, counts = path.read_bytes(), 24, [0, 0]
        while at < len(data):
            size = int.from_bytes(data[at + 8 : at + 12], "little")
            header = 20 if data[at + 16 + 14] >> 4 == 4 else 40
            counts[data[at + 16 + 14 + header + 8 + 2] >> 7] += 1
            at += 16 + size
        lines = must_agree(data)
        assert [sum(f"dnspacket: {w} udp" in line for line in lines) for w in ("query", "response")] == counts
    for path in (SHARED / "samples" / "dnstap").glob("*.dnstap"):
        data = path.read_bytes()
        lines = must_agree(data)
        assert len(lines) == data.count(b"\x0a\x03dns\x12")
        assert sum("client query" in line for line in lines) == data.count(b"\x08\x05\x10")
