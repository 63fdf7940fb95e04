"""Fake APIs on a loopback socket."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from connectors.wire import App, WireRequest, WireResponse

HOST = "127.0.0.1"


@contextmanager
def serving(apps: Mapping[str, App], port: int = 0) -> Generator[str]:
    """Serve each app under /<its name>, and give the base URL, http://127.0.0.1:<port>; port 0 takes a free one."""
    server = ThreadingHTTPServer((HOST, port), _handler(apps))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)  # looks often whether to stop
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(apps: Mapping[str, App]) -> type[BaseHTTPRequestHandler]:
    turn = {name: threading.Lock() for name in apps}  # a fake's bucket and jobs are not made for two at once

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two writes

        def answer(self) -> None:
            url = urlsplit(self.path)
            name, _, path = url.path.removeprefix("/").partition("/")
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {header.lower(): value for header, value in self.headers.items()}
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            if name not in apps:
                self.reply(WireResponse(404, b'{"error": "no such API; there are: %s"}' % ", ".join(apps).encode()))
                return
            with turn[name]:
                response = apps[name](WireRequest(self.command, f"/{path}", query, headers, body))
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked did not wait for the answer
                self.reply(response)

        do_GET = do_POST = answer

        def reply(self, response: WireResponse) -> None:
            self.send_response_only(response.status)  # what else is said, is the API's to say: its Date above all
            for header, value in response.headers.items():
                self.send_header(header, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body[: response.cut])
            if response.cut is not None:
                self.wfile.flush()
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass  # quiet: what is asked is the client's to tell

    return Handler
