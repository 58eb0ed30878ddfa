"""The report as one HTML file.

Log text meets the page in two ways only: through the template, where every printed value is made inert (`shown`) and
escaped, and through the JSON of the curves, in which no `<` is left.  The page's own style and script are allowed by
their hashes, and nothing else is: no other script, no outside request.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup, escape

from mailripple import __version__
from mailripple.incidents import Incident
from mailripple.models.findings import Estimate, Span
from mailripple.outputs.incidents import TOLD, percent
from mailripple.outputs.page import axis, drawing
from mailripple.outputs.page.figures import STYLES, UNITS, Figure, IntArray, curves_of, figures_of, rows_of, unit_for
from mailripple.outputs.safe import inert_json, shown
from mailripple.outputs.steps import server_of, steps
from mailripple.outputs.summary import Summary, local_time
from mailripple.outputs.terminal import headline

#: Names are cut to this many characters; lists to this many rows.
NAME_WIDTH, REJECT_WIDTH, MOST_SOURCES, MOST_SKIPS, MOST_REJECTS = 120, 300, 400, 100, 50
#: Lists of the busiest: heading, key of the name, what the name is, and the columns: heading, metric.
LISTS = (
    (
        "domains",
        "Most deferred destinations",
        "rcpt_domain",
        "domain",
        (
            ("deferred", "mail.deferred"),
            ("delivered", "mail.sent"),
            ("failed", "mail.failed"),
            ("first tries", "mail.attempt.first"),
            ("retries", "mail.attempt.retry"),
        ),
    ),
    (
        "clients",
        "Busiest mail clients",
        "client_ip",
        "address",
        (
            ("messages", "mail.from"),
            ("recipients", "mail.accepted"),
            ("delivered", "mail.sent"),
            ("deferred", "mail.deferred"),
            ("failed", "mail.failed"),
            ("retries", "mail.attempt.retry"),
        ),
    ),
    (
        "accounts",
        "Busiest accounts",
        "account",
        "account",
        (
            ("messages", "mail.from"),
            ("recipients", "mail.accepted"),
            ("delivered", "mail.sent"),
            ("deferred", "mail.deferred"),
            ("failed", "mail.failed"),
            ("log-ins", "pop.login"),
        ),
    ),
    (
        "dns_clients",
        "Busiest DNS clients",
        "client_ip",
        "address",
        (
            ("queries", "dns.query"),
            ("look-ups", "dns.lookup"),
            ("A", "dns.query.A"),
            ("AAAA", "dns.query.AAAA"),
            ("MX", "dns.query.MX"),
            ("PTR", "dns.query.PTR"),
        ),
    ),
)
MINUS = "\u2212"
SEVERITIES = {"alarm": ("holds", "!"), "warning": ("fails", "!"), "notice": ("unknown", "i")}
BADGES = {"holds": ("holds", "✓"), "does not hold": ("fails", "✗"), "cannot tell": ("unknown", "?")}


def page(summary: Summary) -> bytes:
    """The page, UTF-8.  The same summary gives the same bytes."""
    style = _asset("vendor/uPlot.min.css") + _asset("page.css")
    script = _asset("vendor/uPlot.iife.min.js") + _asset("page.js")
    series = summary.series
    curves = curves_of(summary)
    figures = figures_of(curves)
    unit = unit_for(curves, series.window_s)
    size = len(next(iter(curves.values()))) if curves else 0
    zone = axis.offsets(summary.zone, series.start, series.start + max(size, 1) * series.window_s)
    findings = summary.findings
    bursts = findings.ripple.bursts if findings and findings.ripple else ()
    drawn = [
        drawing.draw(curves, f.curves, series.start, series.window_s, zone, unit, bursts if f.id == "fig2" else ())
        for f in figures
    ]
    text = _template().render(
        style=Markup(style),  # noqa: S704  (files of the package)
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=Markup(_data(summary, curves, figures, zone, unit)),  # noqa: S704  (no < > & is left in it)
        s=summary,
        t={k: v or 0 for k, v in summary.totals.items()},
        read=headline(summary),
        sentences=[alarm_text(i, summary) for i in summary.incidents if i.severity == "alarm"],
        severities=SEVERITIES,
        sources=[x["source"] for x in summary.sources],
        server=server_of(summary.sources),
        version=__version__,
        figures=list(zip(figures, drawn, strict=True)),
        plane=drawing,
        styles=STYLES,
        units=UNITS,
        unit=unit,
        totals={i: int(v.sum()) for i, v in curves.items()},
        table=_table(summary, curves, figures),
        findings=findings,
        bursts=bursts,
        badges=BADGES,
        lists=[(getattr(summary, a), *rest) for a, *rest in LISTS],
        limits={
            "sources": MOST_SOURCES,
            "skips": MOST_SKIPS,
            "rejects": MOST_REJECTS,
            "reject": REJECT_WIDTH,
            "told": TOLD,
        },
    )
    return text.encode("utf-8")


@cache
def _asset(name: str) -> str:
    return files("mailripple.outputs.page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As CSP wants it: the browser takes the hash of what stands between the tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters |= {
        "n": lambda value: f"{value:,}",
        "name": lambda text: shown(text, NAME_WIDTH),
        "cut": shown,
        "number": number,
        "interval": interval,
        "p": p_text,
        "symbol": symbol,
        "prose": prose,
    }
    environment.globals |= {"local": local_time, "span": span_text, "percent": percent, "steps": steps}
    return environment.from_string(_asset("template.html.j2"))


def _inert(value: Any) -> Any:
    """What the template prints: text without characters that act; it is escaped after this."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return shown(value)


def _data(
    summary: Summary, curves: dict[str, IntArray], figures: list[Figure], zone: list[tuple[int, int]], unit: str
) -> str:
    """The curves as JSON that no HTML parser can take for anything else (no `<`, `>`, `&`, no odd characters)."""
    bursts = summary.findings.ripple.bursts if summary.findings and summary.findings.ripple else ()
    data = {
        "start": summary.series.start,
        "step": summary.series.window_s,
        "zone": zone,
        "unit": unit,
        "units": UNITS,
        "curves": {
            i: {"dash": STYLES[i].dash, "width": STYLES[i].width, "values": values.tolist()}
            for i, values in curves.items()
        },
        "figures": [{"id": f.id, "curves": f.curves} for f in figures],
        "bursts": [b.start // 1_000_000 for b in bursts],
    }
    text = inert_json(msgspec.json.encode(data)).decode()
    for c in "<>&":
        text = text.replace(c, f"\\u{ord(c):04x}")
    return text


def _table(summary: Summary, curves: dict[str, IntArray], figures: list[Figure]) -> dict[str, Any]:
    """The curves as a short table: ids of its columns, length of a row, and rows."""
    ids = list(dict.fromkeys(i for f in figures for i in f.curves))
    step = summary.series.window_s
    share, rows = rows_of({i: curves[i] for i in ids}, step)
    start = summary.series.start
    return {
        "ids": ids,
        "length": length_text(share * step),
        "rows": [(local_time(start + i * step, summary.zone), [sums[c] for c in ids]) for i, sums in rows],
    }


def length_text(seconds: int) -> str:
    """A length of time: `5 minutes`, `1 hour`, `7 days`."""
    for length, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % length == 0:
            n = seconds // length
            return f"{n} {word}" + ("s" if n > 1 else "")
    return f"{seconds} seconds"


def number(value: float) -> str:
    """A fitted number with four significant digits; what is not known is said so."""
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "no bound"
    if value and (abs(value) >= 1e7 or abs(value) < 1e-4):
        return f"{value:.2e}".replace("-", MINUS)
    digits = 0 if abs(value) >= 1000 else 2 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}".replace("-", MINUS)


def interval(e: Estimate) -> str:
    """The 95 % interval of an estimate."""
    if math.isnan(e.low) and math.isnan(e.high):
        return "not known"
    return f"{number(e.low)} to {number(e.high)}"


def p_text(value: float) -> str:
    """A p-value."""
    if math.isnan(value):
        return "not known"
    return "< 0.0001" if value < 1e-4 else f"= {value:.4f}"


def symbol(text: str) -> Markup:
    """An estimate's name as it is written by hand: `N_to/N_from` with indices set low, `R^2` with its power."""
    return _set(shown(text), _NAME)


def prose(text: str) -> Markup:
    """A sentence with the paper's symbols set as `symbol` does; nothing else in it is touched."""
    return _set(shown(text), _PAPER)


#: A letter, with its index or power if it has one; and the paper's own alone: a sentence may hold names from a log.
_NAME = re.compile(r"\b(?P<stem>[A-Za-z])(?:_(?P<index>[A-Za-z0-9]+)|\^(?P<power>[0-9])|\b)")
_PAPER = re.compile(
    r"(?<![\w.@-])(?P<stem>[NDmR])(?:_(?P<index>from|to|SS|SD|SX|S|P|q)|\^(?P<power>2))(?![\w@-]|\.\w)", re.ASCII
)


def _set(text: str, pattern: re.Pattern[str]) -> Markup:
    out, done = Markup(), 0
    for m in pattern.finditer(text):
        out += escape(text[done : m.start()]) + Markup("<i>{}</i>").format(m["stem"])
        for tag, part in (("sub", m["index"]), ("sup", m["power"])):
            out += Markup("<{0}>{1}</{0}>").format(tag, part) if part else ""
        done = m.end()
    return out + escape(text[done:])


def alarm_text(incident: Incident, summary: Summary) -> str:
    """An alarm in one sentence: who, what, since when."""
    return f"{shown(incident.sentence, NAME_WIDTH)} since about {local_time(incident.onset // 1_000_000, summary.zone)}"


def span_text(span: Span, summary: Summary) -> str:
    """Where an answer comes from, in the log's zone."""
    begin, end = (local_time(moment // 1_000_000, summary.zone) for moment in (span.start, span.end))
    return f"{begin} to {end}, {span.bins:,} windows of {length_text(span.bin_s)}"
