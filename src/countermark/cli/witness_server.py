"""The witness's door: two addresses over HTTP, thin and bounded; every rule is in `evidence.witness`."""

import base64
import json
import logging
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from countermark.errors import CountermarkError
from countermark.evidence import PublicKey, Refused, Witness, parse_public_key, parse_submission
from countermark.evidence.witness import MAX_SUBMISSION

KEY_HEADER = "Log-Key"
_AT_ONCE = 64
_QUIET_S = 10
_LONGEST_S = 30
_MOST_DRAINED = 256 * 1024
_log = logging.getLogger(__name__)


class WitnessServer(ThreadingHTTPServer):
    """Listens and answers, one request a connection, so many at once, each for so long and no longer.

    Args:
        address: Host and port; port 0 takes a free one.
        witness: Whose door it is. Without one it listens, and may not serve before `witness` is set.
    """

    witness: Witness

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], witness: Witness | None = None) -> None:
        if witness is not None:
            self.witness = witness
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """The address to give to `run --witness`."""
        host, port = self.server_address[:2]
        shown = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

    def server_bind(self) -> None:
        """Bind without looking the host's name up, which may hang on a closed network."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, or drop it where too many are open."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer it; whoever sends or reads too slowly is cut off."""
        ended = threading.Timer(_LONGEST_S, _cut, [request])
        ended.daemon = True
        ended.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            ended.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is nobody's business."""
        del request, client_address
        _log.debug("a connection failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server_version = "countermark-witness"
    sys_version = ""
    timeout = _QUIET_S
    server: WitnessServer

    def do_GET(self) -> None:
        """`/v1/key`: the witness's name and public key. `/v1/state`: the size last cosigned of each log."""
        witness = self.server.witness
        facts: dict[str, dict[str, Any]] = {
            "/v1/key": {"key": witness.key.public.pem.decode(), "name": witness.name},
            "/v1/state": {"logs": {origin: seen.size for origin, seen in witness.logs.items()}},
        }
        if self.path in facts:
            self._answer(HTTPStatus.OK, json.dumps(facts[self.path]).encode() + b"\n", "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"no such address\n")

    def do_POST(self) -> None:
        """A checkpoint to cosign."""
        if self.path != "/v1/add-checkpoint":
            self._answer(HTTPStatus.NOT_FOUND, b"no such address\n")
            return
        try:
            line = self.server.witness.add(
                parse_submission(self._body()), self._sender(), time=int(time.time())
            )
        except Refused as refused:
            self._refuse(refused)
        except OSError:
            _log.exception("the memory cannot be written, so nothing is cosigned")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"the witness cannot write its memory\n")
        else:
            self._answer(HTTPStatus.OK, line)

    def _body(self) -> bytes:
        given = self.headers.get("Content-Length", "")
        if (
            self.headers.get("Transfer-Encoding")
            or not given.isascii()
            or not given.isdigit()
            or len(given) > 9
        ):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request does not say how long it is")
        try:
            body = self.rfile.read(min(int(given), _MOST_DRAINED))  # so that a refusal is read, not reset
        except OSError as error:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the request does not come") from error
        if int(given) > MAX_SUBMISSION:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"over the limit of {MAX_SUBMISSION} bytes")
        if len(body) < int(given):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request breaks off")
        return body

    def _sender(self) -> PublicKey | None:
        given = self.headers.get(KEY_HEADER)
        if given is None:
            return None
        try:
            return parse_public_key(base64.b64decode(given.encode("latin-1"), validate=True))
        except (ValueError, CountermarkError) as error:
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"{KEY_HEADER} is not a key this witness can use"
            ) from error

    def _refuse(self, refused: Refused) -> None:
        _log.info("refused with %d: %s", refused.status, refused.message)
        if refused.status == HTTPStatus.CONFLICT:
            self._answer(HTTPStatus.CONFLICT, b"%d\n" % (refused.size or 0), "text/x.tlog.size")
        else:
            self._answer(refused.status, f"{refused.message}\n".encode())

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's own name)
        """Not to standard error: refusals are logged, the rest is noise."""
        _log.debug(format, *args)


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        _log.debug("the connection had ended")
