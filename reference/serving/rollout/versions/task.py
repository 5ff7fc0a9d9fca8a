"""The task of question 3's model: one of eight intents for a short customer message. Sentences are generated here.

Small on purpose: a model of 135M parameters learns it in minutes on a CPU, and an answer is right or wrong without a
judge. Training and test sentences come from different templates, so the accuracy is not that of a table look-up.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import asdict, dataclass
from functools import cache

ROUTER_MODEL = "intent-router"
INTENTS = ("refund", "delivery", "account", "billing", "technical", "cancel", "product", "praise")
GROUPS = ("plain", "typo", "long", "negation", "personal")

# Template halves per intent: the first list trains, the second tests. {x} is a product, {n} a number.
_TEMPLATES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "refund": (
        ("I want my money back for the {x}", "please refund the {x}", "how do I return the {x} and get paid back",
         "the {x} was broken, I need a refund", "send me the money for the {x} I returned"),
        ("give me back what I paid for the {x}", "I sent the {x} back, where is my money",
         "refund for a faulty {x} please",
         "can I get reimbursed for the {x}"),
    ),
    "delivery": (
        ("where is my parcel with the {x}", "the {x} has not arrived yet", "when will the {x} be delivered",
         "my package is {n} days late", "the courier never came with the {x}"),
        ("I am still waiting for the {x} to arrive", "track my {x} shipment", "parcel number {n} is late",
         "has the {x} been shipped yet"),
    ),
    "account": (
        ("I cannot log in", "reset my password please", "how do I change my user name", "my account is locked",
         "I want to change the e-mail of my account"),
        ("the login does not accept my password", "unlock my account", "I forgot my password again",
         "change the name on my profile"),
    ),
    "billing": (
        ("I was charged twice for the {x}", "there is a wrong amount on my invoice", "send me the invoice for the {x}",
         "why did you charge {n} euros", "my card was billed for the {x} by mistake"),
        ("the invoice for the {x} shows {n} euros too much", "double charge on my card", "I need an invoice for my {x}",
         "why is the bill higher this month"),
    ),
    "technical": (
        ("the app crashes when I open it", "the {x} does not turn on", "the {x} shows error {n}",
         "the website does not load", "the {x} stopped working after the update"),
        ("error {n} appears on the {x}", "the app freezes at the start", "my {x} will not switch on any more",
         "the page stays blank"),
    ),
    "cancel": (
        ("cancel my subscription", "I want to end my contract", "please stop my membership",
         "cancel the order of the {x}", "I no longer want the subscription"),
        ("end my subscription today", "terminate the contract please", "please cancel order {n}",
         "I want to stop my plan"),
    ),
    "product": (
        ("does the {x} come in blue", "which size is the {x}", "is the {x} in stock",
         "what is the difference between the {x} and the new one", "how heavy is the {x}"),
        ("do you sell the {x} in red", "how large is the {x}", "is there a smaller {x}",
         "how long does the {x} battery last"),
    ),
    "praise": (
        ("thank you, the {x} is great", "I love the {x}", "your support was very kind",
         "best {x} I ever had", "great service, thanks"),
        ("the {x} is wonderful, thanks", "really happy with my {x}", "you were so helpful, thank you",
         "what a lovely {x}"),
    ),
}  # fmt: skip
PRODUCTS = (  # those of training, those of tests
    ("lamp", "phone", "kettle", "jacket", "headset", "printer", "watch", "chair"),
    ("camera", "blender", "backpack", "keyboard", "heater", "tent"),
)
_OPENINGS = (
    (
        "Hello, I bought something from you last month and have been a customer for years.",
        "Hi there, sorry to bother you.",
    ),
    ("Good morning, my sister told me to write to you about this.", "Dear team, I am writing from my holiday."),
)
_DENIALS = (
    ("this is not about {other}:", "I do not ask for {other},"),
    ("no question on {other} this time:", "forget {other},"),
)
_TOPICS = {
    "refund": "a refund", "delivery": "a delivery", "account": "my account", "billing": "an invoice",
    "technical": "a defect", "cancel": "cancelling", "product": "a product", "praise": "praise",
}  # fmt: skip
_NAMES = (("anna", "boris", "chen", "dara"), ("emil", "farah", "gita", "hugo", "ines"))


@dataclass(frozen=True)
class Case:
    """A message, its intent, and how it was made (one of GROUPS)."""

    text: str
    intent: str
    group: str


def _typo(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // 14)):
        at = rng.randrange(len(letters) - 1)
        if rng.random() < 0.5:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        else:
            del letters[at]
    return "".join(letters)


def templates(intent: str, test: bool) -> tuple[str, ...]:
    """The sentences of one intent, with {x} for a product and {n} for a number: for training or for tests."""
    return _TEMPLATES[intent][int(test)]


def _text(intent: str, group: str, half: int, rng: random.Random) -> str:
    text = rng.choice(_TEMPLATES[intent][half]).format(x=rng.choice(PRODUCTS[half]), n=rng.randrange(2, 900))
    return dressed(text, intent, group, half, rng)


def dressed(text: str, intent: str, group: str, half: int, rng: random.Random) -> str:
    """A sentence as its group has it; `half`: 0 takes the openings, denials and names of training, 1 those of tests."""
    if group == "typo":
        return _typo(text, rng)
    if group == "long":
        return f"{rng.choice(_OPENINGS[half])} {text}"
    if group == "negation":
        other = rng.choice([topic for name, topic in _TOPICS.items() if name != intent])
        return f"{rng.choice(_DENIALS[half]).format(other=other)} {text}"
    if group == "personal":
        return f"{text} (my e-mail: {rng.choice(_NAMES[half])}{rng.randrange(10, 99)}@mail.example)"
    return text


def make(n: int, seed: int, test: bool, groups: tuple[str, ...] = GROUPS) -> tuple[Case, ...]:
    """`n` cases, intents and groups in turn, from the training or the test templates. Same arguments, same cases."""
    rng, cases, seen = random.Random(seed), [], set()
    for index in range(n):
        intent, group = INTENTS[index % len(INTENTS)], groups[(index // len(INTENTS)) % len(groups)]
        text = _text(intent, group, int(test), rng)
        for _ in range(20 if test else 0):  # a case asked twice would count twice; a few templates have few fillings
            if text not in seen:
                break
            text = _text(intent, group, int(test), rng)
        seen.add(text)
        cases.append(Case(text, intent, group))
    return tuple(cases)


@cache
def test_cases() -> tuple[Case, ...]:
    """The 640 cases of the gates, each group and intent equally often."""
    return make(640, seed=2026, test=True)


test_cases.__test__ = False  # type: ignore[attr-defined]  # the name is the domain's; pytest must not collect it


def prompt(text: str) -> str:
    """What the model continues; the answer is " <intent>" and the end of the text."""
    return f"Message: {text}\nIntent:"


def label(answer: str) -> str:
    """The intent that an answer names first, "" if it names none."""
    words = answer.strip().split()
    return words[0].strip(".,:;") if words and words[0].strip(".,:;") in INTENTS else ""


def content_hash(cases: tuple[Case, ...]) -> str:
    """sha256 over the cases: the data hash of a version's lineage."""
    return hashlib.sha256(json.dumps([asdict(case) for case in cases]).encode()).hexdigest()
