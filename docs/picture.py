"""Write the README's pictures of the demo's report: `python docs/picture.py`.

docs/report.svg is what a terminal shows; docs/page.png the top of the page (`--html`) in Chromium, which must be there.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from mailripple.config import ReadOptions, ReportOptions
from mailripple.outputs import terminal
from mailripple.outputs.page import page
from mailripple.outputs.summary import Summary
from mailripple.reporting import summary_of
from mailripple.run import read_all
from mailripple.simulate.write import simulate

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.browser import browser

DOCS = Path(__file__).parent
WIDTH = 112  # of the terminal, characters
PAGE = (1000, 1010)  # of the browser's window, pixels


def summary_of_the_demo() -> Summary:
    """What the demo's logs say, without the folder in which they happen to lie."""
    with tempfile.TemporaryDirectory() as folder:
        simulate("paper-day", Path(folder), 20020715)
        logs = [Path(folder) / "mail.log", Path(folder) / "queries.log"]
        now = int(dt.datetime(2002, 7, 17, tzinfo=dt.UTC).timestamp()) * 1_000_000
        result = read_all([str(log) for log in logs], ReadOptions("Asia/Tokyo", now, zone_given=True, year=2002))
        summary = summary_of(result, ReportOptions(top=5))  # reads the lines of the incidents again
    for source in summary.sources:
        source["source"] = Path(source["source"]).name
    summary.notices.clear()
    return summary


def terminal_picture(summary: Summary) -> str:
    """The report in a terminal, as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False, force_terminal=True)
    terminal.show(console, summary)
    drawn = console.export_svg(title="mailripple report mail.log queries.log")
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # no font from elsewhere


def page_picture(summary: Summary, place: Path) -> None:
    """The top of the page, as PNG."""
    with tempfile.TemporaryDirectory() as folder, browser() as tab:
        path = Path(folder) / "report.html"
        path.write_bytes(page(summary))
        tab.open(path, width=PAGE[0])
        tab.resize(*PAGE)
        tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        tab.picture(place, whole=False)


if __name__ == "__main__":
    seen = summary_of_the_demo()
    (DOCS / "report.svg").write_text(terminal_picture(seen), encoding="utf-8")
    page_picture(seen, DOCS / "page.png")
