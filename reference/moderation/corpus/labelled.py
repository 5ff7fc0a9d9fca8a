"""A labelled post, and the templates that posts are made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from reference.moderation.types import Post

CATEGORIES: tuple[str, ...] = ("hate", "threat", "counterfeit", "crypto_scam", "phishing", "spam")
SPLITS = ("train", "calibration", "held_out")
# Of the templates of one functionality: 5 in 10 for training, 2 for calibration, 3 held out.
_DEAL = (0, 2, 0, 1, 0, 2, 0, 1, 2, 0)


@dataclass(frozen=True, slots=True)
class LabelledPost:
    """One post with what is true of it.

    Attributes:
        category: the rule that it breaks; empty for an allowed post.
        functionality: what the row tests, as in functional tests of classifiers: slur_direct, quotation, ...
        template: id of the template; rows of one template are not independent of each other.
        language: ISO 639-1 of the template.
        transform: how its words are disguised; empty if they are not.
    """

    post: Post
    category: str
    functionality: str
    template: str
    language: str
    transform: str

    @property
    def violating(self) -> bool:
        return bool(self.category)


@dataclass(frozen=True, slots=True)
class Template:
    id: str
    category: str
    functionality: str
    text: str
    language: str
    split: str


@cache
def templates() -> tuple[Template, ...]:
    """Every template with the split that it belongs to: dealt out within its functionality, in an order by hash."""
    from reference.moderation.corpus.languages import EVERYDAY_POSTS, LANGUAGES
    from reference.moderation.corpus.templates_benign import EVERYDAY, LOOKALIKE, TOKEN_BENIGN
    from reference.moderation.corpus.templates_violating import TEMPLATES

    groups = [(category, name, texts) for (category, name), texts in TEMPLATES.items()]
    groups += [("", name, texts) for part in (EVERYDAY, LOOKALIKE, TOKEN_BENIGN) for name, texts in part.items()]
    found = []
    for category, name, texts in groups:
        order = sorted(range(len(texts)), key=lambda k, of=texts: hashlib.sha256(of[k].encode()).digest())  # type: ignore[misc]
        for place, k in enumerate(order):
            split = SPLITS[_DEAL[place % len(_DEAL)]]
            found.append(Template(f"{name}-{k:02}", category, name, texts[k], "en", split))
    for number, (language, texts) in enumerate(LANGUAGES.items()):
        for k, text in enumerate(texts):
            category = "" if k < EVERYDAY_POSTS else ("hate", "spam")[k - EVERYDAY_POSTS]
            name = "foreign_everyday" if not category else f"foreign_{category}"
            # Everyday: one per split. The two that violate: one to train with, one held out, in turn.
            place = (k + number) % 3 if not category else 2 * ((k + number) % 2)
            found.append(Template(f"{name}-{language}-{k}", category, name, text, language, SPLITS[place]))
    return tuple(found)
