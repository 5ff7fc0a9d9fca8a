"""What a team's CI and cluster need, made from the policy that the simulation and the controller run from."""

from reference.serving.rollout.delivery.argo import argo_manifests
from reference.serving.rollout.delivery.github import github_workflow
from reference.serving.rollout.delivery.kubernetes import kubernetes_manifests
from reference.serving.rollout.delivery.write import export

__all__ = ["argo_manifests", "export", "github_workflow", "kubernetes_manifests"]
