"""A Llama-shaped transformer in plain torch with random weights: what one step costs, not what it says.

Plain torch because the step must be captured as a CUDA graph: launched kernel by kernel, a decode step of a small batch
measures Python, not the GPU. Shapes follow the published configurations; values do not change the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int

    @property
    def head(self) -> int:
        return self.hidden // self.heads

    @property
    def kv_bytes_per_token(self) -> int:
        return 2 * self.layers * self.kv_heads * self.head * 2


LLAMA_3_8B = Shape("Llama-3-8B", 32, 4096, 32, 8, 14336, 128256)
SMOLLM2_135M = Shape("SmolLM2-135M", 30, 576, 9, 3, 1536, 49152)


class Model:
    """Weights on `device` in bf16, or the linear layers in fp8 (e4m3, per-tensor scale) for torch._scaled_mm."""

    def __init__(self, shape: Shape, device: str, fp8: bool = False) -> None:
        import torch

        self.shape, self.device, self.fp8 = shape, device, fp8
        self.one = torch.ones((), device=device)
        s = shape

        def linear(rows: int, columns: int) -> Any:
            weight = torch.randn(rows, columns, device=device, dtype=torch.bfloat16) * 0.02
            return weight.to(torch.float8_e4m3fn) if fp8 else weight

        self.layers = [
            (
                linear(s.hidden + 2 * s.kv_heads * s.head, s.hidden),
                linear(s.hidden, s.hidden),
                linear(2 * s.intermediate, s.hidden),
                linear(s.hidden, s.intermediate),
            )
            for _ in range(s.layers)
        ]
        self.norm = torch.ones(s.hidden, device=device, dtype=torch.bfloat16)
        self.embedding = torch.randn(s.vocabulary, s.hidden, device=device, dtype=torch.bfloat16) * 0.02

    def _linear(self, x: Any, weight: Any) -> Any:
        import torch

        if not self.fp8:
            return torch.nn.functional.linear(x, weight)
        flat = x.reshape(-1, x.shape[-1]).to(torch.float8_e4m3fn)
        out = torch._scaled_mm(flat, weight.t(), scale_a=self.one, scale_b=self.one, out_dtype=torch.bfloat16)
        return out.reshape(*x.shape[:-1], weight.shape[0])

    def _rotate(self, x: Any, cosine: Any, sine: Any) -> Any:
        import torch

        left, right = x.chunk(2, dim=-1)
        return x * cosine + torch.cat((-right, left), dim=-1) * sine

    def step(self, tokens: Any, cache: Any, position: int, attention: str) -> Any:
        """Logits of the last position, (batch, vocabulary).

        tokens: (batch, length) int64; cache: (layers, 2, batch, kv heads, context, head) bf16, None: prefill;
        position: where the step's keys go in the cache; attention: "sdpa" or "matmul" for decoding with a cache.
        """
        import torch
        from torch.nn import functional as F

        s = self.shape
        batch, length = tokens.shape
        x = self.embedding[tokens]
        cosine = torch.ones(length, s.head, device=self.device, dtype=x.dtype)
        sine = torch.zeros_like(cosine)
        for index, (qkv, out, gate_up, down) in enumerate(self.layers):
            y = self._linear(F.rms_norm(x, (s.hidden,), self.norm), qkv)
            y = y.view(batch, length, s.heads + 2 * s.kv_heads, s.head).transpose(1, 2)
            q, k, v = y.split((s.heads, s.kv_heads, s.kv_heads), dim=1)
            q, k = self._rotate(q, cosine, sine), self._rotate(k, cosine, sine)
            if cache is None:
                a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            else:
                keys, values = cache[index, 0], cache[index, 1]
                keys[:, :, position : position + length].copy_(k)
                values[:, :, position : position + length].copy_(v)
                # The query heads that share a key head become rows of one product: keys and values are read once.
                grouped = q.reshape(batch, s.kv_heads, s.heads // s.kv_heads * length, s.head)
                if attention == "sdpa":
                    a = F.scaled_dot_product_attention(grouped, keys, values)
                else:
                    scores = torch.matmul(grouped, keys.transpose(-1, -2)) * s.head**-0.5
                    a = torch.matmul(torch.softmax(scores, dim=-1), values)
                a = a.reshape(batch, s.heads, length, s.head)
            x = x + self._linear(a.transpose(1, 2).reshape(batch, length, s.hidden), out)
            gate, up = self._linear(F.rms_norm(x, (s.hidden,), self.norm), gate_up).chunk(2, dim=-1)
            x = x + self._linear(F.silu(gate) * up, down)
        return F.linear(F.rms_norm(x[:, -1], (s.hidden,), self.norm), self.embedding)
