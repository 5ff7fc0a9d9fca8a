"""Plain Kubernetes: one engine with LoRA, two controllers of which the lease lets one work, the policy as a file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from reference.serving.rollout.types import Policy
from reference.serving.rollout.versions.engine import MAX_LORAS, MAX_RANK

_SAFE = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}


def kubernetes_manifests(model: str, policy: Policy, image: str, engine_image: str) -> list[dict[str, Any]]:
    """ConfigMap (policy), Deployments of controller and engine, a suspended Job that starts a rollout, Service,
    NetworkPolicy.

    image: of this project; engine_image: of vLLM. Secrets are named, never written: `rollout` must hold REDIS_URL,
    MLFLOW_TRACKING_URI and WORKBOOK_ENGINE_KEY.
    """

    def labels(part: str) -> dict[str, str]:
        return {"app.kubernetes.io/name": model, "app.kubernetes.io/component": part}

    def secret(variable: str) -> dict[str, Any]:
        return {"name": variable, "valueFrom": {"secretKeyRef": {"name": "rollout", "key": variable}}}

    environment = [
        secret("REDIS_URL"),
        secret("MLFLOW_TRACKING_URI"),
        secret("WORKBOOK_ENGINE_KEY"),
        {"name": "WORKBOOK_ROLLOUT_ENGINE_URL", "value": f"http://{model}-engine:8000"},
    ]
    controller = {
        "name": "controller",
        "image": image,
        "command": ["workbook", "rollout", "watch", "--model", model, "--follow"],
        "env": environment,
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": _SAFE,
    }
    engine = {
        "name": "engine",
        "image": engine_image,
        "args": ["--enable-lora", "--max-loras", str(MAX_LORAS), "--max-lora-rank", str(MAX_RANK)],
        # Adapters come and go by request: only the controller may reach this port, by the key and the network policy.
        "env": [
            {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "True"},
            {
                "name": "VLLM_API_KEY",
                "valueFrom": {"secretKeyRef": {"name": "rollout", "key": "WORKBOOK_ENGINE_KEY"}},
            },
        ],
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
        "startupProbe": {
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 5,
            "failureThreshold": 120,
        },
        "securityContext": _SAFE,
    }
    pods = {"matchLabels": labels("engine")}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{model}-policy", "labels": labels("controller")},
            "data": {"policy.json": json.dumps(asdict(policy), indent=2)},
        },
        _deployment(f"{model}-controller", labels("controller"), 2, {"containers": [controller]}),
        _release_job(model, image, labels("controller"), environment),
        # One replica: an adapter is loaded by a request to one process. A pod that was replaced gets its adapters back
        # at the controller's next look; for more engines run a Service and a controller for each.
        _deployment(
            f"{model}-engine", labels("engine"), 1, {"containers": [engine], "terminationGracePeriodSeconds": 60}
        ),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"{model}-engine", "labels": labels("engine")},
            "spec": {"selector": labels("engine"), "ports": [{"name": "http", "port": 8000, "targetPort": "http"}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"{model}-engine", "labels": labels("engine")},
            "spec": {
                "podSelector": pods,
                "policyTypes": ["Ingress"],
                "ingress": [
                    {
                        "from": [
                            {"podSelector": {"matchLabels": labels("controller")}},
                            {"podSelector": {"matchLabels": labels("router")}},
                        ],
                        "ports": [{"port": 8000, "protocol": "TCP"}],
                    }
                ],
            },
        },
    ]


def _release_job(model: str, image: str, labels: dict[str, str], environment: list[dict[str, Any]]) -> dict[str, Any]:
    """Suspended: set CANDIDATE and take `suspend` away to start a rollout under the policy of the ConfigMap."""
    container = {
        "name": "start",
        "image": image,
        "command": ["sh", "-c"],
        "args": [
            f'workbook rollout start "{model}-$CANDIDATE" "$CANDIDATE" --model {model} '
            "--policy /etc/rollout/policy.json"
        ],
        "env": [*environment, {"name": "CANDIDATE", "value": ""}],
        "volumeMounts": [{"name": "policy", "mountPath": "/etc/rollout", "readOnly": True}],
        "securityContext": _SAFE,
    }
    pod = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "policy", "configMap": {"name": f"{model}-policy"}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{model}-release", "labels": labels},
        "spec": {"suspend": True, "backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def _deployment(name: str, labels: dict[str, str], replicas: int, pod: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
