"""When something happens, by the verbs of an English question: past, perfect, future, supposed; present is unmarked."""

from __future__ import annotations

from .lexicon import bases, irregular, known, word_set

_BE = word_set("be")
_HAVE = word_set("have")
_AUXILIARIES = word_set("auxiliaries")
_QUESTIONS = frozenset(("how", "when", "where", "why", "howlong", "howoften", "howmany", "howmuch", "howmanytimes"))
_SUBJECTS = word_set("subjects")
_PARTICIPLES = word_set("participles")
_NO_VERBS = word_set("no_verbs")
_MODIFIERS = word_set("modifiers")


def past_form(word: str) -> bool:
    """Whether a word looks like the past form or the participle of a verb: "paid", "renewed"; not "feed" or "red"."""
    if word in _PARTICIPLES:
        return True
    if irregular(word):
        return word not in _AUXILIARIES | _NO_VERBS and not word.endswith(("men", "a", "i", "ae"))
    return word.endswith("ed") and any(base != word and known(base) for base in bases(word))


def tenses(tokens: list[str]) -> frozenset[str]:
    """The tenses that a text has beside the present."""
    found = set()
    some = set(tokens)
    if {"did", "was", "were"} & some:
        found.add("past")
    if {"will", "shall"} & some:
        found.add("future")
    if {"would", "might"} & some:
        found.add("supposed")
    for place, token in enumerate(tokens):
        near, follows = tokens[max(0, place - 2) : place], tokens[place + 1 : place + 5]
        last = near[-1] if near else ""
        if token == "going" and follows[:1] == ["to"] and _BE & set(tokens[:place]):
            found.add("future")
        elif token in _HAVE - {"had"} and _has_done(last, follows):
            found.add("perfect")
        elif (
            token == "had"
            or (token == "used" and follows[:1] == ["to"] and not _BE & set(tokens[max(0, place - 4) : place]))
            or (token in ("could", "should", "must") and "have" in follows)
            or (token == "got" and not (_HAVE | _BE) & set(near))
            or _finite(token, near, bool(_AUXILIARIES & some))
        ):
            found.add("past")
    return frozenset(found)


def _has_done(last: str, follows: list[str]) -> bool:
    """Whether "have" makes a perfect: it opens a question, or a participle follows it."""
    return "to" not in follows[:1] and (not last or last in _QUESTIONS or any(past_form(word) for word in follows))


def _finite(token: str, near: list[str], helped: bool) -> bool:
    """Whether a form of the past stands alone: behind its subject, or at the start of a note ("called it, now ...")."""
    if not past_form(token) or _AUXILIARIES & set(near):
        return False
    if not near or near[-1] in _SUBJECTS:
        return True
    return not helped and near[-1] not in _MODIFIERS and any(map(known, bases(near[-1])))
