"""Charts as inline SVG: the arithmetic. The templates under templates/components/charts draw what this computes.

The drawing is stretched to the width it gets (`preserveAspectRatio="none"`), so it holds no text: labels, hover values
and the table for those who can't see it are HTML beside it. Values are integers; `show` makes text of one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 300  # of the drawing's own coordinates
TICKS = 4  # lines of the grid, at most, above the lowest
X_LABELS = 7

Show = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Point:
    """One value under its label; both as text, and the label short where the axis has it."""

    label: str
    value: int
    shown: str
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    tone: str


@dataclass(frozen=True, slots=True)
class Axes:
    """`grid` are heights of lines, `ticks` their texts from the top down, `labels` what stands below."""

    grid: Sequence[str]
    ticks: Sequence[str]
    labels: Sequence[str]
    zero: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the templates draw."""

    title: str
    summary: str
    points: Sequence[Point]
    axes: Axes
    line: str = ""
    area: str = ""
    bars: Sequence[Bar] = ()
    value_name: str = "Value"

    @property
    def dense(self) -> bool:
        return len(self.points) > 60


def nice_scale(lowest: int, highest: int, ticks: int = TICKS) -> tuple[int, int, int]:
    """(bottom, top, step) around zero and the values, on steps of 1, 2 or 5 times a power of ten."""
    lowest, highest = min(lowest, 0), max(highest, 0)
    power = 1
    while True:
        for step in (power, power * 2, power * 5):
            bottom, top = lowest // step * step, -(-highest // step) * step
            if top - bottom <= step * ticks:
                return bottom, max(top, bottom + step), step
        power *= 10


def line_chart(
    title: str, points: Sequence[Point], *, show: Show, summary: str = "", value_name: str = "Value"
) -> Chart:
    """A line over its area. Points stand in the middle of equal columns, over which the hover values lie."""
    bottom, top, step = nice_scale(*_range(points))
    places = [(_column(index, len(points)), _height(point.value, bottom, top)) for index, point in enumerate(points)]
    path = " L".join(f"{x:.1f},{y:.1f}" for x, y in places)
    base = _height(0, bottom, top)
    return Chart(
        title=title,
        summary=summary or spoken(points),
        points=points,
        line=f"M{path}" if places else "",
        area=f"M{places[0][0]:.1f},{base:.1f} L{path} L{places[-1][0]:.1f},{base:.1f} Z" if places else "",
        axes=_axes(points, bottom, top, step, show),
        value_name=value_name,
    )


def bar_chart(
    title: str,
    points: Sequence[Point],
    *,
    show: Show,
    summary: str = "",
    value_name: str = "Value",
    tones: Sequence[str] = (),
) -> Chart:
    """One bar a point, from zero up or down. `tones` are CSS names (good, bad, accent), one for each point."""
    bottom, top, step = nice_scale(*_range(points))
    slot = WIDTH / max(len(points), 1)
    base = _height(0, bottom, top)
    bars = []
    for index, point in enumerate(points):
        tip = _height(point.value, bottom, top)
        bars.append(
            Bar(
                x=f"{slot * index + slot * 0.15:.1f}",
                y=f"{min(tip, base):.1f}",
                width=f"{slot * 0.7:.1f}",
                height=f"{abs(tip - base):.1f}",
                tone=tones[index] if tones else "accent",
            )
        )
    return Chart(
        title=title,
        summary=summary or spoken(points),
        points=points,
        bars=bars,
        axes=_axes(points, bottom, top, step, show),
        value_name=value_name,
    )


@dataclass(frozen=True, slots=True)
class Sparkline:
    line: str
    summary: str


def sparkline(values: Sequence[int], summary: str) -> Sparkline:
    """A line without axes, for beside a number; it fills its height."""
    low, high = min(values, default=0), max(values, default=0)
    spread = max(high - low, 1)
    places = [
        f"{_column(index, len(values)):.1f},{(HEIGHT - 10) - (value - low) / spread * (HEIGHT - 20):.1f}"
        for index, value in enumerate(values)
    ]
    return Sparkline("M" + " L".join(places) if places else "", summary)


def spoken(points: Sequence[Point]) -> str:
    """What a chart says to those who can't see it: where it begins, ends, and is highest and lowest."""
    if not points:
        return "No values."
    high = max(points, key=lambda point: point.value)
    low = min(points, key=lambda point: point.value)
    first, last = points[0], points[-1]
    return (
        f"From {first.shown} ({first.label}) to {last.shown} ({last.label}); "
        f"highest {high.shown} ({high.label}), lowest {low.shown} ({low.label})."
    )


def _range(points: Sequence[Point]) -> tuple[int, int]:
    values = [point.value for point in points]
    return min(values, default=0), max(values, default=0)


def _column(index: int, count: int) -> float:
    return (index + 0.5) * WIDTH / max(count, 1)


def _height(value: int, bottom: int, top: int) -> float:
    return HEIGHT - (value - bottom) / (top - bottom) * HEIGHT


def _axes(points: Sequence[Point], bottom: int, top: int, step: int, show: Show) -> Axes:
    levels = list(range(top, bottom - 1, -step))
    return Axes(
        grid=[f"{_height(level, bottom, top):.1f}" for level in levels],
        ticks=[show(level) for level in levels],
        labels=_labels([point.axis for point in points]),
        zero=f"{_height(0, bottom, top):.1f}",
    )


def _labels(labels: Sequence[str]) -> list[str]:
    """At most X_LABELS of the labels that points have, evenly chosen; they are spread over the width."""
    named = [label for label in labels if label]
    if len(named) <= X_LABELS:
        return named
    return [named[round(index * (len(named) - 1) / (X_LABELS - 1))] for index in range(X_LABELS)]
