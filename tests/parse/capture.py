"""Makes captures and dnstap files: small ones for tests, and damaged ones."""

from __future__ import annotations

import ipaddress
import random
import struct
from collections.abc import Iterable, Sequence

HEADERS = {"<": b"\xd4\xc3\xb2\xa1", ">": b"\xa1\xb2\xc3\xd4"}
NANO = {"<": b"\x4d\x3c\xb2\xa1", ">": b"\xa1\xb2\x3c\x4d"}
START = 1_730_000_000


def name(text: str | Sequence[bytes]) -> bytes:
    """A domain name on the wire."""
    labels = [label.encode() for label in text.split(".") if label] if isinstance(text, str) else text
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def message(qname: bytes, qtype: int = 1, *, flags: int = 0x0100, questions: int = 1, rest: bytes = b"") -> bytes:
    """A DNS message with one question."""
    return struct.pack(">6H", 7, flags, questions, 0, 0, 0) + qname + struct.pack(">2H", qtype, 1) + rest


def udp(data: bytes, source: int = 40_000, target: int = 53) -> tuple[int, bytes]:
    """(protocol, UDP packet)."""
    return 17, struct.pack(">4H", source, target, 8 + len(data), 0) + data


def tcp(data: bytes, source: int = 40_000, target: int = 53, *, framed: bool = True) -> tuple[int, bytes]:
    """(protocol, TCP packet) with the length in front of the message."""
    body = (struct.pack(">H", len(data)) if framed else b"") + data
    return 6, struct.pack(">2H2I2B3H", source, target, 1, 1, 0x50, 0x18, 512, 0, 0) + body


def ip(packet: tuple[int, bytes], source: str = "192.0.2.7", target: str = "192.0.2.53", *, fragment: int = 0) -> bytes:
    """An IPv4 or IPv6 packet."""
    protocol, data = packet
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if a.version == 4:
        head = struct.pack(">2B3H2BH", 0x45, 0, 20 + len(data), 1, fragment, 64, protocol, 0)
        return head + a.packed + b.packed + data
    if fragment:
        data = struct.pack(">2BHI", protocol, 0, fragment, 1) + data
        protocol = 44
    return struct.pack(">IHBB", 0x60000000, len(data), protocol, 64) + a.packed + b.packed + data


def ethernet(packet: bytes, *, vlans: int = 0, kind: int = 0) -> bytes:
    """An Ethernet frame, with VLAN tags."""
    ether = kind or (0x0800 if packet[:1] < b"\x60" else 0x86DD)
    tags = b"".join(struct.pack(">2H", 0x8100 if k else 0x88A8, k) for k in range(vlans))
    return bytes(12) + tags + struct.pack(">H", ether) + packet


def cooked(packet: bytes, *, second: bool = False) -> bytes:
    """A Linux cooked frame, of the first or the second version."""
    ether = struct.pack(">H", 0x0800 if packet[:1] < b"\x60" else 0x86DD)
    return ether + bytes(18) + packet if second else bytes(14) + ether + packet


def pcap(frames: Iterable[bytes], *, link: int = 1, order: str = "<", nano: bool = False, snap: int = 1 << 18) -> bytes:
    """A pcap file; frames are a quarter of a second apart."""
    out = [(NANO if nano else HEADERS)[order], struct.pack(order + "2H4I", 2, 4, 0, 0, snap, link)]
    for k, frame in enumerate(frames):
        kept = frame[:snap]
        fraction = k % 4 * (250_000_000 if nano else 250_000)
        out += [struct.pack(order + "4I", START + k // 4, fraction, len(kept), len(frame)), kept]
    return b"".join(out)


def block(order: str, kind: int, body: bytes) -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def option(order: str, code: int, value: bytes) -> bytes:
    """An option of a pcapng block."""
    return struct.pack(order + "2H", code, len(value)) + value + bytes(-len(value) % 4)


def pcapng(frames: Iterable[bytes], *, link: int = 1, order: str = "<", units: int = 6, simple: bool = False) -> bytes:
    """A pcapng file: section, one interface, name resolution (to be passed over), packets."""
    out = [block(order, 0x0A0D0D0A, struct.pack(order + "I2Hq", 0x1A2B3C4D, 1, 0, -1))]
    out.append(block(order, 1, struct.pack(order + "2HI", link, 0, 0) + option(order, 9, bytes([units])) + bytes(4)))
    out.append(block(order, 4, bytes(4)))
    scale = 2 ** (units - 128) if units >= 128 else 10**units
    for k, frame in enumerate(frames):
        if simple:
            out.append(block(order, 3, struct.pack(order + "I", len(frame)) + frame))
            continue
        stamp = (START * scale + k * scale // 4) & ((1 << 64) - 1)
        head = struct.pack(order + "5I", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        out.append(block(order, 6, head + frame))
    return b"".join(out)


def varint(value: int) -> bytes:
    """A protobuf number."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes, *, fixed: bool = False) -> bytes:
    """A protobuf field."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3 | 5) + struct.pack("<I", value) if fixed else varint(number << 3) + varint(value)


def tap(
    kind: int,
    data: bytes | None,
    *,
    client: str = "192.0.2.7",
    server: str = "192.0.2.53",
    protocol: int = 1,
    identity: bytes = b"ns1",
    seconds: int = START,
) -> bytes:
    """A dnstap frame's content."""
    inner = field(1, kind) + field(2, 1) + field(3, protocol)
    inner += field(4, ipaddress.ip_address(client).packed) if client else b""
    inner += field(5, ipaddress.ip_address(server).packed) if server else b""
    inner += field(6, 40_000) + field(7, 53)
    inner += field(8, seconds) + field(9, 250_000_000, fixed=True)
    if data is not None:
        inner += field(14 if kind % 2 == 0 else 10, data)
    return field(1, identity) + field(2, b"test 1") + field(14, inner) + field(15, 1)


def stream(frames: Iterable[bytes]) -> bytes:
    """A frame stream."""
    kind = b"protobuf:dnstap.Dnstap"
    start = struct.pack(">3I", 0, 12 + len(kind) - 0, 2)[:4] + struct.pack(">I", 12 + len(kind)) + struct.pack(">3I", 2, 1, len(kind)) + kind
    body = b"".join(struct.pack(">I", len(f)) + f for f in frames)
    return start + body + struct.pack(">3I", 0, 4, 3)


def some_messages(rng: random.Random) -> bytes:
    """A DNS message, sound or not."""
    plain = [b"www", b"example", b"com", b"MX", b"a.b", b"\xc3\xa9", b"x y", b"\\", b"\0", b"_tcp", b"x" * 63]
    labels = [rng.choice(plain) for _ in range(rng.choice([0, 1, 2, 3, 3, 3, 5, 70]))]
    wire = name(labels)
    if rng.random() < 0.2:
        wire = wire[:-1] + struct.pack(">H", 0xC000 | rng.choice([0, 11, 12, 13, 14, 20, rng.randrange(300)]))
    flags = rng.choice([0x0100, 0x0100, 0x8180, 0x2800, 0xA000])
    made = message(wire, rng.choice([1, 15, 28, 65, 255, 256, 12345, 65535]), flags=flags, questions=rng.choice([1, 1, 1, 0, 2]))
    return made + bytes(rng.choice([0, 0, 11, 40]))


def some_frames(rng: random.Random) -> bytes:
    """A frame of Ethernet, IPv4 or IPv6, UDP or TCP, sound or not."""
    data = some_messages(rng)
    ports = rng.choice([(40_000, 53), (53, 40_000), (53, 53), (40_000, 5353)])
    inner = rng.choice([udp, udp, tcp])(data, *ports)
    if rng.random() < 0.1:
        inner = rng.choice([(1, data), (17, inner[1][:6]), (6, inner[1][:20]), (6, inner[1][:30]), (17, inner[1][:8])])
    pair = rng.choice([("192.0.2.7", "192.0.2.53"), ("2001:db8::7", "2001:db8::53"), ("::ffff:192.0.2.7", "::1")])
    packet = ip(inner, *pair, fragment=rng.choice([0, 0, 0, 0, 0, 0x2000, 0x4000, 100]))
    if pair[0][0] != "1" and rng.random() < 0.3:
        packet = packet[:6] + b"\x3c" + packet[7:40] + bytes([packet[6], rng.choice([0, 1, 30])]) + bytes(6) + packet[40:]
    return rng.choice(
        [ethernet(packet), ethernet(packet), ethernet(packet, vlans=rng.randrange(6)), ethernet(packet, kind=0x0806), packet, cooked(packet)]
    )


def some_file(rng: random.Random) -> bytes:
    """A file of any kind, sound but for what is in its frames."""
    frames = [some_frames(rng) for _ in range(rng.randrange(8))]
    order = rng.choice("<>")
    kind = rng.randrange(3)
    if kind == 0:
        link = rng.choice([1, 1, 1, 0, 101, 113, 276, 147, 228])
        return pcap(frames, order=order, link=link, nano=rng.random() < 0.5, snap=rng.choice([1 << 18, 1 << 18, 50, 70]))
    if kind == 1:
        return pcapng(frames, order=order, link=rng.choice([1, 1, 101]), units=rng.choice([6, 9, 3, 0, 18, 138, 19, 200]), simple=rng.random() < 0.2)
    return stream(some_tap(rng) for _ in frames)


def some_tap(rng: random.Random) -> bytes:
    """A dnstap frame, sound or not."""
    return tap(
        rng.choice([*range(15), 5, 5, 6, 200]),
        rng.choice([None, some_messages(rng), some_messages(rng), some_messages(rng)]),
        client=rng.choice(["192.0.2.7", "2001:db8::7", ""]),
        server=rng.choice(["192.0.2.53", ""]),
        protocol=rng.randrange(10),
        identity=rng.choice([b"ns1", b"", b"a b", b"x" * 70, b"\xff", b"ns1.example"]),
        seconds=rng.choice([START, 0, 1 << 40, 1 << 63]),
    )


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The file with lengths, counts and bytes that are wrong, or cut off."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(out))
        how = rng.randrange(5)
        if how == 0:
            out[at] = rng.choice([0, 1, 0x7F, 0x80, 0xC0, 0xFF, rng.randrange(256)])
        elif how == 1:
            out[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x01", b"\x01\0\0\0", b"\x7f\xff\xff\xff", b"\0\x10\0\x01"])
        elif how == 2:
            out[at : at + rng.randrange(1, 9)] = b""
        elif how == 3:
            out[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        else:
            del out[at + 1 :]
        if len(out) < 24:
            break
    return bytes(out)
