import socket

import pytest

from reference.sizing import NoPrice, Q, magnitude
from reference.sizing.cost import (
    api_cost,
    cost_per_million_tokens,
    discounted,
    fleet_cost_rate,
    implied_discount,
    monthly_cost,
    token_price,
)


def test_thirty_gpus_at_three_fifty_cost_105_an_hour() -> None:
    rate = fleet_cost_rate(Q(30, "gpu"), Q(3.5, "USD/gpu/h"))
    assert magnitude(rate, "USD/h") == 105
    assert magnitude(monthly_cost(rate, 720), "USD") == 75_600
    assert magnitude(monthly_cost(rate), "USD") == 76_650


@pytest.mark.parametrize("hours", [24, 671, 745, 8760])
def test_a_month_of_other_length_is_refused(hours: float) -> None:
    with pytest.raises(ValueError, match="month"):
        monthly_cost(Q(1, "USD/h"), hours)


def test_implied_discount_undoes_the_discount() -> None:
    full = Q(75_600, "USD")
    assert magnitude(implied_discount(full, Q(50_000, "USD")), "") == pytest.approx(0.3386, abs=1e-4)
    assert magnitude(implied_discount(full, discounted(full, 0.25)), "") == pytest.approx(0.25)


def test_dollars_per_million_tokens_follow_from_speed_and_idleness() -> None:
    price, gpus, rate = Q(3.6, "USD/gpu/h"), Q(2, "gpu"), Q(1000, "token/s")
    assert magnitude(cost_per_million_tokens(price, gpus, rate), "USD/Mtoken") == pytest.approx(2.0)
    assert magnitude(cost_per_million_tokens(price, gpus, rate, 0.5), "USD/Mtoken") == pytest.approx(4.0)
    with pytest.raises(ValueError, match="idle"):
        cost_per_million_tokens(price, gpus, rate, 0.0)
    with pytest.raises(ValueError, match="idle"):
        cost_per_million_tokens(price, gpus, Q(0, "token/s"))


def test_token_prices_come_offline_with_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a price look-up must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    price = token_price("gpt-4o-mini")
    assert price.provider == "openai"
    assert price.input < price.output
    assert price.cached_input is not None
    assert price.cached_input < price.input
    assert price.evidence.badge == "CITED"
    assert "genai-prices" in price.evidence.source


def test_known_list_prices_are_the_published_ones() -> None:
    # OpenAI's published prices, USD per million tokens; stable since 2024 and the same in two other price packages.
    published = {"gpt-4o": (2.5, 10), "gpt-4o-mini": (0.15, 0.6), "gpt-4": (30, 60), "gpt-3.5-turbo": (0.5, 1.5)}
    for model, (into, out) in published.items():
        price = token_price(model)
        assert magnitude(price.input, "USD/Mtoken") == pytest.approx(into)
        assert magnitude(price.output, "USD/Mtoken") == pytest.approx(out)


def test_unknown_model_and_provider_are_named() -> None:
    with pytest.raises(NoPrice, match="no-such-model"):
        token_price("no-such-model")
    with pytest.raises(NoPrice, match="nobody"):
        token_price("gpt-4o", provider="nobody")


def test_api_cost_is_tokens_times_price() -> None:
    price = token_price("gpt-4o-mini")
    cost = api_cost(price, Q(1, "request/s"), Q(1000, "token/request"), Q(100, "token/request"), 720)
    assert magnitude(cost, "USD") == pytest.approx(3600 * 720 * (1000 * 0.15 + 100 * 0.6) / 1e6)
