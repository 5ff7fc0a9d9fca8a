"""Deployment, Service, PodDisruptionBudget and NetworkPolicy of one region's fleet."""

from __future__ import annotations

import math
from typing import Any

from .pods import PORT, labels, meta, pod
from .scaling import horizontal_pod_autoscaler, scaled_object
from .spec import Deployed


def manifests(spec: Deployed) -> list[dict[str, Any]]:
    """All objects; with scaler "keda" the ScaledObject is among them and needs KEDA's definitions in the cluster."""
    made = [deployment(spec), service(spec), disruption_budget(spec), network_policy(spec)]
    if spec.scaler == "hpa":
        made.append(horizontal_pod_autoscaler(spec))
    elif spec.scaler == "keda":
        made.append(scaled_object(spec))
    return made


def deployment(spec: Deployed) -> dict[str, Any]:
    body: dict[str, Any] = {
        "selector": {"matchLabels": labels(spec)},
        # New pods first: taking one away before would go below what the peak needs.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "progressDeadlineSeconds": math.ceil(3 * spec.cold_start_s) + 60,
        "template": {"metadata": {"labels": labels(spec)}, "spec": pod(spec)},
    }
    # With an autoscaler the number is its business: a number here would be set back at every `kubectl apply`.
    if spec.scaler == "none":
        body = {"replicas": spec.replicas, **body}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(spec), "spec": body}


def service(spec: Deployed) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(spec),
        "spec": {
            "selector": labels(spec),
            "ports": [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def disruption_budget(spec: Deployed) -> dict[str, Any]:
    """How many may be taken away on purpose: no more than the plan survives.

    A share where the fleet breathes, for the peak's number would forbid every drain at night. A fleet without a
    spare lets one go at a time, since a budget of none would stop the upgrade of nodes.
    """
    if spec.survivors >= spec.replicas:
        limit: dict[str, Any] = {"maxUnavailable": 1}
    elif spec.scaler == "none":
        limit = {"minAvailable": spec.survivors}
    else:
        limit = {"minAvailable": f"{math.ceil(100 * spec.survivors / spec.replicas)}%"}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(spec),
        "spec": {**limit, "selector": {"matchLabels": labels(spec)}},
    }


def network_policy(spec: Deployed) -> dict[str, Any]:
    """In: the gateway, and Prometheus from the namespace `monitoring`. Out: names and HTTPS, for the weights."""
    gateway = {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "gateway"}}}
    metrics = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta(spec),
        "spec": {
            "podSelector": {"matchLabels": labels(spec)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [gateway, metrics], "ports": [{"port": PORT, "protocol": "TCP"}]}],
            "egress": [
                {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
                {"ports": [{"port": 443, "protocol": "TCP"}]},
            ],
        },
    }


def service_monitor(spec: Deployed) -> dict[str, Any]:
    """For clusters that run the Prometheus operator: scrape the engines every 15 s."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": meta(spec, "-service-monitor"),
        "spec": {
            "selector": {"matchLabels": labels(spec)},
            "endpoints": [{"port": "http", "path": "/metrics", "interval": "15s"}],
        },
    }
