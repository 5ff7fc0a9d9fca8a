"""The GPU measurements: the scripts run (toy sizes, on the CPU), and the records in the repository obey physics."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import calibrate, llama_step
from reference.sizing import Q, accelerator, shape
from reference.sizing.roofline import Deployment, bandwidth_roof
from reference.sizing.units import magnitude

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def rows(name: str) -> list[dict]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]


DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_every_subject_writes_a_record_with_its_spread_on_a_toy(device, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(sys, "argv", ["calibrate", "--out", str(tmp_path), "--quick", "--device", device])
    calibrate.main()
    written = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.json")]
    assert len(written) == 4
    for record in written:
        assert not record["conditions"]["stopped by"], record["name"]
        assert record["rows"]
        assert all(row["p25"] <= row["median"] <= row["p75"] for row in record["rows"])


@pytest.mark.parametrize("device", DEVICES)
def test_a_step_with_a_cache_gives_the_logits_of_the_whole_prompt(device):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    toy = llama_step.Shape("toy", 2, 64, 4, 2, 96, 100)
    model = llama_step.Model(toy, device)
    tokens = torch.randint(0, 100, (2, 9), device=device)
    cache = torch.zeros(2, 2, 2, 2, 9, 16, dtype=torch.bfloat16, device=device)
    with torch.inference_mode():
        for attention in ("sdpa", "matmul"):
            for position in range(8):
                # Only the keys so far: the benchmark itself always reads a full cache.
                model.step(tokens[:, position : position + 1], cache[:, :, :, :, : position + 1], position, attention)
            last = model.step(tokens[:, 8:], cache, 8, attention)
            whole = model.step(tokens, None, 0, "sdpa")
            assert torch.allclose(last.float(), whole.float(), atol=0.02), attention


def test_no_measured_rate_passes_the_published_peak():
    h100 = accelerator("h100")
    for row in rows("gpu_roofs"):
        if row["metric"] == "matmul rate":
            peak = h100.fp8_flops if row["target"].startswith("fp8") else h100.bf16_flops
            assert row["median"] <= magnitude(peak, "TFLOP/s", "peak"), row
        else:
            assert row["median"] <= magnitude(h100.bandwidth, "GB/s", "bandwidth"), row


@pytest.mark.parametrize(("name", "dtype"), [("gpu_llama8b_steps", "bf16"), ("gpu_llama8b_fp8_steps", "fp8")])
def test_no_measured_decode_step_passes_the_bandwidth_roof(name, dtype):
    replica = Deployment(shape("llama-3.1-8b"), accelerator("h100"), weight_dtype=dtype)
    checked = 0
    for row in rows(name):
        if row["metric"] != "decode step":
            continue
        _, batch, context, *_ = row["target"].split(", ")
        size, length = int(batch.split()[1]), int(context.split()[1])
        roof = magnitude(bandwidth_roof(replica, size, Q(length, "token/request")), "token/s", "roof")
        assert size / (row["median"] / 1e3) <= roof, row
        checked += 1
    assert checked >= 15


@pytest.mark.parametrize(("name", "dtype"), [("gpu_vllm_closed", "bf16"), ("gpu_vllm_fp8", "fp8")])
def test_no_served_throughput_passes_the_bandwidth_roof(name, dtype):
    replica = Deployment(shape("llama-3.1-8b"), accelerator("h100"), weight_dtype=dtype)
    for row in rows(name):
        if row["target"].startswith("closed loop"):
            size = int(row["target"].split()[-1])
            roof = magnitude(bandwidth_roof(replica, size, Q(512, "token/request")), "token/s", "roof")
            assert row["output_tokens_per_s"] <= roof, row
