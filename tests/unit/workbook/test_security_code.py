"""Places that bind a server, and calls that run code from data: found by syntax, each with its reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from workbook.doctor import security_code, security_data
from workbook.doctor.security_code import bound_hosts, unsafe_loads

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def sources():
    return list(security_code.sources(ROOT))


@pytest.mark.slow
def test_no_module_loads_data_that_can_run_code(sources):
    hits = [hit for path, tree in sources for hit in unsafe_loads(path, tree)]
    assert security_data.split("unsafe_loading", hits) == ([], [])


@pytest.mark.slow
def test_every_server_is_bound_to_loopback_or_has_its_reason(sources):
    hits = [hit for path, tree in sources for hit in bound_hosts(path, tree)]
    beyond = [hit for hit in hits if not security_code.is_loopback(hit[1])]
    assert security_data.split("binds", beyond) == ([], [])


@pytest.mark.slow
def test_the_servers_that_are_known_are_found(sources):
    """If a server's start is written in a way that the search does not see, its file is missing here."""
    found = {path for path, tree in sources for _ in bound_hosts(path, tree)}
    starts = {
        path
        for path, tree in sources
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("uvicorn.Server", "uvicorn.run")
    }
    assert starts
    assert starts <= found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle\npickle.loads(x)",
        "from pickle import load as l\nl(x)",
        "import pickle\npickle.Unpickler(x).load()",
        "import joblib\njoblib.load(x)",
        "import torch\ntorch.load(x)",
        "import torch\ntorch.load(x, weights_only=False)",
        "import torch as t\nt.load(x, map_location='cpu')",
        "import numpy as np\nnp.load(x, allow_pickle=True)",
        "import numpy as np\nnp.load(x, allow_pickle=trust)",
        "import pandas as pd\npd.read_pickle(x)",
        "import yaml\nyaml.load(x, Loader=yaml.Loader)",
        "import yaml\nyaml.unsafe_load(x)",
        "import marshal\nmarshal.loads(x)",
        "import shelve\nshelve.open(x)",
        "eval(x)",
        "exec(x)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
    ],
)
def test_a_call_that_runs_code_from_data_is_seen(code):
    assert list(unsafe_loads("x.py", ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.load(x, weights_only=True)",
        "import numpy as np\nnp.load(x)",
        "import numpy as np\nnp.load(x, allow_pickle=False)",
        "import yaml\nyaml.load(x, Loader=yaml.SafeLoader)\nyaml.safe_load(x)",
        "import json\njson.loads(x)",
        "model.eval()",
        "client.eval(script, 1)",
        "import pickletools\npickletools.genops(x)",
    ],
)
def test_a_call_that_loads_plain_data_is_not_seen(code):
    assert not list(unsafe_loads("x.py", ast.parse(code)))


@pytest.mark.parametrize(
    ("code", "host"),
    [
        ("s.bind(('0.0.0.0', 80))", "0.0.0.0"),
        ("s.bind((host, port))", "host"),
        ("uvicorn.run(app, host='0.0.0.0')", "0.0.0.0"),
        ("import uvicorn as u\nu.Config(app, host=settings.host)", "settings.host"),
        ("from http.server import HTTPServer\nHTTPServer(('', 0), H)", ""),
        ("asyncio.start_server(f, None, 80)", "None"),
        ("run(['x', '--host', '0.0.0.0'])", "0.0.0.0"),
        ("args = ['--ServerApp.ip=0.0.0.0']", "0.0.0.0"),
        ("class S:\n    host: str = '0.0.0.0'", "0.0.0.0"),
        ("def f(*, host='::'): ...", "::"),
    ],
)
def test_a_bind_beyond_loopback_is_seen(code, host):
    assert [said for _, said, _ in bound_hosts("x.py", ast.parse(code))] == [host]


def test_an_unlisted_bind_fails_the_doctor(tmp_path):
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "new.py").write_text("s.bind(('0.0.0.0', 80))\n")
    [found] = security_code.binds(tmp_path)
    assert (found.status, "reference/new.py:1 0.0.0.0" in found.found) == ("fail", True)
    (tmp_path / "reference" / "new.py").write_text("import pickle\npickle.load(f)\n")
    [found] = security_code.loading(tmp_path)
    assert (found.status, "pickle.load" in found.found) == ("fail", True)


def test_an_allowance_that_fits_nothing_is_a_finding(tmp_path):
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "new.py").write_text("x = 1\n")
    [found] = security_code.loading(tmp_path)
    assert (found.status, "what is gone" in found.found) == ("warn", True)


@pytest.mark.parametrize("table", ["binds", "unsafe_loading", "fake_secrets", "fakes_in_runs"])
def test_every_allowance_has_a_reason(table):
    assert security_data.allowed(table)


def test_beyond_loopback_the_retrieval_service_wants_keys(monkeypatch, tmp_path):
    from reference.rag.service import server
    from reference.rag.service.settings import ServiceSettings

    with pytest.raises(server.ServiceStartError, match="RAG_KEYS_FILE"):
        server.serve(ServiceSettings(host="0.0.0.0", folder=tmp_path))


def test_the_gateway_serves_nothing_without_a_key():
    """Whatever host it is bound to: every route but health and counters asks the authenticator."""
    from fastapi.testclient import TestClient

    from reference.serving import redis_store
    from reference.serving.gateway.app import create_app
    from reference.serving.gateway.services import load_counter
    from reference.serving.gateway.settings import Settings

    with redis_store.private_redis() as redis:
        settings = Settings(redis_url=redis.url, guardrails=False, engine_url="http://127.0.0.1:9/v1")
        app = create_app(settings, counter=load_counter(None), guards=None)
        with TestClient(app) as client:
            for route in app.routes:
                if route.path in ("/healthz", "/readyz", "/metrics"):
                    continue
                for method in route.methods - {"HEAD"}:
                    path = route.path.replace("{", "").replace("}", "")
                    answer = client.request(method, path, json={} if method == "POST" else None)
                    assert answer.status_code == 401, (method, path, answer.text)
