"""The report on a terminal is as wide as that, draws what it counts, and shows no text that acts.

`python tests/outputs/test_terminal.py` writes the golden files anew: look at the difference before you keep it.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.config import ReadOptions, ReportOptions
from mailripple.outputs.summary import Summary
from mailripple.outputs.terminal import headline, print_formats, print_summary, sparkline
from mailripple.reporting import summary_of
from mailripple.run import read_all

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.logs import mail_log, query_log, text_of
from tests.outputs.page.sample import incident
from tests.outputs.test_summary import HOSTILE

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
NOW = 1_785_000_000_000_000


def summary(folder: Path, mail: list[str], queries: list[str], **more: int) -> Summary:
    """The report on two logs that are named without their folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("mail.log").write_bytes(text_of(mail))
        Path("queries.log").write_bytes(text_of(queries))
        result = read_all(["mail.log", "queries.log"], ReadOptions("UTC", NOW, True, seed=3))
    finally:
        os.chdir(before)
    return summary_of(result, ReportOptions(**more))


def printed(what: Summary, width: int) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    print_summary(what, out, width)
    out.seek(0)
    return out.read()


def sample(folder: Path) -> Summary:
    """Two hours with a bit of everything."""
    extra = ["Mar  2 09:59:59 mx CRON[5]: (root) CMD (true)", "Mar  2 09:59:59 mx sendmail[5]: frobnicate", ""]
    return summary(folder, mail_log(150) + extra, query_log(150), top=4)


def without_trailing_space(text: str) -> str:
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_is_the_golden_one(tmp_path: Path, width: int) -> None:
    """The whole text, as it stands in tests/golden."""
    wanted = (GOLDEN / f"report-{width}.txt").read_text(encoding="utf-8")
    assert without_trailing_space(printed(sample(tmp_path), width)) == wanted


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_report_fits_its_terminal(tmp_path: Path, width: int) -> None:
    """No line is wider than the terminal, but for the text of lines that were not understood."""
    for line in printed(sample(tmp_path), width).splitlines():
        assert len(line) <= width or "no known message" in line


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_stay_inert(tmp_path: Path, hostile: str) -> None:
    """Escape sequences, bells, right-to-left overrides and rich's own markup are shown as letters."""
    mail = [line.replace("d3.example", f"d3{hostile}.example").replace('"u3"', f'"u3{hostile}"') for line in mail_log(30)]
    mail += [f"Mar  2 09:00:00 mx sendmail[5]: {hostile}", f"Mar  2 09:00:00 mx {hostile}x[5]: y", hostile * 3]
    text = printed(summary(tmp_path, mail, query_log(30)), 120)
    assert not {unicodedata.category(c) for c in text if c != "\n"} & {"Cc", "Cf", "Zl", "Zp"}
    if hostile.isprintable():
        assert hostile in text


def test_markup_in_names_is_not_obeyed(tmp_path: Path) -> None:
    """`[bold]` and `[/]` in a domain do not vanish, nor do they stop the report."""
    mail = [line.replace("d3.example", "[bold]d3[/].example") for line in mail_log(30)]
    assert "[bold]d3[/].example" in printed(summary(tmp_path, mail, query_log(30)), 120)


def test_the_headline_says_what_and_when(tmp_path: Path) -> None:
    """One sentence with the span, the zone, and the numbers."""
    text = headline(sample(tmp_path))
    assert text.startswith("2026-03-02 08:00 to 2026-03-02 10:08 (UTC): 150 messages, ")
    assert text.endswith("150 POP3 log-ins, 600 DNS queries")


def test_alarms_stand_before_the_headline(tmp_path: Path) -> None:
    """Who is accused comes first, then what the models say; less than an alarm comes after that."""
    told = sample(tmp_path)
    assert told.findings is not None
    for severity, first in (("alarm", True), ("warning", False)):
        out = io.StringIO()
        print_summary(replace(told, incidents=(incident("ann", severity),)), out, 200)
        text = out.getvalue()
        assert text.startswith("ALARM: account ann ") == first
        assert (text.index(f"{severity.upper()}: account ann") < text.index(told.findings.headline)) == first


def test_the_balance_is_shown_exact(tmp_path: Path) -> None:
    """N_to = sent + deferred + failed + other, and a balance that is off would say so."""
    what = sample(tmp_path)
    assert "UNBALANCED" not in printed(what, 120)
    what.totals["mail.sent"] = (what.totals["mail.sent"] or 0) - 1
    assert "UNBALANCED 1" in printed(what, 120)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=300), st.integers(1, 80))
def test_a_sparkline_is_as_wide_as_asked(values: list[int], width: int) -> None:
    """One bar a share; nothing is a space, the highest share is the full bar, anything else is seen."""
    line = sparkline(np.array(values), width, "12345678")
    assert len(line) == min(width, len(values))
    assert set(line) <= set(" 12345678")
    assert ("8" in line) == any(values)
    if width >= len(values):
        assert [c == " " for c in line] == [v == 0 for v in values]


def test_a_sparkline_is_to_scale() -> None:
    """Eight levels, from the lowest to the highest."""
    assert sparkline(np.arange(9), 9) == " ▁▂▃▄▅▆▇█"


def test_a_plain_terminal_gets_plain_letters(tmp_path: Path) -> None:
    """Where the output cannot hold block letters, curves are drawn with ASCII."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_summary(sample(tmp_path), out, 80)
    out.seek(0)
    assert out.read().isascii()


def test_formats_of_ones_own_are_listed_inert() -> None:
    """Markup in a format's title is letters."""
    out = io.StringIO()
    print_formats([{"id": "toy", "title": "[red]Toy[/red]", "kinds": ["pop.login"], "programs": ["toy\x1b[2J"]}], out)
    assert "[red]Toy[/red]" in out.getvalue()
    assert "\x1b" not in out.getvalue()


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        for columns in (80, 120):
            text = without_trailing_space(printed(sample(Path(place)), columns))
            (GOLDEN / f"report-{columns}.txt").write_text(text, encoding="utf-8")
