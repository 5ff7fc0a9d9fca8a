"""A support desk's traffic, made from a seed: what may be checked, what repeats, what may wait, what is embedded."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .faq import FAQ

Feature = Literal["classify", "faq", "backlog"]
ZIPF = 0.9  # exponent of the popularity of FAQ questions


class SavingsError(ValueError):
    """A workload, a switch or a price cannot be used; the message names the field and the mend."""


@dataclass(frozen=True)
class Request:
    """One request. `truth`: the intent of a message to classify, or the FAQ question that is asked in these words."""

    number: int
    feature: Feature
    text: str
    truth: str


@dataclass(frozen=True)
class Workload:
    """Requests in the order of their arrival, and texts to embed beside them."""

    requests: tuple[Request, ...]
    to_embed: tuple[str, ...]
    seed: int

    def of(self, feature: Feature) -> tuple[Request, ...]:
        """The requests of a feature, in order."""
        return tuple(request for request in self.requests if request.feature == feature)

    def counts(self) -> dict[str, int]:
        """Requests per feature, and `embed`."""
        return {**Counter(request.feature for request in self.requests), "embed": len(self.to_embed)}


def make_workload(
    classify: int = 30, faq: int = 40, backlog: int = 20, embed: int = 200, seed: int = 5, zipf: float = ZIPF
) -> Workload:
    """A workload with so many requests per feature, shuffled. Same arguments, same workload.

    Messages to classify are held-out sentences of the router's questions, none twice. FAQ questions are drawn by Zipf,
    their wording evenly. Texts to embed are messages too.

    Raises:
        SavingsError: a negative count, no request at all, or more messages than there are.
    """
    from reference.serving.load.zipf import zipf_requests
    from reference.serving.model_routing.questions import questions

    for name, value in (("classify", classify), ("faq", faq), ("backlog", backlog), ("embed", embed)):
        if value < 0:
            raise SavingsError(f"{name}: must be 0 or more, got {value}")
    if not classify + faq + backlog:
        raise SavingsError("classify, faq, backlog: all are 0; at least one request is needed")
    rng = random.Random(seed)
    messages = list(questions(40))
    held = [one for one in messages if one.split == "held-out"]
    if classify + backlog > len(held):
        raise SavingsError(f"classify, backlog: {classify} + {backlog} messages, there are {len(held)} held-out ones")
    rng.shuffle(held)
    made: list[tuple[Feature, str, str]] = [("classify", one.text, one.intent) for one in held[:classify]]
    made += [("backlog", one.text, one.intent) for one in held[classify : classify + backlog]]
    names = list(FAQ)
    rng.shuffle(names)  # popularity has nothing to do with the order in the file
    for rank in zipf_requests(faq, len(names), zipf, seed):
        made.append(("faq", rng.choice(FAQ[names[rank]]), names[rank]))
    rng.shuffle(made)
    requests = tuple(Request(number, *one) for number, one in enumerate(made))
    return Workload(requests, tuple(rng.choice(messages).text for _ in range(embed)), seed)


def repeated(requests: Sequence[Request]) -> dict[str, float]:
    """What a cache can reach at best, as shares: `exact` (same words before), `meaning` (same truth)."""
    words: set[str] = set()
    meanings: set[str] = set()
    exact = meaning = 0
    for request in requests:
        exact += request.text in words
        meaning += request.truth in meanings and request.text not in words
        words.add(request.text)
        meanings.add(request.truth)
    n = max(1, len(requests))
    return {"exact": exact / n, "meaning": meaning / n}
