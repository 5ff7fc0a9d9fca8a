"""A vLLM server with LoRA adapters that come and go while it serves.

One base model in memory, a few MB per version: that is what makes "the previous version is already loaded" cheap.
WORKBOOK_ROLLOUT_ENGINE_URL (with WORKBOOK_ENGINE_KEY) names a server to use instead; it must have been started with
--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reference.serving.engine.handle import Engine
from reference.serving.rollout.types import ModelVersion, RolloutError
from reference.serving.waiting import wait_until

MAX_LORAS, MAX_RANK, KV_GIB = 3, 8, 0.5
KEPT = 8  # adapters in memory beside those of the running batch: more versions in turn are not read anew each time
START_S = 300.0
NAME = re.compile(r"[A-Za-z_][\w.]*")


@dataclasses.dataclass(frozen=True)
class AdapterEngine(Engine):
    """`modules`: the layers in which it computes adapters; () for every layer that vLLM can."""

    modules: tuple[str, ...] = ()


def target_modules(path: str | Path) -> tuple[str, ...]:
    """Names of the layers that an adapter changes, sorted; () if its adapter_config.json does not list them.

    They become arguments of the server, before any gate has seen the file: whatever is no name counts as not listed.
    """
    try:
        listed = json.loads((Path(path) / "adapter_config.json").read_text(encoding="utf-8"))["target_modules"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    named = isinstance(listed, list) and all(isinstance(one, str) and NAME.fullmatch(one) for one in listed)
    return tuple(sorted(listed)) if named else ()


def served_modules(versions: Sequence[ModelVersion]) -> tuple[str, ...]:
    """Names of the layers that any of the versions changes, sorted; () if one of them does not list its own."""
    changed = [target_modules(one.path) for one in versions]
    return tuple(sorted({name for some in changed for name in some})) if all(changed) else ()


@contextlib.contextmanager
def adapter_engine(say: Callable[[str], None] = print, serves: Sequence[ModelVersion] = ()) -> Iterator[AdapterEngine]:
    """An engine of its own on loopback, stopped at the end: half a minute to start on 2 cores, 3 GB of memory.

    serves: the versions that it will serve, if they are known. vLLM computes an adapter in every layer that could have
    one, also where it is nothing but zeros; with `serves` it does so only in the layers that these versions change,
    and refuses to load a version that changes others. A version whose layers are not listed lifts the limit.

    Raises EngineError with vLLM's reason if it does not start, or if WORKBOOK_ROLLOUT_ENGINE_URL does not answer.
    """
    if url := os.environ.get("WORKBOOK_ROLLOUT_ENGINE_URL", "").strip():
        yield _external(url)
        return
    from reference.serving.engine.failures import explain_failure
    from reference.serving.engine.keeper import end_with_parent, stop_server
    from reference.serving.engine.spec import EngineError, EngineSpec, free_port, preflight
    from reference.serving.engine.state import get

    modules = served_modules(serves)
    spec = dataclasses.replace(
        EngineSpec.from_environment(),
        max_model_len=1024,
        kv_gib=KV_GIB,
        extra=("--enable-lora", "--max-loras", str(MAX_LORAS), "--max-lora-rank", str(MAX_RANK),
               "--max-cpu-loras", str(KEPT), "--max-num-batched-tokens", "1024",
               *(("--lora-target-modules", *modules) if modules else ())),
    )  # fmt: skip
    preflight(spec)
    port, key, nonce = free_port(), secrets.token_urlsafe(24), f"rollout-{secrets.token_hex(6)}"
    environment = os.environ | spec.environment(key) | {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    if spec.device == "cpu":
        # Scheduler and model in one process: between two of them, the scheduler spins for every step, on a core that
        # the model needs; and a process less has vLLM to import.
        environment["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rollout-engine-") as folder:
        log = Path(folder) / "engine.log"
        say(f"starting vLLM with LoRA for {spec.name} (about half a minute)")
        with log.open("wb") as output:
            server = subprocess.Popen(spec.command(port, nonce), env=environment, stdin=subprocess.DEVNULL,
                                      stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                                      preexec_fn=end_with_parent)  # fmt: skip
        try:
            root = f"http://127.0.0.1:{port}"

            def answers() -> bool:
                if server.poll() is not None:
                    raise EngineError(explain_failure(log.read_text(errors="replace"), server.returncode))
                return get(f"{root}/health", key, 2.0)[0] == 200 and nonce in get(f"{root}/v1/models", key)[1]

            if not wait_until(answers, START_S, every_s=0.3):
                raise EngineError(f"vLLM did not answer within {START_S:.0f} s; see {log}")
            ready = time.monotonic() - begun
            say(f"engine ready after {ready:.0f} s")
            yield AdapterEngine(f"{root}/v1", key, spec.name, spec.max_model_len, False, ready, modules)
        finally:
            stop_server(server, 10.0)


@contextlib.contextmanager
def adapter_engine_meanwhile(
    say: Callable[[str], None] = print, serves: Sequence[ModelVersion] = ()
) -> Iterator[Callable[[], AdapterEngine]]:
    """`adapter_engine`, started while the caller does something else; the function that it gives waits for the engine.

    That function raises what the start raises. Leaving early waits until the start has ended.
    """
    with ThreadPoolExecutor(1, "adapter-engine") as pool, contextlib.ExitStack() as stack:
        # The pool stays until the engine is stopped: Linux ends the server together with the thread that started it.
        coming = pool.submit(stack.enter_context, adapter_engine(say, serves))
        try:
            yield coming.result
        finally:
            coming.exception()


def named_server(url: str) -> AdapterEngine:
    """The server of WORKBOOK_ROLLOUT_ENGINE_URL, not asked whether it is up. Its base model's name is not known."""
    from reference.serving.engine.spec import EngineError

    if not url.startswith(("http://", "https://")):
        raise EngineError(f"WORKBOOK_ROLLOUT_ENGINE_URL={url} must begin with http:// or https://")
    base = url.rstrip("/").removesuffix("/v1") + "/v1"
    return AdapterEngine(base, os.environ.get("WORKBOOK_ENGINE_KEY", "none"), "", None, False)


def _external(url: str) -> AdapterEngine:
    from reference.serving.engine.spec import EngineError
    from reference.serving.engine.state import get

    server = named_server(url)
    status, body = get(f"{server.base_url}/models", server.api_key, 15.0)
    if status != 200:
        raise EngineError(
            f"WORKBOOK_ROLLOUT_ENGINE_URL={url}: {server.base_url}/models answered {status or 'nothing'}; "
            "check address and key"
        )
    base_models = [one["id"] for one in json.loads(body)["data"] if not one.get("parent")]
    return dataclasses.replace(server, model=base_models[0] if base_models else "")


class VllmAdapters:
    """What the controller needs of vLLM: list, load and unload adapters by name. Every call may be repeated."""

    def __init__(self, engine: Engine, timeout_s: float = 30.0) -> None:
        import httpx

        self.engine = engine
        # No connection is kept: calls come seconds apart, and a vLLM that is not ours (WORKBOOK_ENGINE_URL) closes one
        # that was idle for five, now and then just as the next call is sent.
        self._http = httpx.Client(
            base_url=engine.root_url, headers={"Authorization": f"Bearer {engine.api_key}"}, timeout=timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
        )  # fmt: skip

    def loaded(self) -> set[str]:
        """Names of the adapters that the engine serves now. Raises RolloutError if it does not answer."""
        return {one["id"] for one in self._call("GET", "/v1/models")["data"] if one.get("parent")}

    def load(self, served_as: str, path: str) -> None:
        """Nothing for the base model ("") and for a loaded adapter. RolloutError for one that the engine refuses."""
        if served_as and served_as not in self.loaded():
            self._refuse_what_is_not_computed(served_as, path)
            body = {"lora_name": served_as, "lora_path": str(Path(path).resolve())}
            self._call("POST", "/v1/load_lora_adapter", body, f"adapter {served_as}: the engine refuses it")

    def _refuse_what_is_not_computed(self, served_as: str, path: str) -> None:
        """vLLM itself would load it and leave those layers out: another model than the one that was registered."""
        modules = self.engine.modules if isinstance(self.engine, AdapterEngine) else ()
        if not modules:
            return
        changed = target_modules(path)
        if not changed or not set(changed) <= set(modules):
            said = ", ".join(changed) or "layers that its adapter_config.json does not list"
            raise RolloutError(
                f"adapter {served_as}: it changes {said}, and this engine computes adapters in {', '.join(modules)} "
                "only; name the version in adapter_engine(serves=...)"
            )

    def unload(self, served_as: str) -> None:
        if served_as and served_as in self.loaded():
            self._call("POST", "/v1/unload_lora_adapter", {"lora_name": served_as}, f"adapter {served_as}")

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, body: dict[str, str] | None = None, what: str = "engine") -> Any:
        import httpx

        try:
            said = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise RolloutError(f"engine: {self.engine.root_url} does not answer ({type(error).__name__})") from error
        if said.status_code >= 400:
            raise RolloutError(f"{what} ({said.status_code}): {_reason(said.text)}")
        return said.json() if said.headers.get("content-type", "").startswith("application/json") else {}


def _reason(text: str) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(text)
        return str(found.get("error", found).get("message", text))[:300]
    return text[:300]
