"""A figure says in words what it shows, and takes its words along into the executed notebook."""

from __future__ import annotations

import matplotlib as mpl
import pytest

mpl.use("Agg")

from workbook.figures.alt_text import describe
from workbook.figures.q1_sizing import demand_against_fleet
from workbook.figures.q4_running import pictures
from workbook.figures.style import close, note, styled


def test_title_axes_with_units_series_and_notes_are_told():
    told = describe(demand_against_fleet(100, 200, 300, 50, 120, 10))
    for words in (
        "The stated fleet against a day of traffic",
        "Horizontal axis: hour of the day, 0 to 24",
        "Vertical axis: requests per minute, 0 to 345",
        "the stated fleet at its stated rate",
        "it carries 120 a minute, the busiest minute brings 300",
    ):
        assert words in told


def test_categories_are_told_by_name_and_a_log_axis_is_said_to_be_one():
    with styled() as plt:
        figure, ax = plt.subplots()
        ax.barh([0, 1], [3, 3000], label="now")
        ax.set_yticks([0, 1], ["rules", "models"])
        ax.set(xlabel="posts per second", xscale="log", title="Rates")
        told = describe(close(figure))
    assert "Vertical axis: rules; models" in told
    assert "logarithmic" in told


def test_panels_are_told_one_by_one_and_a_twin_axis_belongs_to_its_panel():
    with styled() as plt:
        figure, (left, right) = plt.subplots(1, 2)
        left.plot([1, 2])
        left.set(ylabel="cost, dollars", title="Cost")
        left.twinx().set_ylabel("quality, %")
        right.plot([1, 2])
        right.set(ylabel="time, s", title="Time")
        told = describe(close(figure))
    first, second = told.split("Panel 2 of 2")
    assert "Panel 1 of 2" in first
    assert "quality, %" in first
    assert "time, s" in second


def test_dates_are_told_as_days_and_dollars_without_their_escape():
    import datetime as dt

    with styled() as plt:
        figure, ax = plt.subplots()
        ax.plot([dt.date(2026, 1, 1), dt.date(2026, 3, 1)], [1, 2])
        ax.set_xlim(dt.date(2026, 1, 1), dt.date(2026, 3, 1))
        ax.set(xlabel="day", title=r"Saved \$3 ...")
        told = describe(close(figure))
    assert told.startswith("Chart. Saved $3. Horizontal axis: day, 2026-01-01 to 2026-03-01.")


def test_pictures_are_told_by_their_captions():
    import numpy as np

    assert describe(pictures([("a cat", np.zeros((2, 2, 3))), ("a dog", np.zeros((2, 2, 3)))])) == (
        "Pictures: a cat; a dog."
    )


def test_a_figure_without_title_and_labels_has_no_description():
    with styled() as plt:
        figure, ax = plt.subplots()
        ax.plot([1, 2])
        note(ax, "see here", (0, 1))
        assert describe(close(figure)) == ""


def test_a_long_list_of_notes_is_cut_with_its_count():
    with styled() as plt:
        figure, ax = plt.subplots()
        ax.set_title("Many")
        for number in range(100):
            ax.text(0, 0, f"note {number}")
        told = describe(close(figure))
    assert "note 23; and 76 more" in told


@pytest.fixture
def shell():
    from IPython.core.interactiveshell import InteractiveShell

    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.slow
def test_a_displayed_figure_carries_its_description_in_the_metadata(shell):
    from IPython.core.pylabtools import select_figure_formats

    figure = demand_against_fleet(100, 200, 300, 50, 120, 10)
    select_figure_formats(shell, {"png"})
    data, metadata = shell.display_formatter.format(figure)
    assert "image/png" in data
    assert metadata["image/png"] == {"alt": describe(figure)}


def test_a_program_that_imports_ipython_without_a_shell_can_draw():
    import IPython

    assert IPython.get_ipython() is None
    assert close(demand_against_fleet(100, 200, 300, 50, 120, 10)).axes
