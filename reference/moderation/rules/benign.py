"""Everyday texts that no rule may match often: what a new rule is held against before it is let in.

Made from templates, so no data set is needed; with words that contain other words, which careless rules trip over.
"""

from __future__ import annotations

import random
from functools import cache

_PEOPLE = (
    "my sister", "our neighbour", "Dick Van Dyke", "the postman", "Mrs Cockburn", "a friend from Scunthorpe",
    "the class assistant", "grandma", "the whole team", "Essex council",
)  # fmt: skip
_DOING = (
    "is baking bread", "fixed the old button", "assembled a shelf", "passed the assessment", "wrote a classic essay",
    "planted grapes", "is painting the kitchen", "went swimming", "sent me a free recipe", "lost the keys again",
    "bought a new wallet", "finally verified the account", "won the school raffle", "is learning the cello",
)  # fmt: skip
_WHEN = (
    "today", "last week", "before breakfast", "on Monday at 10am", "again!", "in 2019", "for 5 hours", "this morning",
    "after work :)", "at the weekend", "and it cost $20", "in Middlesex",
)  # fmt: skip
_EXTRA = (
    "", "So proud of them.", "Photos at https://photos.example/album/12", "Call me when you can.", "What a day...",
    "100% worth it", "Anyone else?", "Please share with friends", "Details by e-mail: info@club.example",
    "Our bank was closed, of course.", "Click was the name of the cat.", "See you in the group chat!",
)  # fmt: skip
_OTHER = (
    "Guten Morgen, heute scheint die Sonne", "Bonjour à tous, bonne journée", "Buenos días, hoy hace sol",
    "Доброе утро, сегодня хорошая погода", "صباح الخير، الطقس جميل اليوم", "今日はとてもいい天気ですね",
    "今天天气很好，我们去公园",
    "आज मौसम बहुत अच्छा है", "Bugün hava çok güzel", "Oggi è una bella giornata", "สวัสดีตอนเช้า อากาศดีมาก",
)  # fmt: skip


@cache
def benign_sample(n: int = 2000) -> tuple[str, ...]:
    """`n` everyday posts, the same at every call; one in twenty in another language than English."""
    draw = random.Random(20261)
    texts = []
    for number in range(n):
        if number % 20 == 19:
            texts.append(draw.choice(_OTHER))
            continue
        parts = [draw.choice(_PEOPLE), draw.choice(_DOING), draw.choice(_WHEN), draw.choice(_EXTRA)]
        texts.append(" ".join(part for part in parts if part))
    return tuple(texts)
