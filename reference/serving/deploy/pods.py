"""The vLLM pod: flags from the design, probes from its cold start, a drain before it goes, and few rights."""

from __future__ import annotations

import math
from typing import Any

from .spec import Deployed

PORT = 8000
LEAVE_S = 15  # assumed: seconds until every proxy has forgotten an endpoint that is going
PROBE_S = 5
# Values of the label nvidia.com/gpu.product that GPU feature discovery (NVIDIA k8s-device-plugin) sets.
PRODUCTS = {
    "a10g": ["NVIDIA-A10G"],
    "l4": ["NVIDIA-L4"],
    "a100-80": ["NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"],
    "h100": ["NVIDIA-H100-80GB-HBM3"],
    "h200": ["NVIDIA-H200"],
}
SHM_PER_GPU_GIB = 2  # assumed: NCCL's and vLLM's rings between the processes of a replica
# vLLM's guide for GPU servers asks for 2 + N cores for N GPUs; host memory is assumed.
CORES_BESIDES = 2
MEMORY_GIB = 16
USER = 10001


def labels(spec: Deployed) -> dict[str, str]:
    """On every object, and the selector of the pods."""
    return {"app.kubernetes.io/name": spec.name, "app.kubernetes.io/component": "engine"}


def meta(spec: Deployed, suffix: str = "") -> dict[str, Any]:
    """metadata of an object."""
    return {"name": f"{spec.name}{suffix}", "namespace": spec.namespace, "labels": labels(spec)}


def engine_args(spec: Deployed) -> list[str]:
    """Flags of `vllm serve` that make the engine the one that was simulated."""
    limits = spec.limits
    return [
        spec.source,
        "--served-model-name", spec.name,
        "--host", "0.0.0.0",
        "--port", str(PORT),
        "--tensor-parallel-size", str(spec.gpus),
        "--max-model-len", str(limits.max_model_len),
        "--max-num-seqs", str(limits.max_num_seqs),
        "--max-num-batched-tokens", str(limits.max_num_batched_tokens),
        "--gpu-memory-utilization", f"{spec.gpu_memory_utilization:g}",
        "--enable-prefix-caching" if limits.prefix_caching else "--no-enable-prefix-caching",
        "--shutdown-timeout", f"{spec.drain_s:.0f}",
        *spec.dtype_args(),
    ]  # fmt: skip


def container(spec: Deployed) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": PROBE_S}
    amount = str(spec.gpus)
    memory = f"{MEMORY_GIB + (MEMORY_GIB + SHM_PER_GPU_GIB) * spec.gpus}Gi"
    return {
        "name": "engine",
        "image": spec.image,
        "args": engine_args(spec),
        "env": [
            {"name": "HOME", "value": "/cache"},
            {"name": "HF_HOME", "value": "/cache/huggingface"},
            # Both are optional: without the secret the model must be public, and the API asks for no key.
            _secret("HF_TOKEN", f"{spec.name}-access", "hf-token"),
            _secret("VLLM_API_KEY", f"{spec.name}-access", "api-key"),
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        # Until the engine is up nothing else is probed; twice the assumed cold start before it is given up.
        "startupProbe": {**probe, "failureThreshold": math.ceil(2 * spec.cold_start_s / PROBE_S)},
        "readinessProbe": {**probe, "failureThreshold": 2},
        "livenessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        # Requests still arrive while the endpoint is being forgotten; after that vLLM ends what it runs.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(LEAVE_S)]}}},
        "resources": {
            "requests": {"cpu": str(CORES_BESIDES + spec.gpus), "memory": memory, "nvidia.com/gpu": amount},
            "limits": {"memory": memory, "nvidia.com/gpu": amount},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": "cache", "mountPath": "/cache"},
            {"name": "shm", "mountPath": "/dev/shm"},
        ],
    }


def _secret(variable: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}


def pod(spec: Deployed) -> dict[str, Any]:
    """Spec of a pod."""
    selector = {"matchLabels": labels(spec)}
    zones: dict[str, Any] = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": selector,
    }
    if spec.survive == "zone":
        # An uneven spread loses more with a zone than the plan was simulated with.
        zones |= {"whenUnsatisfiable": "DoNotSchedule", "minDomains": 3}
    hosts = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": selector,
    }
    made: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": math.ceil(spec.drain_s) + LEAVE_S + 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [zones, hosts],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [container(spec)],
        "volumes": [
            {"name": "cache", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{SHM_PER_GPU_GIB * spec.gpus}Gi"}},
        ],
    }
    if spec.gpu in PRODUCTS:
        product = {"key": "nvidia.com/gpu.product", "operator": "In", "values": PRODUCTS[spec.gpu]}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [product]}]}
        made["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    return made
