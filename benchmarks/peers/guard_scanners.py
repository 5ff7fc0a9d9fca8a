"""Other projects' scanners behind one line of JSON in, one line out; runs in an environment of their own.

    {"scanner": NAME, "texts": [...]} -> {"flags": [true, ...], "seconds": 1.2}   or   {"missing": "why"}
    {"scanner": "versions"} -> {"versions": {...}}

Imports nothing of this project: the packages here pin others than it does.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

HUB = "huggingface.co"
ENTITIES = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS")
PACKAGES = ("llm-guard", "presidio-analyzer", "bc-detect-secrets", "spacy", "transformers", "torch")


def _hub() -> str:
    """Why the hub of models cannot be reached; "" if it can. Asked first: its client would try for a minute."""
    try:
        socket.getaddrinfo(HUB, 443)
    except OSError as error:
        os.environ["HF_HUB_OFFLINE"] = "1"
        return f"needs a model from {HUB}, which this machine does not reach ({error.strerror})"
    return ""


def secrets() -> Callable[[str], bool]:
    """LLM Guard's Secrets: detect-secrets with its plugins."""
    from llm_guard.input_scanners.secrets import Secrets

    scanner = Secrets()
    return lambda text: not scanner.scan(text)[1]


def prompt_injection() -> Callable[[str], bool]:
    """LLM Guard's PromptInjection, a classifier."""
    from llm_guard.input_scanners.prompt_injection import PromptInjection

    scanner = PromptInjection()
    return lambda text: not scanner.scan(text)[1]


def anonymize() -> Callable[[str], bool]:
    """LLM Guard's Anonymize: Presidio with a recogniser of names from the hub."""
    from llm_guard.input_scanners.anonymize import Anonymize
    from llm_guard.vault import Vault

    scanner = Anonymize(Vault(), entity_types=list(ENTITIES))
    return lambda text: not scanner.scan(text)[1]


def presidio() -> Callable[[str], bool]:
    """Presidio's pattern recognisers with spaCy's empty English pipeline: its trained one is no package of an index."""
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # The list of public suffixes that the package ships, and no try to fetch a newer one.
    tldextract.tldextract.extract = tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    engine = SpacyNlpEngine()
    engine.nlp = {"en": spacy.blank("en")}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    return lambda text: bool(analyzer.analyze(text, language="en", entities=list(ENTITIES)))


SCANNERS = {"secrets": secrets, "prompt_injection": prompt_injection, "anonymize": anonymize, "presidio": presidio}
FROM_HUB = ("prompt_injection", "anonymize")


@functools.cache
def _made(name: str) -> tuple[Callable[[str], bool] | None, str]:
    why = _hub() if name in FROM_HUB else ""
    try:
        return SCANNERS[name](), ""
    except ModuleNotFoundError as error:
        return None, f"no module {error.name} in this environment"
    except (Exception, SystemExit) as error:
        return None, why or f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["scanner"] == "versions":
        return {"versions": {name: version for name in PACKAGES if (version := _version(name))}}
    scan, why = _made(request["scanner"])
    if scan is None:
        return {"missing": why}
    begun = time.perf_counter()
    flags = [scan(text) for text in request["texts"]]
    return {"flags": flags, "seconds": time.perf_counter() - begun}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def main() -> None:
    # What the packages print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
