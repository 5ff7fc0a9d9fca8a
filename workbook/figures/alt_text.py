"""What a chart shows, in words: read off the finished figure, for readers who hear the page."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_MOST = 24  # texts of one kind; a longer list tires whoever hears it


def describe(figure: Figure) -> str:
    """Title, axes with their units and ranges, series and notes of a figure; "" if it has neither title nor labels.

    Every panel is described in turn; axes that lie on each other (twins, colour bars) count as one panel.
    """
    panels: dict[tuple[float, ...], list[Axes]] = {}
    for ax in figure.axes:
        if ax.get_visible() and (ax.axison or ax.has_data() or _title(ax)):
            place = tuple(round(edge, 3) for edge in ax.get_position().bounds)
            panels.setdefault(place, []).append(ax)
    if not any(_title(ax) or ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes) and not figure.get_suptitle():
        return ""
    if panels and all(not ax.axison for axes in panels.values() for ax in axes):
        captions = [_title(ax) for axes in panels.values() for ax in axes]
        return _sentences([figure.get_suptitle(), _listed("Pictures", captions)])
    told = [_panel(axes) for axes in panels.values()]
    if len(told) > 1:
        told = [f"Panel {number} of {len(told)}: {text}" for number, text in enumerate(told, 1)]
    series = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return _sentences(["Chart", figure.get_suptitle(), *told, _listed("Series of all panels", series)])


def register() -> None:
    """In a kernel: every figure that is displayed from now on carries its description in the output's metadata.

    Stored as metadata["image/png"]["alt"], where nbconvert looks for it. Does nothing outside of IPython.
    """
    if "IPython" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        # The picture itself still comes from matplotlib's own formatter; this one adds metadata only.
        shell.display_formatter.mimebundle_formatter.for_type_by_name("matplotlib.figure", "Figure", _bundle)


def _bundle(figure: Figure) -> tuple[dict[str, Any], dict[str, Any]]:
    text = describe(figure)
    return {}, {"image/png": {"alt": text}} if text else {}


def _panel(axes: list[Axes]) -> str:
    parts = [_title(ax) for ax in axes]
    for ax in axes:
        parts += [_axis("Horizontal axis", ax.xaxis, ax.get_xlim()), _axis("Vertical axis", ax.yaxis, ax.get_ylim())]
    legends = [legend for ax in axes if (legend := ax.get_legend()) is not None]
    parts.append(_listed("Series", (text.get_text() for legend in legends for text in legend.get_texts())))
    parts.append(_listed("Notes", (text.get_text() for ax in axes for text in ax.texts if text.get_visible())))
    return _sentences(dict.fromkeys(parts))


def _title(ax: Axes) -> str:
    return " ".join(filter(None, (ax.get_title(side) for side in ("left", "center", "right"))))


def _axis(name: str, axis: Axis, limits: tuple[float, float]) -> str:
    """The label and what the axis spans: its categories where ticks are words, else its range."""
    if not axis.get_visible() or not axis.axes.axison:
        return ""
    label = axis.get_label_text()
    ticks = [text for tick in axis.get_ticklabels() if (text := _plain(tick.get_text()))]
    words = [text for text in ticks if not _is_number(text)]
    dates = "Date" in type(axis.get_major_formatter()).__name__
    if not dates and len(words) * 2 > len(ticks):
        span = _listed("", ticks)
    elif ticks and label:
        low, high = map(_day if dates else _number, sorted(limits))
        span = f"{low} to {high}" + (", logarithmic" if axis.get_scale() == "log" else "")
    else:
        return f"{name}: {label}" if label else ""
    return f"{name}: {label}, {span}" if label else f"{name}: {span}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _day(value: float) -> str:
    from matplotlib.dates import num2date

    return num2date(value).date().isoformat()


def _is_number(text: str) -> bool:
    digits = text.replace("−", "-").translate(str.maketrans("", "", ",%$x{}^\\ "))
    try:
        float(digits.replace("mathdefault", "").replace("times", ""))
    except ValueError:
        return False
    return True


def _listed(name: str, texts: Iterable[str]) -> str:
    found = [text for text in dict.fromkeys(map(_plain, texts)) if text]
    if not found:
        return ""
    shown = "; ".join(found[:_MOST]) + (f"; and {len(found) - _MOST} more" if len(found) > _MOST else "")
    return f"{name}: {shown}" if name else shown


def _sentences(parts: Iterable[str]) -> str:
    texts = [_plain(part).rstrip(". ") for part in parts if part]
    return ". ".join(text for text in texts if text) + ("." if texts else "")


def _plain(text: str) -> str:
    return " ".join(text.replace(r"\$", "$").split())  # matplotlib's way to write a dollar
