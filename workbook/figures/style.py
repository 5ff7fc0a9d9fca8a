"""One look for all plots: muted axes, one accent, the message in the title, units on every axis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GREY, LIGHT = "#1f2933", "#6b7785", "#d5dbe1"
BLUE, GREEN, RED, AMBER, PURPLE = "#2b6cb0", "#2f855a", "#c53030", "#b7791f", "#6b46c1"
VERDICT_COLOURS = {"holds": GREEN, "does-not-hold": RED, "depends": AMBER}

SETTINGS: dict[str, Any] = {
    "figure.dpi": 110,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}


@contextmanager
def styled() -> Iterator[Any]:
    """pyplot with the workbook's settings, for the length of the block."""
    import matplotlib.pyplot as plt

    with plt.style.context(SETTINGS):
        yield plt


def note(
    ax: Axes, text: str, at: tuple[float, float], offset: tuple[float, float] = (18, 18), colour: str = INK
) -> None:
    """What to see, beside the point it is seen at. `at` in data units, `offset` in points."""
    ax.annotate(
        text, xy=at, xytext=offset, textcoords="offset points", color=colour, fontsize=8.5,
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8},
        bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )  # fmt: skip


def powers_of_two(ax: Axes, values: list[float]) -> None:
    """A logarithmic x axis that is labelled with the values themselves."""
    ax.set_xscale("log", base=2)
    ax.set_xticks(values, [f"{v:g}" for v in values])
    ax.minorticks_off()


def close(figure: Any) -> Any:
    """Return a finished figure; closed for pyplot, so that a notebook shows it once, with a description of its own."""
    import matplotlib.pyplot as plt

    from workbook.figures.alt_text import register

    register()
    figure.tight_layout()
    plt.close(figure)
    return figure
