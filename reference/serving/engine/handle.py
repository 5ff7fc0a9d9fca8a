"""What a caller holds of an engine: its address, clients of it, its counters."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference.serving.engine import state as files
from reference.serving.engine.spec import EngineError
from reference.serving.engine.stopping import stop_shared

if TYPE_CHECKING:
    import openai


@dataclass(frozen=True)
class Engine:
    """An OpenAI-compatible server that answers. `ours` is False for WORKBOOK_ENGINE_URL: it is then never stopped."""

    base_url: str  # .../v1
    api_key: str = field(repr=False)
    model: str
    max_model_len: int | None
    ours: bool = True
    ready_after_s: float | None = None  # start-up time of the running server, seconds

    @property
    def root_url(self) -> str:
        return self.base_url.removesuffix("/").removesuffix("/v1")

    def client(self, **options: Any) -> openai.OpenAI:
        """A client of the `openai` package; no retries by default, so that a fault is seen where it happens."""
        import openai

        return openai.OpenAI(
            base_url=self.base_url, api_key=self.api_key, **{"max_retries": 0, "timeout": 300, **options}
        )

    def async_client(self, **options: Any) -> openai.AsyncOpenAI:
        import openai

        return openai.AsyncOpenAI(
            base_url=self.base_url, api_key=self.api_key, **{"max_retries": 0, "timeout": 300, **options}
        )

    def metrics(self) -> dict[str, float]:
        """Prometheus samples of /metrics by name, summed over their labels (histogram buckets left out)."""
        from prometheus_client.parser import text_string_to_metric_families

        status_code, text = files.get(f"{self.root_url}/metrics", self.api_key, timeout=30)
        if status_code != 200:
            raise EngineError(f"{self.root_url}/metrics answered {status_code or 'nothing'}; is it a vLLM server?")
        totals: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if not sample.name.endswith("_bucket"):
                    totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
        return totals

    def stop(self) -> None:
        """Stop the shared engine for everybody; nothing for a server that is not ours."""
        if self.ours:
            stop_shared()


def external_engine(url: str) -> Engine:
    """Attach to WORKBOOK_ENGINE_URL after asking it which models it serves."""
    if not re.match(r"https?://", url):
        raise EngineError(f"WORKBOOK_ENGINE_URL={url} must begin with http:// or https://")
    base = url.rstrip("/")
    base = base if base.endswith("/v1") else base + "/v1"
    key = os.environ.get("WORKBOOK_ENGINE_KEY", "none")
    status_code, body = files.get(f"{base}/models", key, timeout=15)
    if status_code != 200:
        said = f"answered {status_code}" if status_code else "does not answer"
        mend = "check WORKBOOK_ENGINE_KEY" if status_code in (401, 403) else "check the address and that it is up"
        raise EngineError(f"WORKBOOK_ENGINE_URL={url}: {base}/models {said}; {mend}")
    try:
        served = {model["id"]: model for model in json.loads(body)["data"]}
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{base}/models is not an OpenAI model list ({error})") from error
    wanted = os.environ.get("WORKBOOK_MODEL") or next(iter(served), "")
    if wanted not in served:
        raise EngineError(f"{base} serves {', '.join(served) or 'nothing'}, not WORKBOOK_MODEL={wanted}")
    return Engine(base, key, wanted, served[wanted].get("max_model_len"), ours=False)
