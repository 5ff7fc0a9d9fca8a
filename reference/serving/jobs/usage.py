"""What a job's use counts under, and how much it was: from the engine's own answer."""

from __future__ import annotations

import json
from typing import Any

from reference.serving.gateway.usage.records import Labels, arguments, generated, hour_of, keys_of
from reference.serving.jobs.model import Job, State
from reference.serving.jobs.settings import JobSettings


def label(key_id: str, feature: str) -> str:
    """`NewJob.usage`: the public id of the key that handed the job over, and what it is for."""
    return json.dumps({"key_id": key_id, "feature": feature})


def counted(job: Job, state: State, result: bytes, settings: JobSettings, now: float) -> tuple[list[str], list[Any]]:
    """Keys and arguments that finish.lua takes besides its own; empty if there is nothing to count.

    Counted is what the engine says of a chat job that succeeded. Tries that failed are not: it says nothing of them.
    A job of a batch is one with a group.

    Args:
        now: Unix seconds; the hour in which the job ended is the one that it counts in.
    """
    if not settings.usage_prefix or state is not State.SUCCEEDED or job.kind != "chat":
        return [], []
    try:
        said = json.loads(result)["usage"]
        cached = (said.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        amounts = generated(int(said["prompt_tokens"]), int(said.get("completion_tokens") or 0), int(cached))
    except (ValueError, KeyError, TypeError, AttributeError):
        amounts = generated(0, 0)  # an engine that does not say: what is known is that there was a request
    labels = Labels(job.tenant, *_asked(job), batch=bool(job.group))
    uses = [settings.usage_keep_days * 86_400, settings.usage_features, *arguments(labels, amounts)]
    return keys_of(settings.usage_prefix, job.tenant, hour_of(now)), uses


def _asked(job: Job) -> tuple[str, str, str, str]:
    """Key, model, tier and feature. Jobs go to the strong engine."""
    given = json.loads(job.usage) if job.usage else {}
    model = json.loads(job.payload).get("model") or "unknown"
    return given.get("key_id", ""), str(model), "strong", given.get("feature", "")
