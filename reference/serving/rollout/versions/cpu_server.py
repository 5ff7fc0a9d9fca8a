"""vLLM's server, with the adapters' arithmetic of its CPU build as one matrix product per adapter.

On a CPU, vLLM 0.32.0 looks the matrices of the adapter up once per token and multiplies each token with a copy of its
own: with the adapters of question 3 that is over half of a step's time. Here all tokens of an adapter share one
product; sums are in the precision that vLLM uses. A vLLM that is built otherwise is left as it is.

``python -m reference.serving.rollout.versions.cpu_server`` takes the arguments of vLLM's server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

NO_ADAPTER = -1


def _by_adapter(slots: Tensor) -> Iterator[tuple[int, Any]]:
    """(slot, its rows) for every adapter among the tokens."""
    found = slots.unique().tolist()
    for slot in found:
        if slot != NO_ADAPTER:
            yield slot, slice(None) if len(found) == 1 else (slots == slot).nonzero().squeeze(1)


def _matrix(weights: Tensor, slot: int, like: Tensor) -> Tensor:
    """The matrix of one slot, out by in; weights: slots by (1 by) out by in."""
    return weights[slot].reshape(weights.shape[-2:]).to(like.dtype)


def bgmv_shrink(inputs: Tensor, weights: Tensor, output: Tensor, slots: Tensor, scaling: float = 1.0) -> None:
    """output[:, :rank] = scaling * inputs @ A.T for the adapter of each token; a token without one keeps its row."""
    for slot, rows in _by_adapter(slots):
        matrix = _matrix(weights, slot, output)
        output[rows, : matrix.shape[0]] = scaling * (inputs[rows].to(output.dtype) @ matrix.T)


def bgmv_expand_slice(
    inputs: Tensor, weights: Tensor, output: Tensor, slots: Tensor, offset: int, size: int, add_inputs: bool = True
) -> None:
    """output[:, offset : offset + size] += inputs @ B.T for the adapter of each token (without `add_inputs`: =)."""
    for slot, rows in _by_adapter(slots):
        made = inputs[rows].to(output.dtype) @ _matrix(weights, slot, output).T
        if add_inputs:
            output[rows, offset : offset + size] += made
        else:
            output[rows, offset : offset + size] = made


def _of_each_token(slots: Tensor, lengths: Tensor) -> Tensor:
    return slots.repeat_interleave(lengths)


def sgmv_shrink(
    inputs: Tensor, weights: Tensor, output: Tensor, starts: Tensor, lengths: Tensor, slots: Tensor,
    batches: int, longest: int, tokens: int, scaling: float,
) -> None:  # fmt: skip
    """As `bgmv_shrink`; `slots` of runs of tokens with these `lengths`."""
    bgmv_shrink(inputs, weights, output, _of_each_token(slots, lengths), scaling)


def sgmv_expand_slice(
    inputs: Tensor, weights: Tensor, output: Tensor, starts: Tensor, lengths: Tensor, slots: Tensor,
    batches: int, longest: int, tokens: int, offset: int, size: int, add_inputs: bool = False,
) -> None:  # fmt: skip
    """As `bgmv_expand_slice`; `slots` of runs of tokens with these `lengths`."""
    bgmv_expand_slice(inputs, weights, output, _of_each_token(slots, lengths), offset, size, add_inputs)


REPLACED = (bgmv_shrink, bgmv_expand_slice, sgmv_shrink, sgmv_expand_slice)


def install() -> bool:
    """Put them in the place of vLLM's, in this process. False if this vLLM has no such functions."""
    try:
        from vllm.lora.punica_wrapper import punica_cpu
    except ImportError:
        return False
    if not all(hasattr(punica_cpu, one.__name__) for one in REPLACED):
        return False
    for one in REPLACED:
        setattr(punica_cpu, one.__name__, one)
    return True


if __name__ in ("__main__", "__mp_main__"):  # the second: in the engine's process, which spawns with this program
    install()
if __name__ == "__main__":
    import runpy

    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__")
