"""What the encoders of sentence models share: pooling of token states, and weights that are read and never trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def pooled(states: Any, mask: Any) -> Any:
    """Mean of the token states where `mask` is 1, of length one: [n, tokens, hidden], [n, tokens] to [n, hidden].

    In float32 whatever the states are: the mean over hundreds of bfloat16 values would lose its last digits.
    """
    import torch
    from torch.nn import functional

    text = mask[:, :, None].to(torch.float32)
    return functional.normalize((states.float() * text).sum(1) / text.sum(1), dim=1)


def with_weights(encoder: Any, folder: Path, renamed: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The encoder in evaluation mode with the folder's model.safetensors, every name through `renamed`."""
    from safetensors.torch import load_file

    encoder.eval()
    encoder.load_state_dict(renamed(load_file(str(folder / "model.safetensors"))))
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    return encoder
