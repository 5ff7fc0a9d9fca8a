"""One vLLM server for all notebooks, tests and shells of a user: the first caller starts it, the others attach.

    from reference.serving.engine import shared_engine
    engine = shared_engine()
    engine.client().chat.completions.create(model=engine.model, messages=[...])

A small keeper process owns the server: it stops it when nobody needs it, and takes it along when it dies itself. See
`spec` for the settings (environment variables), `state` for the files, `keeper` for the life cycle.
"""

from reference.serving.engine.client import EngineStatus, serve_foreground, shared_engine, status
from reference.serving.engine.handle import Engine
from reference.serving.engine.spec import EngineError, EngineSpec
from reference.serving.engine.stopping import stop_shared

__all__ = [
    "Engine",
    "EngineError",
    "EngineSpec",
    "EngineStatus",
    "serve_foreground",
    "shared_engine",
    "status",
    "stop_shared",
]
