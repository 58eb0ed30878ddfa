"""Figures 1 and 2 as the paper drew them: black lines on one axis, s⁻¹ against the time of day."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mailripple.errors import InputError, UsageError
from mailripple.outputs.page.axis import civil, offsets, time_marks
from mailripple.outputs.page.figures import IntArray, curves_of
from mailripple.outputs.summary import Summary
from mailripple.outputs.write import write_whole, writing

#: The paper's curves from the first to the fourth, and the line of each: solid, dotted, solid, dashed.
FIGURES = {
    "figure1": (
        ("dq", "D_q", "-", 1.0),
        ("pop", "N_P", ":", 1.0),
        ("to", "N_to", "-", 0.6),
        ("from", "N_from", "--", 0.8),
    ),
    "figure2": (
        ("to", "N_to", "-", 1.0),
        ("sent", "N_SS", ":", 1.0),
        ("deferred", "N_SD", "-", 0.6),
        ("a", "A", "--", 0.8),
    ),
}
KINDS = ("png", "svg", "pdf")
_SETTINGS: dict[Any, Any] = {
    "font.family": "serif",
    "font.serif": ["DejaVu Serif"],  # comes with matplotlib: the same bytes everywhere
    "font.size": 9.0,
    "mathtext.fontset": "dejavuserif",
    "axes.linewidth": 0.7,
    "svg.hashsalt": "mailripple",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "text.parse_math": True,
}
#: What would make two runs differ: matplotlib writes today's date unless told not to.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def require_matplotlib() -> None:
    """Raises UsageError where matplotlib is not installed; quick, so that it can be asked before logs are read."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "cannot draw the paper's figures",
            why="matplotlib is not installed",
            where="--paper-figures",
            todo="pip install 'mailripple[plot]'",
        )


def write_figures(summary: Summary, folder: str) -> list[str]:
    """Write what can be drawn of Figures 1 and 2 into `folder`; the names of the files.

    Raises UsageError without matplotlib, InputError where the logs have none of the curves, OutputError.
    """
    require_matplotlib()
    curves = curves_of(summary)
    wanted = {name: [line for line in lines if line[0] in curves] for name, lines in FIGURES.items()}
    drawable = {name: lines for name, lines in wanted.items() if lines}
    if not drawable:
        raise InputError(
            "no figure of the paper can be drawn",
            why="the logs hold no mail, no POP3 log-in and no query of a mail server",
            where="--paper-figures",
            todo="give the mail server's log, or name the mail server with --mail-server",
        )
    with writing(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
    written = []
    for name, lines in drawable.items():
        for kind, content in _drawn(summary, curves, lines).items():
            path = str(Path(folder) / f"{name}.{kind}")
            write_whole(path, content)
            written.append(path)
    return written


def _drawn(
    summary: Summary, curves: dict[str, IntArray], lines: Sequence[tuple[str, str, str, float]]
) -> dict[str, bytes]:
    """One figure in each of KINDS."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    series = summary.series
    size = len(curves[lines[0][0]])
    start, end = series.start, series.start + size * series.window_s
    zone = offsets(summary.zone, start, end)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        at = [start + (i + 0.5) * series.window_s for i in range(size)]
        for id_, symbol, dash, width in lines:
            rate = curves[id_] / series.window_s
            axes.plot(at, rate, color="black", linestyle=dash, linewidth=width, label=_maths(symbol))
        marks = time_marks(start, end, zone, 8)
        axes.set_xticks([t for t, _, _ in marks], [f"{text}\n{below}".strip() for _, text, below in marks])
        axes.set_xlim(start, end)
        axes.set_ylim(0, None)
        axes.set_ylabel("s$^{-1}$")
        axes.set_xlabel(f"{civil(start, zone):%Y-%m-%d} ({summary.zone.name})".replace("$", r"\$"))
        axes.tick_params(direction="in", top=True, right=True)
        axes.legend(frameon=False, loc="upper left", handlelength=3.2)
        out = {}
        for kind in KINDS:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=200, metadata=_METADATA[kind])
            out[kind] = buffer.getvalue()
    return out


def _maths(symbol: str) -> str:
    stem, _, index = symbol.partition("_")
    return f"${stem}_{{\\mathrm{{{index}}}}}$" if index else f"${stem}$"
