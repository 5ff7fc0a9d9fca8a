"""Calls to the engine about adapters never ride on a connection that the engine may be closing."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reference.serving.engine.handle import Engine
from reference.serving.rollout.versions.engine import VllmAdapters


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # the server would keep the connection
    connections = 0

    def setup(self):
        type(self).connections += 1
        super().setup()

    def do_GET(self):
        body = b'{"data": [{"id": "v1", "parent": "base"}]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given):
        pass


def test_every_call_has_a_connection_of_its_own():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    adapters = VllmAdapters(Engine(f"http://127.0.0.1:{server.server_address[1]}/v1", "key", "base", None, False))
    try:
        assert [adapters.loaded() for _ in range(3)] == [{"v1"}] * 3
        assert Handler.connections == 3
    finally:
        adapters.close()
        server.shutdown()
        server.server_close()
