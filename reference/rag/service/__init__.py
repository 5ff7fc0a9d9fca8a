"""Retrieval over HTTP, and as the gateway's retriever.

`create_rag_app(searcher, answerer, documents)` builds the app, `run_in_thread(...)` serves it beside a notebook or a
test, `python -m reference.rag.service` serves an index in the foreground. Importing this package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.rag.service.access import KeyRing
    from reference.rag.service.app import create_rag_app
    from reference.rag.service.batching import MicroBatcher, StageFeed
    from reference.rag.service.opening import OpenIndex, open_index
    from reference.rag.service.retriever import GatewayRetriever
    from reference.rag.service.server import RunningService, run_in_thread
    from reference.rag.service.settings import ServiceSettings

__all__ = [
    "GatewayRetriever",
    "KeyRing",
    "MicroBatcher",
    "OpenIndex",
    "RunningService",
    "ServiceSettings",
    "StageFeed",
    "create_rag_app",
    "open_index",
    "run_in_thread",
]

_HOMES = {
    "GatewayRetriever": "retriever",
    "KeyRing": "access",
    "MicroBatcher": "batching",
    "OpenIndex": "opening",
    "RunningService": "server",
    "ServiceSettings": "settings",
    "StageFeed": "batching",
    "create_rag_app": "app",
    "open_index": "opening",
    "run_in_thread": "server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
