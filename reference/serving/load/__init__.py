"""Load tests whose own error is known.

`closed_loop` and `open_loop` send load with the client of `vllm bench serve` and return a `LoadRun`; `calibrate_client`
runs the same client against a stub of known latency, and `mark_void` voids what it could not have measured; where that
leaves too little, `send_valid` measures both once more. `replay`
sends a trace of arrivals or given lengths and returns every request, so that a simulation can be held against it.
`zipf_requests` and `expected_hit_rate` are the workload of the exact cache.
"""

from reference.serving.load.calibration import (
    CalibrationPoint,
    ClientCalibration,
    calibrate_client,
    mark_void,
    send_valid,
)
from reference.serving.load.generator import LoadGenerator, LoadGeneratorError, require_loopback, shared_generator
from reference.serving.load.records import LoadPoint, RequestRecord, Summary, summarise
from reference.serving.load.replay import Replay, check_arrivals, replay
from reference.serving.load.runs import LoadRun, closed_loop, open_loop
from reference.serving.load.zipf import expected_hit_rate, hit_rate_std, question, zipf_probabilities, zipf_requests

__all__ = [
    "CalibrationPoint",
    "ClientCalibration",
    "LoadGenerator",
    "LoadGeneratorError",
    "LoadPoint",
    "LoadRun",
    "Replay",
    "RequestRecord",
    "Summary",
    "calibrate_client",
    "check_arrivals",
    "closed_loop",
    "expected_hit_rate",
    "hit_rate_std",
    "mark_void",
    "open_loop",
    "question",
    "replay",
    "require_loopback",
    "send_valid",
    "shared_generator",
    "summarise",
    "zipf_probabilities",
    "zipf_requests",
]
