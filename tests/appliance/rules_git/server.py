"""A real Git server for tests: `git http-backend` behind HTTPS, with a log-in, and a clone to make commits in."""

import base64
import os
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from engine.certificates import facts_of
from tests.certificates import self_signed

git_missing = shutil.which("git") is None
"""Whether git, which makes the commits and serves them, is missing on this machine."""

TOKEN = "glpat-Zyxwicz0815"


class GitServer:
    """One bare repository `praxis/rules.git`; whoever has the token may read it."""

    def __init__(self, root: Path) -> None:
        self.root, self.token = root, TOKEN
        self.bare, self.clone = root / "served/praxis/rules.git", root / "clone"
        self.asked: list[tuple[str, int]] = []
        """Path and status of each answer."""
        self.instead: tuple[int, dict[str, str], bytes] | None = None
        """What is answered to everything, in place of what Git says."""
        self.bare.parent.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=root)
        self.git("clone", "-q", str(self.bare), str(self.clone), cwd=root)
        self.git("checkout", "-q", "-B", "main")
        identity = self_signed(root / "tls")
        self.fingerprint = facts_of(identity.chain.read_bytes())[0].fingerprint
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.chain, identity.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"https://127.0.0.1:{self.port}/praxis/rules.git"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """A command of git, with nothing of this machine's own settings."""
        names = {f"GIT_{who}_{what}": "Anna" if what == "NAME" else "anna@praxis.example"
                 for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1", **names}
        done = subprocess.run(
            ["git", *words], cwd=cwd or self.clone, env=plain, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, why: str = "a change", **texts: str | None) -> str:
        """Write files (`a__rules` is a.rules; None removes one), commit and push them; answers the commit."""
        for name, text in texts.items():
            path = self.clone / name.replace("__", ".")
            if text is None:
                path.unlink()
            else:
                path.write_text(text, "utf-8")
        return self.push(why)

    def push(self, why: str) -> str:
        """Commit and push what lies in the clone."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", why)
        self.git("push", "-q", "--force", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def close(self) -> None:
        """Be away."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _answer(self, body: bytes) -> None:
                status, headers, said = server.answer(self.command, self.path, dict(self.headers), body)
                server.asked.append((self.path, status))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(said))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *said: object) -> None:
                pass

        return Handler

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """What `git http-backend` says to it."""
        if self.instead is not None:
            return self.instead
        user, _, token = base64.b64decode(headers.get("authorization", "Basic ").partition(" ")[2]).partition(b":")
        if self.token and (not user or token != self.token.encode()):
            return 401, {"WWW-Authenticate": 'Basic realm="git"'}, b""
        where, _, query = path.partition("?")
        made = {
            **{"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root / "served"), "GIT_HTTP_EXPORT_ALL": "1"},
            **{"PATH_INFO": where, "QUERY_STRING": query, "REQUEST_METHOD": method, "HOME": str(self.root)},
            **{"CONTENT_TYPE": headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body))},
            "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=made, capture_output=True, check=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        found = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return int(found.pop("Status", "200").split()[0]), found, rest
