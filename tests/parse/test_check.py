"""Proves that a format whose samples do not prove it is told so, and why."""

from __future__ import annotations

import pytest

from mailripple.formats.load import FormatSet
from mailripple.parse.check import problems
from tests.parse.compare import formats_of

ENVELOPE = """
id = "e"
title = "e"
url = "e"
rank = 1
[[pattern]]
name = "e"
match = '{ts:iso} {program:program}: {message}'
sample = [{ line = '2024-10-27T01:17:13Z p: x', event = { program = "p", ts = "2024-10-27T01:17:13Z" } }]
"""
MESSAGE = """
id = "m"
title = "m"
url = "m"
programs = ["p"]
"""


def pattern(name: str, match: str, sample: str, event: str | None = None, kind: str = "mail.to") -> str:
    """A pattern with one sample."""
    shown = "" if event is None else f", event = {event}"
    return f"[[pattern]]\nname = '{name}'\nkind = '{kind}'\nmatch = '''{match}'''\nsample = [{{ line = '''{sample}'''{shown} }}]\n"


def told(*patterns: str, envelope: str = ENVELOPE) -> list[str]:
    """What is said of the formats: the first line of each error."""
    formats = formats_of(("envelope", envelope), ("mail", MESSAGE + "".join(patterns)))
    return [p.what for p in problems(formats)]


def test_the_bundled_formats_prove_themselves(formats: FormatSet) -> None:
    """There is nothing to say of the formats of the package."""
    assert list(problems(formats)) == []


def test_a_right_sample() -> None:
    """A sample that gives its event is accepted, with its time or without, and so is a skipped line without event."""
    line = "2024-10-27T01:17:13Z p: to=a"
    assert told(pattern("a", "to={stat}", line, "{ stat = 'a' }")) == []
    assert told(pattern("a", "to={stat}", line, "{ stat = 'a', ts = '2024-10-27T01:17:13Z', program = 'p' }")) == []
    assert told(pattern("a", "to={stat}", line, None, kind="")) == []


WRONG = {
    "another event": (pattern("a", "to={stat}", "2024-10-27T01:17:13Z p: to=a", "{ stat = 'b' }"), "a sample gives another event"),
    "a field less": (pattern("a", "to={stat}", "2024-10-27T01:17:13Z p: to=a", "{}"), "a sample gives another event"),
    "another time": (
        pattern("a", "to={stat}", "2024-10-27T01:17:13Z p: to=a", "{ stat = 'a', ts = '2024-10-27T01:17:14Z' }"),
        "a sample gives another event",
    ),
    "no match": (pattern("a", "to={stat}", "2024-10-27T01:17:13Z p: from=a", "{ stat = 'a' }"), "a sample is not understood"),
    "another program": (pattern("a", "to={stat}", "2024-10-27T01:17:13Z q: to=a", "{ stat = 'a' }"), "a sample is not understood"),
    "no envelope": (pattern("a", "to={stat}", "to=a", "{ stat = 'a' }"), "a sample is not understood"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_sample(what: str) -> None:
    """A sample that does not give its event is refused, with the reason."""
    text, said = WRONG[what]
    assert told(text) == [said]


def test_a_sample_of_another_pattern() -> None:
    """A sample that an earlier pattern takes, and one that two patterns fit, is refused."""
    first = pattern("a", "{reason}", "2024-10-27T01:17:13Z p: x", "{ reason = 'x' }")
    second = pattern("b", "to={stat}", "2024-10-27T01:17:13Z p: to=a", "{ stat = 'a' }")
    assert told(first, second) == ["a sample is taken by another pattern"]
    assert told(second, first) == ["a sample fits more than one pattern"]


def test_a_wrong_envelope() -> None:
    """An envelope's sample is tried by itself."""
    right = pattern("a", "x", "2024-10-27T01:17:13Z p: x", None, kind="")
    assert told(right, envelope=ENVELOPE.replace("line = '2024", "line = 'x2024")) == ["an envelope does not fit its sample"]
    assert told(right, envelope=ENVELOPE.replace('program = "p"', 'program = "q"')) == ["an envelope's sample gives other fields"]


def test_an_error_says_where_and_what_to_do() -> None:
    """The place names file, pattern and sample; the sample is cut to a length that a terminal bears."""
    formats = formats_of(("envelope", ENVELOPE), ("mail", MESSAGE + pattern("a", "x", "y" * 1000)))
    (problem,) = problems(formats)
    assert "line 6: pattern 'a', sample 1" in problem.where
    assert len(problem.where) < 300
    assert problem.todo
    assert list(problems(formats, formats.envelopes[0])) == []
    assert len(list(problems(formats, formats.messages[0]))) == 1
