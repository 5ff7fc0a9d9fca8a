"""An OpenAI-compatible server of *known* latency: the reference against which measuring tools are measured.

It generates no text with a model. Token k (k = 0, 1, ...) of a request is sent at the absolute deadline
``t0 + ttft + k * itl``, where t0 is the moment the request got a slot; because every deadline counts from t0, one late
token does not delay the next. What the stub itself adds (its own lateness against those deadlines) is recorded and
served at ``GET /stub/timing``, so that an error of the client can be told from an error of the stub.

    python -m reference.serving.stub_engine --port 9000 --ttft-ms 100 --itl-ms 20 [--slots 16]

No figure taken through this server is a measurement of an engine: it calibrates clients, proxies and tests.
"""

from reference.serving.stub_engine.app import Fault, FaultKind, StubSettings
from reference.serving.stub_engine.process import StubEngine

__all__ = ["Fault", "FaultKind", "StubEngine", "StubSettings"]
