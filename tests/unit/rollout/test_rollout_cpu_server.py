"""Adapters on a CPU: one product per adapter says what vLLM's own arithmetic says, token by token."""

import pytest

from reference.serving.rollout.versions import cpu_server

pytestmark = pytest.mark.slow  # torch and vLLM are imported

TOKENS, WIDE, RANK, OUT = 23, 32, 8, 48


@pytest.fixture(scope="module")
def theirs():
    pytest.importorskip("vllm")
    from vllm.lora.ops.torch_ops import lora_ops

    return lora_ops


def made(slots):
    import torch

    torch.manual_seed(3)
    return {
        "x": torch.randn(TOKENS, WIDE).bfloat16(),
        "a": torch.randn(3, 1, RANK, WIDE).bfloat16(),
        "b": torch.randn(3, 1, OUT, RANK).bfloat16(),
        "slots": torch.tensor(slots),
        "low": torch.zeros(TOKENS, RANK),
        "out": torch.randn(TOKENS, 2 * OUT).bfloat16(),
    }


def both(module, slots, add_inputs=True):
    """What the two steps make of the same numbers: (after the first, after the second)."""
    one = made(slots)
    module.bgmv_shrink(one["x"], one["a"], one["low"], one["slots"], 0.5)
    module.bgmv_expand_slice(one["low"], one["b"], one["out"], one["slots"], OUT // 2, OUT, add_inputs)
    return one["low"], one["out"]


@pytest.mark.parametrize("slots", [[1] * TOKENS, [n % 3 for n in range(TOKENS)], [2] * 20 + [0] * 3])
@pytest.mark.parametrize("add_inputs", [True, False])
def test_the_products_are_those_of_vllm(theirs, slots, add_inputs):
    import torch

    for mine, reference in zip(both(cpu_server, slots, add_inputs), both(theirs, slots, add_inputs), strict=True):
        torch.testing.assert_close(mine, reference)
    assert not torch.equal(both(cpu_server, slots)[1], made(slots)["out"])


def test_runs_of_tokens_are_those_of_vllm(theirs):
    import torch

    lengths, slots = torch.tensor([7, 10, 6]), torch.tensor([2, 0, 1])
    results = []
    for module in (cpu_server, theirs):
        one, meta = made([0] * TOKENS), (torch.tensor([0, 7, 17]), lengths, slots, 3, 10, TOKENS)
        module.sgmv_shrink(one["x"], one["a"], one["low"], *meta, 0.5)
        module.sgmv_expand_slice(one["low"], one["b"], one["out"], *meta, 0, OUT, True)
        results.append((one["low"], one["out"]))
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference)


def test_a_token_without_an_adapter_keeps_what_it_had(theirs):
    slots = [1] * 10 + [cpu_server.NO_ADAPTER] * (TOKENS - 10)
    low, out = both(cpu_server, slots)
    assert not low[10:].any()
    assert (out[10:] == made(slots)["out"][10:]).all()
    assert (out[:10] != made(slots)["out"][:10]).any()


def test_they_take_the_place_of_vllms_where_it_has_them(theirs, monkeypatch):
    from vllm.lora.punica_wrapper import punica_cpu

    for one in cpu_server.REPLACED:
        monkeypatch.setattr(punica_cpu, one.__name__, getattr(theirs, one.__name__))
    monkeypatch.delattr(punica_cpu, "sgmv_shrink")
    assert not cpu_server.install()
    assert punica_cpu.bgmv_shrink is theirs.bgmv_shrink
    monkeypatch.setattr(punica_cpu, "sgmv_shrink", theirs.sgmv_shrink, raising=False)
    assert cpu_server.install()
    assert all(getattr(punica_cpu, one.__name__) is one for one in cpu_server.REPLACED)
