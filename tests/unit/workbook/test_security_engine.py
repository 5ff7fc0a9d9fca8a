"""The real engine, asked by a stranger, and every port that its processes listen on."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from workbook.doctor import security_servers
from workbook.doctor.security_servers import ASKED, is_loopback, judge


@pytest.mark.engine
def test_the_running_engine_refuses_every_request_without_its_key(engine):
    port = urlsplit(engine.base_url).port
    [mine] = [one for one in security_servers.listeners() if one.port == port]
    found = judge(mine)
    assert (found.status, f"refuses {len(ASKED)} requests" in found.found) == ("ok", True), found


@pytest.mark.engine
def test_no_process_of_the_engine_listens_beyond_loopback(engine):
    """Its workers too: a rendezvous of torch would listen on every address."""
    found = [one for one in security_servers.listeners() if one.name == "vLLM"]
    assert found
    assert [one.where for one in found if not is_loopback(one.host)] == []


@pytest.mark.slow
def test_vllm_takes_the_check_of_the_key(monkeypatch):
    """With vLLM's own function that builds its server, so that no engine has to start."""
    from argparse import Namespace

    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    register = pytest.importorskip("vllm.entrypoints.serve.middleware.register")
    from reference.serving.engine import access

    monkeypatch.setenv("VLLM_API_KEY", "a-key-of-this-test")
    app = FastAPI()
    app.add_api_route("/invocations", lambda: {}, methods=["POST"])
    app.add_api_route("/health", lambda: {})
    options = Namespace(
        allowed_origins=[], allow_credentials=False, allowed_methods=["*"], allowed_headers=["*"], api_key=None,
        enable_request_id_headers=False, middleware=[access.NAME],
    )  # fmt: skip
    register.init_entrypoints_middleware(options, app, ("generate",))
    client = TestClient(app)
    assert client.post("/invocations").status_code == 401
    assert client.post("/invocations", headers={"Authorization": "Bearer a-key-of-this-test"}).status_code == 200
    assert client.get("/health").status_code == 200
