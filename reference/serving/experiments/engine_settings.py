"""Engine settings compared: speculative decoding, chunked prefill, priority scheduling.

Each comparison needs engines of its own, so all of them run in one child process (vLLM is imported once, its memory is
given back at the end) and come back as JSON:

    results = run_comparisons(COMPARISONS)

Times are those of engine steps in one process, without HTTP: the differences are the engine's own.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from reference.serving.engine.spec import EngineError, EngineSpec

if TYPE_CHECKING:
    from vllm import LLM

# In this order: after an n-gram engine (which imports numba) vLLM 0.32.0 cannot start one with a draft model in the
# same process; its search for kernels stumbles over one of numba's objects.
COMPARISONS = ("draft", "chunked", "priority", "ngram")
_SENTENCE = "The parcel left the depot on Monday and reached the customer on Thursday. "
COPYING = "Repeat the text.\n" + _SENTENCE * 6
FREE = "<|im_start|>user\nWrite about a harbour town in winter.<|im_end|>\n<|im_start|>assistant\n"


def run_comparisons(names: Sequence[str], repeats: int = 3, timeout_s: float = 600) -> dict[str, Any]:
    """Run the named comparisons in a child process; {name: result}. EngineError with its last words if it fails."""
    if unknown := set(names) - set(COMPARISONS):
        raise ValueError(f"unknown comparison {sorted(unknown)}; known: {', '.join(COMPARISONS)}")
    command = [sys.executable, "-m", __name__, str(repeats), *sorted(names, key=COMPARISONS.index)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise EngineError(f"comparing engine settings took over {timeout_s:.0f} s") from None
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    raise EngineError(f"comparing engine settings failed ({done.returncode}): {done.stderr.strip()[-800:]}")


def speculation_ratios(rows: Sequence[Mapping[str, Any]], by: str) -> dict[Any, float]:
    """Output rate with speculation over that without, for every value of the field `by` (text or batch)."""
    plain = {row[by]: row["tok_s"] for row in rows if row["speculation"] == "off"}
    return {row[by]: row["tok_s"] / plain[row[by]] for row in rows if row["speculation"] != "off"}


def _decode_rate(llm: LLM, prompts: list[str], tokens: int, repeats: int) -> tuple[float, list[float]]:
    """Median output tokens per second over the repeats, and all of them. Greedy, exactly `tokens` each."""
    from vllm import SamplingParams

    sampling = SamplingParams(max_tokens=tokens, temperature=0, ignore_eos=True)
    # Warm-up: puts the prompts into the prefix cache, and compiles what is compiled at the first draft.
    llm.generate(prompts, SamplingParams(max_tokens=8, temperature=0, ignore_eos=True), use_tqdm=False)
    rates = []
    for _ in range(repeats):
        begin = time.perf_counter()
        llm.generate(prompts, sampling, use_tqdm=False)
        rates.append(len(prompts) * tokens / (time.perf_counter() - begin))
    return median(rates), rates


def _acceptance(llm: LLM, before: dict[str, float]) -> dict[str, float]:
    from reference.serving.in_process import counters

    now = counters(llm)
    rise = {k: now.get(k, 0.0) - before.get(k, 0.0) for k in now if "spec_decode" in k}
    drafted = rise.get("vllm:spec_decode_num_draft_tokens", 0.0)
    accepted = rise.get("vllm:spec_decode_num_accepted_tokens", 0.0)
    return {"drafted": drafted, "accepted": accepted, "acceptance": accepted / drafted if drafted else 0.0}


def compare_ngram(repeats: int) -> list[dict[str, Any]]:
    """Prompt look-up: drafts are copied from the prompt, so copying gains and free text does not."""
    rows = []
    for label, config in (("off", None), ("n-gram", {"method": "ngram", "num_speculative_tokens": 4,
                                                      "prompt_lookup_max": 4})):  # fmt: skip
        rows += list(_speculation_rows(label, {"speculative_config": config} if config else {}, None,
                                       {"copying": COPYING, "free text": FREE}, (1,), 32, repeats))  # fmt: skip
    return rows


def compare_draft(repeats: int) -> list[dict[str, Any]]:
    """A draft model that always agrees, on a target three times its cost: the best case, at batch 1 and batch 8."""
    from reference.serving.models import default_model_dir
    from reference.serving.padded_model import padded_model

    target, draft = str(padded_model(60)), str(default_model_dir())
    config = {"method": "draft_model", "model": draft, "num_speculative_tokens": 4, "max_model_len": 1024}
    rows = []
    for label, options in (("off", {}), ("draft model", {"speculative_config": config})):
        rows += list(_speculation_rows(label, options, target, {"free text": FREE}, (1, 8), 16, repeats))
    return rows


def _speculation_rows(label: str, options: dict[str, Any], model: str | None, texts: dict[str, str],
                      batches: tuple[int, ...], tokens: int, repeats: int) -> Iterator[dict[str, Any]]:  # fmt: skip
    from reference.serving.in_process import counters, in_process_llm

    with in_process_llm(model, max_model_len=1024, **options) as llm:
        for text, prompt in texts.items():
            for batch in batches:
                before = counters(llm)
                rate, rates = _decode_rate(llm, [prompt] * batch, tokens, repeats)
                yield {"speculation": label, "text": text, "batch": batch, "tok_s": rate, "all": rates,
                       **_acceptance(llm, before)}  # fmt: skip


def compare_chunked(repeats: int) -> list[dict[str, Any]]:
    """Gaps in a running stream while a long prompt arrives, with a large and a small token budget per step."""
    from vllm import SamplingParams

    from reference.serving.in_process import in_process_llm

    rows = []
    for budget in (2048, 128):
        with in_process_llm(max_model_len=2048, max_num_batched_tokens=budget, enable_prefix_caching=False) as llm:
            core = llm.llm_engine
            worst, usual, arrival = [], [], []
            for _ in range(repeats + 1):  # the first is a warm-up
                core.add_request("stream", list(range(1000, 1016)),
                                 SamplingParams(max_tokens=24, temperature=0, ignore_eos=True))  # fmt: skip
                gaps, steps, long_first = [], 0, 0.0
                began = arrived = time.perf_counter()
                while core.has_unfinished_requests():
                    if steps == 10:
                        arrived = time.perf_counter()
                        core.add_request("long", [(i % 3000) + 1000 for i in range(600)],
                                         SamplingParams(max_tokens=1, temperature=0, ignore_eos=True))  # fmt: skip
                    outputs, now = core.step(), time.perf_counter()
                    gaps.append(now - began)
                    if any(o.request_id.startswith("long") and o.finished for o in outputs):
                        long_first = now - arrived
                    began, steps = now, steps + 1
                worst.append(max(gaps[2:]))
                usual.append(median(gaps[2:]))
                arrival.append(long_first)
            rows.append({"max_num_batched_tokens": budget, "worst_gap_s": median(worst[1:]), "all": worst[1:],
                         "median_gap_s": median(usual[1:]), "long_ttft_s": median(arrival[1:])})  # fmt: skip
    return rows


def compare_priority(repeats: int) -> list[dict[str, Any]]:
    """One urgent request behind sixteen others on two slots: when it ends, first come first served and by priority."""
    from vllm import SamplingParams

    from reference.serving.in_process import in_process_llm

    rows = []
    # One engine for both: under this policy requests of equal priority are served first come, first served.
    with in_process_llm(max_model_len=512, max_num_seqs=2, scheduling_policy="priority") as llm:
        core = llm.llm_engine
        for policy, bulk_priority in (("fcfs", 0), ("priority", 10)):
            waits, others = [], []
            for _ in range(repeats):
                sampling = SamplingParams(max_tokens=4, temperature=0, ignore_eos=True)
                begin, finished = time.perf_counter(), {}
                for number in range(16):
                    prompt = list(range(1000 + number, 1016 + number))
                    core.add_request(f"bulk{number}", prompt, sampling, priority=bulk_priority)
                core.add_request("urgent", list(range(2000, 2016)), sampling, priority=0)
                while core.has_unfinished_requests():
                    for output in core.step():
                        if output.finished:
                            finished[output.request_id] = time.perf_counter() - begin
                urgent = next(v for k, v in finished.items() if k.startswith("urgent"))
                waits.append(urgent)
                others.append(median(v for k, v in finished.items() if k.startswith("bulk")))
            rows.append({"policy": policy, "urgent_s": median(waits), "all": waits, "others_s": median(others)})
    return rows


def main(arguments: list[str]) -> None:
    from reference.serving.in_process import prepare_environment

    repeats, names = int(arguments[0]), arguments[1:]
    functions = {"ngram": compare_ngram, "draft": compare_draft, "chunked": compare_chunked,
                 "priority": compare_priority}  # fmt: skip
    prepare_environment(EngineSpec.from_environment())
    from vllm import LLM  # noqa: F401  before the first clock starts

    gc.freeze()  # what vLLM has imported stays to the end; else the end of every engine walks through all of it
    results = {}
    for name in names:
        begin = time.perf_counter()
        results[name] = {"rows": functions[name](repeats), "seconds": round(time.perf_counter() - begin, 1)}
    print("RESULT " + json.dumps(results), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
