"""How fast is a web port? The same bodies to ours and to nginx (DAV) beside it, in turn, and the ratios.

Ours takes each into a spool, durable before the answer; nginx writes a file and flushes nothing. So ours is measured
with flushes, as it runs, and without, as nginx does. nginx: `apt-get install nginx-light`.
"""

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.demonstration.pacs import free_port
from tests.benchmarks.__main__ import say
from tests.data.make import instance

ROUNDS = 5
SIZES = {"50 KB": (50 << 10, 600), "500 KB": (500 << 10, 200), "50 MB": (50 << 20, 8)}
"""Size of a body, and how many."""
CLIENTS = (1, 8)

_OURS = """
import os, sys
from pathlib import Path
if sys.argv[2] == "unflushed":
    os.fsync = lambda _: None
from engine.object import Origin
from engine.sources.https import HttpListener
from engine.sources.posted import House
from engine.spool import Spool
spool = Spool(Path(sys.argv[1]))
def accept(upload):
    spool.accept(upload.file, Origin("http", 1, address=upload.address), "0" * 16)
listener = HttpListener(0, House(accept, spool.new_work_file), address="127.0.0.1")
listener.start()
print(listener.port, flush=True)
sys.stdin.read()
"""

_NGINX = """
daemon off; master_process off; pid {root}/pid; error_log {root}/error; worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {root}/temp; client_body_buffer_size 256k;
  proxy_temp_path {root}/t1; fastcgi_temp_path {root}/t2; uwsgi_temp_path {root}/t3; scgi_temp_path {root}/t4;
  server {{
    listen 127.0.0.1:{port}; root {root}/files;
    location / {{ dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""


def main() -> None:
    """Print MB/s for each size and number of clients, and the ratio to nginx: medians of rounds that take turns."""
    if shutil.which("nginx") is None:
        say("nginx is not there (apt-get install nginx-light): nothing to compare with")
        return
    for name, (size, count) in SIZES.items():
        for clients in CLIENTS:
            speeds: dict[str, list[float]] = {"nginx": [], "flushed": [], "unflushed": []}
            for _ in range(ROUNDS):
                for kind, found in speeds.items():
                    found.append(_round(kind, size, count, clients))
            for kind, found in speeds.items():
                ratio = statistics.median(one / other for one, other in zip(found, speeds["nginx"], strict=True))
                spread = f"{statistics.median(found):7.1f} MB/s ({min(found):.1f} to {max(found):.1f})"
                say(f"{count} of {name}, {clients} at once, {kind:10} {spread}, {ratio:5.2f} times nginx")


def _round(kind: str, size: int, count: int, clients: int) -> float:
    root = Path(tempfile.mkdtemp(prefix="stellwerk-https-"))
    image = instance(root, name="a.dcm").read_bytes()
    body = image + bytes(size - len(image))
    try:
        with _nginx(root) if kind == "nginx" else _ours(root, kind) as port:
            method = "PUT" if kind == "nginx" else "POST"
            begun = time.monotonic()
            threads = [
                threading.Thread(target=_send, args=(port, method, body, range(one, count, clients)))
                for one in range(clients)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.monotonic() - begun
            files = [path for path in root.rglob("*") if path.is_file() and path.stat().st_size == size]
            assert len(files) == count, f"{len(files)} of {count} have come"
        return count * size / 1e6 / seconds
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _send(port: int, method: str, body: bytes, numbers: range) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for number in numbers:
        line.request(method, f"/{number}.dcm", body, {"Content-Type": "application/x-mirc"})
        answer = line.getresponse()
        answer.read()
        assert answer.status in (200, 201, 204), answer.status
    line.close()


@contextmanager
def _ours(root: Path, kind: str) -> Iterator[int]:
    command = [sys.executable, "-c", _OURS, str(root / "spool"), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline())
        process.stdin.close()


@contextmanager
def _nginx(root: Path) -> Iterator[int]:
    port = free_port()
    (root / "files").mkdir()
    root.chmod(0o755)
    (root / "conf").write_text(("user root;" if os.getuid() == 0 else "") + _NGINX.format(root=root, port=port))
    with subprocess.Popen(["nginx", "-c", str(root / "conf"), "-p", str(root)], stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
        except OSError:
            assert time.monotonic() < end, "nginx does not listen"
            time.sleep(0.05)
        else:
            return
