"""A webhook and a mail server on loopback that keep what arrives."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller

from devstack.processes import own_port

Alert = dict[str, str]


@dataclass
class Inbox:
    """What has arrived by now: the bodies of the webhook, and mails; `connections` are Airflow's to both."""

    posts: list[Alert] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)

    def about(self, date: object) -> list[Alert]:
        """Return what the webhook was told of a date."""
        return [post for post in self.posts if post["date"] == str(date)]

    def mails_about(self, date: object) -> list[EmailMessage]:
        """Return the mails about a date."""
        return [mail for mail in self.mails if str(date) in mail["Subject"]]

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        """Take a mail."""
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def open_inbox() -> Iterator[Inbox]:
    """Yield an inbox that listens."""
    inbox = Inbox()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            inbox.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    webhook = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    mail = Controller(inbox, hostname="127.0.0.1", port=own_port(None))
    Thread(target=webhook.serve_forever, daemon=True).start()
    mail.start()
    inbox.connections = {
        "alerts_webhook": {"conn_type": "http", "host": f"http://127.0.0.1:{webhook.server_port}"},
        "alerts_mail": {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": mail.port,
            "extra": {"disable_ssl": True, "disable_tls": True},
        },
    }
    try:
        yield inbox
    finally:
        mail.stop()
        webhook.shutdown()
        webhook.server_close()
