"""How fast is a web port, and a way out over the web? The same bodies to ours and to nginx (DAV) beside it, in turn.

Ours takes each into a spool, durable before the answer; nginx writes a file and flushes nothing. So ours is measured
with flushes, as it runs, and without, as nginx does; in the clear and over TLS. Sending is measured against curl, which
uploads the same files to the same port of ours; ours reads each file twice, as it says its digest first. nginx:
`apt-get install nginx-light`.
"""

import http.client
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trustme

from appliance.demonstration.pacs import free_port
from appliance.secrets import Secrets
from engine.destinations.https import Https
from engine.entry import Entry
from engine.object import Origin
from engine.program import Destination
from engine.pump import Result, Sent
from engine.signature import Argument
from tests.benchmarks.__main__ import say
from tests.data.make import instance

ROUNDS = 5
SIZES = {"50 KB": (50 << 10, 600), "500 KB": (500 << 10, 200), "50 MB": (50 << 20, 8)}
"""Size of a body, and how many."""
CLIENTS = (1, 8)

_OURS = """
import os, ssl, sys
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
context = None
if sys.argv[3]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
tls = None if context is None else lambda: context
listener = HttpListener(0, House(accept, spool.new_work_file), address="127.0.0.1", context=tls)
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
    listen 127.0.0.1:{port}{tls}; root {root}/files;
    location / {{ dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""


def main() -> None:
    """Print MB/s for each size and number of clients, and the ratios: medians of rounds that take turns."""
    if shutil.which("nginx") is None or shutil.which("curl") is None:
        say("nginx or curl is not there (apt-get install nginx-light curl): nothing to compare with")
        return
    for secure in (False, True):
        for name, (size, count) in SIZES.items():
            for clients in CLIENTS:
                what = f"{count} of {name}, {clients} at once{' over TLS' if secure else ''}"
                kinds = ("nginx", "flushed", "unflushed")
                _compare(what, {kind: partial(_received, kind, size, count, clients, secure) for kind in kinds})
    for name, (size, count) in SIZES.items():
        kinds = {"curl": partial(_sent, _with_curl, size, count), "ours": partial(_sent, _with_ours, size, count)}
        _compare(f"sending {count} of {name}", kinds)


def _compare(what: str, kinds: Mapping[str, Callable[[], float]]) -> None:
    """The first is what the others are compared with."""
    first = next(iter(kinds))
    speeds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, measure in kinds.items():
            speeds[kind].append(measure())
    for kind, found in speeds.items():
        ratio = statistics.median(one / other for one, other in zip(found, speeds[first], strict=True))
        spread = f"{statistics.median(found):7.1f} MB/s ({min(found):.1f} to {max(found):.1f})"
        say(f"{what}, {kind:10} {spread}, {ratio:5.2f} times {first}")


def _body(root: Path, size: int) -> bytes:
    image = instance(root, name="a.dcm").read_bytes()
    return image + bytes(size - len(image))


def _received(kind: str, size: int, count: int, clients: int, secure: bool) -> float:
    root = Path(tempfile.mkdtemp(prefix="stellwerk-https-"))
    body = _body(root, size)
    try:
        if secure:
            trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(root / "pem"))
        with _nginx(root, secure=secure) if kind == "nginx" else _ours(root, kind, secure=secure) as port:
            method = "PUT" if kind == "nginx" else "POST"
            begun = time.monotonic()
            threads = [
                threading.Thread(target=_send, args=(port, method, body, range(one, count, clients), secure))
                for one in range(clients)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.monotonic() - begun
            _expect(root, size, count)
        return count * size / 1e6 / seconds
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _expect(root: Path, size: int, count: int) -> None:
    kept = (root / "spool", root / "files")
    files = [path for one in kept for path in one.rglob("*") if path.is_file() and path.stat().st_size == size]
    assert len(files) == count, f"{len(files)} of {count} have come"


def _send(port: int, method: str, body: bytes, numbers: range, secure: bool) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    if secure:
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        line = http.client.HTTPSConnection("127.0.0.1", port, timeout=120, context=anybody)
    for number in numbers:
        line.request(method, f"/{number}.dcm", body, {"Content-Type": "application/x-mirc"})
        answer = line.getresponse()
        answer.read()
        assert answer.status in (200, 201, 204), answer.status
    line.close()


def _sent(send: Callable[[Path, int, list[Path]], None], size: int, count: int) -> float:
    """To a port of ours that flushes nothing, over one connection."""
    root = Path(tempfile.mkdtemp(prefix="stellwerk-https-"))
    body = _body(root, size)
    owed = [root / f"{number}.dcm" for number in range(count)]
    try:
        for path in owed:
            path.write_bytes(body)
        with _ours(root, "unflushed", secure=False) as port:
            begun = time.monotonic()
            send(root, port, owed)
            seconds = time.monotonic() - begun
            _expect(root, size, count)
        return count * size / 1e6 / seconds
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _with_curl(root: Path, port: int, owed: list[Path]) -> None:
    options = (
        'request = POST\nheader = "Content-Type: application/x-mirc"\nheader = "Expect:"\nfail\noutput = /dev/null\n'
    )
    each = (f'{options}upload-file = "{path}"\nurl = "http://127.0.0.1:{port}/"\n' for path in owed)
    (root / "curl").write_text("next\n".join(each))
    subprocess.run(["curl", "--silent", "--config", str(root / "curl")], check=True)


def _with_ours(root: Path, port: int, owed: list[Path]) -> None:
    declared = Destination("THERE", "http", {"address": Argument("text", f"http://127.0.0.1:{port}/")})
    destination = Https(declared, Secrets(root), ssl.create_default_context)
    entries = [Entry(path.stem, path.stem, "THERE", "r", "1", "p", Origin("dicom", 1), file=path) for path in owed]
    results: list[Result] = []
    destination.send(entries, lambda _, result: results.append(result), lambda: False)
    destination.close()
    assert results == [Sent("THERE")] * len(owed), results[:1]


@contextmanager
def _ours(root: Path, kind: str, *, secure: bool) -> Iterator[int]:
    command = [sys.executable, "-c", _OURS, str(root / "spool"), kind, str(root / "pem") if secure else ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline())
        process.stdin.close()


@contextmanager
def _nginx(root: Path, *, secure: bool) -> Iterator[int]:
    port = free_port()
    (root / "files").mkdir()
    root.chmod(0o755)
    tls = f" ssl; ssl_certificate {root}/pem; ssl_certificate_key {root}/pem" if secure else ""
    rules = _NGINX.format(root=root, port=port, tls=tls)
    (root / "conf").write_text(("user root;" if os.getuid() == 0 else "") + rules)
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
