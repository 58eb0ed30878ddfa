"""Proves the reference for records by Python's own JSON reader."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mailripple.parse.naive_records import Found, Table, Value, json_object, unescape
from tests.parse.test_objects import OBJECTS, written


def flattened(value: Any, place: tuple[bytes, ...], found: Found) -> Value | None:
    """What Python's reader gave, in the reference's form."""
    if value is None:
        return None
    if isinstance(value, dict):
        one = Value(None, None)
        if place:
            found.setdefault(place, one)
        for key, inner in value.items():
            text = json.dumps(key, ensure_ascii=False).encode("utf-8", "surrogatepass")[1:-1]
            held = flattened(inner, (*place, text), found)
            if held is not None:
                found.setdefault((*place, text), held)
        return one
    if isinstance(value, list):
        items: list[Value] = []
        one = Value(None, items)
        found.setdefault(place, one)
        for inner in value:
            held = flattened(inner, (*place, b"[]"), found)
            if held is not None:
                found.setdefault((*place, b"[]"), held)
            items.append(held or Value(None, None))
        return one
    return Value(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode())


@given(value=OBJECTS)
def test_the_reference_reads_json(value: Any) -> None:
    """Values, places and nesting are those that Python's reader finds."""
    line = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    expected: Found = {}
    flattened(value, (), expected)
    assert json_object(line, 0) == (expected, len(line))


@given(text=st.text())
def test_unescape_is_the_inverse_of_escape(text: str) -> None:
    """Escaped as ASCII and unescaped, a text is its bytes."""
    assert unescape(json.dumps(text).encode()[1:-1]) == text.encode("utf-8", "surrogatepass")


@given(value=OBJECTS, seed=st.integers(0, 99))
def test_an_object_and_something_behind(value: Any, seed: int) -> None:
    """The position behind the object is where it ends, whatever follows."""
    line = written(value, seed)
    found = json_object(line + b"}x", 0)
    assert found is not None
    assert found[1] == len(line)


def test_rows() -> None:
    """A row has a value for each column; `-` and `(empty)` are none in Zeek's tables."""
    table = Table()
    assert table.header("tsv", b"a\tb\tc")
    assert table.row(b"1\t-\t(empty)") == {(b"a",): Value(b"1")}
    assert table.row(b"1\t2") is None
    assert table.header("csv", b"a,b")
    assert table.row(b'"x,""y""",2') == {(b"a",): Value(b'x,"y"'), (b"b",): Value(b"2")}
    assert table.row(b'"x,2') is None
