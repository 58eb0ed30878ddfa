"""The slow, obvious reference for captures and dnstap: bytes of a file in, lines of text out (see `parse.packets`)."""

from __future__ import annotations

import datetime as dt
import re
import struct
from dataclasses import dataclass

from mailripple.parse.questions import DAMAGES, MAX_INTERFACES, MAX_RECORD, TYPE_WORDS

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SPECIAL = b'.\\";@$()'
_VLAN = (0x8100, 0x88A8, 0x9100)
_PROTOCOLS = ("other", "udp", "tcp", "dot", "doh", "dnscrypt", "dnscrypt", "doq")
_TAPS = ("auth", "resolver", "client", "forward", "stub", "tool", "update")
_RAW = (12, 14, 101, 228, 229)


class Skip(Exception):  # noqa: N818  # no error: a reason
    """The record has no question for a reason that has a name."""


class Cut(Exception):  # noqa: N818
    """The record ends before the question does."""


class Broken(Exception):  # noqa: N818
    """The record breaks the rules."""


@dataclass(slots=True)
class Read:
    """What became of a file: its lines, and what is wrong with it ("" if nothing)."""

    lines: list[str]
    damage: str = ""


def take(data: bytes, at: int, n: int) -> bytes:
    """n bytes at `at`.  Raises Cut where they are not there."""
    if at + n > len(data):
        raise Cut
    return data[at : at + n]


def big16(data: bytes, at: int) -> int:
    """Two bytes, the larger first."""
    return int.from_bytes(take(data, at, 2), "big")


def read_name(message: bytes, at: int) -> tuple[str, int]:
    """The name at `at` as text, and the position behind it."""
    labels: list[str] = []
    behind, limit, total = 0, at, 1
    while True:
        n = take(message, at, 1)[0]
        if n >= 192:
            target = big16(message, at) & 0x3FFF
            behind = behind or at + 2
            if target >= limit or target < 12:
                raise Broken
            limit = at = target
        elif n >= 64:
            raise Broken
        elif n == 0:
            return ".".join(labels) or ".", behind or at + 1
        else:
            total += n + 1
            if total > 255:
                raise Broken
            labels.append("".join(_letter(c) for c in take(message, at + 1, n)))
            at += n + 1


def _letter(c: int) -> str:
    if c <= 32 or c >= 127:
        return f"\\{c:03d}"
    return ("\\" if c in _SPECIAL else "") + chr(c).lower()


def type_name(number: int) -> str:
    """The name of a query type."""
    word = TYPE_WORDS[number] if number < len(TYPE_WORDS) else 0
    return word.to_bytes(8, "little").rstrip(b"\0").decode() if word else f"TYPE{number}"


def question(message: bytes) -> str:
    """`NAME TYPE` of a DNS message."""
    take(message, 0, 12)
    if (message[2] >> 3) & 15:
        raise Skip("opcode")
    if big16(message, 4) == 0:
        raise Skip("no-question")
    name, at = read_name(message, 12)
    take(message, at, 4)
    return f"{name} {type_name(big16(message, at))}"


def address_text(raw: bytes) -> str:
    """An address of 4 or 16 bytes; `-` for anything else."""
    if len(raw) == 4:
        return ".".join(str(c) for c in raw)
    if len(raw) == 16:
        return ":".join(f"{big16(raw, 2 * k):x}" for k in range(8))
    return "-"


def time_text(seconds: int, micros: int) -> str:
    """The time and a space; nothing if it has no year of four digits."""
    if not (0 <= seconds <= 253_402_300_799 and 0 <= micros < 1_000_000):
        return ""
    moment = _EPOCH + dt.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros:06d}Z ".rjust(28, "0")


def ip_of(link: int, frame: bytes) -> bytes:
    """The IP packet in a frame."""
    if link in (0, 108):
        if len(frame) <= 4:
            raise Cut
        return frame[4:]
    if link in _RAW:
        return frame
    where, size = {1: (12, 14), 113: (14, 16), 276: (0, 20)}[link]
    take(frame, 0, size)
    kind, at = big16(frame, where), size
    for _ in range(4):
        if kind in _VLAN:
            take(frame, at, 4)
            kind, at = big16(frame, at + 2), at + 4
    if kind == 0x8864:
        take(frame, at, 8)
        kind, at = {0x21: 0x0800, 0x57: 0x86DD}.get(big16(frame, at + 6), 0), at + 8
    if kind not in (0x0800, 0x86DD):
        raise Skip("not-ip")
    return frame[at:]


def packet_text(packet: bytes) -> str:
    """What an IP packet asks."""
    version = take(packet, 0, 1)[0] >> 4
    if version == 4:
        take(packet, 0, 20)
        size, total = (packet[0] & 15) * 4, big16(packet, 2)
        if size < 20:
            raise Broken
        if big16(packet, 6) & 0x3FFF:
            raise Skip("fragment")
        inside = packet[:total] if total >= size else packet
        return transport(packet[9], inside[size:] if size <= len(inside) else None, packet[12:16], packet[16:20])
    if version != 6:
        raise Skip("not-ip")
    take(packet, 0, 40)
    total = 40 + big16(packet, 4)
    inside = packet[:total] if total > 40 else packet
    following, at = packet[6], 40
    for _ in range(8):
        if following not in (0, 43, 44, 51, 60):
            return transport(following, inside[at:] if at <= len(inside) else None, packet[8:24], packet[24:40])
        take(inside, at, 8)
        if following == 44 and big16(inside, at + 2) & 0xFFF9:
            raise Skip("fragment")
        words = inside[at + 1]
        size = {44: 8, 51: (words + 2) * 4}.get(following, (words + 1) * 8)
        following, at = inside[at], at + size
    raise Skip("not-dns")


def transport(protocol: int, data: bytes | None, source: bytes, target: bytes) -> str:
    """What a UDP or TCP packet asks; `data` None: it ends before its beginning."""
    if protocol not in (6, 17):
        raise Skip("not-dns")
    if data is None:
        raise Cut
    take(data, 0, 8 if protocol == 17 else 20)
    if 53 not in (big16(data, 0), big16(data, 2)):
        raise Skip("not-dns")
    if protocol == 17:
        if len(data) == 8:
            raise Skip("empty")
        return message_text("udp", data[8:], source, target)
    size = (data[12] >> 4) * 4
    if size < 20:
        raise Broken
    take(data, 0, size)
    body = data[size:]
    if not body:
        raise Skip("empty")
    length = big16(body, 0) if len(body) >= 2 else 0
    message = body[2 : 2 + length]
    if length < 12 or len(message) < 12:
        raise Skip("segment")
    if len(message) < length and (message[2] >= 128 or big16(message, 4) != 1 or big16(message, 6) != 0):
        raise Skip("segment")
    try:
        return message_text("tcp", message, source, target)
    except (Broken, Cut):
        raise Skip("segment") from None


def message_text(protocol: str, message: bytes, source: bytes, target: bytes) -> str:
    """`query udp CLIENT SERVER NAME TYPE`."""
    take(message, 0, 12)
    verb = "response" if message[2] >= 128 else "query"
    client, server = (target, source) if verb == "response" else (source, target)
    return f"{verb} {protocol} {address_text(client)} {address_text(server)} {question(message)}"


def frame_text(link: int, frame: bytes, *, cut: bool) -> str:
    """The text of a captured frame."""
    if link not in (0, 1, 108, 113, 276, *_RAW):
        return f"link {min(link, 99_999)}"
    try:
        return packet_text(ip_of(link, frame))
    except Skip as reason:
        return f"skip {reason}"
    except Cut:
        return "skip cut" if cut else "broken"
    except Broken:
        return "broken"


def pcap(data: bytes) -> Read:
    """The lines of a pcap file."""
    order = ">" if data[:1] == b"\xa1" else "<"
    nano = b"\x3c" in data[:4]
    link = struct.unpack(order + "I", data[20:24])[0] & 0xFFFF
    read, at = Read([]), 24
    while at < len(data):
        if at + 16 > len(data):
            return Read(read.lines, "the file ends")
        seconds, fraction, size, whole = struct.unpack(order + "4I", data[at : at + 16])
        if size > MAX_RECORD:
            return Read(read.lines, DAMAGES[1])
        frame = data[at + 16 : at + 16 + size]
        if len(frame) < size:
            return Read(read.lines, "the file ends")
        stamp = time_text(seconds, fraction // 1000 if nano else fraction)
        read.lines.append(f"{stamp}dnspacket: {frame_text(link, frame, cut=whole > size)}")
        at += 16 + size
    return read


@dataclass(frozen=True, slots=True)
class Interface:
    """What an interface block says: link type, resolution as in the block, offset in seconds, snap length."""

    link: int
    units: int
    offset: int
    snap: int


def pcapng(data: bytes) -> Read:
    """The lines of a pcapng file."""
    read, at, order = Read([]), 0, "<"
    interfaces: list[Interface] = []
    while at < len(data):
        if at + 12 > len(data):
            return Read(read.lines, "the file ends")
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            magic = data[at + 8 : at + 12]
            if magic not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                return Read(read.lines, DAMAGES[2])
            order = "<" if magic[:1] == b"\x4d" else ">"
            interfaces = []
        kind, total = struct.unpack(order + "2I", data[at : at + 8])
        if total < 12 or total % 4:
            return Read(read.lines, DAMAGES[2])
        if kind in (1, 2, 3, 6) and total > MAX_RECORD:
            return Read(read.lines, DAMAGES[1])
        if at + total > len(data):
            return Read(read.lines, "the file ends")
        body = data[at + 8 : at + total - 4]
        if kind == 1:
            interfaces.append(_interface(order, body))
        elif kind in (2, 3, 6):
            read.lines.append(_block_line(order, kind, body, interfaces))
        at += total
    return read


def _interface(order: str, body: bytes) -> Interface:
    if len(body) < 8:
        return Interface(0, 0, 0, 0)
    link, snap = struct.unpack(order + "HxxI", body[:8])
    units, offset, at = 6, 0, 8
    while at + 4 <= len(body):
        code, size = struct.unpack(order + "2H", body[at : at + 4])
        value = body[at + 4 : at + 4 + size]
        if code == 0 or len(value) < size:
            break
        if code == 9 and size:
            units = value[0]
        if code == 14 and size >= 8:
            offset = struct.unpack(order + "q", value[:8])[0]
        at += 4 + -(-size // 4) * 4
    return Interface(link, units, offset, snap)


def _block_line(order: str, kind: int, body: bytes, interfaces: list[Interface]) -> str:
    head = 4 if kind == 3 else 20
    if len(body) < head:
        return "dnspacket: broken"
    number = 0
    if kind != 3:
        number = struct.unpack_from(order + ("I" if kind == 6 else "H"), body)[0]
    if number >= min(len(interfaces), MAX_INTERFACES):
        return "dnspacket: broken"
    interface, stamp = interfaces[number], ""
    if kind == 3:
        whole = struct.unpack_from(order + "I", body)[0]
        size = min(whole, interface.snap or whole)
    else:
        high, low, size, whole = struct.unpack_from(order + "4I", body, 4)
        stamp = _block_time(interface, high << 32 | low)
    frame = body[head : head + size]
    return f"{stamp}dnspacket: {frame_text(interface.link, frame, cut=whole > len(frame))}"


def _block_time(interface: Interface, stamp: int) -> str:
    if stamp >= 1 << 63 or (interface.units > 18 and not 128 <= interface.units <= 168):
        return ""
    scale = 2 ** (interface.units - 128) if interface.units >= 128 else 10**interface.units
    seconds, rest = divmod(stamp, scale)
    return time_text(seconds + interface.offset, rest * 1_000_000 // scale)


def dnstap(data: bytes) -> Read:
    """The lines of a frame stream."""
    read, at = Read([]), 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        start = at + 4
        if len(data) >= at + 8 and size == 0:
            size, start = int.from_bytes(data[at + 4 : at + 8], "big"), at + 8
            if size > 512:
                return Read(read.lines, DAMAGES[3])
        elif len(data) >= at + 4 and size > MAX_RECORD:
            return Read(read.lines, DAMAGES[1])
        if start + size > len(data) or at + 4 > len(data) or (start == at + 4 and size == 0):
            return Read(read.lines, "the file ends")
        if start == at + 4:
            read.lines.append(tap_line(data[start : start + size]))
        at = start + size
    return read


def tap_line(frame: bytes) -> str:
    """The line of a dnstap frame."""
    outer = _fields(frame)
    message = outer.get((14, 2)) if outer is not None else None
    inner = _fields(message) if isinstance(message, bytes) else None
    if outer is None or inner is None:
        return "dnspacket: broken"
    kind = inner.get((1, 0), 0)
    host = outer.get((1, 2), b"")
    assert isinstance(kind, int)
    assert isinstance(host, bytes)
    named = f"{host.decode()} " if re.fullmatch(rb"[0-9A-Za-z._-]{1,64}", host) else ""
    return f"{_tap_time(inner, kind)}{named}dnspacket: {_tap_text(inner, kind)}"


Fields = dict[tuple[int, int], int | bytes]


def _fields(data: bytes) -> Fields | None:
    """The last value of each field and wire type of a protobuf message; None where it is broken."""
    found: Fields = {}
    at = 0
    while at < len(data):
        try:
            key, at = _varint(data, at)
            value: int | bytes = 0
            if key & 7 == 0:
                value, at = _varint(data, at)
            elif key & 7 == 2:
                size, at = _varint(data, at)
                value = take(data, at, size if size < 1 << 63 else len(data) + 1)
                at += size
            else:
                size = {1: 8, 5: 4}[key & 7]
                fixed = take(data, at, size)
                value = int.from_bytes(fixed, "little") if size == 4 else 0
                at += size
        except (Cut, KeyError):
            return None
        found.pop((key >> 3, key & 7), None)
        found[key >> 3, 2 if key & 7 == 2 else 0] = value
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(10):
        c = take(data, at + k, 1)[0]
        value |= (c & 127) << (7 * k)
        if c < 128:
            return value & ((1 << 64) - 1), at + k + 1
    raise Cut


def _tap_time(inner: Fields, kind: int) -> str:
    first, second = (12, 8) if kind % 2 == 0 else (8, 12)
    field = first if (first, 0) in inner else second
    seconds, nanos = inner.get((field, 0)), inner.get((field + 1, 0), 0)
    assert isinstance(nanos, int)
    return time_text(seconds, _signed(nanos) // 1000) if isinstance(seconds, int) else ""


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _tap_text(inner: Fields, kind: int) -> str:
    if not 1 <= kind <= 14:
        return "skip other-type"
    names = (14, 10) if kind % 2 == 0 else (10, 14)
    message = next((inner[n, 2] for n in names if (n, 2) in inner), None)
    if not isinstance(message, bytes):
        return "skip no-message"
    client, server, protocol = inner.get((4, 2), b""), inner.get((5, 2), b""), inner.get((3, 0), 0)
    assert isinstance(client, bytes)
    assert isinstance(server, bytes)
    assert isinstance(protocol, int)
    verb = "response" if kind % 2 == 0 else "query"
    said = f"{_TAPS[(kind - 1) // 2]} {verb} {_PROTOCOLS[protocol] if protocol < 8 else 'other'}"
    try:
        return f"{said} {address_text(client)} {address_text(server)} {question(message)}"
    except Skip as reason:
        return f"skip {reason}"
    except (Cut, Broken):
        return "broken"
