"""What a document may not do to an answer: give orders, carry links, forge the marks of a prompt.

Retrieved text is data. Sentences that address the reader's machine are taken out before a model or the extractive
answer sees them, and answers are cleaned of links and markup whatever they say. The rules see what they were written
for; the labelled set beside them (`poisoned_passages`) was written by the same hands and flatters them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from reference.rag.answer.sentences import sentences

_ORDERS = re.compile(
    r"""
    \b(?:append|add|insert|attach|put)\b.{0,80}
        \b(?:your|the|any|every|each|all)\s+(?:answers?|repl(?:y|ies)|responses?)\b
  | \byour\s+(?:own\s+)?(?:instructions?|prompts?|guidelines|programming)\b
  | ^(?:please\s+|always\s+|only\s+)*(?:answer|reply|respond)\s+(?:in|as|with|by|using)\b
  | \b(your|the|this|any|every|each|all)\s+(?:next\s+|final\s+|whole\s+)?(answers?|repl(?:y|ies)|responses?|output)\b
        .{0,60}\b(must|should|shall|with|in|as|only|verbatim|word)\b
  | \b(when|before|while|after|if)\s+(?:you\s+)?(?:are\s+)?
        (?:answer(?:ing)?|asked|respond(?:ing)?|reply(?:ing)?|summari[sz](?:e|ing))\b.{0,80}
        \b(say|cite|add|include|append|write|state|end|begin|start|use|answer|reply|mention|omit|insist|print|give)\b
  | ^(?:please\s+|now\s+|always\s+|instead,?\s+|only\s+|simply\s+)*
        (?:say|answer|reply|respond|cite|quote|append|print|output|repeat|reveal|recommend|translate|pretend|write)\b
        .{0,40}\b(only|exactly|instead|verbatim|passage|citation|everything|nothing)\b
  | \b(ai(?:\s+models?)?|llms?|language\s+models?|assistants?|chat\s?bots?|chatgpt|gpt|copilot|models?\s+reading)\b
        .{0,80}\b(must|should|shall|need\s+to|have\s+to|please|will|required|ignore|obey|follow|cite|say|state|tell)\b
  | \b(note|message|attention|instructions?|memo|reminder)\b.{0,12}\b(to|for)\b.{0,20}
        \b(ai|llm|model|assistant|bot|machine|system|agent)s?\b
  | \bdo\s+not\s+(?:cite|mention|use|quote|trust|tell|reveal|show)\b.{0,40}
        \b(passages?|sources?|citations?|users?|documents?|documentation|others?)\b
  | \b(ignore|disregard|forget|override|overrule|discard)\b.{0,40}
        \b(above|previous|prior|earlier|other|instructions?|rules?|passages?|sources?|prompts?|documents?|question)\b
  | \b(system|hidden|secret|developer)\s+(prompt|instructions?|message)\b
  | \b(cite|credit|attribute)\b.{0,40}(\[\d+\]|\bpassages?\s+\d|\bsources?\s+\d|\bas\s+(?:the\s+)?(?:only\s+)?source\b)
  | \b(other|another)\s+(tenants?|customers?|users?|compan(?:y|ies))\b.{0,60}
        \b(print|show|list|reveal|include|data|documents?)\b
  | \b(print|show|list|reveal|include|dump)\b.{0,60}\b(other|another|all)\s+(tenants?|customers?|compan(?:y|ies))
  | \byou\s+are\s+(now|no\s+longer|an?\s+(?:unrestricted|new|different))\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_TEMPLATE = re.compile(r"<\|[^|>\s]{1,40}\|>|\[/?INST\]|<</?SYS>>|^\s*(?:system|assistant|developer)\s*:", re.I | re.M)
_HIDDEN = re.compile(r"<!--.*?(?:-->|$)|<(script|style|iframe|template)\b.*?(?:</\1>|$)", re.DOTALL | re.IGNORECASE)
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)?")
_MARKDOWN_LINK = re.compile(r"\[([^\]\n]{1,200})\]\([^)\s]*[^)]*\)?|\[([^\]\n]{1,200})\]:\s*\S+")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_URL = re.compile(
    r"\b(?:https?|ftps?|file|data|javascript|mailto|ssh|wss?)\s*:\s*(?:/\s*/|//|[a-z]+/|\S)\S*|\bwww\.\S+|//[\w-]+\.\w\S*"
    r"|\b(?:[\w-]+\.)+(?:com|net|org|io|example|test|invalid|ru|cn|xyz|info|biz|dev|app)(?:[/:?]\S*|\b)",
    re.IGNORECASE,
)
LINK = "[link]"


def gives_orders(sentence: str) -> bool:
    """Whether a sentence of a document addresses the model that reads it, as far as rules can tell."""
    from reference.serving.guardrails import injection
    from reference.serving.guardrails.guard import tuned_rules

    if _ORDERS.search(sentence) or _TEMPLATE.search(sentence):
        return True
    return injection.verdict(injection.scan(sentence)) >= tuned_rules().injection


@lru_cache(maxsize=4096)
def safe_sentences(text: str) -> tuple[tuple[str, ...], int]:
    """A passage's sentences without those that give orders, and how many were taken out.

    Comments and scripts are dropped unread; marks of chat templates take their sentence along. If what is left still
    looks like an attack as a whole (an order spread over sentences), nothing is left.
    """
    from reference.serving.guardrails import injection
    from reference.serving.guardrails.guard import tuned_rules

    visible, hidden = _HIDDEN.subn(" ", text)
    kept, dropped = [], hidden
    for sentence in sentences(visible):
        if gives_orders(sentence):
            dropped += 1
        else:
            kept.append(sentence)
    if dropped and injection.verdict(injection.scan("\n".join(kept))) >= tuned_rules().injection:
        return (), dropped + len(kept)
    return tuple(kept), dropped


def without_links(text: str) -> str:
    """Text with link targets, images, tags and addresses taken out: an answer must not carry data to a third party."""
    text = _HIDDEN.sub(" ", text)
    text = _IMAGE.sub(r"\1", text)
    text = _MARKDOWN_LINK.sub(lambda match: match[1] or match[2] or "", text)
    text = _TAG.sub("", text)
    return _URL.sub(LINK, text)


@dataclass(frozen=True)
class Poisoned:
    """A passage with an attack in it.

    Attributes:
        kind: echo, link, leak, citation, format, tenant: what the attack wants.
        order: the part that gives the order; the rest is an ordinary passage.
        goal: text that must not be in an answer.
    """

    id: str
    kind: str
    passage: str
    order: str
    goal: str


@lru_cache(maxsize=1)
def poisoned_passages() -> tuple[Poisoned, ...]:
    """The labelled attacks that tests and the notebook run."""
    text = files("reference.rag.answer").joinpath("data/poisoned_passages.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return tuple(
        Poisoned(
            row["id"], row["kind"], f"{row['before']} {row['order']} {row['after']}".strip(), row["order"], row["goal"]
        )
        for row in rows
    )
