"""fraudurl's model over the text of a URL: about a thousand URLs per second, so only for what nothing else decided.

Its package is imported only for its lexical features and trees, which touch no network.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from importlib import util
from pathlib import Path
from typing import Any

from reference.moderation.types import ModerationError

BASE_RATE = 0.02  # share of bad links assumed among those left; the model was calibrated near one half
REPORT_FROM = 0.5  # a score below says nothing that a reviewer could use
RESERVED = frozenset({"example", "test", "invalid", "localhost"})  # no such host exists: the model has not seen any


@cache
def _model() -> Any:
    spec = util.find_spec("fraudurl")
    if spec is None or not spec.submodule_search_locations:
        raise ModerationError("the package fraudurl is not installed; run `make setup`")
    from fraudurl.model import Model

    path = Path(next(iter(spec.submodule_search_locations))) / "data" / "model_safe.json"
    try:
        return Model(str(path))
    except (OSError, ValueError, KeyError) as error:
        raise ModerationError(f"{path} is not fraudurl's model ({error}); reinstall fraudurl") from error


@lru_cache(maxsize=65_536)
def fraud_score(url: str) -> float:
    """Probability that a URL is fraudulent, from its text, at BASE_RATE; 0.0 for hosts in reserved zones."""
    from fraudurl.lexical import ParsedURL, extract

    parsed = ParsedURL(url)
    if parsed.host.rpartition(".")[2] in RESERVED:
        return 0.0
    model = _model()
    probability = model.adjust_prior(model.calibrate(model.raw(model.vector(extract(url)))), BASE_RATE)
    return float(probability) if math.isfinite(probability) else 0.0


def registered_domain(host: str) -> str:
    """By the public suffix list that fraudurl carries; the host itself where it has none."""
    from fraudurl.psl import split_host

    return str(split_host(host)[1]) or host
