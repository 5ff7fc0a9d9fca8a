"""Build it: which turns of a conversation stay in the prompt, as question 1's gateway decides it."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, cast

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong

_WORD = "said "  # one token of the counter below; the gateway keeps a summary only if its words were really said


def draw(random: Random) -> dict[str, object]:
    return {
        "total": random.choice([2048, 3072, 4096]),
        "answer": random.choice([256, 384, 512]),
        "window": random.choice([6, 8, 10]),
        "fold_to": random.choice([0.5, 0.6, 0.7]),
        "summary": random.choice([80, 120, 160]),
    }


def prompt(p: Params) -> str:
    return f"""A chat gateway sends the engine the system prompt, the latest turns word for word, a summary of the older
ones, and the new message. Prompt and answer together may take {p["total"]:,} tokens; {p["answer"]} of them are kept for
the answer, the rest is the room of the prompt. Write `fit`, which says how many of the oldest turns are *folded*, that
is, leave the prompt and become part of a summary of {p["summary"]} tokens.

- While everything fits into the room, and there are at most {p["window"]} turns, nothing is folded and there is no
  summary.
- When folding must be done, it is done thoroughly, so that it is not due again at the next turn: at most
  {p["window"] - 1} turns are left then, and system prompt, new message, summary and turns together take at most
  {p["fold_to"]:.0%} of the room.
- Whole turns only; the latest stay, without a gap.

These numbers are arguments; the docstring says the rest."""


STUB = '''def fit(turns: list[int], system: int, message: int, total: int, answer: int,
        window: int, fold_to: float, summary: int) -> dict:
    """{"folded": how many of the oldest turns leave, "tokens": what the prompt takes then}.

    turns: tokens of each turn (a question with its answer), oldest first; may be empty.
    system, message: tokens of the system prompt and of the new message, which always stay.
    total, answer: tokens of prompt and answer together, and what of them is kept for the answer.
    window: most turns, at least 2; after folding at most window - 1 stay.
    fold_to: the share of the room of the prompt that is used at most after folding, in whole tokens, rounded down.
    summary: tokens that the summary takes; it is there exactly if something is folded.

    Raises ValueError if system prompt and new message alone do not fit into the room. If they do, there is also room
    for them and the summary, but they may take more than the share: then no turn stays.
    """
    raise NotImplementedError
'''


class _Counter:
    """Counts words of the one kind there is; the gateway's heading of a summary holds none."""

    def count_text(self, text: str) -> int:
        return text.count(_WORD.strip())

    def count_prompt(self, messages: Sequence[dict[str, str]]) -> int:
        return sum(self.count_text(message["content"]) for message in messages)

    def truncate(self, text: str, tokens: int) -> str:
        return (_WORD * min(tokens, self.count_text(text))).strip()


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing. asyncio.run would fail inside a notebook's own loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


def reference(turns: list[int], system: int, message: int, total: int, answer: int,
              window: int, fold_to: float, summary: int) -> dict[str, int]:  # fmt: skip
    # The gateway's modules load the Redis client, a third of a second.
    from reference.serving.gateway.context import Budget
    from reference.serving.gateway.context import fit as gateway_fit
    from reference.serving.gateway.errors import GatewayError
    from reference.serving.gateway.sessions import Conversation, Turn

    async def summarise(previous: str, folded: Sequence[Turn], limit: int) -> str:
        return _WORD * limit

    said = tuple(Turn((_WORD * (size // 2),), _WORD * (size - size // 2)) for size in turns)
    try:
        after, _, tokens = _run(
            gateway_fit(
                Conversation(system=_WORD * system, turns=said),
                [_WORD * message],
                Budget(total, answer),
                counter=cast(Any, _Counter()),
                summarise=summarise,
                window_turns=window,
                fold_to=fold_to,
                summary_tokens=summary,
            )
        )
    except GatewayError as error:
        raise ValueError(error.message) from None
    return {"folded": after.folded, "tokens": tokens}


def _fit(turns: list[int], system: int, message: int, total: int, answer: int, window: int, fold_to: float,
         summary: int, *, oldest: bool = False, gaps: bool = False) -> dict[str, int]:  # fmt: skip
    """The same by hand, with one thing wrong."""
    room, fixed = total - answer, system + message
    if fixed > room:
        raise ValueError("too long")
    if fixed + sum(turns) <= room and len(turns) <= window:
        return {"folded": 0, "tokens": fixed + sum(turns)}
    left, kept = int(room * fold_to) - fixed - summary, 0
    stay: list[int] = []
    for size in turns if oldest else reversed(turns):
        if len(stay) == window - 1:
            break
        if kept + size > left:
            if gaps:
                continue
            break
        stay.append(size)
        kept += size
    return {"folded": len(turns) - len(stay), "tokens": fixed + summary + kept}


def takes_the_answers_room(turns: list[int], system: int, message: int, total: int, answer: int,
                           window: int, fold_to: float, summary: int) -> dict[str, int]:  # fmt: skip
    return _fit(turns, system, message, total, 0, window, fold_to, summary)


def keeps_what_fits(turns: list[int], system: int, message: int, total: int, answer: int,
                    window: int, fold_to: float, summary: int) -> dict[str, int]:  # fmt: skip
    return _fit(turns, system, message, total, answer, window, fold_to, summary, gaps=True)


def keeps_the_oldest(turns: list[int], system: int, message: int, total: int, answer: int,
                     window: int, fold_to: float, summary: int) -> dict[str, int]:  # fmt: skip
    return _fit(turns, system, message, total, answer, window, fold_to, summary, oldest=True)


def folds_to_the_brim(turns: list[int], system: int, message: int, total: int, answer: int,
                      window: int, fold_to: float, summary: int) -> dict[str, int]:  # fmt: skip
    return _fit(turns, system, message, total, answer, window, 1.0, summary)


def leaves_no_room_for_the_summary(turns: list[int], system: int, message: int, total: int, answer: int,
                                   window: int, fold_to: float, summary: int) -> dict[str, int]:  # fmt: skip
    found = _fit(turns, system, message, total, answer, window, fold_to, 0)
    return {**found, "tokens": found["tokens"] + (summary if found["folded"] else 0)}


def cases(p: Params, random: Random) -> list[Case]:
    room = p["total"] - p["answer"]
    share = int(room * p["fold_to"])

    def case(group: str, turns: list[int], system: int | None = None, message: int | None = None) -> Case:
        return Case(group, {
            "turns": turns,
            "system": random.randint(60, 120) if system is None else system,
            "message": random.randint(20, 80) if message is None else message,
            **{name: p[name] for name in ("total", "answer", "window", "fold_to", "summary")},
        })  # fmt: skip

    def sizes(count: int, mean: float) -> list[int]:
        return [max(10, round(mean * random.uniform(0.5, 1.5))) for _ in range(count)]

    window = p["window"]
    basics = []
    for _ in range(4):
        turns: list[int] = []
        while sum(turns) <= room:  # the system prompt and the message come on top
            turns += sizes(1, room / 4)
        basics.append(case("more than the room", turns))
    fits = [case("everything fits", sizes(random.randint(1, window), room / window / 3)) for _ in range(2)]
    fits.append(case("everything fits", []))
    # Fits with the answer's room, and would not with less: exactly full, and one token over.
    for over in (0, 1, 1):
        turns = sizes(3, room / 5)
        turns[-1] = room - 150 - sum(turns[:2]) + over
        fits.append(case("everything fits" if not over else "one token too many", turns, 100, 50))
    many = [case("too many turns", sizes(window + extra, room / window / 5)) for extra in (1, 2, random.randint(3, 6))]
    # Small old turns would still fit behind a large one that does not.
    holes = []
    for _ in range(3):
        turns = [room // 2, *sizes(3, 30), round(share * 0.9), *sizes(2, share / 8)]
        holes.append(case("a large turn among small ones", turns, 100, 50))
    # What stays reaches the share to the token, and would pass it by one. In the last case, one more turn stays for
    # whoever forgets the summary or the answer, and two for whoever forgets the larger of them.
    left = share - p["summary"] - 150
    exact = []
    for over in (0, 1):
        first = random.randint(left // 4, left // 2)
        exact.append(case("to the token", [room, left - first + over, first], 100, 50))
    less, more = sorted((p["summary"], int(p["total"] * p["fold_to"]) - share))
    exact.append(case("to the token", [room, more - less, less - 1, left], 100, 50))
    long = [
        case("a long message", sizes(2, 50), 100, room - 100 + random.randint(1, 40)),
        case("a long message", sizes(3, 80), 100, room - 100 - p["summary"] - random.randint(0, 20)),
        case("a long message", [], 60, room - 60),
    ]
    return [*basics, *fits, *many, *holes, *exact, *long]


EXERCISE = Exercise(
    id="q1-conversation-window",
    kind=Kind.BUILD,
    title="Which turns stay",
    section="4.6",
    difficulty=2,
    minutes=20,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "Write down the room of the prompt first; nothing else depends on `total` or `answer`.",
        "Two different limits: the whole room decides whether anything is folded, the share how far.",
        "Walk from the latest turn backwards and stop at the first that does not fit.",
        "What must share the smaller limit with the turns: system prompt, new message, summary.",
    ),
    build=Build(
        name="fit",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("answer_not_reserved", takes_the_answers_room),
            Wrong("skips_large_turns", keeps_what_fits),
            Wrong("oldest_kept", keeps_the_oldest),
            Wrong("folds_to_the_brim", folds_to_the_brim),
            Wrong("summary_without_room", leaves_no_room_for_the_summary),
        ),
        cases=cases,
    ),
)
