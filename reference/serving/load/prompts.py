"""Prompts that no cache has seen: random per request, of an exact token count."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

# Ids that are ordinary tokens in every model of the workbook: special tokens sit at either end of a vocabulary, and the
# smallest vocabulary (Llama 2) has 32,000 entries.
_COMMON_IDS = (1_000, 30_000)


def token_prompts(
    count: int, tokens: int, rng: np.random.Generator, tokenizer_dir: Path | None = None
) -> list[list[int]]:
    """`count` prompts of exactly `tokens` random token ids, for ``/v1/completions``.

    Ids are drawn uniformly, so two prompts that share their first 16 tokens (vLLM's smallest cache block) are as likely
    as (1/29000)^16: the prefix cache cannot hit. With `tokenizer_dir` they come from that model's vocabulary without
    its special tokens; without, from ids 1000..29999, which every model of the workbook has.
    """
    _check(count, tokens)
    if tokenizer_dir is None:
        return rng.integers(*_COMMON_IDS, size=(count, tokens)).tolist()
    tokenizer = load_tokenizer(tokenizer_dir)
    special = set(tokenizer.get_added_tokens_decoder())
    ordinary = np.array([i for i in range(tokenizer.get_vocab_size()) if i not in special])
    return rng.choice(ordinary, size=(count, tokens)).tolist()


def text_prompts(count: int, tokens: int, rng: np.random.Generator, tokenizer_dir: Path) -> list[str]:
    """`count` texts of exactly `tokens` tokens by the tokenizer in `tokenizer_dir`, for ``/v1/chat/completions``.

    Random whole words that are one token each when a space precedes them; the chat template's own tokens come on top.
    Raises ValueError where a text does not count `tokens` (a tokenizer that does not split at spaces).
    """
    _check(count, tokens)
    tokenizer = load_tokenizer(tokenizer_dir)
    words = sorted(
        word[1:] for word in tokenizer.get_vocab() if re.fullmatch("[Ġ▁][a-z]{3,10}", word)
    )  # Ġ: byte-level BPE; ▁: SentencePiece
    if len(words) < 1000:
        raise ValueError(
            f"tokenizer_dir {tokenizer_dir}: only {len(words)} one-token words, too few for random prompts"
        )
    texts = [" " + " ".join(row) for row in rng.choice(np.array(words), size=(count, tokens))]
    for text, encoded in zip(texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True):
        if len(encoded.ids) != tokens:
            raise ValueError(
                f"tokenizer_dir {tokenizer_dir}: {len(encoded.ids)} tokens instead of {tokens} for {text[:60]!r}"
            )
    return texts


def output_lengths(count: int, tokens: int, spread: float, rng: np.random.Generator) -> list[int]:
    """`count` output lengths [tokens], uniform on `tokens` * (1 +- `spread`); spread 0 gives the same length every
    time."""
    if not 0 <= spread < 1:
        raise ValueError(f"output_spread must be in [0, 1), got {spread}")
    _check(count, tokens)
    low, high = max(1, round(tokens * (1 - spread))), round(tokens * (1 + spread))
    return rng.integers(low, high + 1, size=count).tolist()


def load_tokenizer(tokenizer_dir: Path):  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer

    path = Path(tokenizer_dir) / "tokenizer.json"
    if not path.is_file():
        raise ValueError(f"tokenizer_dir: {path} does not exist; give the folder that holds the model's tokenizer.json")
    return Tokenizer.from_file(str(path))


def _check(count: int, tokens: int) -> None:
    if count < 0 or tokens < 1:
        raise ValueError(f"need count >= 0 and tokens >= 1, got {count} and {tokens}")
