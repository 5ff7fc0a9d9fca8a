"""List prices under the names that exports use; never somebody else's price."""

from __future__ import annotations

import tomllib
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.bill import prices
from reference.sizing.bill.lines import Line
from reference.sizing.bill.prices import batch_factor, line_cost, model_price
from reference.sizing.hardware import NoPrice


@pytest.mark.parametrize(
    ("name", "provider", "listed"),
    [
        ("gpt-4o-2024-08-06", "", ("gpt-4o", "openai")), ("gpt-4-0613", "", ("gpt-4", "openai")),
        ("azure/gpt-4o", "", ("gpt-4o", "azure")), ("azure/gpt-4o", "azure", ("gpt-4o", "azure")),
        ("openai/gpt-4o", "openai", ("gpt-4o", "openai")), ("GPT-4O", "OpenAI", ("gpt-4o", "openai")),
        ("claude-3-haiku-20240307", "anthropic", ("claude-3-haiku", "anthropic")),
        ("gemini/gemini-2.0-flash", "gemini", ("gemini-2.0-flash", "google")),
        ("text-embedding-3-large", "", ("text-embedding-3-large", "openai")),
        ("gpt-4o-2024-05-13", "", ("gpt-4o-2024-05-13", "openai")),
    ],
)  # fmt: skip
def test_names_of_exports_find_the_entry_of_the_list(name, provider, listed):
    price = model_price(name, provider)
    assert (price.model, price.provider) == listed


def test_models_of_bedrock_are_found_by_prefix_and_by_provider():
    name = "us.anthropic.claude-3-5-sonnet-20240620-v1:0"
    assert model_price(f"bedrock/{name}") == model_price(name, "bedrock_converse")
    assert model_price(f"bedrock/{name}").provider == "aws"


@pytest.mark.parametrize(
    ("name", "provider"),
    [("gpt-4o", "nobody"), ("gpt-4o-2031-01-01", ""), ("ft:gpt-4o-mini-2024-07-18:acme::x", ""), ("", ""),
     ("hosted_vllm/llama-3.1-8b-instant", ""), ("llama-3.1-8b-instant", "ollama"), ("x" * 200, "")],
)  # fmt: skip
def test_what_the_list_does_not_have_gets_no_price(name, provider):
    with pytest.raises(NoPrice):
        model_price(name, provider)


def test_an_engine_of_ones_own_is_named_as_the_reason():
    with pytest.raises(NoPrice, match="hosted_vllm is an engine of one's own, which costs GPU hours"):
        model_price("hosted_vllm/llama-3.1-8b-instant")


def test_the_price_of_an_embedder_warns_of_nothing():
    model_price.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        price = model_price("text-embedding-3-small")
    assert (price.input, price.output) == (0.02, 0)


def test_every_batch_factor_has_its_source():
    raw = tomllib.loads(prices._BATCH.read_text())
    assert raw["factor"].keys() == raw["sources"].keys()
    assert all(0 < factor < 1 for factor in raw["factor"].values())
    assert batch_factor("nobody") == 1


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12), st.booleans())
def test_caching_and_batches_never_cost_more(plain, cached, output, batch):
    line = Line("gpt-4o", 1, plain + cached, output, cached, batch=batch)
    full = Line("gpt-4o", 1, plain + cached, output)
    assert line_cost(line).total <= line_cost(full).total * (1 + 1e-12)
    assert line_cost(line).total == pytest.approx(
        ((plain * 2.5 + cached * 1.25 + output * 10) * (0.5 if batch else 1)) / 1e6
    )
