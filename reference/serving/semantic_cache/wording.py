"""A question taken apart: what it asks about, what kind of question it is, and the small words that turn its meaning.

English only: in another language no word is known to be small, so two texts agree only if their words are the same.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

_COUNTING = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_FIGURES = {word: str(number) for number, word in enumerate(_COUNTING.split())} | {
    word: str(10 * number) for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "%": "percent", "°c": "celsius", "°f": "fahrenheit"}
_UNITS = {
    name: canonical
    for canonical, names in {
        "metre": "m metre metres meter meters", "kilometre": "km kilometre kilometres kilometer kilometers",
        "centimetre": "cm centimetre centimetres centimeter centimeters", "mile": "mile miles", "foot": "ft foot feet",
        "gram": "g gram grams", "kilogram": "kg kilo kilos kilogram kilograms", "ounce": "oz ounce ounces",
        "second": "sec secs seconds", "minute": "min mins minute minutes", "hour": "h hr hrs hour hours",
        "day": "day days", "week": "week weeks", "month": "month months monthly", "year": "year years yearly annual annually",
        "kb": "kb kilobyte kilobytes", "mb": "mb megabyte megabytes", "gb": "gb gigabyte gigabytes", "tb": "tb terabyte",
        "dollar": "usd dollar dollars", "euro": "eur euro euros", "pound": "gbp pound pounds", "yen": "jpy yen",
        "percent": "percent percentage", "litre": "l litre litres liter liters", "gallon": "gallon gallons",
        "celsius": "celsius centigrade", "fahrenheit": "fahrenheit", "kelvin": "kelvin", "bar": "bar bars", "psi": "psi",
        "time": "times",
    }.items()
    for name in names.split()
}  # fmt: skip

# Longest first; both sides are words in lower case. What is on the right is known to the sets below.
_PHRASES = """
can't=can not | cannot=can not | won't=will not | n't= not | 're= are | 've= have | 'll= will | 'm= am | 'd= would
what's=what is | who's=who is | where's=where is | how's=how is | it's=it is | that's=that is | there's=there is
dont=do not | doesnt=does not | didnt=did not | isnt=is not | cant=can not | wont=will not | im=i am | ive=i have
how come=why | what is the reason=why | what is the cause=why | the reason=why | for what reason=why | what causes=why
for what purpose=why | what makes=why | what caused=why | reason why=why
on what date=when | on what day=when | what date=when | what day=when | in which year=when | in what year=when
which year=when | at what time=when | what time=when | at what point=when | by when=when | until what hour=when
what is the right month to=when | what is the best time to=when | when is the best time to=when
which person=who | which people=who | which human=who | what person=who | who is the one to=who | who is able to=who can
which place=where | what place=where | in which place=where | what location=where
how long does it take=howlong | how much time=howlong | for how long=howlong | how long=howlong
for how many minutes=howlong minute | for how many hours=howlong hour | for how many days=howlong day
after how many days=howlong | after what time=howlong | after how much time=howlong | for what period=howlong
until when=howlong | at how many=what
how often=howoften | how frequently=howoften | how far=howfar | how many times=howmanytimes
how many=howmany | what number of=howmany | what is the number of=howmany | the number of=howmany
what amount of=howmuch | how much=howmuch | what quantity of=howmuch
what does it cost=howmuch | what is the price=howmuch cost | what is the cost=howmuch cost | the price of=howmuch cost
price of=howmuch cost | what will i pay=howmuch pay | what do i pay=howmuch pay | what is the fee=howmuch fee
is it possible=can | would it be possible=can | is it allowed=can | am i allowed=can | are we allowed=can | is it ok=can
is it okay=can | is it fine=can | is there a way=how | is there any way=how | what is the way=how | how is it possible=how
may i=can i | may we=can we | is it permitted=can | what are the steps=how | which command=how | what command=how
what is the command=how | command to=how | the steps to=how | how can=how | how do=how | how to=how | how does=how
how could=how | how would=how | how should=how | how must=how | what must i do to=how | what do i have to do to=how
could you tell me= | can you tell me= | would you tell me= | please tell me= | tell me= | could you please= | can you please=
could you= | i would like to know= | i want to know= | do you know= | can you explain= | please explain= | explain= | show me=
i would like to=how | i want to=how | i wish to=how | i need to=how | i am trying to=how | please help me=how | help me=how
i would like=how | i want=how | i need=how
what should i do=whatnow | what can i do=whatnow | what do i do=whatnow | what now=whatnow | what are the next steps=whatnow
what are my rights=whatnow | what to do=whatnow | now what=whatnow | what then=whatnow
is it true that= | is it right to=should | is it a good idea to=should | is it better to=should | is it wise to=should
allow me to=can | allows me to=can | let me=can | in the year=in | the year=in
have to=must | has to=must | need to=must | is required=must | is needed=must | required to=must | obliged to=must
turn on=enable | turns on=enable | turning on=enable | switch on=enable | activate=enable | activated=enabled
turn off=disable | turns off=disable | turning off=disable | switch off=disable | deactivate=disable
two factor authentication=2fa | two step verification=2fa | e mail=email | e mails=email | sign up=signup
signing up=signup | signed up=signup | log in=login | logged in=login | set up=setup | check in=checkin | check out=checkout
instead of=insteadof | rather than=insteadof | in place of=insteadof | as opposed to=insteadof
prior to=before | ahead of=before | earlier than=before | beforehand=before | later than=after | following=after | past=after
more than=morethan | over=morethan | above=morethan | greater than=morethan | larger than=morethan | bigger than=morethan
exceeding=morethan | exceed=morethan | exceeds=morethan | upwards of=morethan | older than=morethan old
less than=lessthan | under=lessthan | below=lessthan | fewer than=lessthan | smaller than=lessthan
younger than=lessthan | at most=maximum | at least=minimum | no more than=maximum | no less than=minimum | max=maximum
min=minimum | up to=maximum | not more than=maximum
in case=if | provided that=if | assuming=if | suppose=if | supposing=if | even if=evenif
united states=unitedstates | united kingdom=unitedkingdom | european union=eu | world war ii=second world war
as well as=and | both of=both | any longer=no longer | no longer=nolonger | versus=vs | compared with=vs | compared to=vs
every one=all | all of=all | each of=all | every=all | each=all | entire=all | whole=all | everything=all | everyone=all
only one=only | just=only | solely=only | exclusively=only | a few=some | several=some | part of=some | partly=some
best time=when | right time=when | right month=when | in what case=when
twice=2 times | thrice=3 times | once=if | whenever=if
""".replace("\n", "|")  # fmt: skip


def _phrase_table() -> list[tuple[str, str]]:
    pairs = [item.split("=") for item in _PHRASES.split("|") if item.strip()]
    table = [(left.strip(), right.strip()) for left, right in pairs]
    return sorted(table, key=lambda pair: -len(pair[0].split()))


_TABLE = _phrase_table()
_BY_FIRST: dict[str, list[tuple[list[str], list[str]]]] = {}
for _left, _right in _TABLE:
    _BY_FIRST.setdefault(_left.split()[0], []).append((_left.split(), _right.split()))
_ENDINGS = [(left, right) for left, right in _TABLE if left.startswith(("'", "n't"))]

_KINDS = {
    "why": "why", "when": "when", "where": "where", "who": "who", "whose": "whose", "how": "how", "howlong": "how long",
    "howoften": "how often", "howfar": "how far", "howmanytimes": "how many", "howmany": "how many",
    "howmuch": "how much", "what": "what", "which": "what", "whatnow": "what now",
}  # fmt: skip
_MODALS = {"can": "can", "could": "can", "may": "can", "should": "should", "must": "must", "need": "must"}
_NEGATIONS = frozenset("not no never without neither nor none nothing nobody except nolonger".split())
_QUANTIFIERS = frozenset("all some only both either half any evenif ever".split()) - {"any", "ever"}
_LINKS = frozenset("before after until since unless insteadof".split())
_PAST = frozenset("did was were had got".split())
_BE = frozenset("is are was were be been being get got gets".split())
_PRESENT = frozenset("do does is are can should must may need am will shall".split())
_SMALL = frozenset(
    """
    a an the this that these those it its i me my mine myself we us our ours you your yours he she they them his her
    their please pls kindly hi hello hey thanks thank sorry well so then now already still yet there here also too very
    really exactly actually currently one ones thing things way do does did done is are was were am be been being will
    would shall can could should may might must have has had having of in on at to for by with from into onto as about
    per via and or but if when once because since while than then such what which who whose whom why where how other
    any ever even own certain get gets getting got take takes taking make makes making go goes going put need needs
    want wants wish like give gives let happen happens work works working use uses using used mean means
    yes ok okay possible able allowed is it not no never without neither nor none nothing nobody except unless before
    after during until all some only both either half insteadof vs nolonger evenif howlong howoften howfar howmany
    howmanytimes howmuch whatnow something someone somebody anything anyone existing another till available people up through around between among out off
    """.split()
)
_COST = frozenset("cost costs price".split())
_TOKEN = re.compile(
    r"(?<!\S)--?[a-z][\w-]*|[$€£¥%]|°[cf]\b|->|\d+(?:[.:]\d+)+|\d+|[a-z]\+\+|[acf]\#(?!\w)|\w+(?:[._/\\@:]+\w+)+|\w+(?:'\w+)?",
    re.IGNORECASE,
)
_MARKS = {"from": "from", "to": "to", "into": "to", "onto": "to", "toward": "to", "before": "before", "after": "after",
          "than": "than", "insteadof": "instead", "without": "without", "with": "with", "by": "by"}  # fmt: skip


@dataclass(frozen=True)
class Wording:
    """A question in parts, as `disagreement` compares them.

    Attributes:
        words: the words that carry content, in order, in lower case; a capitalised homonym of a small word ("US",
            "May") carries a sign in front.
        numbers: (figure, unit or empty), sorted.
        kind: why, when, where, who, whose, how, how long, what, yes or no, ...; empty for a fragment.
        modals: can, should, must.
        negated: the content words that follow a negation, or empty text where none follows.
        quantifiers, links: such words, sorted; links join two statements: before, unless, than, ...
        tense: past, present (or future) or supposed, by the auxiliary verb; empty if there is none.
        person: whether "I" or "you" acts; empty if that is not said.
        marks: (preposition, content word after it).
        joined: pairs of content words that "of", "for", "on" or "in" joins.
        figures: all figures, in order.
        tokens: all words, small ones included.
        agent: who acts in a passive sentence ("conquered by Rome"), or empty.
    """

    words: tuple[str, ...]
    numbers: tuple[tuple[str, str], ...]
    kind: str
    modals: frozenset[str]
    negated: tuple[str, ...]
    quantifiers: tuple[str, ...]
    links: tuple[str, ...]
    tense: str
    person: str
    marks: tuple[tuple[str, str], ...]
    joined: frozenset[tuple[str, str]]
    figures: tuple[str, ...]
    tokens: frozenset[str]
    agent: str


@functools.lru_cache(maxsize=20_000)
def wording(text: str) -> Wording:
    """A text in parts."""
    tokens = _rewritten(_tokens(text))
    words: list[str] = []
    numbers: list[tuple[str, str]] = []
    negated: list[str] = []
    marks: list[tuple[str, str]] = []
    joined: set[tuple[str, str]] = set()
    waiting: list[str] = []  # prepositions and negations whose word has not come yet
    between: list[str] = []
    for place, token in enumerate(tokens):
        if token[0].isdigit():
            unit = next((_UNITS[t] for t in tokens[place + 1 : place + 2] if t in _UNITS), "")
            if not unit and place and tokens[place - 1] in _SIGNS.values():
                unit = tokens[place - 1]
            numbers.append((token, unit))
            between.append(token)
            continue
        if token in _SMALL and not token.startswith("^"):
            if token in _MARKS or token in _NEGATIONS:
                waiting.append(token)
            between.append(token)
            continue
        word = _UNITS.get(token, token)
        for mark in waiting:
            if mark in _MARKS:
                marks.append((_MARKS[mark], word))
            if mark in _NEGATIONS:
                negated.append(word)
        waiting = []
        if words and set(between) & {"of", "for", "on", "in"}:
            joined.add((words[-1], word))
        between = []
        words.append(word)
    passive = [
        tokens[k + 1 :]
        for k, token in enumerate(tokens)
        if token == "by" and k and re.search(r"(ed|en|wn|ght|ilt)$", tokens[k - 1]) and _BE & set(tokens[:k])
    ]
    negated += ["" for mark in waiting if mark in _NEGATIONS]
    small = set(tokens)
    kind = _kind(tokens)
    if kind in ("what", "how much", "") and small & _COST and (kind or "howmuch" in small):
        kind = "how much"  # "what does it cost", "how much is it"
        words = [word for word in words if word not in _COST]
    return Wording(
        words=tuple(words),
        numbers=tuple(sorted(numbers)),
        kind=kind,
        modals=frozenset(_MODALS[t] for t in tokens if t in _MODALS),
        negated=tuple(negated),
        quantifiers=tuple(sorted(small & _QUANTIFIERS)),
        links=tuple(sorted(t for t in tokens if t in _LINKS)),
        tense=_tense(tokens),
        person=_person(tokens),
        marks=tuple(marks),
        joined=frozenset(joined),
        figures=tuple(token for token in tokens if token[0].isdigit()),
        tokens=frozenset(tokens),
        agent=next((word for rest in passive for word in rest if word not in _SMALL), ""),
    )


def small(word: str) -> bool:
    """Whether a word only frames a question."""
    return word in _SMALL


def _tokens(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).replace("’", "'")
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    plain = re.sub(r"(\d)\+", r"more than \1", plain) if re.search(r"\d\+(?!\d)", plain) else plain
    plain = re.sub(r"\bv(?=\d)", "", plain)
    found: list[str] = []
    for match in _TOKEN.finditer(plain):
        token = match[0]
        lower = token.lower().strip("_")
        if not lower:
            continue
        start = not found or plain[: match.start()].rstrip()[-1:] in (".", "!", "?", ":")
        if lower in _SIGNS:
            found.append(_SIGNS[lower])
        elif lower == "->":
            found.append("to")
        elif re.fullmatch(r"\d+[a-z]+", lower) and re.sub(r"\d+", "", lower) in _UNITS:
            figure = re.match(r"\d+", lower)
            assert figure
            found += [figure[0], lower[figure.end() :]]
        elif not start and token != "I" and lower in _SMALL and token[0].isupper() and (token.isupper() or lower == "may"):
            found.append(f"^{lower}")
        else:
            found.append(lower)
    return found


def _rewritten(tokens: list[str]) -> list[str]:
    apart: list[str] = []
    for token in tokens:
        for ending, instead in _ENDINGS:
            if token.endswith(ending) and token not in _BY_FIRST and len(token) > len(ending):
                apart += [token[: -len(ending)], *instead.split()]
                break
        else:
            apart.append(token[:-2] if token.endswith("'s") and token not in _BY_FIRST else token)
    for _ in range(2):  # "what's the reason" needs two rounds
        done: list[str] = []
        place = 0
        while place < len(apart):
            for left, right in _BY_FIRST.get(apart[place], ()):
                if apart[place : place + len(left)] == left:
                    done += right
                    place += len(left)
                    break
            else:
                done.append(apart[place])
                place += 1
        apart = done
    return [_FIGURES[t] if t in _FIGURES and t != "one" else t for t in apart] if apart else []


def _kind(tokens: list[str]) -> str:
    asked = [_KINDS[t] for t in tokens if t in _KINDS]
    first = next((t for t in tokens if t not in ("so", "and", "please", "pls")), "")
    if first in _KINDS:
        return _KINDS[first]
    if first in ("if", "after", "before", "in", "at", "on", "for", "to", "by", "of", "with"):
        return asked[0] if asked else ""
    if first in _MODALS or first in _PAST | _PRESENT | {"have", "has", "am"}:
        return "yes or no"
    strong = [kind for kind in asked if kind not in ("what", "when", "who", "where")]
    if strong:
        return strong[0]
    return asked[-1] if asked and tokens[-1] in _KINDS else ""


def _tense(tokens: list[str]) -> str:
    some = set(tokens)
    if "might" in some or ("would" in some and "have" not in some):
        return "supposed"
    for token in tokens:
        if token in _PAST:
            return "past"
        if token in _PRESENT:
            follows = tokens[tokens.index(token) :]
            return "past" if "have" in follows[:4] and token in ("could", "should") else "present"
        if token in ("have", "has"):
            return "past"
        if token == "could":
            return "past" if "have" in tokens else "present"
    return ""


def _person(tokens: list[str]) -> str:
    verbs = _PAST | _PRESENT | {"have", "could", "would", "how", "why", "when", "what"}
    acting = {
        "you" if after == "you" else "I"
        for before, after in zip(tokens, tokens[1:], strict=False)
        if before in verbs and after in ("i", "we", "you")
    }
    return acting.pop() if len(acting) == 1 else ""
