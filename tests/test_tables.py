"""The joints are named tables: every column has a type that Arrow knows, and a meaning."""

from __future__ import annotations

import pytest

from mailripple.parse import layout as L
from mailripple.tables import ATTEMPTS, COUNTS, FIELDS, KINDS, QTYPES, STATUSES, Column, arrow_schema


@pytest.mark.parametrize("table", [COUNTS, ATTEMPTS], ids=["Counts", "Attempts"])
def test_a_joint_is_an_arrow_schema(table: tuple[Column, ...]) -> None:
    """Names, units and meanings go with the columns into Parquet."""
    schema = arrow_schema(table)
    assert schema.names == [c.name for c in table]
    for column in table:
        assert column.meaning
        assert schema.field(column.name).metadata == {b"unit": column.unit.encode(), b"meaning": column.meaning.encode()}


def test_the_kernel_knows_the_same_kinds() -> None:
    """The numbers of the kernel stand for these words."""
    for name, number in vars(L).items():
        if name.startswith("KIND_"):
            assert KINDS[number].replace("dns.query", "query").split(".")[-1] in name.lower().replace("dsn", "dsn") or name
    assert KINDS[L.KIND_QUERY] == "dns.query"
    assert KINDS[L.KIND_TO] == "mail.to"
    assert KINDS[L.KIND_DONE] == "mail.done"
    assert KINDS[L.KIND_REPEAT] == "repeat"
    assert len(KINDS) == L.KIND_REPEAT + 1
    assert (STATUSES[L.SENT], STATUSES[L.DEFERRED], STATUSES[L.OTHER_STATUS]) == ("sent", "deferred", "other")


def test_words_are_there_once() -> None:
    """No kind, status, type or field has two numbers."""
    for words in (KINDS, STATUSES, QTYPES, tuple(FIELDS)):
        assert len(set(words)) == len(words)
    assert len(QTYPES) <= 16
