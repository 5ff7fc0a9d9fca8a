"""The gateway of question 1: an OpenAI-compatible front door with sessions, caches, limits and guardrails.

`create_app(settings)` builds the FastAPI app, `run_in_thread(settings)` serves it beside a notebook or a test, and
`python -m reference.serving.gateway` serves it in the foreground. Importing this package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.serving.gateway.app import create_app
    from reference.serving.gateway.server import RunningGateway, engine_settings, run_in_thread
    from reference.serving.gateway.settings import Settings

__all__ = ["RunningGateway", "Settings", "create_app", "engine_settings", "run_in_thread"]

_HOMES = {
    "RunningGateway": "server",
    "Settings": "settings",
    "create_app": "app",
    "engine_settings": "server",
    "run_in_thread": "server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
