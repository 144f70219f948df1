"""A mail server that keeps what it gets: just enough SMTP (RFC 5321) for the demonstration. Never a relay."""

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage


class Mailbox:
    """Listens on a free loopback port; `messages` holds what has arrived."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        mailbox = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                mailbox.converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def converse(self, session: socketserver.StreamRequestHandler) -> None:
        """One SMTP session."""

        def say(line: str) -> None:
            session.wfile.write(line.encode() + b"\r\n")

        say("220 mailbox")
        while line := session.rfile.readline():
            verb = line.strip().upper()
            if verb == b"DATA":
                say("354 go on")
                lines = []
                while (part := session.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(part.removeprefix(b".") if part.startswith(b"..") else part)
                message = message_from_bytes(b"".join(lines), policy=policy.default)
                if isinstance(message, EmailMessage):
                    self.messages.append(message)
                say("250 kept")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
