"""The parts that run: model, engine, Redis, Qdrant."""

from __future__ import annotations

import os
from importlib import metadata

from workbook.doctor.model import Check


def model() -> Check:
    """The default model's hashes (unpacked first if it never was, about 10 s), or the folder of WORKBOOK_MODEL."""
    from reference.serving import models

    try:
        if os.environ.get("WORKBOOK_MODEL", "").strip():
            chosen = models.chosen_model()
            return Check("model", "ok", f"WORKBOOK_MODEL: {chosen.name} from {chosen.source}")
        hashes = models.verify()
    except models.ModelError as error:
        return Check("model", "fail", str(error), "as the message says")
    return Check("model", "ok", f"{models.DEFAULT_MODEL_ID}, weights sha256 {hashes['weights_sha256'][:12]}…")


def engine() -> Check:
    from reference.serving import engine as shared
    from reference.serving.models import ModelError

    try:
        now = shared.status()
    except (shared.EngineError, ModelError) as error:
        return Check("engine", "fail", str(error), "as the message says")
    if now.phase == "external":
        return Check("engine", "ok", f"WORKBOOK_ENGINE_URL serves {now.model}")
    if now.phase == "failed":
        outside = bool(os.environ.get("WORKBOOK_ENGINE_URL", "").strip())
        mend = "mend or unset WORKBOOK_ENGINE_URL" if outside else "`workbook stop`; the next start says more"
        return Check("engine", "fail" if outside else "warn", now.message or "the last start failed", mend)
    if now.phase == "stopped":
        return Check("engine", "ok", "not running; the first notebook starts it")
    return Check("engine", "ok", f"{now.phase} at {now.base_url}, process {now.pid}")


def redis() -> Check:
    """A ping of REDIS_URL, or of the private server (started for it; gone with the doctor unless others use it)."""
    from reference.serving import redis_store

    named = os.environ.get("REDIS_URL")
    try:
        client = redis_store.connect()
        try:
            client.ping()
            version = client.info("server").get("redis_version", "of unknown version")
        finally:
            client.close()
    except Exception as error:  # connection, authentication, start-up: each library has kinds of its own
        if named:
            return Check("redis", "fail", f"REDIS_URL does not answer: {_line(error)}", "start it, or unset REDIS_URL")
        return Check("redis", "fail", f"the private server: {_line(error)}", "`make clean setup`, or set REDIS_URL")
    return Check("redis", "ok", f"{'REDIS_URL' if named else 'private server'}, Redis {version}")


def qdrant() -> Check:
    """QDRANT_URL, or Qdrant in process; no notebook needs it yet."""
    url = os.environ.get("QDRANT_URL", "").strip()
    if url:
        import httpx

        try:
            answer = httpx.get(f"{url.rstrip('/')}/readyz", timeout=5)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Check(
                "qdrant", "fail", f"QDRANT_URL does not answer: {_line(error)}", "start it, or unset QDRANT_URL"
            )
        if answer.status_code != 200:
            return Check("qdrant", "fail", f"QDRANT_URL is not ready: {answer.status_code}", "look at its log")
        return Check("qdrant", "ok", "QDRANT_URL is ready")
    try:
        return Check("qdrant", "ok", f"in process, qdrant-client {metadata.version('qdrant-client')}")
    except metadata.PackageNotFoundError:
        return Check("qdrant", "ok", "not installed; no notebook uses it yet")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
