"""As many rules as a benchmark wants: invented words, the same for the same seed."""

from __future__ import annotations

import random

from reference.moderation.rules.schema import Rule

_ONSETS = ("b", "bl", "br", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "m", "n", "pl", "qu", "sk", "v", "z")
_NUCLEI = ("a", "e", "i", "o", "u", "oo", "ai")
_CODAS = ("lk", "rn", "mp", "sk", "x", "zd", "gth", "nk", "vv", "bz")
_CATEGORIES = ("hate", "threat", "counterfeit", "crypto_scam", "phishing", "spam")


def invented_words(n: int, seed: int) -> list[str]:
    """`n` different words of two or three syllables, 6 to 15 letters, with codas that English does not use."""
    draw = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < n:
        word = "".join(
            draw.choice(_ONSETS) + draw.choice(_NUCLEI) + draw.choice(_CODAS) for _ in range(draw.randint(2, 3))
        )
        if 6 <= len(word) <= 15:
            words[word] = None
    return list(words)


def generated_rules(n: int, seed: int = 0, phrase_share: float = 0.2) -> list[Rule]:
    """Literal rules of 100 patterns each, `n` patterns in all; `phrase_share` of them two words long."""
    words = invented_words(n * 2, seed)
    phrases = int(n * phrase_share)
    patterns = [f"{one} {two}" for one, two in zip(words[:phrases], words[n : n + phrases], strict=True)]
    patterns += words[phrases:n]
    return [
        Rule(
            id=f"generated-{start // 100:04d}",
            category=_CATEGORIES[start // 100 % len(_CATEGORIES)],
            kind="literal",
            patterns=tuple(patterns[start : start + 100]),
        )
        for start in range(0, n, 100)
    ]
