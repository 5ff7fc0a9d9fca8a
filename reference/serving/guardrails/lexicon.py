"""Words of prompt injection, sorted into concepts, and how to recognise them under a disguise.

A rule of ``injection`` speaks of concepts ("override" near "instructions"), never of words, so that a language, a
synonym or a disguise is one entry here and no new rule.
"""

import codecs
import re
from functools import lru_cache

from reference.serving.guardrails.folding import decomposed, fold_text


class Concept:
    """What a word can mean for the rules: bits, because one word may have several meanings.

    Plain integers: the rules compare them for every word, and an IntFlag's ``&`` is many times slower.
    """

    NONE = 0
    OVERRIDE = 1 << 0  # ignore, forget
    PRIOR = 1 << 1  # previous, above, all
    INSTRUCTION = 1 << 2  # instructions, rules
    PROMPT = 1 << 3  # prompt: an instruction that only a model has
    REVEAL = 1 << 4  # print, repeat
    YOUR = 1 << 5
    SYSTEM = 1 << 6  # system, hidden, initial
    ROLE = 1 << 7  # act, pretend, become
    UNBOUND = 1 << 8  # unrestricted, jailbroken
    DISABLE = 1 << 9  # disable, bypass
    SAFETY = 1 << 10  # filters, safeguards
    SEND = 1 << 11
    PRIVATE = 1 << 12  # credentials, conversation
    MACHINE = 1 << 13  # assistant, AI
    NEW = 1 << 14
    NEGATION = 1 << 15
    REFUSE = 1 << 16  # refuse, apologise
    OTHERS = 1 << 17  # attacker, users: somebody else does it
    TALK = 1 << 18  # what is, explain, example: about the words rather than by them
    MODE = 1 << 19
    POWER = 1 << 20  # developer, god, debug: what a mode may be called
    ENABLE = 1 << 21
    TOLD = 1 << 22  # told, learned, given
    EVERYTHING = 1 << 23  # everything, text, words
    VERBATIM = 1 << 24
    READER = 1 << 25  # reading, processing: how planted text speaks to a model
    MUST = 1 << 26  # must, should, now
    MINE = 1 << 27  # my: a user's own earlier words
    USER = 1 << 28  # the user (planted text hides things from)
    YOU = 1 << 29
    WITHOUT = 1 << 30  # without, no
    VOID = 1 << 31  # void, obsolete
    HIDDEN = 1 << 32  # found only under a disguise
    TASK = 1 << 33
    OUTRANK = 1 << 34  # takes precedence over
    ASK = 1 << 35  # what, which: a question for something
    STRICT_SAFETY = 1 << 36  # safety words that are not about water filters
    CHAT = 1 << 37  # conversation, transcript
    CHANNEL = 1 << 38  # link, URL, image: where planted text wants data to go
    INDEFINITE = 1 << 39  # a, some: one of many, not the one that the model has
    FRAME = 1 << 40  # imagine, hypothetically
    QUIT = 1 << 41  # stop, no longer
    OBEY = 1 << 42
    DROP = 1 << 43  # replace, delete: override of many other things too
    CREATOR = 1 << 44  # operator, developers
    SAY = 1 << 45  # say, recommend: what planted text wants of a model


C = Concept
_WORDS: dict[int, str] = {
    C.OVERRIDE: "negate disobey violate olvídate ignore ignoring ignored overlook overlooking aside throw "
    "ditch disregard disregarding disregarded forget forgetting override overriding overrule bypass discard "
    "dismiss neglect skip abandon erase unlearn nullify supersede supersedes drop scrap ignoriere ignorieren "
    "ignoriert vergiss missachte verwirf überschreibe ignorez ignorer oublie oubliez oublier ignora ignorar "
    "olvida olvidar olvide descarta esqueça esquece desconsidere dimentica dimenticare trascura игнорируй "
    "игнорируйте забудь забудьте 忽略 无视 忘记 忽視 無視 zignoruj negeer",
    C.QUIT: "stop quit cease longer anymore",
    C.OBEY: "follow following obey obeying comply complying adhere respect heed bound serve",
    C.DROP: "replace replaced replaces swap delete deleted clear cleared remove removed cancel cancelled "
    "cross strike reset substitute exchange",
    C.CREATOR: "operator operators owner owners creators creator developers developer company makers maker",
    C.SAY: "say describe recommend rate rank praise approve endorse mention state give conclude",
    C.TASK: "task tasks job goal objective mission role purpose orders aufgabe tâche tarea tarefa compito задача 任务",
    C.OUTRANK: "precedence outrank outranks priority supersede supersedes overrule overrules trump trumps "
    "prevail prevails",
    C.ASK: "what what's which was quelle quel cual cuál qual quale какие какой 什么",
    C.STRICT_SAFETY: "safety safeguard safeguards guardrail guardrails censorship moderation ethics ethical "
    "alignment morality morals jailbreak",
    C.CHAT: "conversation history chat messages transcript transcripts contacts dialogue dialog",
    C.CHANNEL: "url urls link links image images webhook endpoint query parameter pixel",
    C.INDEFINITE: "a an some another our their his her its ein eine einen un une una um uma",
    C.FRAME: "simulation imagine hypothetically simulate suppose fictional fiction scenario world game respond answer",
    C.PRIOR: "far top present current antes auparavant vorher jusqu'ici previous previously prior above "
    "earlier preceding foregoing initial original existing past all any every former before aforementioned "
    "alle allen vorherigen vorigen bisherigen obigen toutes tous précédentes précédents antérieures todas "
    "todos anteriores previas anterior prévias tutte tutti precedenti все предыдущие прежние предыдущих 之前 "
    "以上 先前 所有 前面 以前 これまで 上記 wszystkie poprzednie eerdere vorige",
    C.INSTRUCTION: "guidance ruleset mandate mandates norms laws regla règle regel instruction instructions "
    "rule rules guideline guidelines directive directives directions constraint constraints restriction "
    "restrictions programming policy policies commands command orders training conditioning protocols "
    "briefing anweisung anweisungen regeln vorgaben consignes consigne règles instrucciones instrucción "
    "reglas indicaciones instruções instrução regras istruzioni regole инструкции инструкций правила указания "
    "указаний 指令 指示 规则 説明 ルール instrukcje instructies",
    C.PROMPT: "prompt prompts preprompt metaprompt systemprompt プロンプト 提示词 提示 подсказку",
    C.REVEAL: "expose retype render emit produce present type dime dis gib sag reveal repeat print show "
    "output display tell give share disclose leak dump write recite echo paste list quote summarize summarise "
    "translate encode spell return reproduce copy provide transcribe rewrite state describe divulge spill "
    "unveil compose echoing complete continue mention inform notify alert read report zeige zeig nenne "
    "verrate wiederhole montre affiche révèle répète muestra revela repite imprime mostre revele repita "
    "mostra rivela ripeti покажи выведи повтори раскрой 显示 输出 告诉 重复 透露 教えて 表示",
    C.YOUR: "your ur yours deine deinen deiner deinem ihre ihren votre vos tes ton tu tus sus sua suas seu "
    "seus tuo tua tuoi tue твои твой свои ваши 你的 你 您的 あなたの",
    C.SYSTEM: "developer system hidden secret initial original internal underlying confidential startup "
    "backend preset preamble sistema système системный системные 系统 システム systemowy",
    C.ROLE: "haz fais play act pretend roleplay role-play behave become impersonate emulate persona transform "
    "spiel agis actúa aja",
    C.UNBOUND: "unrestricted unfiltered uncensored jailbroken jailbreak dan unbound unlimited unethical "
    "amoral lawless limitless rogue unchained unaligned unmoderated uninhibited freed",
    C.DISABLE: "disable bypass circumvent deactivate remove evade lift suspend unlock turn switch override "
    "break ignore overcome stop drop",
    C.SAFETY: "filter filters safety safeguard safeguards guardrail guardrails restriction restrictions "
    "censorship moderation ethics ethical limitations limits protections alignment boundaries morals morality "
    "safeties",
    C.SEND: "send forward exfiltrate transmit upload post email leak deliver submit append embed",
    C.PRIVATE: "credentials credential password passwords secrets conversation history chat messages apikey "
    "token tokens keys environment env cookies data transcript key configuration config",
    C.MACHINE: "ai assistant assistants llm llms chatbot bot model gpt chatgpt claude copilot agent agents "
    "llama gemini",
    C.NEW: "different changed new updated real actual true revised following neue neuen nouvelles nuevas "
    "novas nuove новые 新 新的",
    C.NEGATION: "not never don't dont cannot can't nicht nie jamais nunca mai no-one neither won't wouldn't shouldn't",
    C.REFUSE: "refuse refusal refusals refusing decline apologize apologise disclaimer disclaimers warnings "
    "warning warn moralize moralise sorry unable",
    C.OTHERS: "attacker attackers user's users people someone somebody hacker hackers they he she anyone "
    "students injection injections jailbreaks adversaries adversary attempts attacks attack researchers who "
    "it",
    C.TALK: "what how why explain explains meaning means mean example examples e.g phrase phrases called such "
    "detect detecting detects classify classifier defend defence defense prevent protect lecture paper "
    "article blog essay slide slides research course thesis tutorial definition term quote translate spell "
    "story novel character chapter wrote said says log report reported reports rate flagged block blocked "
    "recognise recognize",
    C.MODE: "mode modus режим modo",
    C.POWER: "developer dev god debug maintenance admin administrator root sudo unrestricted jailbreak dan "
    "override diagnostic unlocked superuser",
    C.ENABLE: "enable enabled enter entering activate activated switch engage initiate start unlock unlocked "
    "on engaged now authorized",
    C.TOLD: "got get dijeron dit gesagt trained wrote told learned learnt given taught said received been "
    "programmed instructed configured",
    C.EVERYTHING: "everything anything text words content contents message messages alles tout todo tudo "
    "tutto всё все lines line sentence context conversation",
    C.VERBATIM: "verbatim exactly word-for-word literally unchanged unmodified raw full entire complete "
    "wörtlich base64 rot13 markdown codeblock beginning starting",
    C.READER: "reading reviewer reviewers reader readers grader graders evaluator evaluators summarizer "
    "summariser ranker processing summarizing summarising evaluating reviewing analyzing analysing reads "
    "parsing handling indexing grading assessing ranking screening",
    C.MUST: "must should shall now immediately instead only always henceforth please will ab sofort ahora "
    "agora maintenant kindly have need",
    C.MINE: "my mine our",
    C.USER: "user",
    C.YOU: "you u yourself du tú vous tu você ты вы",
    C.WITHOUT: "keine keinen aucune aucun ningún ninguna nessuna nenhuma without no zero free lacking ohne "
    "sans sin sem senza без",
    C.VOID: "void broken gone removed off exist exists nonexistent obsolete cancelled canceled null revoked "
    "invalid outdated suspended lifted expired deprecated",
}


def _shape(word: str) -> str:
    """Equal for words that differ in the order of their inner letters, which readers and models hardly notice."""
    return word[0] + "".join(sorted(word[1:-1])) + word[-1]


_MEANS: dict[str, int] = {}
for _concept, _text in _WORDS.items():
    for _word in _text.split():
        for _form in {_word, fold_text(_word).lower(), decomposed(_word).lower()}:
            _MEANS[_form] = _MEANS.get(_form, C.NONE) | _concept

# Disguises are tried for the words that make an attack, not for "you" and "all".
_CORE = C.OVERRIDE | C.PRIOR | C.INSTRUCTION | C.PROMPT | C.REVEAL | C.SYSTEM | C.UNBOUND | C.SAFETY
_LONG = {w: m & ~C.TALK for w, m in _MEANS.items() if len(w) >= 5 and w.isascii() and w.isalpha() and m & _CORE}
_SHAPES: dict[str, int] = {}
for _word, _meaning in _LONG.items():
    if len(_word) >= 6:
        _SHAPES.setdefault(_shape(_word), _meaning)
_MIRRORED = {w[::-1]: m for w, m in _LONG.items()}
_ROT13 = {codecs.encode(w, "rot13"): m for w, m in _LONG.items()}
_IN_BLOB = {w: m for w, m in _MEANS.items() if len(w) >= (1 if ord(w[0]) >= 0x3000 else 3)}
_IN_BLOB |= {w: _MEANS[w] for w in ("my", "no", "ai")}
_BLOB_LENGTHS: dict[str, tuple[int, ...]] = {}
for _word in _IN_BLOB:
    _BLOB_LENGTHS[_word[:2]] = tuple(sorted({*_BLOB_LENGTHS.get(_word[:2], ()), len(_word)}, reverse=True))

# "1", "!" and "|" stand for i or for l.
_LEET = str.maketrans("013457869@$!|+", "oieastbggasiit")
_LEET_L = str.maketrans("013457869@$!|+", "oleastbggasllt")
_LEET_CHARS = re.compile(r"[0-9@$!|+]")
_STRETCHED = re.compile(r"(.)\1{2,}")
_MAX_WORD = 40


def concepts(word: str) -> int:
    """The concepts of ``word``, also where it is disguised (then with ``HIDDEN``); ``NONE`` for other words."""
    return _look_up(word) if len(word) <= _MAX_WORD else C.NONE


@lru_cache(maxsize=1 << 16)
def _look_up(word: str) -> int:
    plain = decomposed(word).lower().strip("'!@$|+’")
    meaning = _MEANS.get(plain)
    if meaning is not None:
        return meaning
    folded = fold_text(word).lower()
    tried = folded.strip("'!@$|+")
    if meaning := _MEANS.get(tried):
        return meaning | C.HIDDEN
    if tried.endswith("'s") and (meaning := _MEANS.get(tried[:-2])):
        return meaning
    candidates = [tried]
    if _LEET_CHARS.search(folded) and not folded.isdigit():
        candidates += [form.translate(table) for form in (folded, tried) for table in (_LEET, _LEET_L)]
    for candidate in candidates:
        squeezed = _STRETCHED.sub(r"\1", candidate) if _STRETCHED.search(candidate) else candidate
        for table in (_LONG, _MIRRORED, _ROT13):
            if meaning := table.get(squeezed):
                return meaning | C.HIDDEN
        if len(squeezed) >= 6 and (meaning := _SHAPES.get(_shape(squeezed))):
            return meaning | C.HIDDEN
    return C.NONE


def joined(first: str, second: str) -> int:
    """The concepts of a word that was broken in two, if the two make one of the words of an attack."""
    if len(first) + len(second) > 16:
        return C.NONE
    meaning = _LONG.get((first + second).lower())
    return meaning | C.HIDDEN if meaning else C.NONE


def in_blob(blob: str) -> list[tuple[int, int, int]]:
    """Known words inside letters that run together, longest first at each place: (start, end, concepts)."""
    found = []
    position, size = 0, len(blob)
    while position < size:
        for length in _BLOB_LENGTHS.get(blob[position : position + 2], ()) or _BLOB_LENGTHS.get(blob[position], ()):
            piece = blob[position : position + length]
            if meaning := _IN_BLOB.get(piece):
                found.append((position, position + len(piece), meaning))
                position += len(piece)
                break
        else:
            position += 1
    return found
