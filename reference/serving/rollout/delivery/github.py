"""A GitHub Actions workflow: gates on a candidate, then the rollout once a person approves."""

from __future__ import annotations

from typing import Any

from reference.serving.rollout.types import Policy


def github_workflow(model: str, policy: Policy, python: str = "3.11") -> dict[str, Any]:
    """The workflow as a mapping; `on` is the key "on" (a YAML writer must not turn it into a truth value).

    The rollout job only starts the rollout: a canary bakes for longer than a job may run, so the controller in the
    cluster goes on with it. The workflow expects policy.json, as exported beside it, at the root of the repository.
    """
    setup: list[dict[str, Any]] = [
        {"uses": "actions/checkout@v4", "with": {"persist-credentials": False}},
        {"uses": "actions/setup-python@v5", "with": {"python-version": python}},
        {"run": "make setup"},
    ]
    candidate = "${{ inputs.candidate }}"
    gates = f'.venv/bin/workbook rollout gates "$CANDIDATE" --model {model} --json > gates.json'
    start = f'.venv/bin/workbook rollout start "{model}-$CANDIDATE" "$CANDIDATE" --policy policy.json --json'
    return {
        "name": f"Release {model}",
        "on": {
            "workflow_dispatch": {
                "inputs": {
                    "candidate": {"description": "Version to release", "required": True, "type": "string"},
                }
            }
        },
        "permissions": {"contents": "read"},
        # Two releases of one model at once would each be the other's noise; the state store refuses the second too.
        "concurrency": {"group": f"release-{model}", "cancel-in-progress": False},
        "jobs": {
            "gates": {
                "runs-on": "ubuntu-latest",
                "timeout-minutes": 30,
                # Without the registry there is no production version, and the regression gate decides nothing.
                "env": {"CANDIDATE": candidate, "MLFLOW_TRACKING_URI": "${{ secrets.MLFLOW_TRACKING_URI }}"},
                "steps": [
                    *setup,
                    {"name": "Gates", "run": gates},
                    {
                        "if": "always()",
                        "uses": "actions/upload-artifact@v4",
                        "with": {"name": "gates", "path": "gates.json"},
                    },
                ],
            },
            "rollout": {
                "needs": "gates",
                "runs-on": "ubuntu-latest",
                "timeout-minutes": 30,
                "environment": "production",
                "env": {
                    "CANDIDATE": candidate,
                    "REDIS_URL": "${{ secrets.REDIS_URL }}",
                    "MLFLOW_TRACKING_URI": "${{ secrets.MLFLOW_TRACKING_URI }}",
                    "WORKBOOK_ROLLOUT_ENGINE_URL": "${{ vars.ENGINE_URL }}",
                    "WORKBOOK_ENGINE_KEY": "${{ secrets.ENGINE_KEY }}",
                },
                "steps": [*setup, {"name": f"Start at {policy.steps[0]:.0%}", "run": start}],
            },
        },
    }
