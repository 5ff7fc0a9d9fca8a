"""vLLM itself under load on a GPU: ``python3 -m benchmarks.gpu.vllm_sweep --out DIR --part closed``; dummy weights.

Offline engine in one process, requests submitted as token ids: throughput, time to the first token and time per output
token against concurrency. Only vllm and torch are needed, no tokenizer and no network.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import random
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.calibrate import smi, versions

LLAMA_3_8B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "rope_theta": 500000.0,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
}
TOY = LLAMA_3_8B | {
    "hidden_size": 256,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class Load:
    """Requests of `prompt` random tokens in, `output` tokens out, each timed token by token."""

    def __init__(self, engine: Any, vocabulary: int) -> None:
        self.engine, self.vocabulary, self.count = engine, vocabulary, 0
        self.random, self.repeat = random.Random(7), 0

    def tokens(self, length: int) -> list[int]:
        period = self.repeat or length
        once = [self.random.randrange(10, self.vocabulary - 10) for _ in range(period)]
        return (once * (length // period + 1))[:length]

    async def one(self, prompt: list[int], output: int) -> dict[str, float]:
        from vllm import SamplingParams

        self.count += 1
        settings = SamplingParams(
            max_tokens=output, min_tokens=output, ignore_eos=True, temperature=0.0, detokenize=False
        )
        begun, first, last, n = time.perf_counter(), 0.0, 0.0, 0
        async for out in self.engine.generate({"prompt_token_ids": prompt}, settings, f"r{self.count}"):
            last, n = time.perf_counter(), len(out.outputs[0].token_ids)
            first = first or last
        return {"ttft": first - begun, "tpot": (last - first) / max(1, n - 1), "tokens": n, "end": last}

    async def closed(self, concurrency: int, requests: int, prompt: int, output: int) -> dict[str, Any]:
        left, results = requests, []

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                results.append(await self.one(self.tokens(prompt), output))

        begun = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(concurrency)))
        return self.summary(results, time.perf_counter() - begun, prompt)

    async def open(self, rate: float, seconds: float, prompt: int, output: int) -> dict[str, Any]:
        tasks, begun = [], time.perf_counter()
        while time.perf_counter() - begun < seconds:
            tasks.append(asyncio.create_task(self.one(self.tokens(prompt), output)))
            await asyncio.sleep(self.random.expovariate(rate))
        results = list(await asyncio.gather(*tasks))
        return self.summary(results, time.perf_counter() - begun, prompt)

    @staticmethod
    def summary(results: list[dict[str, float]], seconds: float, prompt: int) -> dict[str, Any]:
        out = sum(r["tokens"] for r in results)
        row: dict[str, Any] = {"requests": len(results), "seconds": round(seconds, 3)}
        row["output_tokens_per_s"] = round(out / seconds, 1)
        row["total_tokens_per_s"] = round((out + prompt * len(results)) / seconds, 1)
        for name in ("ttft", "tpot"):
            values = [r[name] * 1e3 for r in results]
            for q in (0.5, 0.9, 0.99):
                row[f"{name}_p{int(q * 100)}_ms"] = round(quantile(values, q), 3)
        return row


async def run(part: str, options: argparse.Namespace, record: dict[str, Any], save: Any) -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    folder = Path("/tmp/shape_toy" if options.toy else "/tmp/shape_8b")
    folder.mkdir(exist_ok=True)
    config = TOY if options.toy else LLAMA_3_8B
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    extra: dict[str, Any] = {"enable_prefix_caching": part == "prefix"}
    if part == "fp8":
        extra["quantization"] = "fp8"
    if part == "wide":
        extra["max_num_seqs"] = 512
    if part == "spec":
        extra["speculative_config"] = {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}
    if options.toy:
        extra["enforce_eager"] = True
    begun = time.perf_counter()
    engine = AsyncLLM.from_engine_args(
        AsyncEngineArgs(
            model=str(folder),
            load_format="dummy",
            skip_tokenizer_init=True,
            max_model_len=8192,
            dtype="bfloat16",
            **extra,
        )
    )
    load, scale = Load(engine, config["vocab_size"]), 16 if options.toy else 1  # type: ignore[arg-type]
    prompt, output = 512 // scale, 128 // scale
    record["conditions"] |= {"engine start, s": round(time.perf_counter() - begun, 1), "shape": config} | extra
    cache = engine.vllm_config.cache_config
    scheduler = engine.vllm_config.scheduler_config
    record["conditions"]["max_num_seqs, max_num_batched_tokens"] = [
        scheduler.max_num_seqs,
        scheduler.max_num_batched_tokens,
    ]
    record["conditions"]["kv blocks, block size"] = [cache.num_gpu_blocks, cache.block_size]
    await load.closed(4, 8, prompt, output)  # first requests compile what is left to compile
    stop, rows = time.perf_counter() + options.budget_s, record["rows"]

    def add(target: str, row: dict[str, Any]) -> None:
        rows.append({"target": target} | row)
        save()
        print(target, row, flush=True)

    if part == "spec":
        # A prompt that repeats itself and an untrained model that soon repeats itself: the most that look-up can gain.
        for concurrency in (1, 2, 8, 32):
            load.repeat = 32
            add(
                f"closed loop, concurrency {concurrency}",
                await load.closed(concurrency, 6 * concurrency, prompt, output),
            )
    if part == "wide" and not options.toy:
        for concurrency in (64, 128, 192, 256, 384, 512):
            if time.perf_counter() < stop:
                add(
                    f"closed loop, concurrency {concurrency}",
                    await load.closed(concurrency, 2 * concurrency, prompt, output),
                )
    if part in ("closed", "fp8"):
        for concurrency in (1, 2) if options.toy else (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
            if time.perf_counter() > stop:
                break
            n = max(6, 3 * concurrency) if concurrency < 256 else 2 * concurrency
            add(f"closed loop, concurrency {concurrency}", await load.closed(concurrency, n, prompt, output))
    if part == "closed":
        for length in (128, 512, 1024, 2048, 4096, 8000):
            if time.perf_counter() < stop and not options.toy:
                add(f"prompt {length}, one at a time, 1 token out", await load.closed(1, 8, length, 1))
        top = max(r["requests"] / r["seconds"] for r in rows if "closed" in r["target"])
        for share in (0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2):
            if time.perf_counter() < stop:
                seconds = 1.0 if options.toy else 15.0
                row = await load.open(share * top, seconds, prompt, output)
                add(f"open loop, Poisson {share * top:.2f} requests/s ({share:.1f} of the closed-loop peak)", row)
    if part == "prefix":
        for shared in (64,) if options.toy else (512, 2048, 6144):
            for _ in range(1 if options.toy else 5):
                prefix = load.tokens(shared)
                for kind in ("cold", "warm"):
                    result = await load.one(prefix + load.tokens(16), 8)
                    add(f"shared prefix {shared}, {kind}", {"ttft_ms": round(result["ttft"] * 1e3, 3)})
    engine.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", choices=("closed", "fp8", "prefix", "wide", "spec"), required=True)
    parser.add_argument("--budget-s", type=float, default=150.0)
    parser.add_argument("--toy", action="store_true", help="a toy shape, eager, to see that it runs")
    options = parser.parse_args()
    record: dict[str, Any] = {
        "name": f"gpu_vllm_{options.part}",
        "question": "What does vLLM deliver with a Llama-3-8B shape on this GPU?",
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": f"python3 -m benchmarks.gpu.vllm_sweep --out DIR --part {options.part}",
        "machine": {"gpus": smi()},
        "versions": versions(),
        "conditions": {"weights": "dummy (random)", "requests": "random tokens, 512 in, 128 out unless said"},
        "rows": [],
    }
    import vllm

    record["versions"]["vllm"] = vllm.__version__
    options.out.mkdir(parents=True, exist_ok=True)

    def save() -> None:
        path = options.out / f"{record['name']}.json"
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    asyncio.run(run(options.part, options, record, save))
    record["conditions"]["gpu after"] = smi()
    save()


if __name__ == "__main__":
    main()
