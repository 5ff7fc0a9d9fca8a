import pickle

import pint
import pytest

from reference.sizing import Q, UnitError, magnitude, money, show


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1 token/s", "1 request/s"),
        ("1 message/day", "1 request/day"),
        ("1 query", "1 post"),
        ("1 gpu", "1 replica"),
        ("1 USD", "1 USD/hour"),
        ("1 byte", "1"),
        ("1 user", "1"),
        ("1 FLOP/s", "1 byte/s"),
    ],
)
def test_different_things_never_add_up(a: str, b: str) -> None:
    with pytest.raises(pint.DimensionalityError):
        Q(a) + Q(b)


def test_rpm_means_requests_per_minute() -> None:
    assert magnitude(Q(500, "rpm"), "request/s") == pytest.approx(500 / 60)
    with pytest.raises(UnitError, match="unknown unit"):
        Q(1, "revolution")


def test_gigabytes_and_gibibytes_differ_by_seven_percent() -> None:
    assert magnitude(Q(80, "GiB"), "GB") == pytest.approx(80 * 1.073741824)
    assert magnitude(Q(1, "GB"), "byte") == 1e9
    assert magnitude(Q(8, "Gbit"), "GB") == pytest.approx(1)


def test_requests_become_tokens_only_through_a_ratio() -> None:
    rate = Q(2, "request/s")
    assert magnitude(rate * Q(211, "token/request"), "token/s") == 422
    with pytest.raises(UnitError, match="stated ratio"):
        magnitude(rate, "token/s", "rate")


def test_bare_number_is_refused_with_the_fix_in_the_message() -> None:
    with pytest.raises(UnitError, match=r"rate=Q\(3, 'token/s'\)"):
        magnitude(3, "token/s", "rate")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_quantities_are_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Q(bad, "s")


@pytest.mark.parametrize("bad", [True, None, [1]])
def test_quantities_need_a_number(bad: object) -> None:
    with pytest.raises(UnitError, match="number"):
        Q(bad, "s")  # type: ignore[arg-type]


def test_unknown_unit_is_named() -> None:
    with pytest.raises(UnitError, match="parsec"):
        Q(1, "parsec")


def test_a_month_is_730_hours() -> None:
    assert magnitude(Q(1, "month"), "hour") == pytest.approx(730)


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        ("75600 USD", "$75,600"),
        ("3.5 USD/gpu/h", "$3.50/gpu/h"),
        ("105 USD/h", "$105/h"),
        ("0.000211 USD/message", "$0.000211/message"),
        ("-1234 USD", "-$1,234"),
    ],
)
def test_money_reads_as_money(quantity: str, text: str) -> None:
    assert money(Q(quantity)) == text


def test_show_keeps_four_digits_and_the_unit() -> None:
    assert show(Q(141.1074, "GB")) == "141.1 GB"
    assert show(Q(1e7, "message/day")).startswith("10,000,000 message")


def test_quantities_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(Q(5, "token/s"))) == Q(5, "token/s")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("rpm", "request/s"), ("TB/s", "byte/s"), ("GiB", "byte"), ("USD/gpu/h", "USD/gpu/s"), ("percent", ""),
        ("token/request", "token/request"), ("ms/token", "s/token"), ("message/user/day", "message/user/s"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [0.0, 1 / 3, 80, -7.25e11, 6.02e-23])
def test_a_kept_factor_gives_the_very_number_that_pint_gives(value: float, given: str, wanted: str) -> None:
    for _ in range(2):  # the second time from what was kept
        assert magnitude(Q(value, given), wanted) == float(Q(value, given).to(wanted).magnitude)


def test_a_wrong_dimension_is_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(UnitError, match="rate must be convertible to 'token/s'"):
            magnitude(Q(1, "request/s"), "token/s", "rate")
