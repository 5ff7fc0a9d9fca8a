"""Support messages whose right answer is known: the task of question 3, with more sentences, split by sentence.

The four test sentences of an intent are too few to train a router, to calibrate it and to try it on sentences that it
has never seen; eight more are written here. Each sentence (template) belongs to one split, whatever fills it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from reference.serving.rollout.versions.task import GROUPS, INTENTS, PRODUCTS, dressed, templates

SPLITS = ("train", "calibration", "held-out")
_TEST = 1  # products, openings, denials and names of question 3's tests
_TRIES = 60

_MORE: dict[str, tuple[str, ...]] = {
    "refund": (
        "you still owe me the price of the {x}", "the returned {x} reached you, please pay me back",
        "I would like my payment for the {x} returned", "how long does a refund of {n} euros take",
        "the {x} does not fit, I want the money instead", "please reverse what I paid for order {n}",
        "I returned order number {n} and saw no money yet", "can I hand in the {x} for my money",
    ),
    "delivery": (
        "did you ship order number {n}", "the driver left without ringing, no {x} here",
        "which day does the {x} come", "the tracking page has shown nothing for {n} days",
        "my neighbour did not get the {x} either, where is it", "is the {x} on its way",
        "please tell me when parcel number {n} gets here", "the {x} was sent to the wrong address",
    ),
    "account": (
        "I do not get the mail with the new password", "please delete my user profile",
        "someone else is using my login", "the sign-in code never comes", "how can I add a second user to my profile",
        "my user name is misspelt", "I changed my phone and cannot sign in any more",
        "which e-mail am I registered with",
    ),
    "billing": (
        "my statement lists {n} euros that I do not know", "the tax number is missing on the invoice",
        "you took the payment for order {n} two times", "please correct the address on my bill",
        "what are the {n} euros on my card for", "I paid less for the {x} last time, why this amount",
        "can I pay the {x} in instalments", "the receipt for order number {n} is missing",
    ),
    "technical": (
        "the {x} makes a strange noise and then goes off", "nothing happens when I press the button of the {x}",
        "since the update the {x} loses its connection", "I see code {n} and nothing else",
        "the {x} gets far too hot", "your site logs an exception at checkout", "the {x} restarts every {n} minutes",
        "the picture of the {x} flickers",
    ),
    "cancel": (
        "I made a mistake, do not send order number {n}", "how do I leave the club",
        "please do not renew my plan", "I want out of the contract by the end of the month",
        "stop the monthly payments, I am leaving", "undo my purchase of the {x} before it ships",
        "withdraw order {n}", "I do not need the subscription any longer",
    ),
    "product": (
        "is the {x} waterproof", "what does the {x} cost", "what is the {x} made of", "will the {x} be back soon",
        "does the {x} work with {n} volts", "which {x} do you recommend for a child", "can the {x} be washed",
        "what comes in the box with the {x}",
    ),
    "praise": (
        "five stars for the {x}", "the {x} made my day", "your colleague on the phone was a delight",
        "I recommend the {x} to all my friends", "just wanted to say how good the {x} is",
        "fast and friendly, keep it up", "my kids adore the {x}", "I could not be more pleased with order {n}",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A message and what is true of it.

    Attributes:
        template: "intent/number", the sentence it was made from; every filling of one is in one `split`.
        product: the product that it names, "" for none. order: the order or parcel number that it names, "" for none.
    """

    text: str
    intent: str
    group: str
    template: str
    split: str
    product: str = ""
    order: str = ""


def sentences(intent: str) -> tuple[str, ...]:
    """The twelve of an intent: four of question 3's tests, eight from here."""
    return (*templates(intent, test=True), *_MORE[intent])


def split_of(number: int, fold: int = 0) -> str:
    """Half of an intent's sentences train, a quarter calibrates, a quarter is held out; `fold` (0 to 3) turns them.

    Old and new sentences are in every part: sentence k is in part k modulo 4.
    """
    part = (number + fold) % 4
    return SPLITS[0] if part < 2 else SPLITS[part - 1]


def questions(per_template: int = 20, seed: int = 7) -> tuple[Question, ...]:
    """Distinct messages, groups in turn. A sentence with few fillings gives fewer than `per_template`.

    Same arguments, same messages. Raises ValueError for per_template < 1.
    """
    if per_template < 1:
        raise ValueError(f"per_template: must be at least 1, got {per_template}")
    rng, seen, made = random.Random(seed), set(), []
    for intent in INTENTS:
        for number, sentence in enumerate(sentences(intent)):
            for index in range(per_template):
                group = GROUPS[index % len(GROUPS)]
                for _ in range(_TRIES):
                    product, digits = rng.choice(PRODUCTS[_TEST]), str(rng.randrange(2, 900))
                    text = dressed(sentence.format(x=product, n=digits), intent, group, _TEST, rng)
                    if text not in seen:
                        seen.add(text)
                        made.append(
                            Question(text, intent, group, f"{intent}/{number}", split_of(number),
                                     product if "{x}" in sentence else "", digits if _names_order(sentence) else "")
                        )  # fmt: skip
                        break
    return tuple(made)


def _names_order(sentence: str) -> bool:
    return any(said in sentence for said in ("order {n}", "order number {n}", "parcel number {n}"))


def few_labels(per_intent: int = 8, seed: int = 11) -> tuple[Sequence[str], Sequence[str]]:
    """(texts, intents) of a team that has labelled little: plain messages from question 3's training sentences."""
    from reference.serving.rollout.versions.task import make

    cases = make(per_intent * len(INTENTS), seed, test=False, groups=("plain",))
    return [case.text for case in cases], [case.intent for case in cases]


def many_labels(n: int = 1600, seed: int = 5) -> tuple[Sequence[str], Sequence[str]]:
    """(texts, intents) of a team that has labelled a lot: all groups of question 3's training sentences."""
    from reference.serving.rollout.versions.task import make

    cases = make(n, seed, test=False)
    return [case.text for case in cases], [case.intent for case in cases]
