"""Exports of a plan: manifests that pass the schemas of Kubernetes, and say what the plan says."""

from __future__ import annotations

import dataclasses
import itertools
import re
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

from reference.serving.deploy import Deployed, DeployError, deployed, export
from reference.serving.deploy.kubernetes import manifests, service_monitor
from reference.serving.deploy.pods import LEAVE_S, PRODUCTS, engine_args
from reference.serving.deploy.ray_serve import ACCELERATORS, ray_serve_config
from reference.serving.deploy.scaling import METRIC, adapter_rules, cron, promql, quantity
from reference.serving.deploy.write import to_yaml
from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived
from reference.sizing.fleet.design import Autoscaling
from reference.sizing.fleet.plan.candidates import Candidate
from reference.sizing.fleet.plan.formula import Guess
from reference.sizing.fleet.plan.make import Row
from reference.sizing.fleet.plan.requirements import Requirements
from reference.sizing.fleet.plan.size import Sizing
from reference.sizing.fleet.plan.window import Window
from reference.sizing.hardware import accelerator_keys

LIMITS = EngineLimits(256, 8192, 400_000, 8192)
SPEC = Deployed(
    name="chat", source="meta-llama/Llama-3.1-70B", gpu="h100", gpus=4, dtype="fp8", limits=LIMITS, replicas=27,
    survivors=18, least=3, target_in_flight=35.5, cold_start_s=275.3, drain_s=131.0, namespace="serving",
)  # fmt: skip
VERSIONS = ["1.27", "1.32", "1.36"]


def kind(documents, name):
    return next(one for one in documents if one["kind"] == name)


def pod_of(spec):
    return kind(manifests(spec), "Deployment")["spec"]["template"]["spec"]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("survive", "scaler"), [("zone", "hpa"), ("replica", "none"), ("nothing", "hpa")])
def test_manifests_pass_the_schemas_of_kubernetes(version, survive, scaler):
    import kubernetes_validate

    spec = dataclasses.replace(SPEC, survive=survive, scaler=scaler)
    documents = list(yaml.safe_load_all(to_yaml(*manifests(spec))))
    assert len(documents) == (5 if scaler == "hpa" else 4)
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


BREAKS = {
    "a field that there is not": lambda d: d["spec"].update(replica=3),
    "a container without a name": lambda d: d["spec"]["template"]["spec"]["containers"][0].pop("name"),
    "a port that is a word": lambda d: d["spec"]["template"]["spec"]["containers"][0]["ports"][0].update(
        containerPort="http"
    ),
    "no selector": lambda d: d["spec"].pop("selector"),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_broken_manifests_do_not_pass(broken):
    import kubernetes_validate

    document = kind(manifests(SPEC), "Deployment")
    BREAKS[broken](document)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.34", strict=True)


def test_arguments_are_the_limits_that_were_simulated():
    args = engine_args(SPEC)
    told = dict(itertools.pairwise(args))
    assert args[0] == SPEC.source
    assert told["--tensor-parallel-size"] == "4"
    assert told["--max-num-seqs"] == "256"
    assert told["--max-num-batched-tokens"] == "8192"
    assert told["--max-model-len"] == "8192"
    assert told["--quantization"] == "fp8"
    assert "--enable-prefix-caching" in args
    off = dataclasses.replace(SPEC, dtype="bf16", limits=dataclasses.replace(LIMITS, prefix_caching=False))
    assert "--no-enable-prefix-caching" in engine_args(off)
    assert "--quantization" not in engine_args(off)


def test_vllm_knows_every_argument():
    found = find_spec("vllm")
    if found is None or found.origin is None:
        pytest.skip("vLLM is not installed: its flags cannot be looked up")
    source = (Path(found.origin).parent / "engine" / "arg_utils.py").read_text(encoding="utf-8")
    # The server's own three are defined beside it.
    own = {"--host", "--port", "--served-model-name"}
    for flag in (one for one in engine_args(SPEC) if one.startswith("--")):
        assert flag in own or f'"{flag.replace("--no-", "--")}"' in source, flag


def test_a_pod_drains_before_it_is_killed():
    pod = pod_of(SPEC)
    told = dict(itertools.pairwise(engine_args(SPEC)))
    assert pod["terminationGracePeriodSeconds"] > LEAVE_S + int(told["--shutdown-timeout"])
    assert pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", str(LEAVE_S)]


def test_the_startup_probe_outlasts_the_cold_start():
    probe = pod_of(SPEC)["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 2 * SPEC.cold_start_s
    deployment = kind(manifests(SPEC), "Deployment")["spec"]
    assert deployment["progressDeadlineSeconds"] > SPEC.cold_start_s
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_pods_run_without_root_and_without_secrets_in_them():
    pod = pod_of(SPEC)
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    for variable in container["env"]:
        if re.search("TOKEN|KEY", variable["name"]):
            assert set(variable) == {"name", "valueFrom"}
    assert "Secret" not in {one["kind"] for one in manifests(SPEC)}


def test_gpus_shared_memory_and_nodes_fit_the_design():
    pod = pod_of(SPEC)
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "4"
    shm = next(volume for volume in pod["volumes"] if volume["name"] == "shm")
    assert shm["emptyDir"]["medium"] == "Memory"
    assert {"name": "shm", "mountPath": "/dev/shm"} in pod["containers"][0]["volumeMounts"]
    term = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]
    assert term["matchExpressions"][0]["values"] == ["NVIDIA-H100-80GB-HBM3"]


def test_every_gpu_of_the_table_has_a_product_and_a_name_in_ray():
    assert set(accelerator_keys()) == set(PRODUCTS) == set(ACCELERATORS)


def test_a_fleet_that_survives_a_zone_insists_on_three():
    zones = pod_of(SPEC)["topologySpreadConstraints"][0]
    assert (zones["whenUnsatisfiable"], zones["minDomains"]) == ("DoNotSchedule", 3)
    loose = pod_of(dataclasses.replace(SPEC, survive="replica"))["topologySpreadConstraints"][0]
    assert loose["whenUnsatisfiable"] == "ScheduleAnyway"
    assert "minDomains" not in loose


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({}, {"minAvailable": "67%"}),
        ({"scaler": "none"}, {"minAvailable": 18}),
        ({"replicas": 19}, {"minAvailable": "95%"}),
        ({"replicas": 18, "survive": "nothing"}, {"maxUnavailable": 1}),
    ],
)
def test_no_more_pods_may_be_taken_than_the_plan_survives(changes, limit):
    budget = kind(manifests(dataclasses.replace(SPEC, **changes)), "PodDisruptionBudget")["spec"]
    assert {key: value for key, value in budget.items() if key != "selector"} == limit


def test_selectors_find_the_pods():
    documents = manifests(SPEC)
    pods = kind(documents, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert kind(documents, "Deployment")["spec"]["selector"]["matchLabels"] == pods
    assert kind(documents, "Service")["spec"]["selector"] == pods
    assert kind(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == pods
    assert kind(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == pods
    assert service_monitor(SPEC)["spec"]["selector"]["matchLabels"] == pods
    assert {one["metadata"]["namespace"] for one in documents} == {"serving"}


def test_the_hpa_aims_at_the_plans_requests_in_flight():
    hpa = kind(manifests(SPEC), "HorizontalPodAutoscaler")["spec"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (3, 27)
    (metric,) = hpa["metrics"]
    assert metric["pods"]["metric"]["name"] == METRIC
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "35500m"}
    assert quantity(36.0) == "36"
    # The simulator's autoscaler looks as often, goes up as far as it must, and waits as long before it goes down.
    simulated = Autoscaling(1, 27)
    up, down = hpa["behavior"]["scaleUp"], hpa["behavior"]["scaleDown"]
    assert up["policies"] == [{"type": "Pods", "value": 27, "periodSeconds": simulated.every_s}]
    assert down["stabilizationWindowSeconds"] == simulated.down_after_s
    rule = adapter_rules()["rules"]["custom"][0]
    assert rule["name"]["as"] == METRIC
    for gauge in ("vllm:num_requests_waiting", "vllm:num_requests_running"):
        assert gauge in rule["metricsQuery"]


def test_the_number_of_replicas_belongs_to_the_autoscaler():
    assert "replicas" not in kind(manifests(SPEC), "Deployment")["spec"]
    assert kind(manifests(dataclasses.replace(SPEC, scaler="none")), "Deployment")["spec"]["replicas"] == 27


# Fields of a ScaledObject (keda.sh/v1alpha1) and of its triggers as KEDA's documentation of 2.15 to 2.17 names them.
BEHAVIOR = {"type": "object", "properties": {"scaleUp": {}, "scaleDown": {}}, "additionalProperties": False}
WHOLE = {"type": "integer", "minimum": 0}
TEXT = {"type": "string", "minLength": 1}
CRON = {"type": "string", "pattern": r"^[0-5]?\d ([01]?\d|2[0-3]) \* \* \*$"}
SCALED_OBJECT = {
    "type": "object", "required": ["apiVersion", "kind", "metadata", "spec"], "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "keda.sh/v1alpha1"}, "kind": {"const": "ScaledObject"}, "metadata": {"type": "object"},
        "spec": {
            "type": "object", "required": ["scaleTargetRef", "triggers"], "additionalProperties": False,
            "properties": {
                "scaleTargetRef": {
                    "required": ["name"], "additionalProperties": False,
                    "properties": {
                        "apiVersion": TEXT, "kind": TEXT, "name": TEXT, "envSourceContainerName": TEXT,
                    },
                },
                "pollingInterval": WHOLE, "cooldownPeriod": WHOLE, "initialCooldownPeriod": WHOLE,
                "idleReplicaCount": {"const": 0}, "minReplicaCount": WHOLE, "maxReplicaCount": WHOLE,
                "fallback": {
                    "required": ["failureThreshold", "replicas"], "additionalProperties": False,
                    "properties": {"failureThreshold": WHOLE, "replicas": WHOLE, "behavior": TEXT},
                },
                "advanced": {
                    "additionalProperties": False,
                    "properties": {
                        "restoreToOriginalReplicaCount": {"type": "boolean"}, "scalingModifiers": {},
                        "horizontalPodAutoscalerConfig": {
                            "additionalProperties": False, "properties": {"name": TEXT, "behavior": BEHAVIOR},
                        },
                    },
                },
                "triggers": {
                    "type": "array", "minItems": 1,
                    "items": {
                        "required": ["type", "metadata"], "additionalProperties": False,
                        "properties": {
                            "type": {"enum": ["prometheus", "cron"]}, "name": TEXT,
                            "metricType": {"enum": ["AverageValue", "Value"]}, "useCachedMetrics": {"type": "boolean"},
                            "authenticationRef": {}, "metadata": {"type": "object", "additionalProperties": TEXT},
                        },
                        "allOf": [
                            {
                                "if": {"properties": {"type": {"const": "prometheus"}}},
                                "then": {"properties": {"metadata": {
                                    "required": ["serverAddress", "query", "threshold"],
                                    "propertyNames": {"enum": [
                                        "serverAddress", "query", "threshold", "activationThreshold", "namespace",
                                        "queryParameters", "customHeaders", "ignoreNullValues", "unsafeSsl", "timeout",
                                        "authModes",
                                    ]},
                                }}},
                                "else": {"properties": {"metadata": {
                                    "required": ["timezone", "start", "end", "desiredReplicas"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "timezone": TEXT, "start": CRON, "end": CRON,
                                        "desiredReplicas": {"type": "string", "pattern": "^[0-9]+$"},
                                    },
                                }}},
                            },
                        ],
                    },
                },
            },
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("busy", [None, (8.5, 19.5)])
def test_the_scaled_object_has_the_documented_fields(busy):
    spec = dataclasses.replace(SPEC, scaler="keda", busy=busy)
    documents = list(yaml.safe_load_all(to_yaml(*manifests(spec))))
    scaled = kind(documents, "ScaledObject")
    jsonschema.validate(scaled, SCALED_OBJECT)
    assert "HorizontalPodAutoscaler" not in {one["kind"] for one in documents}
    trigger = scaled["spec"]["triggers"][0]["metadata"]
    assert trigger["threshold"] == "35.5"
    assert trigger["query"] == promql(spec)
    assert scaled["spec"]["fallback"]["replicas"] == scaled["spec"]["maxReplicaCount"] == 27
    # The replicas must be there when the hours begin: 275.3 s earlier.
    clock = [one["metadata"] for one in scaled["spec"]["triggers"][1:]]
    assert clock == (
        [{"timezone": "Etc/UTC", "start": "25 8 * * *", "end": "30 19 * * *", "desiredReplicas": "27"}] if busy else []
    )


def test_broken_scaled_objects_do_not_pass():
    def broken(change):
        document = kind(manifests(dataclasses.replace(SPEC, scaler="keda", busy=(1, 2))), "ScaledObject")
        change(document["spec"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, SCALED_OBJECT)

    broken(lambda spec: spec.update(minReplicas=1))
    broken(lambda spec: spec["triggers"][0]["metadata"].pop("query"))
    broken(lambda spec: spec["triggers"][0]["metadata"].update(threshold=35.5))
    broken(lambda spec: spec["triggers"][1]["metadata"].update(start="61 1 * * *"))


def test_a_time_before_midnight_is_the_evening_before():
    assert cron(-5) == "55 23 * * *"
    assert cron(24 * 60) == "0 0 * * *"


def test_the_ray_configuration_says_what_the_plan_says():
    (application,) = ray_serve_config(SPEC)["applications"]
    assert application["import_path"] == "ray.serve.llm:build_openai_app"
    (model,) = application["args"]["llm_configs"]
    assert model["accelerator_type"] == "H100"
    assert model["engine_kwargs"] == {
        "tensor_parallel_size": 4, "max_model_len": 8192, "max_num_seqs": 256, "max_num_batched_tokens": 8192,
        "gpu_memory_utilization": 0.9, "enable_prefix_caching": True, "dtype": "bfloat16", "quantization": "fp8",
    }  # fmt: skip
    scaling = model["deployment_config"]["autoscaling_config"]
    assert (scaling["min_replicas"], scaling["max_replicas"], scaling["target_ongoing_requests"]) == (3, 27, 35.5)


def test_ray_accepts_the_configuration():
    if find_spec("ray") is None:
        pytest.skip("ray is not installed (extra `cluster`): its schema cannot be asked")
    from ray.serve.schema import ServeDeploySchema

    read = ServeDeploySchema.model_validate(yaml.safe_load(to_yaml(ray_serve_config(SPEC))))
    assert read.applications[0].name == "chat"
    # It ignores keys that it does not know, so what must not pass is what it checks.
    broken = ray_serve_config(SPEC)
    del broken["applications"][0]["import_path"]
    with pytest.raises(ValueError, match="import_path"):
        ServeDeploySchema.model_validate(broken)


FAULTS = {
    "name": ["Chat", "-chat", "1chat", "chat.v1", "", "c" * 60, "chat_1"], "namespace": ["a b", "UPPER"],
    "scaler": ["vpa"], "source": ["", "a b"], "replicas": [0], "survivors": [0, 28], "least": [0, 28],
    "target_in_flight": [0, float("inf")], "drain_s": [-1], "cold_start_s": [0], "busy": [(3, 2), (1, 25)],
    "gpu_memory_utilization": [0, 1.1],
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in FAULTS.items() for value in values])
def test_a_fault_names_its_field(field, value):
    with pytest.raises(DeployError, match=field):
        dataclasses.replace(SPEC, **{field: value})


def row(status="feasible", dtype="fp8", **changes) -> Row:
    model = EngineModel("x", StepTime((1.0,), (0.01,)), LIMITS, Derived("test"))
    seen = Window(1000, 0.1, 0.2, 0.15, 0.03, 0.05, 0.04, 1.0, 0.99, 60.0, ())
    sizing = Sizing(300.0, 18, 27, Guess(100, 10, 0.05, "TPOT target"), seen)
    one = Candidate("h100", 4, dtype, f"{dtype} on 4 x h100", model, 27.52)
    return Row(one, status, regions=(sizing,), **changes)


def test_a_row_of_a_plan_becomes_a_specification():
    spec = deployed(Requirements(), row())
    assert spec.name == "llama-3-1-70b"
    assert (spec.replicas, spec.survivors, spec.least) == (27, 18, 27)
    # All 27 share what 18 had in flight.
    assert spec.target_in_flight == pytest.approx(40.0)
    assert spec.drain_s > Requirements().quantile("output", 99) * 0.1
    assert spec.cold_start_s == pytest.approx(240 + 70.55 / 2, rel=1e-3)


@pytest.mark.parametrize("status", ["failed", "infeasible", "not simulated"])
def test_what_is_not_recommended_is_not_exported(status):
    with pytest.raises(DeployError, match=status):
        deployed(Requirements(), row(status, reason="missed 1 of 2"))


def test_quantised_weights_need_a_repository_of_their_own():
    with pytest.raises(DeployError, match="source must name a repository with int4"):
        deployed(Requirements(dtypes=("int4",)), row(dtype="int4"))
    spec = deployed(Requirements(dtypes=("int4",)), row(dtype="int4"), source="org/model-awq")
    assert spec.dtype_args() == ()
    assert "dtype" not in ray_serve_config(spec)["applications"][0]["args"]["llm_configs"][0]["engine_kwargs"]


def test_an_export_writes_every_file_or_none(tmp_path):
    made = export(tmp_path / "new" / "out", SPEC)
    assert sorted(made) == [
        "kubernetes.yaml", "prometheus-adapter-values.yaml", "ray-serve.yaml", "service-monitor.yaml",
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(made)
    assert "&id" not in made["kubernetes.yaml"].read_text()
    assert list(yaml.safe_load_all(made["kubernetes.yaml"].read_text())) == manifests(SPEC)
    (tmp_path / "held" / "ray-serve.yaml").mkdir(parents=True)
    with pytest.raises(DeployError, match="is a folder"):
        export(tmp_path / "held", SPEC)
    assert [path.name for path in (tmp_path / "held").iterdir()] == ["ray-serve.yaml"]
    (tmp_path / "file").write_text("")
    with pytest.raises(DeployError, match="cannot be written"):
        export(tmp_path / "file" / "x", SPEC)
