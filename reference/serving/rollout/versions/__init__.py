"""Real versions of one served model: LoRA adapters of SmolLM2 that route short customer messages to an intent."""

from reference.serving.rollout.versions.task import ROUTER_MODEL, Case, test_cases

__all__ = ["ROUTER_MODEL", "Case", "test_cases"]
