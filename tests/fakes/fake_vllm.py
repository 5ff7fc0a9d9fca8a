"""A stand-in for vLLM's server process, for life-cycle tests only: what matters is how it starts, dies and answers.

fake_vllm.py PORT NAME[,NAME...] [--delay S] [--exit CODE --say TEXT] [--stubborn] [--child]
    [--busy] [--busy-until FILE]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("names")
parser.add_argument("--delay", type=float, default=0)
parser.add_argument("--exit", type=int)
parser.add_argument("--say", default="")
parser.add_argument("--stubborn", action="store_true", help="ignore SIGTERM")
parser.add_argument("--child", action="store_true", help="have a worker process that outlives a killed parent")
parser.add_argument("--busy", action="store_true", help="report a running request for ever")
parser.add_argument("--busy-until", metavar="FILE", help="report a running request until the file is there")
given = parser.parse_args()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if (
            self.path == "/v1/models"
            and self.headers.get("Authorization") != f"Bearer {os.environ.get('VLLM_API_KEY')}"
        ):
            return self.answer(401, "{}")
        if self.path == "/v1/models":
            return self.answer(200, json.dumps({"data": [{"id": name} for name in given.names.split(",")]}))
        if self.path == "/metrics":
            busy = given.busy or (given.busy_until and not os.path.exists(given.busy_until))
            return self.answer(200, f"vllm:num_requests_running {1.0 if busy else 0.0}\n")
        return self.answer(200, "")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


if given.stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if given.child:
    subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
print(given.say, flush=True)
time.sleep(given.delay)
if given.exit is not None:
    sys.exit(given.exit)
ThreadingHTTPServer(("127.0.0.1", given.port), Handler).serve_forever()
