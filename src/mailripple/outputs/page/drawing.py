"""The figures as SVG: what is seen without JavaScript, and on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mailripple.models.findings import Burst
from mailripple.outputs.page.axis import number_text, round_marks, time_marks
from mailripple.outputs.page.figures import STYLES, UNITS, IntArray

WIDTH, HEIGHT = 960, 280
LEFT, RIGHT, TOP, BOTTOM = 58, 36, 14, 40
#: Columns into which a longer curve is gathered, with the least and the largest value of each.
COLUMNS = 480


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: its id, its points as the path of an SVG, its dashes and width."""

    id: str
    path: str
    dash: str
    width: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that the template needs to write a figure as SVG; lengths in pixels of a WIDTH x HEIGHT plane."""

    lines: list[Line]
    across: list[tuple[float, str, str]]
    up: list[tuple[float, str]]
    bursts: list[float]
    unit: str


def draw(
    curves: Mapping[str, IntArray],
    ids: Sequence[str],
    start: int,
    window_s: int,
    zone: list[tuple[int, int]],
    unit: str,
    bursts: Sequence[Burst] = (),
) -> Drawing:
    """The curves `ids` as rates; each point stands in the middle of its window."""
    size = len(curves[ids[0]])
    end = start + size * window_s
    factor = UNITS[unit][0] / window_s
    top = max(float(curves[i].max()) for i in ids) * factor
    marks = round_marks(top)
    across = time_marks(start, end, zone, 12)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    lines = []
    for i in ids:
        at, values = gathered(curves[i])
        x = LEFT + (at + 0.5) / size * wide
        y = TOP + high - values * factor / marks[-1] * high
        style = STYLES[i]
        lines.append(Line(i, _path(x, y), " ".join(map(str, style.dash)), style.width))
    return Drawing(
        lines,
        [(round(LEFT + (t - start) / (end - start) * wide, 1), text, below) for t, text, below in across],
        [(round(TOP + high - m / marks[-1] * high, 1), number_text(m)) for m in marks],
        [
            round(LEFT + (b.start / 1e6 - start) / (end - start) * wide, 1)
            for b in bursts
            if start <= b.start / 1e6 < end
        ],
        UNITS[unit][1],
    )


def gathered(values: IntArray) -> tuple[npt.NDArray[np.float64], IntArray]:
    """Positions and values of a curve's points; of a long one the least and the largest of each of COLUMNS parts."""
    size = len(values)
    if size <= 2 * COLUMNS:
        return np.arange(size, dtype=np.float64), values
    edges = np.linspace(0, size, COLUMNS + 1).astype(np.int64)
    chosen: list[int] = []
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[a:b]
        chosen += sorted({a + int(part.argmin()), a + int(part.argmax())})
    index = np.array(chosen)
    return index.astype(np.float64), values[index]


def _path(x: npt.NDArray[np.floating[Any]], y: npt.NDArray[np.floating[Any]]) -> str:
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return "M" + "L".join(points) + ("h0.1" if len(points) == 1 else "")
