"""Gates before a release: what 500 cases, the artefact itself and production beside it say of a candidate."""

from reference.serving.rollout.gates.artefact import ArtefactGate
from reference.serving.rollout.gates.limits import GateLimits
from reference.serving.rollout.gates.operations import CostGate, LatencyGate
from reference.serving.rollout.gates.pipeline import GateReport, run_gates, run_gates_together
from reference.serving.rollout.gates.quality import AccuracyGate, RegressionGate, UnsafeGate

__all__ = [
    "AccuracyGate",
    "ArtefactGate",
    "CostGate",
    "GateLimits",
    "GateReport",
    "LatencyGate",
    "RegressionGate",
    "UnsafeGate",
    "run_gates",
    "run_gates_together",
]
