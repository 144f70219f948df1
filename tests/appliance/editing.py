"""An editor for tests: it starts the real `stellwerk lsp` and speaks the protocol with it, in plain frames."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

Json = dict[str, object]


class Editor:
    """One session. Requests wait for their answer; what the server tells by itself is kept by file."""

    def __init__(self, folder: Path, *words: str, encodings: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "appliance", "lsp", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("wb"),
        )
        self._told: queue.Queue[Json] = queue.Queue()
        self._number = 0
        self._version = 0
        self._seen: dict[str, list[Json]] = {}
        threading.Thread(target=self._listen, daemon=True).start()
        general = {"positionEncodings": list(encodings)} if encodings else {}
        self.capabilities = self.ask("initialize", processId=None, rootUri=None, capabilities={"general": general})
        self.tell("initialized")

    def _listen(self) -> None:
        out = self.process.stdout
        assert out is not None
        while head := out.readline():
            if head.lower().startswith(b"content-length:"):
                size = int(head.split(b":")[1])
                while out.readline().strip():
                    pass
                self._told.put(json.loads(out.read(size)))
        self._told.put({})

    def _next(self) -> Json:
        message = self._told.get(timeout=60)
        assert message, "it has stopped: " + (self.folder / "stderr").read_text("utf-8")
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            assert isinstance(params, dict)
            self._seen[str(params["uri"]).rpartition("/")[2]] = params["diagnostics"]
        return message

    def _say(self, message: Mapping[str, object]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def tell(self, method: str, **params: object) -> None:
        """A notification."""
        self._say({"method": method, "params": params})

    def ask(self, method: str, **params: object) -> object:
        """A request; its result, or its error as {"error": …}."""
        self._number += 1
        self._say({"id": self._number, "method": method, "params": params or None})
        while True:
            message = self._next()
            if message.get("id") == self._number and "method" not in message:
                return {"error": message["error"]} if "error" in message else message["result"]

    def diagnostics(self, *wanted: str) -> dict[str, list[Json]]:
        """What is told next of these files, by name; other files may be among the answers."""
        self._seen = {}
        while not set(wanted) <= set(self._seen):
            self._next()
        return self._seen

    # --- what a hand does

    def uri(self, name: str) -> str:
        """The address of a file."""
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str | None = None) -> dict[str, list[Json]]:
        """Open a file, perhaps with another text than on disk."""
        text = (self.folder / name).read_text("utf-8") if text is None else text
        document = {"uri": self.uri(name), "languageId": "stellwerk", "version": 0, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        before = self._seen
        self._seen = {}
        self.ask("textDocument/documentSymbol", textDocument={"uri": self.uri(name)})  # all that opening told is in
        found, self._seen = self._seen, before | self._seen
        return found

    def type(self, name: str, text: str) -> None:
        """Change it."""
        self._version += 1
        document = {"uri": self.uri(name), "version": self._version}
        self.tell("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])

    def at(self, what: str, name: str, line: int, character: int, **more: object) -> object:
        """Ask about a place."""
        place = {"line": line, "character": character}
        return self.ask(f"textDocument/{what}", textDocument={"uri": self.uri(name)}, position=place, **more)

    def leave(self) -> int:
        """Say goodbye; the exit code."""
        assert self.ask("shutdown") is None
        self.tell("exit")
        return self.process.wait(30)
