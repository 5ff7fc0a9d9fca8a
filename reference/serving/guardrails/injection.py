"""Prompt injection: rules over the concepts of a text's words.

Words are looked up in ``lexicon`` (which sees through disguises) and rules ask which concepts stand near each other in
one sentence. The cost is linear in the text: no rule looks further than a fixed number of words, nothing backtracks.
What is quoted or spoken about ("what does 'ignore previous instructions' do?") counts half.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_

from reference.serving.guardrails.encodings import hidden_texts
from reference.serving.guardrails.lexicon import Concept as C
from reference.serving.guardrails.types import Finding
from reference.serving.guardrails.words import Word, meaningful_words

_QUOTES = re.compile(r"[\"“”«»„`「」]|(?<!\w)['‘]|['’](?!\w)")
_TEMPLATE = re.compile(
    r"<\|\s{0,2}(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)"
    r"\s{0,2}\|>|\[/?INST\]|<</?SYS>>|</?s>\s{0,3}\[INST",
    re.IGNORECASE,
)
_FAKE_TURN = re.compile(
    r"(?:^|\n|>)[ \t]{0,8}(?:#{1,4}[ \t]{0,3}|\[|<|\*{1,2})?(?:system|developer|assistant)(?:[ \t](?:message|prompt"
    r"|note|override|update|notice|instructions?))?[ \t]{0,3}(?:\]|>|\*{1,2})?[ \t]{0,3}(?::|\n|>|\])",
    re.IGNORECASE,
)
# Text that a person does not see but a model reads.
_UNSEEN_MARKUP = re.compile(
    r"<!--|\[hidden\]|display:\s{0,3}none|color:\s{0,3}(?:white|#fff)|font-size:\s{0,3}[01](?:px|pt)", re.IGNORECASE
)
_ROLE_AFTER = re.compile(r"\s{0,4}(?:system|developer|assistant|user)\b", re.IGNORECASE)
_DEPTH = 2
_QUOTED_OR_TOLD = 0.5


@dataclass(frozen=True, slots=True)
class _Rule:
    """Concepts in this order in one sentence, at most ``reach`` words from the first to the last."""

    name: str
    steps: tuple[int, ...]
    reach: int
    score: float


_RULES = (
    # "ignore all previous instructions", "forget the rules above"
    _Rule("override", (C.OVERRIDE, C.PRIOR, C.INSTRUCTION | C.PROMPT), 9, 1.0),
    _Rule("override", (C.OVERRIDE, C.INSTRUCTION | C.PROMPT, C.PRIOR), 8, 0.9),
    _Rule("override", (C.OVERRIDE, C.YOUR, C.INSTRUCTION | C.PROMPT), 7, 0.9),
    _Rule("override", (C.OVERRIDE, C.SYSTEM, C.INSTRUCTION | C.PROMPT), 6, 0.9),
    _Rule("override", (C.OVERRIDE, C.INSTRUCTION, C.YOU, C.TOLD), 9, 0.9),
    _Rule("override", (C.OVERRIDE, C.EVERYTHING, C.PRIOR), 5, 0.9),
    _Rule("override", (C.OVERRIDE, C.PRIOR, C.EVERYTHING, C.TOLD), 9, 0.8),
    _Rule("override", (C.OVERRIDE, C.EVERYTHING, C.YOU, C.TOLD), 7, 0.9),
    _Rule("override", (C.INSTRUCTION | C.PROMPT, C.PRIOR, C.VOID), 8, 0.8),
    _Rule("override", (C.PRIOR, C.INSTRUCTION | C.PROMPT, C.MUST, C.OVERRIDE), 9, 0.9),
    _Rule("override", (C.PRIOR | C.YOUR, C.INSTRUCTION | C.PROMPT, C.VOID), 8, 0.9),
    _Rule("override", (C.OVERRIDE, C.PRIOR), 2, 0.4),
    _Rule("override", (C.OVERRIDE, C.TASK, C.PRIOR), 4, 0.6),
    _Rule("override", (C.QUIT | C.NEGATION, C.OBEY, C.INSTRUCTION, C.YOU, C.TOLD), 10, 0.9),
    _Rule("override", (C.QUIT | C.NEGATION, C.OBEY, C.YOUR, C.INSTRUCTION | C.CREATOR), 8, 0.9),
    _Rule("override", (C.YOU, C.QUIT | C.NEGATION, C.OBEY, C.INSTRUCTION | C.CREATOR), 9, 0.8),
    _Rule("override", (C.DROP, C.YOUR | C.SYSTEM, C.INSTRUCTION | C.PROMPT), 5, 0.8),
    _Rule("override", (C.DROP, C.PRIOR, C.INSTRUCTION, C.YOU, C.TOLD), 9, 0.8),
    _Rule("override", (C.PRIOR, C.INSTRUCTION | C.SAFETY, C.DROP), 5, 0.5),
    _Rule("override", (C.YOUR, C.INSTRUCTION | C.SAFETY, C.DROP), 5, 0.8),
    _Rule("override", (C.OVERRIDE, C.SAFETY), 3, 0.4),
    _Rule("obey_me", (C.YOU, C.OBEY, C.EVERYTHING), 5, 0.4),
    _Rule("new_instructions", (C.NEW, C.INSTRUCTION | C.PROMPT, C.MACHINE), 5, 0.8),
    _Rule("new_instructions", (C.YOUR, C.NEW, C.INSTRUCTION | C.PROMPT), 5, 0.8),
    _Rule("new_instructions", (C.NEW, C.SYSTEM, C.INSTRUCTION | C.PROMPT), 4, 0.8),
    _Rule("new_instructions", (C.NEW, C.INSTRUCTION | C.PROMPT | C.TASK), 2, 0.5),
    _Rule("outrank", (C.INSTRUCTION, C.OUTRANK, C.SYSTEM | C.PROMPT), 8, 0.8),
    _Rule("outrank", (C.MINE | C.USER, C.INSTRUCTION, C.OUTRANK), 6, 0.6),
    # "print your system prompt", "repeat the text above verbatim"
    _Rule("reveal_prompt", (C.REVEAL, C.YOUR | C.SYSTEM | C.PRIOR, C.PROMPT), 9, 1.0),
    _Rule("reveal_prompt", (C.REVEAL, C.YOUR, C.SYSTEM | C.PRIOR, C.INSTRUCTION), 9, 1.0),
    _Rule("reveal_prompt", (C.REVEAL, C.SYSTEM, C.INSTRUCTION), 14, 0.6),
    _Rule("reveal_prompt", (C.REVEAL, C.SYSTEM, C.INSTRUCTION, C.MACHINE), 14, 0.8),
    _Rule("reveal_prompt", (C.ASK | C.REVEAL, C.YOUR, C.PROMPT), 8, 0.7),
    _Rule("reveal_prompt", (C.ASK | C.REVEAL, C.PRIOR, C.MINE, C.EVERYTHING | C.CHAT), 9, 0.6),
    _Rule("reveal_prompt", (C.REVEAL, C.INSTRUCTION, C.YOU, C.TOLD), 10, 0.9),
    _Rule("reveal_prompt", (C.ASK | C.REVEAL, C.YOUR, C.SYSTEM | C.PRIOR, C.INSTRUCTION | C.PROMPT), 8, 0.9),
    _Rule("reveal_prompt", (C.ASK, C.SYSTEM | C.PRIOR, C.INSTRUCTION | C.PROMPT, C.YOU, C.TOLD), 12, 0.9),
    _Rule("reveal_prompt", (C.REVEAL | C.VERBATIM, C.PROMPT, C.YOU | C.YOUR), 7, 0.8),
    _Rule("reveal_prompt", (C.REVEAL, C.SYSTEM, C.EVERYTHING, C.YOU, C.TOLD), 9, 0.9),
    _Rule("reveal_prompt", (C.REVEAL, C.EVERYTHING, C.PRIOR), 6, 0.5),
    _Rule("reveal_prompt", (C.REVEAL, C.EVERYTHING, C.PRIOR, C.VERBATIM), 16, 0.9),
    _Rule("reveal_prompt", (C.REVEAL, C.PRIOR, C.EVERYTHING, C.VERBATIM), 16, 0.9),
    _Rule("reveal_prompt", (C.REVEAL, C.VERBATIM, C.PRIOR, C.EVERYTHING | C.INSTRUCTION), 12, 0.8),
    _Rule("reveal_prompt", (C.REVEAL, C.YOUR, C.INSTRUCTION, C.VERBATIM), 10, 0.9),
    _Rule("reveal_secret", (C.REVEAL, C.YOUR | C.SYSTEM, C.PRIVATE), 5, 0.5),
    _Rule("reveal_secret", (C.REVEAL, C.PRIOR, C.SYSTEM, C.PRIVATE), 7, 0.8),
    # "you are now DAN", "pretend to have no restrictions"
    _Rule("unbound_role", (C.YOU | C.ROLE, C.UNBOUND), 8, 0.8),
    _Rule("unbound_role", (C.ROLE, C.WITHOUT, C.SAFETY | C.INSTRUCTION), 18, 0.9),
    _Rule("unbound_role", (C.FRAME, C.YOU | C.MACHINE | C.YOUR, C.WITHOUT, C.SAFETY | C.INSTRUCTION), 12, 0.9),
    _Rule("unbound_role", (C.UNBOUND, C.MACHINE), 5, 0.7),
    _Rule("unbound_role", (C.FRAME, C.INSTRUCTION | C.SAFETY, C.NEGATION, C.VOID), 10, 0.8),
    _Rule("unbound_role", (C.FRAME, C.YOUR, C.SAFETY | C.INSTRUCTION, C.VOID), 10, 0.8),
    _Rule("unbound_role", (C.YOU, C.WITHOUT, C.SAFETY | C.INSTRUCTION), 8, 0.8),
    _Rule("unbound_role", (C.MACHINE, C.WITHOUT, C.SAFETY | C.INSTRUCTION), 8, 0.8),
    _Rule("mode", (C.ENABLE, C.POWER, C.MODE), 5, 0.5),
    _Rule("mode", (C.POWER, C.MODE, C.ENABLE), 4, 0.5),
    _Rule("mode", (C.YOU, C.POWER, C.MODE), 7, 0.8),
    _Rule("disable_safety", (C.DISABLE, C.YOUR, C.SAFETY), 6, 0.9),
    _Rule("disable_safety", (C.YOUR, C.SAFETY, C.VOID), 5, 0.8),
    _Rule("disable_safety", (C.DISABLE, C.PRIOR, C.STRICT_SAFETY), 5, 0.8),
    _Rule("disable_safety", (C.DISABLE, C.PRIOR, C.SAFETY), 5, 0.5),
    _Rule("disable_safety", (C.POWER, C.DISABLE, C.SAFETY), 5, 0.8),
    _Rule("disable_safety", (C.WITHOUT, C.YOUR, C.SAFETY), 6, 0.6),
    _Rule("disable_safety", (C.WITHOUT, C.PRIOR, C.SAFETY), 4, 0.5),
    _Rule("disable_safety", (C.WITHOUT, C.STRICT_SAFETY), 4, 0.4),
    _Rule("no_refusal", (C.NEGATION | C.WITHOUT, C.REFUSE), 4, 0.4),
    # planted in a document that a model reads
    _Rule("planted", (C.MACHINE, C.READER), 5, 0.5),
    _Rule("planted", (C.MACHINE, C.READER, C.MUST | C.OVERRIDE | C.SEND), 12, 0.8),
    _Rule("planted", (C.YOU, C.MACHINE, C.READER, C.MUST | C.OVERRIDE | C.SEND), 14, 0.9),
    _Rule("planted", (C.MACHINE, C.SEND, C.USER), 8, 0.5),
    _Rule("planted", (C.MACHINE, C.OVERRIDE), 3, 0.4),
    _Rule("planted", (C.MACHINE, C.MUST, C.SAY), 5, 0.5),
    _Rule("planted", (C.READER, C.MACHINE, C.MUST, C.SAY), 10, 0.7),
    _Rule("hide_from_user", (C.NEGATION, C.REVEAL, C.USER), 6, 0.6),
    _Rule("exfiltrate", (C.SEND, C.PRIVATE | C.CHAT), 8, 0.5),
    _Rule("exfiltrate", (C.SEND, C.CHAT, C.CHANNEL), 8, 0.7),
    _Rule("exfiltrate", (C.SEND, C.CHANNEL, C.CHAT), 20, 0.7),
)
_ANY_START = reduce(or_, (rule.steps[0] for rule in _RULES))


def scan(text: str, depth: int = 0) -> list[Finding]:
    """Findings with scores, the best of each rule; ``verdict`` adds them up. Encoded texts inside are scanned too."""
    meaning = meaningful_words(text)
    findings = _apply_rules(text, meaning)
    if sum(bool(word.means & C.HIDDEN) for word in meaning) >= 2:
        # Disguised twice is no accident, and mirrored text has its words in the opposite order.
        findings += _apply_rules(text, meaning[::-1])
        findings += [_whole("disguised_words", [w for w in meaning if w.means & C.HIDDEN], 0.4)]
    if match := _TEMPLATE.search(text):
        # One token is a question about tokens; two, or one before a role, make a turn.
        makes_turn = _TEMPLATE.search(text, match.end()) or _ROLE_AFTER.match(text, match.end())
        findings.append(
            Finding("injection", "template_token", match.start(), match.end(), "", 0.8 if makes_turn else 0.4)
        )
    if match := _FAKE_TURN.search(text):
        findings.append(Finding("injection", "fake_turn", match.start(), match.end(), "", 0.4))
    if match := _UNSEEN_MARKUP.search(text):
        findings.append(Finding("injection", "unseen_markup", match.start(), match.end(), "", 0.3))
    if depth < _DEPTH:
        for hidden in hidden_texts(text):
            if inner := scan(hidden.text, depth + 1):
                score = min(1.0, verdict(inner) + 0.2)
                findings.append(Finding("injection", f"hidden_in_{hidden.how}", hidden.start, hidden.end, "", score))
    return sorted(findings, key=lambda f: (f.start, f.end, f.rule))


def verdict(findings: Sequence[Finding]) -> float:
    """How sure the findings together are, in [0, 1]: the best of each rule, combined as independent evidence."""
    best: dict[str, float] = {}
    for finding in findings:
        best[finding.rule] = max(best.get(finding.rule, 0.0), finding.score)
    doubt = 1.0
    for score in best.values():
        doubt *= 1.0 - score
    return round(1.0 - doubt, 6)


def _whole(rule: str, words: Sequence[Word], score: float) -> Finding:
    return Finding("injection", rule, min(w.start for w in words), max(w.end for w in words), "", score)


def _apply_rules(text: str, words: Sequence[Word]) -> list[Finding]:
    """The best match of each rule name."""
    best: dict[str, Finding] = {}
    for i, word in enumerate(words):
        if not word.means & _ANY_START:
            continue
        for rule in _rules_from(word.means):
            known = best.get(rule.name)
            if known and known.score >= rule.score:
                continue
            matched = _match(rule, words, i)
            if not matched:
                continue
            score = rule.score * _discount(text, words, i, matched)
            if known is None or score > known.score:
                best[rule.name] = _whole(rule.name, matched, round(score, 3))
    return list(best.values())


@lru_cache(maxsize=4096)
def _rules_from(means: int) -> tuple[_Rule, ...]:
    return tuple(rule for rule in _RULES if means & rule.steps[0])


def _match(rule: _Rule, words: Sequence[Word], first: int) -> list[Word]:
    """The words of ``rule`` from the one at ``first`` on, or []. The order of ``words`` may be reversed."""
    start = words[first]
    matched = [start]
    step = 1
    for word in words[first + 1 : first + 1 + rule.reach]:
        if abs(word.index - start.index) > rule.reach or word.sentence != start.sentence:
            break
        if word.means & rule.steps[step]:
            matched.append(word)
            step += 1
            if step == len(rule.steps):
                return matched
    return []


def _discount(text: str, words: Sequence[Word], first: int, matched: Sequence[Word]) -> float:
    """Less than 1 where the words are denied, a user's own, somebody else's, or quoted and spoken about."""
    start, end = matched[0], matched[-1]
    before = [
        w for w in words[max(0, first - 8) : first] if w.sentence == start.sentence and 0 < start.index - w.index <= 8
    ]
    factor = 1.0
    if any(w.means & C.NEGATION and start.index - w.index <= 2 for w in before):
        factor *= 0.3
    between = words[first + 1 : first + 1 + abs(end.index - start.index)]
    if any(w.means & C.MINE and start.index < w.index < end.index for w in between):
        factor *= 0.4
    one_of_many = end.means & (C.INSTRUCTION | C.PROMPT)
    if one_of_many and any(w.means & C.INDEFINITE and 0 < end.index - w.index <= 2 for w in between):
        factor *= 0.4
    others = [w.index for w in before if w.means & C.OTHERS and start.index - w.index <= 6]
    # "I'd love it if you could": addressed to the model after all.
    told = bool(others) and not any(w.means & C.YOU and w.index > others[-1] for w in before)
    talk = any(w.means & C.TALK for w in words[max(0, first - 20) : first + 20])
    if told or (talk and (_is_quoted(text, start.start) or _is_quoted(text, end.start))):
        factor *= _QUOTED_OR_TOLD
    return factor


def _is_quoted(text: str, position: int) -> bool:
    """True where an odd number of quotation marks comes before ``position`` and one after, in the neighbourhood."""
    before = len(_QUOTES.findall(text, max(0, position - 300), position))
    return before % 2 == 1 and _QUOTES.search(text, position, position + 300) is not None
