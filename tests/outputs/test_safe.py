"""Log text is made inert before anybody sees it (law 8)."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.outputs.safe import inert_json, shown

#: What a terminal, a pager or a browser may act on.
HOSTILE = {
    "\x1b[2J": r"\x1b[2J",
    "\x1b]0;owned\x07": r"\x1b]0;owned\x07",
    "\x9b31m": r"\x9b31m",
    "\u202egnp.exe": r"\u202egnp.exe",
    "\u2066x\u2069": r"\u2066x\u2069",
    "a\nb\rc\td": r"a\x0ab\x0dc\x09d",
    "\u2028\u2029": r"\u2028\u2029",
    "\u200b\ufeff\u00ad": r"\u200b\ufeff\xad",
    "\U000e0041": r"\U000e0041",
    "\x00\x7f": r"\x00\x7f",
}


@pytest.mark.parametrize(("text", "inert"), HOSTILE.items())
def test_what_acts_is_written_out(text: str, inert: str) -> None:
    """Control, bidirectional and invisible characters stand there by their numbers."""
    assert shown(text) == inert
    assert shown(text.encode()) == inert


@pytest.mark.parametrize("text", ["mx.example", "Grüße <ann@例え.example>", "</script><b>", "[bold]x[/bold]", "naïve ✓", ""])
def test_what_is_harmless_stays(text: str) -> None:
    """Letters of any script, markup of any language: on a terminal they are only letters."""
    assert shown(text) == text


@given(st.text())
def test_nothing_shown_can_act(text: str) -> None:
    """No text gives a character of a category that is not drawn."""
    assert not {unicodedata.category(c) for c in shown(text)} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.binary())
def test_bytes_that_are_no_text_are_shown_by_their_values(data: bytes) -> None:
    """Invalid UTF-8 is written as \\xNN, and the valid part as it is."""
    assert shown(data) == shown(data.decode("utf-8", "backslashreplace"))


@given(st.text(max_size=30), st.integers(1, 10))
def test_a_width_is_kept(text: str, width: int) -> None:
    """Longer text is cut and ends in an ellipsis; the cut is made after the text is inert."""
    out = shown(text, width)
    assert len(out) <= width
    whole = shown(text)
    assert out == whole if len(whole) <= width else out == whole[: width - 1] + "…"


@given(st.dictionaries(st.text(), st.text()))
def test_inert_json_is_the_same_data(record: dict[str, str]) -> None:
    """JSON loses nothing when its odd characters become escapes, and nothing that is left can act."""
    encoded = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        encoded.decode()
    except UnicodeDecodeError:
        return  # a lone surrogate is no UTF-8, and no log's text becomes one
    inert = inert_json(encoded)
    assert json.loads(inert) == record
    assert shown(inert) == inert.decode()
