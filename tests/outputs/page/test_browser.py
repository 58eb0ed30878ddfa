"""The page in a real Chromium: quiet, offline, deaf to the log's text, and alive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailripple.outputs.page import page
from tests.browser import Tab, browser
from tests.outputs.page.sample import hostile, sample


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("page")
    summary = sample(folder)
    paths = {"tame": folder / "tame.html", "wild": folder / "wild.html"}
    paths["tame"].write_bytes(page(summary))
    paths["wild"].write_bytes(page(hostile(summary)))
    return paths


@pytest.mark.parametrize("which", ["tame", "wild"])
@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_it_opens_without_a_word_and_asks_for_nothing(tab: Tab, pages: dict[str, Path], which: str, look: str) -> None:
    """No error, no warning, no request but for the file itself, and no script of a log line runs."""
    tab.open(pages[which], dark=look == "dark", width=400 if look == "narrow" else 1200)
    assert tab.said() == []
    assert tab.asked() == [pages[which].resolve().as_uri()]
    assert tab.run("document.title") == "mailripple: report"
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")


def test_the_figures_are_drawn(tab: Tab, pages: dict[str, Path]) -> None:
    """Each figure has a canvas with more than one colour on it."""
    tab.open(pages["tame"])
    colours = tab.run("""Array.from(document.querySelectorAll('canvas'), (c) => {
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, seen = new Set();
        for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
        return seen.size;
    })""")
    assert len(colours) == 3
    assert min(colours) > 2


def test_dragging_zooms_and_a_double_click_shows_all_again(tab: Tab, pages: dict[str, Path]) -> None:
    """The button tells whether the whole log is seen."""
    tab.open(pages["tame"])
    tab.run("document.querySelector('#fig1 .u-over').scrollIntoView({block: 'center'})")
    box = tab.run("(({left, top, width, height}) => [left, top, width, height])"
                  "(document.querySelector('#fig1 .u-over').getBoundingClientRect())")  # fmt: skip
    left, middle = box[0], box[1] + box[3] / 2
    whole = "document.querySelector('button.reset').disabled"
    assert tab.run(whole)
    tab.mouse("Moved", left + box[2] * 0.3, middle)
    tab.mouse("Pressed", left + box[2] * 0.3, middle, button="left", clicks=1)
    tab.mouse("Moved", left + box[2] * 0.6, middle, button="left")
    tab.mouse("Released", left + box[2] * 0.6, middle, button="left", clicks=1)
    assert not tab.run(whole)
    assert "to" in tab.run("document.querySelector('#fig1 .moment').textContent")
    for clicks in (1, 2):
        tab.mouse("Pressed", left + box[2] * 0.5, middle, button="left", clicks=clicks)
        tab.mouse("Released", left + box[2] * 0.5, middle, button="left", clicks=clicks)
    assert tab.run(whole)
    assert tab.said() == []


def test_a_click_on_its_name_hides_a_curve(tab: Tab, pages: dict[str, Path]) -> None:
    """Names are buttons, for the mouse and for the keyboard."""
    tab.open(pages["tame"])
    key = "document.querySelector('#fig1 li[data-curve=to]')"
    tab.run(f"{key}.click()")
    assert tab.run(f"{key}.getAttribute('aria-pressed')") == "false"
    tab.run(f"{key}.dispatchEvent(new KeyboardEvent('keydown', {{key: 'Enter'}}))")
    assert tab.run(f"{key}.getAttribute('aria-pressed')") == "true"


def test_it_can_be_read_without_javascript(tab: Tab, pages: dict[str, Path]) -> None:
    """The figures are there as drawings, and every table is."""
    tab.open(pages["tame"], scripts=False)
    tab.call("Emulation.setScriptExecutionDisabled", value=False)
    assert tab.run("Array.from(document.querySelectorAll('.still svg'), (s) => s.getBoundingClientRect().height > 100)") == [True] * 3
    assert tab.run("document.querySelector('.relations').getBoundingClientRect().height") > 100
    assert tab.run("document.querySelectorAll('canvas').length") == 0


def test_it_prints(tab: Tab, pages: dict[str, Path], tmp_path: Path) -> None:
    """A PDF of a few pages."""
    tab.open(pages["tame"])
    tab.paper(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"
