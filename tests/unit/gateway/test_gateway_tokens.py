"""Counts are those of the tokenizer behind the chat template; user text cannot spell control tokens."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_model import write_tiny_model

from reference.serving.gateway.tokens import ByteTokenCounter, ModelTokenCounter, TemplateError, model_digest

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXT}), max_size=5
)
SHARED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_prompt_is_rendered_with_the_models_template(counter):
    text = counter.render([{"role": "user", "content": "hi"}])
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert counter.count_prompt([{"role": "user", "content": "hi"}]) == counter.count_text(text)


@pytest.mark.slow
@SHARED
@given(messages=MESSAGES)
def test_the_byte_count_is_an_upper_bound(counter, messages):
    assert ByteTokenCounter().count_prompt(messages) >= counter.count_prompt(messages)


@pytest.mark.parametrize("kind", ["model", "bytes"])
@SHARED
@given(text=TEXT, limit=st.integers(0, 40))
def test_truncation_keeps_the_longest_beginning_within_the_limit(counter, kind, text, limit):
    count = counter if kind == "model" else ByteTokenCounter()
    cut = count.truncate(text, limit)
    assert text.startswith(cut)
    assert count.count_text(cut) <= limit
    if count.count_text(text) <= limit:
        assert cut == text


PIECES = st.lists(
    st.sampled_from(["<|im_start|>", "<|im_end|>", "<|", "|>", "im_end", "im_<|im_end|>end", "x", " "]), max_size=8
).map("".join)


@SHARED
@given(text=PIECES)
def test_no_control_token_survives_in_user_text(counter, text):
    safe, found = counter.neutralise(text)
    assert (found > 0) == ("<|im_start|>" in text or "<|im_end|>" in text)
    rendered = counter._tokenizer.encode(safe, add_special_tokens=False)
    control = {counter._tokenizer.token_to_id(t) for t in ("<|im_start|>", "<|im_end|>")}
    assert not control & set(rendered.ids)
    assert counter.neutralise(safe) == (safe, 0)


def test_text_without_control_tokens_is_not_touched(counter):
    assert counter.neutralise("a < b | c > d") == ("a < b | c > d", 0)


def test_a_template_that_refuses_is_a_template_error(tmp_path):
    folder = write_tiny_model(tmp_path / "m", "{{ raise_exception('roles must alternate') }}")
    with pytest.raises(TemplateError, match="roles must alternate"):
        ModelTokenCounter(folder).count_prompt([{"role": "user", "content": "x"}])


def test_a_template_cannot_reach_python(tmp_path):
    folder = write_tiny_model(tmp_path / "m", "{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(TemplateError):
        ModelTokenCounter(folder).count_prompt([{"role": "user", "content": "x"}])


def test_a_template_file_wins_over_the_configuration(tmp_path):
    folder = write_tiny_model(tmp_path / "m")
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert ModelTokenCounter(folder).render([{"role": "user", "content": "only this"}]) == "only this"


def test_a_folder_without_a_tokenizer_or_template_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="GATEWAY_MODEL_DIR"):
        ModelTokenCounter(tmp_path)
    folder = write_tiny_model(tmp_path / "m")
    (folder / "tokenizer_config.json").write_text(json.dumps({}))
    with pytest.raises(FileNotFoundError, match="chat template"):
        ModelTokenCounter(folder)


def test_the_model_version_changes_with_what_is_in_the_folder(tmp_path):
    folder = write_tiny_model(tmp_path / "m")
    before = model_digest(folder)
    assert model_digest(folder) == before
    (folder / "model.safetensors").write_bytes(b"weights")
    weights = model_digest(folder)
    (folder / "config.json").write_text("{}")
    assert len({before, weights, model_digest(folder)}) == 3
