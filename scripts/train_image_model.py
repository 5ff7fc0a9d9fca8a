"""Trains the small image classifier on made pictures and writes it with its JSON file.

    python scripts/train_image_model.py [--pictures 16000] [--epochs 12] [--output reference/moderation/images]

Training, calibration and held-out pictures come from different scene generators (see images.synthetic.SCENES).
The figures in the JSON file are of held-out pictures, with exact 95 % bounds (Clopper-Pearson). One thread; training
takes about a quarter of an hour, drawing the pictures another three minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from reference.moderation.images.classifier import ImageClassifier, prepared
from reference.moderation.images.synthetic import LABELS, SCENES, make

SIDE = 128
MEAN = STD = (0.5, 0.5, 0.5)
CATEGORIES = {"forbidden_symbol": "forbidden_symbol", "banned_logo": "banned_logo", "qr_code": ""}


def drawn(split: str, count: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(uint8 [count, SIDE, SIDE, 3], float32 [count, labels])."""
    import cv2

    rng = np.random.default_rng([seed, sorted(SCENES).index(split)])
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    labels = np.zeros((count, len(LABELS)), np.float32)
    for i in range(count):
        sample = make(rng, split)
        images[i] = cv2.resize(sample.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        labels[i] = [label in sample.labels for label in LABELS]
    return images, labels


def network() -> Any:
    """About 85,000 parameters. Edges first, fixed and in the graph: what is looked for has any colour on any ground.

    The maximum over places answers "is it anywhere in the picture".
    """
    import torch
    from torch import nn

    class Edges(nn.Module):
        """Strength of the strongest edge of the three colours, saturated: [n, 3, h, w] to [n, 1, h, w]."""

        def __init__(self) -> None:
            super().__init__()
            across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4
            self.register_buffer("kernel", torch.stack([across, across.T]).unsqueeze(1).repeat(3, 1, 1, 1))

        def forward(self, pixels: Any) -> Any:
            sides = nn.functional.conv2d(pixels, self.kernel, padding=1, groups=3) ** 2
            strength = torch.sqrt(sides[:, 0::2] + sides[:, 1::2] + 1e-6).amax(dim=1, keepdim=True)
            return strength / (strength + 0.3)

    def block(taken: int, given: int, stride: int) -> list[Any]:
        return [nn.Conv2d(taken, given, 3, stride, 1, bias=False), nn.BatchNorm2d(given), nn.ReLU()]

    return nn.Sequential(
        Edges(),
        *block(1, 16, 2),
        *block(16, 32, 2),
        *block(32, 48, 1),
        *block(48, 64, 2),
        *block(64, 64, 1),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(64, len(LABELS)),
    )


def train(images: Any, labels: Any, epochs: int, seed: int) -> Any:
    import torch

    torch.manual_seed(seed)
    net = network()
    size = 64
    steps = epochs * (len(images) // size)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=steps, pct_start=0.2)
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for start in range(0, len(images) - size + 1, size):
            rows = order[start : start + size]
            batch = prepared(images[rows], SIDE, SIDE, MEAN, STD)
            batch = np.rot90(batch, int(rng.integers(4)), (2, 3))  # all that is looked for may be turned
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                net(torch.from_numpy(np.ascontiguousarray(batch))), torch.from_numpy(labels[rows])
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * size
        print(f"epoch {epoch + 1}: loss {total / len(images):.4f}", file=sys.stderr)
    return net.eval()


def exported(net: Any) -> bytes:
    import torch

    target = io.BytesIO()
    example = torch.zeros(2, 3, SIDE, SIDE)
    program = torch.onnx.export(
        net,
        (example,),
        dynamo=True,
        input_names=["pixels"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
        verbose=False,
    )
    import onnx

    onnx.save(program.model_proto, target)
    return target.getvalue()


def platt(logits: Any, truth: Any) -> tuple[float, float]:
    """Slope and offset of the logistic regression of the truth on one logit."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=10.0).fit(logits.reshape(-1, 1), truth)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def exact(errors: int, of: int) -> dict[str, Any]:
    from scipy.stats import beta

    upper = float(beta.ppf(0.975, errors + 1, of - errors)) if errors < of else 1.0
    lower = float(beta.ppf(0.025, errors, of - errors + 1)) if errors else 0.0
    return {"errors": errors, "of": of, "rate": errors / of, "low": round(lower, 6), "high": round(upper, 6)}


def figures(probabilities: Any, truth: Any) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    result: dict[str, Any] = {}
    for place, label in enumerate(LABELS):
        scores, real = probabilities[:, place], truth[:, place] > 0.5
        bins = np.clip((scores * 10).astype(int), 0, 9)
        gaps = [abs(scores[bins == b].mean() - real[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist())]
        result[label] = {
            "false_positive_at_half": exact(int((scores[~real] >= 0.5).sum()), int((~real).sum())),
            "false_negative_at_half": exact(int((scores[real] < 0.5).sum()), int(real.sum())),
            "auc": round(float(roc_auc_score(real, scores)), 5),
            "calibration_error": round(float(sum(gaps)), 5),
        }
    return result


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=16000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--held-out", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--output", type=Path, default=Path("reference/moderation/images"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    train_images, train_labels = drawn("train", options.pictures, options.seed)
    begun = time.perf_counter()
    net = train(train_images, train_labels, options.epochs, options.seed)
    print(f"trained in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    model = exported(net)
    calibrate_images, calibrate_labels = drawn("calibrate", 2000, options.seed)
    with torch.no_grad():
        logits = np.concatenate(
            [
                net(torch.from_numpy(prepared(calibrate_images[i : i + 64], SIDE, SIDE, MEAN, STD))).numpy()
                for i in range(0, len(calibrate_images), 64)
            ]
        )
    lines = [platt(logits[:, place], calibrate_labels[:, place]) for place in range(len(LABELS))]
    sidecar: dict[str, Any] = {
        "model": "image_model.onnx",
        "sha256": hashlib.sha256(model).hexdigest(),
        "input": {"width": SIDE, "height": SIDE, "mean": MEAN, "std": STD},
        "output": "logits",
        "labels": [
            {"name": label, "category": CATEGORIES[label], "slope": round(slope, 6), "offset": round(offset, 6)}
            for label, (slope, offset) in zip(LABELS, lines, strict=True)
        ],
        "made": {
            "by": "scripts/train_image_model.py",
            "pictures": options.pictures,
            "epochs": options.epochs,
            "seed": options.seed,
            "parameters": sum(value.numel() for value in net.parameters()),
            "scenes": SCENES,
            "torch": torch.__version__,
        },
    }
    options.output.mkdir(parents=True, exist_ok=True)

    def write(name: str, data: bytes) -> None:
        part = options.output / f".{name}.part"
        part.write_bytes(data)
        os.replace(part, options.output / name)

    write("image_model.onnx", model)
    write("image_model.json", json.dumps(sidecar, indent=2).encode() + b"\n")
    # Held-out figures are of what is shipped: the file, through onnxruntime.
    images, labels = drawn("test", options.held_out, options.seed)
    sidecar["held_out"] = figures(ImageClassifier(options.output / "image_model.json").probabilities(images), labels)
    write("image_model.json", json.dumps(sidecar, indent=2).encode() + b"\n")
    print(json.dumps(sidecar["held_out"], indent=2))


if __name__ == "__main__":
    main()
