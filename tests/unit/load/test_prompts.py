"""Prompts: exact token counts, never the same twice."""

from pathlib import Path

import numpy as np
import pytest

from reference.serving.load.prompts import load_tokenizer, output_lengths, text_prompts, token_prompts


@pytest.fixture(scope="module")
def model_dir() -> Path:
    from reference.serving.models import default_model_dir

    return default_model_dir()


@pytest.mark.slow
def test_texts_have_exactly_the_token_count_asked_for(model_dir):
    tokenizer = load_tokenizer(model_dir)
    for tokens in (1, 16, 300):
        for text in text_prompts(20, tokens, np.random.default_rng(1), model_dir):
            assert len(tokenizer.encode(text, add_special_tokens=False).ids) == tokens


@pytest.mark.slow
def test_no_two_prompts_share_a_cache_block(model_dir):
    ids = token_prompts(300, 64, np.random.default_rng(2))
    assert len({tuple(prompt[:16]) for prompt in ids}) == 300
    texts = text_prompts(300, 64, np.random.default_rng(2), model_dir)
    assert len({tuple(text.split()[:16]) for text in texts}) == 300


@pytest.mark.slow
def test_token_ids_avoid_special_tokens(model_dir):
    tokenizer = load_tokenizer(model_dir)
    special = set(tokenizer.get_added_tokens_decoder())
    assert special
    for given in (None, model_dir):
        ids = {i for prompt in token_prompts(200, 500, np.random.default_rng(3), given) for i in prompt}
        assert not ids & special
        assert max(ids) < tokenizer.get_vocab_size()


def test_new_generators_give_new_prompts():
    assert token_prompts(1, 32, np.random.default_rng()) != token_prompts(1, 32, np.random.default_rng())


def test_output_lengths_stay_within_their_spread():
    rng = np.random.default_rng(4)
    assert set(output_lengths(50, 32, 0.0, rng)) == {32}
    drawn = output_lengths(5000, 32, 0.5, rng)
    assert (min(drawn), max(drawn)) == (16, 48)
    assert np.mean(drawn) == pytest.approx(32, rel=0.02)
    assert min(output_lengths(500, 1, 0.9, rng)) == 1


def test_bad_input_names_the_parameter(tmp_path):
    rng = np.random.default_rng(5)
    with pytest.raises(ValueError, match="tokens >= 1"):
        token_prompts(3, 0, rng)
    with pytest.raises(ValueError, match="output_spread"):
        output_lengths(3, 8, 1.0, rng)
    with pytest.raises(ValueError, match=r"tokenizer_dir: .*tokenizer\.json does not exist"):
        text_prompts(3, 8, rng, tmp_path)
