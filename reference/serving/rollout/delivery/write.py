"""The files: all written, or none."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reference.serving.rollout.delivery.argo import argo_manifests
from reference.serving.rollout.delivery.github import github_workflow
from reference.serving.rollout.delivery.kubernetes import kubernetes_manifests
from reference.serving.rollout.types import Policy, RolloutError
from reference.sizing.files import write_all

HEAD = (
    "# Made by `workbook rollout export` from policy.json; change that file and export again.\n"
    "# release.yml belongs into .github/workflows, policy.json to the root of the repository.\n"
)


def to_yaml(documents: list[dict[str, Any]]) -> str:
    """YAML in the order of the mappings; a workflow's key `on` is quoted, as YAML 1.1 reads it as a truth value."""
    import yaml

    return HEAD + "---\n".join(yaml.safe_dump(one, sort_keys=False, width=120) for one in documents)


def export(
    folder: Path,
    model: str,
    policy: Policy,
    *,
    image: str = "registry.example/workbook:1",
    engine_image: str = "vllm/vllm-openai:latest",
    prometheus: str = "http://prometheus.monitoring:9090",
) -> dict[str, Path]:
    """Write policy.json, the workflow, the Argo and the Kubernetes manifests into `folder`; returns name -> path.

    Raises RolloutError for a policy that Argo cannot carry, and for a folder that cannot be written.
    """
    texts = {
        "policy.json": json.dumps(asdict(policy), indent=2) + "\n",
        "release.yml": to_yaml([github_workflow(model, policy)]),
        "argo-rollout.yaml": to_yaml(argo_manifests(model, policy, engine_image, prometheus)),
        "kubernetes.yaml": to_yaml(kubernetes_manifests(model, policy, image, engine_image)),
    }
    try:
        return write_all(folder, texts)
    except OSError as error:
        raise RolloutError(f"folder: {folder} cannot be written ({error.strerror})") from None
