"""workbook stop: end what runs in the background."""

from __future__ import annotations

from workbook.commands import Json


def command(json: Json = False) -> None:
    """Stop the shared engine and the private Redis, also for other processes that use them."""
    from reference.serving import engine, redis_store
    from workbook import console

    stopped = {"engine": bool(engine.stop_shared()), "redis": bool(redis_store.stop_private())}
    if json:
        console.emit_json("stop", {"stopped": stopped})
        return
    for part, was_running in stopped.items():
        console.stdout().print(f"{part}: {'stopped' if was_running else 'was not running'}")
