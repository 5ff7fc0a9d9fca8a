"""What is exported passes the schemas of GitHub and Kubernetes, and says what the policy says."""

import dataclasses
import json
from importlib.resources import files

import jsonschema
import pytest
import yaml

from reference.serving.rollout.control.store import load_policy
from reference.serving.rollout.delivery import argo_manifests, export, github_workflow, kubernetes_manifests
from reference.serving.rollout.delivery.write import to_yaml
from reference.serving.rollout.types import Policy, RolloutError

POLICY = Policy()
WORKFLOWS = json.loads(
    files("check_jsonschema").joinpath("builtin_schemas/vendor/github-workflows.json").read_text(encoding="utf-8")
)


def workflow_faults(document):
    return [fault.message for fault in jsonschema.Draft7Validator(WORKFLOWS).iter_errors(document)]


def test_the_workflow_passes_githubs_schema_after_a_turn_through_yaml():
    text = to_yaml([github_workflow("intent-router", POLICY)])
    read = yaml.safe_load(text)
    assert "on" in read
    assert True not in read
    assert workflow_faults(read) == []
    assert workflow_faults({"jobs": {"x": {"steps": [{"runs": "ls"}]}}}), "the schema refuses a wrong workflow"


def test_the_workflow_never_puts_an_input_into_a_shell_line():
    jobs = github_workflow("intent-router", POLICY)["jobs"].values()
    assert all("${{" not in step.get("run", "") for job in jobs for step in job["steps"])
    assert all("timeout-minutes" in job for job in jobs)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_the_manifests_pass_kubernetes_schemas(version):
    import kubernetes_validate

    documents = kubernetes_manifests("intent-router", POLICY, "workbook:1", "vllm:1")
    for document in yaml.safe_load_all(to_yaml(documents)):
        kubernetes_validate.validate(document, version, strict=True)
    broken = dict(documents[1], spec=dict(documents[1]["spec"], replica=3))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_the_pods_of_the_argo_rollout_pass_kubernetes_schema():
    import kubernetes_validate

    rollout = argo_manifests("intent-router", POLICY, "vllm:1", "http://prometheus:9090")[0]
    pod = rollout["spec"]["template"]
    kubernetes_validate.validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", **pod["metadata"]}, "spec": pod["spec"]},
        "1.34",
        strict=True,
    )


# Fields of Rollout and AnalysisTemplate as their documentation of v1.8 names them, as far as they are used here.
STEP = {
    "oneOf": [
        {"required": ["setWeight"], "properties": {"setWeight": {"type": "integer", "minimum": 0, "maximum": 100}},
         "additionalProperties": False},
        {"required": ["pause"], "properties": {"pause": {"properties": {"duration": {"pattern": "^[0-9]+[smh]$"}},
                                                          "additionalProperties": False}},
         "additionalProperties": False},
    ]
}  # fmt: skip
METRIC = {
    "required": ["name", "provider"],
    "properties": {
        "name": {"type": "string"}, "interval": {"pattern": "^[0-9]+[smh]$"}, "failureLimit": {"type": "integer"},
        "successCondition": {"type": "string"}, "failureCondition": {"type": "string"},
        "provider": {"properties": {"prometheus": {"required": ["address", "query"]}}, "additionalProperties": False},
    },
    "additionalProperties": False,
}  # fmt: skip


def test_argo_carries_the_policys_shares_and_bake_times():
    rollout, analysis = argo_manifests("intent-router", POLICY, "vllm:1", "http://prometheus:9090")
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    for step in steps:
        jsonschema.validate(step, STEP)
    assert [step["setWeight"] for step in steps if "setWeight" in step] == [5, 25, 50, 100]
    assert [step["pause"]["duration"] for step in steps if "pause" in step] == ["86400s", "21600s", "21600s"]
    for metric in analysis["spec"]["metrics"]:
        jsonschema.validate(metric, METRIC)
    limits = [metric["failureCondition"] for metric in analysis["spec"]["metrics"]]
    assert limits == ["len(result) > 0 && result[0] > 2", "len(result) > 0 && result[0] > 1.1"]
    named = rollout["spec"]["strategy"]["canary"]["analysis"]["templates"][0]["templateName"]
    assert named == analysis["metadata"]["name"]


def test_argo_queries_read_metrics_that_the_router_writes():
    import re

    from reference.serving.rollout.routing.recorder import VersionMetrics

    metrics = VersionMetrics()
    for arm in ("candidate", "baseline"):
        metrics.count("intent-router", "v1.1", arm, "error", 0.3)
    text = metrics.text()
    for metric in argo_manifests("intent-router", POLICY, "x", "http://p")[1]["spec"]["metrics"]:
        for name in re.findall(r"rollout_\w+", metric["provider"]["prometheus"]["query"]):
            assert f"{name}{{" in text, name


def test_what_argo_cannot_carry_is_refused_by_name():
    with pytest.raises(RolloutError, match="steps"):
        argo_manifests("m", dataclasses.replace(POLICY, steps=(0.025, 0.25, 0.5, 1.0)), "i", "p", 40)
    with pytest.raises(RolloutError, match="at least 20"):
        argo_manifests("m", POLICY, "i", "p", replicas=4)


def test_export_writes_all_files_or_none(tmp_path):
    made = export(tmp_path / "out", "intent-router", POLICY)
    assert sorted(made) == ["argo-rollout.yaml", "kubernetes.yaml", "policy.json", "release.yml"]
    assert load_policy(made["policy.json"].read_text()) == POLICY
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(made)
    with pytest.raises(RolloutError):
        export(tmp_path / "none", "m", dataclasses.replace(POLICY, steps=(0.001, 0.25, 0.5, 1.0)))
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(RolloutError, match="cannot be written"):
        export(tmp_path / "file" / "x", "m", POLICY)


def test_every_job_and_pod_has_the_environment_that_its_command_reads():
    jobs = github_workflow("intent-router", POLICY)["jobs"]
    assert "MLFLOW_TRACKING_URI" in jobs["gates"]["env"]
    needed = {"REDIS_URL", "MLFLOW_TRACKING_URI", "WORKBOOK_ENGINE_KEY", "WORKBOOK_ROLLOUT_ENGINE_URL"}
    assert needed <= set(jobs["rollout"]["env"])
    pods = [
        container
        for document in kubernetes_manifests("intent-router", POLICY, "workbook:1", "vllm:1")
        if document["kind"] in ("Deployment", "Job")
        for container in document["spec"]["template"]["spec"]["containers"]
        if container["image"] == "workbook:1"
    ]
    assert len(pods) == 2
    assert all(needed <= {one["name"] for one in pod["env"]} for pod in pods)


def test_exported_command_lines_are_ones_that_the_console_script_knows():
    import re
    import shlex

    from typer.main import get_command

    from workbook.cli import app

    known = get_command(app).commands["rollout"].commands
    texts = [json.dumps(github_workflow("intent-router", POLICY))]
    texts.append(json.dumps(kubernetes_manifests("intent-router", POLICY, "workbook:1", "vllm:1")))
    found = re.findall(r"workbook rollout ([^>|&]*)", texts[0].replace('\\"', "'")) + re.findall(
        r"workbook rollout ([^>|&]*?)\"[,\]]", texts[1].replace('\\"', "'")
    )
    watch = next(d for d in kubernetes_manifests("m", POLICY, "a", "b") if d["metadata"]["name"] == "m-controller")
    lines = [shlex.split(line.split('"')[0]) for line in found]
    lines.append(watch["spec"]["template"]["spec"]["containers"][0]["command"][2:])
    assert len(lines) >= 4
    for name, *arguments in lines:
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {one for one in arguments if one.startswith("--")} <= options, name
