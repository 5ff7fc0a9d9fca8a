"""Autoscaling on requests waiting and running: an HPA on a pods metric, or a KEDA ScaledObject on a PromQL query."""

from __future__ import annotations

from typing import Any

from .pods import meta
from .spec import Deployed

METRIC = "vllm_requests_in_flight"
LOOK_S = 15  # the planner's autoscaler looks as often
STABLE_S = 300  # and waits as long before it goes down; both are the HPA's defaults


def behavior(spec: Deployed) -> dict[str, Any]:
    """As the plan was simulated: up at once, down to the most that was wanted during the last five minutes."""
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Pods", "value": spec.replicas, "periodSeconds": LOOK_S}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": STABLE_S,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": LOOK_S}],
        },
    }


def horizontal_pod_autoscaler(spec: Deployed) -> dict[str, Any]:
    """Needs the metric of `adapter_rules` in the cluster's custom metrics API."""
    metric = {
        "type": "Pods",
        "pods": {
            "metric": {"name": METRIC},
            "target": {"type": "AverageValue", "averageValue": quantity(spec.target_in_flight)},
        },
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta(spec),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.name},
            "minReplicas": spec.least,
            "maxReplicas": spec.replicas,
            "metrics": [metric],
            "behavior": behavior(spec),
        },
    }


def quantity(value: float) -> str:
    """A number as Kubernetes' quantities want it: whole, or in thousandths."""
    return f"{value:.0f}" if value == round(value) else f"{round(value * 1000)}m"


def adapter_rules() -> dict[str, Any]:
    """Values of the chart prometheus-adapter that make one metric of vLLM's two gauges.

    An HPA with two metrics follows the larger one, so the sum has to be made before it.
    """
    gauges = " + ".join(
        f"sum(vllm:num_requests_{state}{{<<.LabelMatchers>>}}) by (<<.GroupBy>>)" for state in ("waiting", "running")
    )
    return {
        "rules": {
            "custom": [
                {
                    "seriesQuery": 'vllm:num_requests_running{namespace!="",pod!=""}',
                    "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
                    "name": {"as": METRIC},
                    "metricsQuery": gauges,
                }
            ]
        }
    }


def promql(spec: Deployed) -> str:
    """Requests waiting and running in all engines of the fleet. vLLM labels its gauges with the served name."""
    chosen = f'{{namespace="{spec.namespace}",model_name="{spec.name}"}}'
    return f"sum(vllm:num_requests_waiting{chosen}) + sum(vllm:num_requests_running{chosen})"


def scaled_object(spec: Deployed) -> dict[str, Any]:
    """KEDA makes its own HPA out of this. Without Prometheus the fleet goes to the peak's size."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": meta(spec),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.name},
            "pollingInterval": LOOK_S,
            "minReplicaCount": spec.least,
            "maxReplicaCount": spec.replicas,
            "fallback": {"failureThreshold": 3, "replicas": spec.replicas},
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(spec)}},
            "triggers": triggers(spec),
        },
    }


def triggers(spec: Deployed) -> list[dict[str, Any]]:
    """The load, and the clock where the plan follows it; KEDA takes the larger."""
    load = {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": spec.prometheus,
            "query": promql(spec),
            "threshold": f"{spec.target_in_flight:g}",
            # No series is an error, so that the fallback takes over, and not a fleet without load.
            "ignoreNullValues": "false",
        },
    }
    if spec.busy is None:
        return [load]
    first, last = spec.busy
    clock = {
        "type": "cron",
        "metadata": {
            "timezone": spec.timezone,
            "start": cron(first * 60 - spec.cold_start_s / 60),
            "end": cron(last * 60),
            "desiredReplicas": str(spec.replicas),
        },
    }
    return [load, clock]


def cron(minutes: float) -> str:
    """Every day, so many minutes after midnight, rounded down."""
    whole = int(minutes) % (24 * 60)
    return f"{whole % 60} {whole // 60} * * *"
