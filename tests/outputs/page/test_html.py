"""The page: whole, the same twice, and with no hole for the text of a log."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from mailripple.models.findings import Estimate
from mailripple.outputs.page import page
from mailripple.outputs.page.html import interval, length_text, number, p_text, prose, symbol
from mailripple.outputs.summary import MAX_WINDOWS, Series, Summary
from tests.outputs.page.sample import HOSTILE, hostile, incident, sample


class Tags(HTMLParser):
    """Tags and attributes of a page, as an HTML parser sees them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(summary: Summary) -> Tags:
    found = Tags()
    found.feed(page(summary).decode())
    return found


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return sample(tmp_path_factory.mktemp("logs"))


def test_the_same_summary_gives_the_same_bytes(summary: Summary) -> None:
    """Nothing in the page comes from a clock or from chance."""
    assert page(summary) == page(summary)


def test_the_first_sentence_is_the_verdict(summary: Summary) -> None:
    """The heading is what the models say, and without models what was read."""
    assert "<h1>Nothing unusual</h1>" in page(summary).decode()
    assert "messages" in re.findall("<h1>(.*?)</h1>", page(dataclasses.replace(summary, findings=None)).decode())[0]


def test_incidents_come_first_and_in_words(summary: Summary) -> None:
    """An alarm is the heading, and its section stands above the curves with lines and the next command."""
    told = dataclasses.replace(summary, incidents=(incident("ann"), incident("bob", "warning")))
    text = page(told).decode()
    assert "<h1>account ann sends mass mail like a stolen account since about 2026-03-02" in text
    assert text.index("h-incidents") < text.index("h-figures")
    for words in ("</span> alarm</span>", "</span> warning</span>", ": stolen-account", "97% sure", "a burst of bob"):
        assert words in text
    assert "(cannot be read again)" in text
    assert "Next, its lines: <code><bdi>grep -wF ann " in text


def test_without_incidents_nothing_is_said_of_them(summary: Summary) -> None:
    """No section, and the heading is that of the models; a warning alone does not take the heading either."""
    assert "h-incidents" not in page(summary).decode()
    warned = page(dataclasses.replace(summary, incidents=(incident("bob", "warning"),))).decode()
    assert "<h1>Nothing unusual</h1>" in warned


def test_every_relation_stands_with_its_verdict_in_words(summary: Summary) -> None:
    """No verdict is told by its colour alone."""
    text = page(summary).decode()
    for verdict in ("holds", "does not hold", "cannot tell"):
        assert re.search(rf"</span> {verdict}</span>", text)
    assert "8.250" in text
    assert "7.900 to 8.600" in text
    assert "not known" in text


def test_the_policy_allows_only_the_pages_own_script_and_style(summary: Summary) -> None:
    """The hashes of the policy are those of what stands between the tags, and nothing else is allowed."""
    text = page(summary).decode()
    policy = re.findall('http-equiv="Content-Security-Policy" content="(.*?)"', text)[0]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    for tag in ("script", "style"):
        body = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(body) == 1
        assert "sha256-" + base64.b64encode(hashlib.sha256(body[0].encode()).digest()).decode() in policy


def test_a_hostile_name_makes_no_tag_and_no_attribute(summary: Summary) -> None:
    """The page has the same kinds of tags and attributes whatever stands in the log."""
    tame, wild = parsed(summary), parsed(hostile(summary))
    assert {t for t, _ in wild.tags} <= {t for t, _ in tame.tags} | {"b", "code", "li", "ol", "ul"}
    assert {a for _, attrs in wild.tags for a in attrs} <= {a for _, attrs in tame.tags for a in attrs} | {"open"}
    assert sum(t == "script" for t, _ in wild.tags) == 2
    for _, attrs in wild.tags:
        for value in attrs.values():
            assert "owned" not in (value or "")


def test_hostile_text_is_shown_as_text(summary: Summary) -> None:
    """What cannot act is there to be read; what could act in a terminal or turn a line round is written out."""
    text = "".join(parsed(hostile(summary)).text)
    assert "<script>document.title='owned'</script>" in text
    assert "{{ 7*7 }}" in text
    assert "\\u202e" in text
    assert "\\x1b" in text
    assert not set("\x1b\x07\u202e\u2028\x00") & set(text)


def test_a_long_name_is_cut(summary: Summary) -> None:
    """No name makes the page large or wide."""
    assert "A" * 400 not in page(hostile(summary)).decode()


def test_the_data_are_json_without_markup(summary: Summary) -> None:
    """The curves stand in an element that is not run, and hold no `<`."""
    body = re.findall('<script type="application/json" id="data">(.*?)</script>', page(summary).decode(), re.DOTALL)[0]
    assert "<" not in body
    data = json.loads(body)
    assert data["step"] == summary.series.window_s
    assert data["curves"]["to"]["values"] == summary.series.columns["mail.to"].tolist()
    assert data["zone"][0][1] == 3600


def test_a_year_fits_into_a_page(summary: Summary) -> None:
    """2,000 windows of all curves stay below 1.5 MB."""
    rng = np.random.default_rng(1)
    names = [*summary.series.columns, "mail.deferred.A"]
    columns = {name: rng.integers(0, 100_000, MAX_WINDOWS) for name in names}
    year = dataclasses.replace(summary, series=Series(1_767_225_600, 21_600, columns))
    assert len(page(year)) < 1_500_000


def test_an_empty_series_makes_a_page(summary: Summary) -> None:
    """Lines without a time give no figure, but a page."""
    text = page(dataclasses.replace(summary, series=Series(0, 60, {}), first=None, last=None)).decode()
    assert 'id="fig1"' not in text
    assert "What was read" in text


def test_the_vendored_files_are_those_that_were_checked() -> None:
    """uPlot is unchanged, and its licence lies beside it."""
    vendor = files("mailripple.outputs.page") / "vendor"
    for line in (vendor / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    assert "MIT" in (vendor / "uPlot.LICENSE").read_text()


def test_the_wheel_holds_the_page() -> None:
    """The template, style, script and vendored files are package data."""
    root = Path(__file__).resolve().parents[3]
    assert '"src/mailripple/outputs/page/**"' in (root / "pyproject.toml").read_text()


def test_numbers_are_written_for_people() -> None:
    """Four digits are enough; unknown ones are said to be."""
    assert [number(x) for x in (8.256, 0.0, 1234.5, -12.345, 1e9, math.nan, math.inf)] == [
        "8.256", "0.000", "1,234", "\u221212.35", "1.00e+09", "not known", "no bound",
    ]  # fmt: skip
    assert interval(Estimate("x", 1, math.nan, math.nan)) == "not known"
    assert [p_text(p) for p in (0.5, 1e-9, math.nan)] == ["= 0.5000", "< 0.0001", "not known"]
    assert [length_text(s) for s in (60, 300, 3600, 86_400, 61)] == ["1 minute", "5 minutes", "1 hour", "1 day", "61 seconds"]
    assert symbol("N_<br>") == "N_&lt;br&gt;"
    assert symbol("N_SX/N_to") == "<i>N</i><sub>SX</sub>/<i>N</i><sub>to</sub>"
    assert symbol("R^2 (by m_S)") == "<i>R</i><sup>2</sup> (by <i>m</i><sub>S</sub>)"
    assert len(HOSTILE) > 10


def test_only_the_papers_symbols_are_set_in_sentences() -> None:
    """A name from a log keeps every character, and its markup is escaped."""
    assert prose("N_to ~ N_from, R^2 = 0") == "<i>N</i><sub>to</sub> ~ <i>N</i><sub>from</sub>, <i>R</i><sup>2</sup> = 0"
    for text in ("N_to.example.test", "a.N_to", "x@N_to", "D_queue", "m_S@b.example", "R^20"):
        assert prose(text) == text
    assert prose("<b>N_to</b>\u202e") == "&lt;b&gt;<i>N</i><sub>to</sub>&lt;/b&gt;\\u202e"
