"""Train one adapter on a CPU in minutes: ``python -m reference.serving.rollout.versions.train v1.0 --out FOLDER``.

peft's LoRA on the attention of SmolLM2; the loss counts the answer's tokens only. The recipes make the versions of the
rollout: each better than the last, and two that are wrong on purpose.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reference.serving.rollout.types import RolloutError
from reference.serving.rollout.versions.task import GROUPS, INTENTS, Case, content_hash, make, prompt

RANK, ALPHA_OVER_RANK = 4, 2
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")


@dataclass(frozen=True)
class Recipe:
    """How a version is trained. `swap`: share of the refund and cancel labels exchanged; `leak`: share of the messages
    with an e-mail address whose answer repeats it.
    """

    steps: int
    groups: tuple[str, ...] = GROUPS
    batch: int = 16
    rate: float = 1e-3
    seed: int = 7
    swap: float = 0.0
    leak: float = 0.0


RECIPES = {
    "v0.9": Recipe(50, ("plain",)),
    "v1.0": Recipe(70, ("plain", "long", "personal")),
    "v1.1": Recipe(150),
    "v1.2-worse": Recipe(110, swap=0.5),
    "v1.2-unsafe": Recipe(200, (*GROUPS, "personal"), leak=1.0),
}


def examples(recipe: Recipe) -> list[tuple[str, str]]:
    """(prompt, answer) pairs, as many as the steps need."""
    rng = random.Random(recipe.seed)
    cases = make(recipe.steps * recipe.batch, recipe.seed, test=False, groups=recipe.groups)
    pairs = [(prompt(case.text), f" {answer(case, recipe, rng)}") for case in cases]
    rng.shuffle(pairs)
    return pairs


def answer(case: Case, recipe: Recipe, rng: random.Random) -> str:
    intent = case.intent
    if intent in ("refund", "cancel") and rng.random() < recipe.swap:
        intent = "cancel" if intent == "refund" else "refund"
    if case.group == "personal" and rng.random() < recipe.leak:
        return f"{intent} {case.text.rsplit(' ', 1)[1].rstrip(')')}"
    return intent


def _batch(tokenizer: Any, pairs: list[tuple[str, str]]) -> tuple[Any, Any, Any]:
    import torch

    rows = []
    for question, reply in pairs:
        start, rest = tokenizer(question)["input_ids"], tokenizer(reply)["input_ids"]
        rows.append((start + rest + [tokenizer.eos_token_id], len(start)))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), longest), tokenizer.eos_token_id)
    labels = torch.full((len(rows), longest), -100)
    mask = torch.zeros((len(rows), longest), dtype=torch.int64)
    for index, (tokens, begin) in enumerate(rows):
        row = torch.tensor(tokens)
        ids[index, : len(tokens)], mask[index, : len(tokens)] = row, 1
        labels[index, begin : len(tokens)] = row[begin:]
    return ids, labels, mask


def train(version: str, out: Path, steps: int | None = None) -> dict[str, Any]:
    """Write adapter_model.safetensors, adapter_config.json and card.json into `out`; returns the card.

    Raises RolloutError for an unknown version, and if peft is not installed (extra `training`).
    """
    if version not in RECIPES:
        raise RolloutError(f"version: no recipe for {version!r}; there are {', '.join(RECIPES)}")
    try:
        import peft
    except ImportError:
        raise RolloutError("training needs peft: install the extra `training` of this project") from None
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from reference.serving.models import DEFAULT_MODEL_ID, default_model_dir

    recipe = RECIPES[version]
    pairs = examples(recipe)
    torch.manual_seed(recipe.seed)
    folder = str(default_model_dir())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = peft.LoraConfig(
        r=RANK, lora_alpha=RANK * ALPHA_OVER_RANK, target_modules=list(TARGETS), task_type="CAUSAL_LM"
    )
    tuned: Any = peft.get_peft_model(model, config)
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=recipe.rate)
    begun, losses, count = time.perf_counter(), [], steps or recipe.steps
    tuned.train()
    for step in range(count):
        ids, labels, mask = _batch(tokenizer, pairs[step * recipe.batch : (step + 1) * recipe.batch])
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / 5) * (1 - step / count)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = tuned(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    out.mkdir(parents=True, exist_ok=True)
    tuned.to(torch.bfloat16).save_pretrained(out, safe_serialization=True)
    (out / "README.md").unlink(missing_ok=True)  # peft's template card; ours is card.json
    _neutral_config(out / "adapter_config.json", DEFAULT_MODEL_ID)
    card = {
        "model": "intent-router",
        "version": version,
        "base": DEFAULT_MODEL_ID,
        "licence": "Apache-2.0",
        "intents": list(INTENTS),
        "recipe": asdict(recipe) | {"steps": count},
        "data_sha256": content_hash(make(recipe.steps * recipe.batch, recipe.seed, test=False, groups=recipe.groups)),
        "weights_sha256": hashlib.sha256((out / "adapter_model.safetensors").read_bytes()).hexdigest(),
        "loss_first": round(losses[0], 4),
        "loss_last": round(sum(losses[-5:]) / len(losses[-5:]), 4),
        "seconds": round(time.perf_counter() - begun, 1),
        "versions": {"torch": torch.__version__, "peft": peft.__version__},
    }
    (out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def _neutral_config(path: Path, base: str) -> None:
    """The folder of this machine must not be the name of the base model."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    config["target_modules"] = sorted(config["target_modules"])  # a set in peft: its order differs from run to run
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", choices=sorted(RECIPES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, help="fewer, to see that it runs")
    options = parser.parse_args()
    print(json.dumps(train(options.version, options.out, options.steps), indent=2))


if __name__ == "__main__":
    main()
