"""What keeps the gateway and its Redis from starting is named with the mend."""

from __future__ import annotations

import socket

import pytest

from reference.serving import redis_private, redis_store
from reference.serving.gateway.server import GatewayStartError, serve
from reference.serving.gateway.settings import Settings
from reference.serving.redis_private import RedisUnavailable


def test_a_gateway_s_port_that_is_taken_is_named_with_the_setting(monkeypatch):
    monkeypatch.setattr("reference.serving.gateway.server._prepared", lambda settings, parts: None)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(GatewayStartError, match=rf"port {port} on 127\.0\.0\.1: .*GATEWAY_PORT"):
            serve(Settings(port=port, redis_url="redis://127.0.0.1:1"))


def test_a_redis_binary_that_is_missing_or_of_another_system_leads_to_redis_url(tmp_path, monkeypatch):
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    with pytest.raises(RedisUnavailable, match=r"no redis-server .*REDIS_URL"), redis_store.private_redis():
        pass
    binary = tmp_path / "bin" / "redis-server"
    binary.parent.mkdir()
    binary.write_bytes(b"\x7fELF of another processor")
    binary.chmod(0o755)
    with pytest.raises(RedisUnavailable, match=r"cannot run here: .*Exec format error.*REDIS_URL"):
        redis_private.spawn_server(tmp_path, tmp_path / "r.sock")
