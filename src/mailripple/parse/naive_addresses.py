"""The slow, obvious reference for addresses: IP addresses, envelope addresses and lists of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass


def address(text: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `text` is, v4-mapped addresses as their IPv4; None where it is none."""
    if b"%" in text:
        return None
    try:
        found = ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def scan_address(text: bytes, at: int, *, quotes: bool, stop: bytes = b",") -> int:
    """End of the envelope address at `at`: behind `>`, or before `stop`; -1 if a quote or bracket stays open."""
    angle = text[at : at + 1] == b"<"
    i = at
    while i < len(text):
        c = text[i : i + 1]
        if c == b'"' and quotes:
            i += 1
            while i < len(text) and text[i : i + 1] != b'"':
                i += 2 if text[i : i + 1] == b"\\" else 1
            if i >= len(text):
                return -1
        elif c == b">" and angle:
            return i + 1
        elif c == stop and not angle:
            return i
        i += 1
    return -1 if angle else i


@dataclass(slots=True)
class Unclosed:
    """What was found to stay open to the end of the line, and so means nothing in the rest of a list."""

    quote: bool = False
    bracket: bool = False


def address_end(text: bytes, at: int, unclosed: Unclosed) -> int:
    """End of the envelope address at `at`, whatever is wrong with it."""
    if not unclosed.quote:
        end = scan_address(text, at, quotes=True)
        if end >= 0:
            return end
        unclosed.quote = True
    if not unclosed.bracket:
        end = scan_address(text, at, quotes=False)
        if end >= 0:
            return end
        unclosed.bracket = True
    end = text.find(b",", at)
    return len(text) if end < 0 else end


def split_addresses(text: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Places of the addresses of a list."""
    unclosed = Unclosed()
    while True:
        end = address_end(text, at, unclosed)
        yield at, end
        if end + 1 < len(text) and text[end : end + 1] == b"," and text[end + 1 : end + 2] != b" ":
            at = end + 1
        else:
            return


def domain_of(text: bytes) -> bytes:
    """What follows the last `@`, lower case, without a final dot; empty for a local name."""
    _, at, domain = text.rpartition(b"@")
    if not at:
        return b""
    return domain.removesuffix(b">").removesuffix(b".").lower()


def sender_of(address: bytes) -> bytes:
    """What of an envelope sender stays the same from message to message, in lower case (SRS, VERP, BATV)."""
    text = address.lower()
    local, at, _ = text.rpartition(b"@")
    if not at or b"=" not in local[1:] or local.find(b"=") == 0:
        return text
    head = local[: local.find(b"=")]
    if head == b"prvs":
        _, equal, rest = text[5:].partition(b"=")
        return rest if equal and rest else text
    plus = head.find(b"+")
    return head[:plus] if plus > 0 else head
