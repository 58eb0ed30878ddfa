"""Write docs/report.svg: the demo's report as a terminal shows it.  `python docs/picture.py`."""

from __future__ import annotations

import datetime as dt
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from mailripple.config import ReadOptions, ReportOptions
from mailripple.outputs import terminal
from mailripple.reporting import summary_of
from mailripple.run import read_all
from mailripple.simulate.write import simulate

PLACE = Path(__file__).parent / "report.svg"
WIDTH = 112


def picture() -> str:
    """The report as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        simulate("paper-day", Path(folder), 20020715)
        logs = [Path(folder) / "mail.log", Path(folder) / "queries.log"]
        now = int(dt.datetime(2002, 7, 17, tzinfo=dt.UTC).timestamp()) * 1_000_000
        result = read_all([str(log) for log in logs], ReadOptions("Asia/Tokyo", now, zone_given=True, year=2002))
        summary = summary_of(result, ReportOptions(top=5))  # reads the lines of the incidents again
    for source in summary.sources:
        source["source"] = Path(source["source"]).name
    summary.notices.clear()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False, force_terminal=True)
    terminal.show(console, summary)
    drawn = console.export_svg(title="mailripple report mail.log queries.log")
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # no font from elsewhere


if __name__ == "__main__":
    PLACE.write_text(picture(), encoding="utf-8")
