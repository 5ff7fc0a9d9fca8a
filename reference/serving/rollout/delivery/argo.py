"""Argo Rollouts: the same shares and bake times, with fixed thresholds, which is what its analysis can do.

What these thresholds do to a harmless release is simulated in ``benchmarks/results/rollout_simulation.json``; the
controller of this package decides by sequential tests instead. The queries read the metrics of `VersionMetrics`.
"""

from __future__ import annotations

from typing import Any

from reference.serving.rollout.types import Policy, RolloutError

API = "argoproj.io/v1alpha1"


def duration(seconds: float) -> str:
    """Kubernetes' spelling of a duration in whole seconds, such as "86400s"."""
    return f"{max(1, round(seconds))}s"


def weight(share: float) -> int:
    """Whole per cent. Raises RolloutError for a share that Argo cannot set."""
    percent = share * 100
    if abs(percent - round(percent)) > 1e-9:
        raise RolloutError(f"steps: Argo sets whole per cents, {share} is not one; round it or keep the controller")
    return round(percent)


def argo_manifests(model: str, policy: Policy, image: str, prometheus: str, replicas: int = 20) -> list[dict[str, Any]]:
    """A Rollout and its AnalysisTemplate.

    Raises RolloutError for shares of no whole per cent, and for fewer replicas than the first share needs.
    """
    if replicas * policy.steps[0] < 1:
        raise RolloutError(
            f"replicas: {replicas} cannot serve {policy.steps[0]:.0%} without a traffic router; take at least "
            f"{-(-1 // policy.steps[0]):.0f}"
        )
    steps: list[dict[str, Any]] = []
    for share, bake in zip(policy.steps, policy.bake_s, strict=True):
        steps.append({"setWeight": weight(share)})
        if share < 1:
            steps.append({"pause": {"duration": duration(bake)}})
    labels = {"app": model}
    rollout = {
        "apiVersion": API,
        "kind": "Rollout",
        "metadata": {"name": model, "labels": labels},
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [
                        {
                            "name": "engine",
                            "image": image,
                            "ports": [{"name": "http", "containerPort": 8000}],
                            "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
                        }
                    ],
                },
            },
            "strategy": {
                "canary": {
                    "steps": steps,
                    "analysis": {
                        "templates": [{"templateName": f"{model}-canary"}],
                        "startingStep": 1,
                        "args": [{"name": "model", "value": model}],
                    },
                }
            },
        },
    }
    return [rollout, _analysis(model, policy, prometheus)]


def _analysis(model: str, policy: Policy, prometheus: str) -> dict[str, Any]:
    def rate(arm: str) -> str:
        chosen = f'model="{{{{args.model}}}}",arm="{arm}"'
        return (
            f'sum(rate(rollout_requests_total{{{chosen},outcome="error"}}[5m]))'
            f" / sum(rate(rollout_requests_total{{{chosen}}}[5m]))"
        )

    def quantile(arm: str) -> str:
        bucket = f'rollout_latency_seconds_bucket{{model="{{{{args.model}}}}",arm="{arm}"}}'
        return f"histogram_quantile({policy.latency_quantile:g}, sum(rate({bucket}[5m])) by (le))"

    def metric(name: str, query: str, limit: float) -> dict[str, Any]:
        return {
            "name": name,
            "interval": "5m",
            "failureLimit": 3,
            # No data is inconclusive and pauses: silence must not promote.
            "successCondition": f"len(result) > 0 && result[0] <= {limit:g}",
            "failureCondition": f"len(result) > 0 && result[0] > {limit:g}",
            "provider": {"prometheus": {"address": prometheus, "query": query}},
        }

    return {
        "apiVersion": API,
        "kind": "AnalysisTemplate",
        "metadata": {"name": f"{model}-canary"},
        "spec": {
            "args": [{"name": "model"}],
            "metrics": [
                metric("error-ratio", f"({rate('candidate')}) / ({rate('baseline')})", policy.error_ratio_limit),
                metric(
                    "latency-ratio", f"{quantile('candidate')} / {quantile('baseline')}", policy.latency_ratio_limit
                ),
            ],
        },
    }
