"""The made corpus: posts filled in from templates, always the same for one seed.

It is made to be hard in known ways. Some violating posts hold no word of the lexicon (`..._implicit`), and some
allowed posts hold one (`quotation`, `reclaimed`, `token_counter_speech`), so that neither a word list nor a model can
be perfect. What is measured on it says how the parts work together and how a claim is tested. It does not say how well
they would do on a real platform's posts. Splits are made by template: no template is in two of them.

Rows of one template resemble each other, so a bound that counts rows as independent is too narrow for new templates;
`reference.moderation.evaluation.rates.by_template` gives the wider one.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from reference.moderation.corpus.labelled import LabelledPost, Template, templates
from reference.moderation.corpus.slots import slot
from reference.moderation.corpus.transforms import TRANSFORMS, disguise, has_token
from reference.moderation.types import ModerationError, Post

_SLOT = re.compile(r"\{(\w+)\}")
_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
DISGUISED = 0.25  # share of the violating posts with a word of the lexicon whose words are disguised
FOREIGN = 0.10  # share of posts in other languages
TOKEN_BENIGN_SHARE = 0.02  # of the allowed posts: quotations, reclaimed use, counter-speech
LOOKALIKE_SHARE = 0.18
_TOKEN_BENIGN = ("quotation", "reclaimed", "token_counter_speech")
_EVERYDAY = ("everyday", "everyday_commerce")


def fill(text: str, rng: Random) -> str:
    """`text` with its slots filled; fillers may hold slots themselves."""
    while "{" in text:
        text = _SLOT.sub(lambda match: rng.choice(slot(match.group(1))), text)
    return text


def _text(template: Template, rng: Random) -> str:
    if template.functionality.startswith("foreign"):
        word = rng.choice(slot("slur" if template.category == "hate" else "junk"))
        tail = "" if rng.random() < 0.5 else rng.choice((" 🙂", " !", "...", " #1", " 👍", " ❤️"))
        return template.text.format(n=rng.randrange(2, 400), w=word, u=rng.choice(slot("badhost"))) + tail
    text = fill(template.text, rng)
    if rng.random() < 0.45:
        text = f"{rng.choice(slot('open'))}, {text}"
    if rng.random() < 0.45:
        text = f"{text} {rng.choice(slot('close'))}"
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:]
    return text


def _pools(split: str | None) -> dict[str, list[list[Template]]]:
    """Templates by kind of post and, within it, by functionality; everyday posts are one functionality here."""
    kinds: dict[str, dict[str, list[Template]]] = {}
    for one in templates():
        if split is not None and one.split != split:
            continue
        if one.language != "en" or one.functionality.startswith("foreign"):
            kind = "foreign_violating" if one.category else "foreign"
        elif one.category:
            kind = "violating"
        elif one.functionality in _EVERYDAY:
            kind = "everyday"
        else:
            kind = "token_benign" if one.functionality in _TOKEN_BENIGN else "lookalike"
        kinds.setdefault(kind, {}).setdefault("" if kind == "everyday" else one.functionality, []).append(one)
    return {kind: list(groups.values()) for kind, groups in kinds.items()}


def _kind(violating: bool, rng: Random) -> str:
    if rng.random() < FOREIGN:
        return "foreign_violating" if violating else "foreign"
    if violating:
        return "violating"
    draw = rng.random()
    if draw < TOKEN_BENIGN_SHARE:
        return "token_benign"
    return "lookalike" if draw < TOKEN_BENIGN_SHARE + LOOKALIKE_SHARE else "everyday"


class _Maker:
    def __init__(self, split: str | None, seed: int, seen: set[str]) -> None:
        self._pools, self._rng, self._seen = _pools(split), Random(f"{split}-{seed}"), seen
        self._prefix = f"{split or 'post'}-{seed}"
        self._made = 0

    def make(self, violating: bool) -> LabelledPost:
        rng = self._rng
        for _ in range(10_000):  # a text is never in a corpus twice
            groups = self._pools.get(_kind(violating, rng))
            if groups is None:  # e.g. no foreign violating template in the calibration split
                continue
            template = rng.choice(rng.choice(groups))
            text, transform = _text(template, rng), ""
            if template.category and has_token(text) and rng.random() < DISGUISED:
                transform = rng.choice(tuple(TRANSFORMS))
                text = disguise(text, transform, rng)
            if text not in self._seen:
                break
        else:
            raise ModerationError("the templates are used up; ask for fewer posts")
        self._seen.add(text)
        self._made += 1
        post = Post(
            id=f"{self._prefix}-{self._made:07}",
            text=text,
            author=f"author-{rng.randrange(5000):04}",
            country=rng.choice(("DE", "FR", "US", "BR", "IN", "JP", "KE", "SE")),
            posted_at=_BEGIN + timedelta(seconds=self._made),
            views=int(rng.paretovariate(1.2) * 10),
        )
        return LabelledPost(post, template.category, template.functionality, template.id, template.language, transform)


def made_corpus(n: int, seed: int = 0, prevalence: float = 0.02, split: str | None = None) -> list[LabelledPost]:
    """`n` different posts of which a share `prevalence` violates, shuffled; `split` keeps to its templates."""
    if n < 1:
        raise ModerationError(f"n={n}: ask for at least one post")
    if not 0 <= prevalence <= 1:
        raise ModerationError(f"prevalence={prevalence}: a share between 0 and 1")
    maker = _Maker(split, seed, set())
    bad = round(n * prevalence)
    marks = [True] * bad + [False] * (n - bad)
    Random(f"order-{seed}").shuffle(marks)
    return [maker.make(mark) for mark in marks]


@dataclass(frozen=True)
class Splits:
    """Three corpora without a common template or text."""

    train: list[LabelledPost]
    calibration: list[LabelledPost]
    held_out: list[LabelledPost]


# (allowed, violating) rows of each split
SIZES = {"train": (8000, 3000), "calibration": (8000, 2000), "held_out": (9000, 2400)}


def splits(seed: int = 0) -> Splits:
    """Train, calibration and held-out rows in the numbers of SIZES. Cheap to call again (kept for seed 0)."""
    return _default_splits() if seed == 0 else _make_splits(seed)


@cache
def _default_splits() -> Splits:
    return _make_splits(0)


def _make_splits(seed: int) -> Splits:
    seen: set[str] = set()
    found: dict[str, list[LabelledPost]] = {}
    for name, (clean, bad) in SIZES.items():
        maker = _Maker(name, seed, seen)
        marks = [True] * bad + [False] * clean
        Random(f"{name}-{seed}").shuffle(marks)
        found[name] = [maker.make(mark) for mark in marks]
    return Splits(found["train"], found["calibration"], found["held_out"])


def evasion_suite(per_transform: int = 40, seed: int = 0) -> list[LabelledPost]:
    """Violating English posts with a word of the lexicon, disguised in every way of TRANSFORMS, as many for each."""
    rng = Random(f"evasion-{seed}")
    found: list[LabelledPost] = []
    groups = _pools(None)["violating"]
    direct = [template for group in groups for template in group if not template.functionality.endswith("implicit")]
    for transform, number in itertools.product(TRANSFORMS, range(per_transform)):
        template = rng.choice(direct)
        text = disguise(_text(template, rng), transform, rng)
        post = Post(id=f"evasion-{transform}-{number:03}", text=text, language="en")
        found.append(LabelledPost(post, template.category, template.functionality, template.id, "en", transform))
    return found


def benign_lookalikes(n: int = 3000, seed: int = 0) -> list[LabelledPost]:
    """Allowed posts that tempt a filter and hold no word of the lexicon; 3,000 with no error allow to claim < 0.1 %."""
    rng, seen = Random(f"lookalikes-{seed}"), set[str]()
    found: list[LabelledPost] = []
    groups = _pools(None)["lookalike"]
    while len(found) < n:
        template = rng.choice(rng.choice(groups))
        text = _text(template, rng)
        if text in seen:
            continue
        seen.add(text)
        post = Post(id=f"lookalike-{len(found):05}", text=text, language="en")
        found.append(LabelledPost(post, "", template.functionality, template.id, "en", ""))
    return found


POOL = 20_000


@cache
def _pool(seed: int, prevalence: float) -> tuple[tuple[str, str], ...]:
    rng, found = Random(f"pool-{seed}"), []
    # Real posts average about 85 characters: another everyday post is appended to the short ones often enough.
    tails = [row.post.text for row in made_corpus(2000, seed + 1, 0.0) if row.functionality in _EVERYDAY]
    for row in made_corpus(POOL, seed, prevalence):
        text = row.post.text
        if row.language == "en" and len(text) < 70 and rng.random() < 0.6:
            text = f"{text}. {rng.choice(tails)}"
        found.append((text, row.language))
    return tuple(found)


def replay_posts(n: int, seed: int = 0, prevalence: float = 0.02) -> Iterator[Post]:
    """`n` posts for a replay, from a pool of 20,000 texts with a running number each, so that no two are equal."""
    pool, rng = _pool(seed, prevalence), Random(f"replay-{seed}")
    draw, size = rng.random, len(pool)
    for k in range(n):
        text, language = pool[int(draw() * size)]
        yield Post(f"r{seed}-{k}", f"{text} #{k}", language=language)


def replay_lines(n: int, seed: int = 0, prevalence: float = 0.02) -> Iterator[str]:
    """The same posts as JSON lines (id, text, language) without a line end; the text is escaped once per pool entry."""
    encoded = [(json.dumps(text, ensure_ascii=False)[:-1], lang) for text, lang in _pool(seed, prevalence)]
    rng = Random(f"replay-{seed}")
    draw, size = rng.random, len(encoded)
    for k in range(n):
        text, language = encoded[int(draw() * size)]
        yield f'{{"id": "r{seed}-{k}", "text": {text} #{k}", "language": "{language}"}}'


def with_text(row: LabelledPost, text: str) -> LabelledPost:
    """A copy of the row with another text."""
    return replace(row, post=replace(row.post, text=text))
