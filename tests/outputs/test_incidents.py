"""Incidents on a terminal: a sentence, the reasons, the lines; hostile text stays inert."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from mailripple.incidents import Incident, attribute, with_texts
from mailripple.outputs.incidents import percent, print_incidents, sentence
from mailripple.parse.zone import zone
from tests.test_incidents import BASE, address, text

SOURCES = ["a.gz", "b", "c d.gz"]


def printed(*incidents: Incident) -> str:
    """What the terminal shows."""
    out = io.StringIO()
    print_incidents(Console(file=out, width=200, highlight=False, markup=False), incidents, SOURCES, zone("UTC"))
    return out.getvalue()


def test_a_sentence_says_who_since_when_and_how_sure() -> None:
    """The first line of an incident."""
    (found,) = attribute([BASE], address, text)
    assert sentence(found, zone("UTC")) == (
        "ALARM: 192.0.2.7 behaves like a host infected by a mass mailer since about 1970-01-01 00:00 (infected-host, more than 99% sure)"
    )


def test_details_name_lines_and_the_next_command() -> None:
    """The source and number of each line, its text made inert, and a command with quotes where they are needed."""
    (found,) = attribute([BASE], address, text)
    shown = printed(with_texts(found, lambda source, line: "evil\x1b[2J[bold]"))
    assert "c d.gz:5: evil\\x1b[2J[bold]" in shown
    assert "next, its lines: zgrep -wF 192.0.2.7 'c d.gz'" in shown
    assert "\x1b" not in shown


def test_notices_are_one_line() -> None:
    """What is information has no details."""
    (found,) = attribute([replace(BASE, level="notice", verdict="bulk-sender")], address, text)
    assert len(printed(found).strip().splitlines()) == 1


def test_long_lists_are_cut() -> None:
    """Twenty are told, the rest is counted."""
    assert "and 5 more" in printed(*attribute([replace(BASE, key=k) for k in range(25)], address, text))


def test_certainty_is_not_promised() -> None:
    """No confidence is shown as 100 %."""
    assert [percent(p) for p in (0.5, 0.9899, 0.999999)] == ["50%", "99%", "more than 99%"]
