import warnings
from dataclasses import dataclass
from typing import Annotated

import pytest

from reference.sizing import BANDS, Implausible, ImplausibleWarning, Q, Quantity, UnitError, check, find, what_if
from reference.sizing.bands import checked, checked_fields


def test_per_minute_figure_labelled_per_second_is_named_as_such() -> None:
    with pytest.raises(Implausible, match="per-minute figure labelled per-second") as caught:
        check("requests_per_second_per_gpu", Q(500, "request/s/gpu"))
    assert "8.333" in str(caught.value)
    assert caught.value.finding.band.typical == (1e-3, 50)


@pytest.mark.parametrize(
    ("name", "quantity", "slip"),
    [
        ("kv_per_token", "320 MiB/token", "one step too large"),
        ("ttft", "500 s", "milliseconds labelled seconds"),
        ("price_per_gpu_hour", "2555 USD/gpu/h", "per-month price labelled per-hour"),
        ("price_per_gpu_hour", "55.04 USD/gpu/h", "8-GPU server labelled per-GPU"),
        ("bandwidth", "26800 GB/s", "bits labelled bytes"),
        ("fraction", "15", "percent labelled as a fraction"),
        ("gpu_memory", "80 MB", "one step too small"),
        ("users", "-1 user", "impossible"),
    ],
)
def test_common_slips_are_named(name: str, quantity: str, slip: str) -> None:
    finding = find(name, Q(quantity))
    assert finding is not None
    assert slip in str(finding)


def test_a_plausible_figure_passes_unchanged() -> None:
    figure = Q(8.3, "request/s/replica")
    assert check("requests_per_second_per_replica", figure) is figure
    assert find("fraction", 0.15) is None


def test_wrong_dimension_is_refused_before_the_band() -> None:
    with pytest.raises(UnitError, match="ttft"):
        check("ttft", Q(3, "token"))


def test_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match="kv_per_token"):
        check("no such kind", Q(1, "s"))


@pytest.mark.parametrize("name", sorted(BANDS))
def test_bands_are_ordered_and_typical_lies_within_possible(name: str) -> None:
    band = BANDS[name]
    assert band.possible[0] <= band.typical[0] < band.typical[1] <= band.possible[1]
    Q(1, band.unit)


@checked
def half(rate: Annotated[Quantity, "request_rate"]) -> Annotated[Quantity, "request_rate"]:
    return rate / 2


def test_checked_function_warns_outside_typical_and_raises_outside_possible() -> None:
    with pytest.warns(ImplausibleWarning, match="rate"):
        half(Q(1.5e5, "request/s"))
    with pytest.raises(Implausible, match="impossible"):
        half(Q(-1, "request/s"))
    with pytest.raises(UnitError, match="rate"):
        half(Q(1, "token/s"))


def test_what_if_silences_warnings_but_not_the_impossible() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with what_if():
            half(Q(9e5, "request/s"))
    with what_if(), pytest.raises(Implausible):
        half(Q(-1, "request/s"))


def test_checked_result_is_judged_too() -> None:
    @checked
    def broken() -> Annotated[Quantity, "fraction"]:
        return Q(1.5, "")

    with pytest.raises(Implausible, match="broken"):
        broken()


def test_checked_dataclass_names_the_field() -> None:
    @checked_fields
    @dataclass(frozen=True)
    class Plan:
        share: Annotated[Quantity, "fraction"]

    with pytest.raises(Implausible, match=r"Plan\.share"):
        Plan(Q(2, ""))
