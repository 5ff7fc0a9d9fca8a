"""The process that sends the requests: `vllm bench serve`'s own code, one JSON job per line on standard input.

Run by `reference.serving.load.generator`, never by hand. A job is answered by one JSON line. Importing vLLM's benchmark
costs about 20 s of CPU time, so the process is started once and serves many load points. It ends when its standard
input closes.

vLLM's code decides when to send (Poisson arrivals, a semaphore for a closed loop), sends, and takes the time of every
token event. Added here: sending at the seconds of a trace; a limit on a single request's time, so that a stalled server
yields failed requests instead of a hanging benchmark; no new requests after a point's time is up; and the checks that
vLLM leaves out (an error event inside a stream, or an answer that is too short, is a failure).
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

_NOT_SENT = "not sent: the point's time was up"


@dataclass
class _Sent:
    """What the wrapper adds to vLLM's record of one request."""

    begun: float
    ended: float


def _limited(original: Callable[..., Any], job: dict[str, Any], sent: dict[str, _Sent], output_class: Any) -> Any:
    """vLLM's request function within this job's time limits; notes when each request began and ended."""
    stop_at: float | None = None

    async def send(request_func_input: Any, session: Any, pbar: Any = None) -> Any:
        nonlocal stop_at
        begun = time.perf_counter()
        if stop_at is None:
            stop_at = begun + (job["max_seconds"] or float("inf"))
        if begun >= stop_at:
            return output_class(error=_NOT_SENT, start_time=begun)
        try:
            output = await asyncio.wait_for(original(request_func_input, session=session), job["request_timeout_s"])
        except TimeoutError:
            output = output_class(error=f"no complete answer in {job['request_timeout_s']} s", start_time=begun)
        sent[request_func_input.request_id] = _Sent(begun, time.perf_counter())
        return output

    return send


def _on_time(arrivals: Sequence[float], origin: list[float]) -> Any:
    """In place of vLLM's `get_request`: request i leaves at `arrivals[i]` [s]; `origin` gets the clock at second 0."""

    async def get_request(input_requests: Sequence[Any], *ignored: Any, **also: Any) -> AsyncIterator[Any]:
        origin.append(time.perf_counter())
        for request, second in zip(input_requests, arrivals, strict=True):
            await asyncio.sleep(max(0.0, origin[0] + second - time.perf_counter()))
            yield request, 0.0

    return get_request


async def run_job(job: dict[str, Any]) -> dict[str, Any]:
    from vllm.benchmarks import serve
    from vllm.benchmarks.datasets import SampleRequest
    from vllm.benchmarks.lib import endpoint_request_func as functions

    chat = job["endpoint"] == "chat"
    requests = [
        SampleRequest(prompt=prompt, prompt_len=0, expected_output_len=length, request_id=str(i))
        for i, (prompt, length) in enumerate(zip(job["prompts"], job["output_lengths"], strict=True))
    ]
    sent: dict[str, _Sent] = {}
    original = functions.ASYNC_REQUEST_FUNCS["openai-chat" if chat else "openai"]
    outputs: list[Any] = []
    limited = _limited(original, job, sent, functions.RequestFuncOutput)

    async def keep(request_func_input: Any, session: Any, pbar: Any = None) -> Any:
        output = await limited(request_func_input, session, pbar)
        outputs.append((request_func_input, output))
        return output

    name = "workbook"  # benchmark() looks its request function up by name
    functions.ASYNC_REQUEST_FUNCS[name] = keep
    os.environ["OPENAI_API_KEY"] = job["api_key"]
    base = job["base_url"].removesuffix("/v1")
    origin: list[float] = []
    usual = serve.get_request
    if job.get("arrivals") is not None:
        serve.get_request = _on_time(job["arrivals"], origin)
    started = time.time()
    try:
        await _benchmark(serve, job, name, base, chat, requests)
    finally:
        serve.get_request = usual
    rows = []
    # In order of asking: vLLM's client hands them over as they end.
    for asked, output in sorted(outputs, key=lambda pair: int(pair[0].request_id)):
        if output.error == _NOT_SENT:
            continue
        times = sent[asked.request_id]
        rows.append(
            {
                "start": times.begun,
                "ttft": output.ttft,
                "itls": output.itl,
                "latency": output.latency,
                "seconds": times.ended - times.begun,
                "prompt_tokens": output.prompt_len or 0,
                "output_tokens": output.output_tokens or 0,
                "error": _error_of(asked, output, exact=job["ignore_eos"]),
            }
        )
    return {"started": started, "origin": origin[0] if origin else None, "requests": rows}


async def _benchmark(serve: Any, job: dict[str, Any], name: str, base: str, chat: bool, requests: list[Any]) -> None:
    await serve.benchmark(
        task_type=serve.TaskType.GENERATION,
        endpoint_type=name,
        api_url=f"{base}/v1/{'chat/completions' if chat else 'completions'}",
        base_url=base,
        model_id=job["model"],
        model_name=job["model"],
        tokenizer=None,
        input_requests=requests,
        logprobs=None,
        request_rate=job["rate"] or float("inf"),
        burstiness=job["burstiness"] or float("inf"),
        disable_tqdm=True,
        num_warmups=0,
        profile=False,
        selected_percentile_metrics=[],
        selected_percentiles=[],
        ignore_eos=job["ignore_eos"],
        goodput_config_dict={},
        max_concurrency=job["concurrency"],
        lora_modules=None,
        extra_headers=None,
        extra_body=job["extra_body"],
        ready_check_timeout_sec=0,
    )


def _error_of(asked: Any, output: Any, exact: bool) -> str:
    if not output.success:
        return str(output.error or "failed without a message").strip()
    if not output.output_tokens:
        # An error event inside a stream has neither choices nor usage; vLLM's client passes over it.
        return "the stream ended without a usage record"
    if exact and output.output_tokens != asked.output_len:
        return f"{output.output_tokens} tokens instead of {asked.output_len}"
    return ""


def _read_jobs(jobs: queue.SimpleQueue[str]) -> None:
    """Standard input to `jobs`; at its end the process ends, also in the middle of a point: the parent is gone."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def main() -> None:
    # Only answers go to the parent: vLLM prints to standard output, and that goes to the log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    import vllm.benchmarks.serve  # noqa: F401  the 20 s belong to start-up, not to the first point

    answer({"ready": True})
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    while True:
        try:
            answer(asyncio.run(run_job(json.loads(jobs.get()))))
        except Exception as error:
            import traceback

            traceback.print_exc()
            answer({"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
