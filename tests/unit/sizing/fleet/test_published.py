"""Published figures: each says who measured it and when, and quantiles are usable as they stand."""

import pytest

from reference.sizing.evidence import Cited
from reference.sizing.fleet import published
from reference.sizing.fleet.lengths import Lengths

FIGURES = published.figures()


@pytest.mark.parametrize("name", [name for name, value in vars(published).items() if hasattr(value, "evidence")])
def test_every_figure_names_source_date_and_where_it_was_read(name: str) -> None:
    figure = FIGURES[name]
    assert isinstance(figure.evidence, Cited)
    assert figure.evidence.source
    assert figure.evidence.date is not None
    assert "read 2026" in figure.evidence.note
    assert figure.name


def test_figures_of_azures_traces_of_2023_are_among_them() -> None:
    assert FIGURES["AZURE_CHAT_BURST"].value == 1.56
    assert len({figure.name for figure in FIGURES.values()}) == len(FIGURES)


@pytest.mark.parametrize("name", [name for name in FIGURES if name.endswith(("_PROMPT", "_OUTPUT"))])
def test_published_quantiles_are_a_distribution(name: str) -> None:
    value = FIGURES[name].value
    if isinstance(value, dict):
        fit = Lengths.from_quantiles(value)
        assert fit.error_at(value) == pytest.approx(dict.fromkeys(value, 0.0), abs=1e-9)


def test_means_lie_between_the_quantiles_around_them() -> None:
    """A slip of the pen in a mean or a quantile would show."""
    for prefix in ("AZURE_2024_CHAT_PROMPT", "AZURE_2024_CHAT_OUTPUT"):
        quantiles, mean = FIGURES[prefix].value, FIGURES[f"{prefix}_MEAN"].value
        assert quantiles[50] < mean < quantiles[90]
    assert FIGURES["BURSTGPT_TURNS"].value[50] < FIGURES["BURSTGPT_TURNS_MEAN"].value < 9
    weekday = FIGURES["AZURE_2024_CODE_PEAK"].value / FIGURES["AZURE_2024_CODE_TROUGH"].value
    assert weekday == pytest.approx(FIGURES["AZURE_2024_CODE_WEEKDAY_RATIO"].value, rel=0.2)
    weekday = FIGURES["AZURE_2024_CHAT_PEAK"].value / FIGURES["AZURE_2024_CHAT_TROUGH"].value
    assert weekday == pytest.approx(FIGURES["AZURE_2024_CHAT_WEEKDAY_RATIO"].value, rel=0.2)
