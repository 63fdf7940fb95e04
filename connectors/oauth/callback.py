"""The redirect of a consent page, waited for on this machine's loopback address (RFC 8252, 7.3)."""

import queue
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from connectors.errors import AuthError, ConfigError

HOST = "127.0.0.1"
PATH = "/callback"
PAGE = b"<!doctype html><meta charset=utf-8><title>GrowthOS</title><p>Thank you. Go back to the terminal."

Answer = Mapping[str, str]


class Callback:
    """Redirects as they come in at a port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers = queue.Queue[Answer]()

    def wait(self, is_ours: Callable[[Answer], bool], seconds: float) -> Answer:
        """The query of the first redirect that is ours; AuthError if none comes for so long."""
        try:
            while not is_ours(answer := self.answers.get(timeout=seconds)):
                pass  # anybody on this machine can send one
        except queue.Empty:
            raise AuthError(
                f"Nobody gave consent within {seconds:.0f} seconds. Start again; if the browser runs on another "
                f"machine, forward the port first: ssh -L {self.port}:{HOST}:{self.port} <this machine>"
            ) from None
        return answer


@contextmanager
def listening(port: int = 0) -> Generator[Callback]:
    """Listen for redirects to http://127.0.0.1:<port>/callback; port 0 takes a free one. ConfigError if it is taken."""
    callback: Callback

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            found = url.path == PATH
            if found:
                callback.answers.put(dict(parse_qsl(url.query)))
            body = PAGE if found else b""
            self.send_response(200 if found else 404)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass  # the address holds the code

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise ConfigError(f"Port {port} can't be listened on ({error.strerror}). Choose another with --port.") from None
    server.daemon_threads = True
    callback = Callback(int(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield callback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
