"""Log text is the attacker's: make it inert before it is shown."""

from __future__ import annotations

import unicodedata

#: Characters that a terminal or a page could act on, though they are printable to Python.
_BIDI = {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}


def shown(text: str | bytes, width: int = 0) -> str:
    """Text with control, bidirectional and invisible characters as \\xNN or \\uNNNN; cut to `width` if given."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="backslashreplace")
    plain = text.isascii() and text.isprintable()
    out = text if plain else "".join(c if _harmless(c) else _escaped(c) for c in text)
    if width and len(out) > width:
        return out[: max(width - 1, 0)] + "…"
    return out


def inert_json(encoded: bytes) -> bytes:
    """JSON with the characters that `shown` writes as \\uNNNN as JSON's own escapes: the data stay the same."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return "".join(c if _harmless(c) or c == "\n" else _json_escaped(c) for c in encoded.decode()).encode()


def _json_escaped(c: str) -> str:
    units = c.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _harmless(c: str) -> bool:
    if " " <= c <= "~":
        return True
    return c not in _BIDI and unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escaped(c: str) -> str:
    code = ord(c)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
