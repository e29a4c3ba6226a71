"""Asking one witness over HTTP for its cosignature. Everything it answers is checked; what it says is not kept."""

import base64
import http.client
import os
import socket
import ssl
from urllib.parse import urlsplit

from countermark.canonical import InvalidJson, decode
from countermark.errors import CountermarkError, InvalidDocument
from countermark.evidence import PublicKey, Submission, open_cosignature, parse_public_key
from countermark.evidence.growth import Growth

_MAX_ANSWER = 8192
_OK, _CONFLICT = 200, 409


class NotWitnessed(CountermarkError):
    """The witness gave no cosignature that can be used; `outcome` is unreachable, refused or unusable."""

    def __init__(self, outcome: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.outcome = outcome


class WitnessClient:
    """One witness as the auditor sees it.

    Attributes:
        url: Its address, for whoever asks and for nobody else: no word of it goes into evidence.
        name, key: Learnt from the witness itself on first contact; whether to trust them is the reader's question.
        cosigned: The size it last cosigned for us, 0 before.
    """

    def __init__(self, url: str, sender: PublicKey, *, timeout_s: float = 5.0) -> None:
        self.url = url
        self.name = ""
        self.key: PublicKey | None = None
        self.cosigned = 0
        self._address = urlsplit(url)
        self._sender = sender
        self._timeout_s = timeout_s

    def ask(self, note: bytes, growth: Growth, size: int) -> bytes:
        """The witness's cosignature line for the checkpoint `note` at `size`, its signature checked.

        Raises:
            NotWitnessed: With what came instead; no address in its words.
        """
        key = self.key or self._introduce()
        status, body = self._add(note, growth, self.cosigned, size)
        if status == _CONFLICT:  # it knows another size than we think: after a resumed run, or a lost answer
            known = _size(body)
            if known > size or known == self.cosigned:
                raise NotWitnessed(
                    "refused", f"refused: it cosigned size {known} of another history of this log"
                )
            status, body = self._add(note, growth, known, size)
        if status != _OK:
            raise NotWitnessed("refused", f"refused with status {status}")
        try:
            if open_cosignature(body, note, [key]).name != self.name:
                raise NotWitnessed("unusable", "answered under another name")
        except CountermarkError as error:
            raise NotWitnessed("unusable", "its cosignature does not hold") from error
        self.cosigned = size
        return body

    def _introduce(self) -> PublicKey:
        status, body = self._request("GET", "key", None)
        try:
            value = decode(body, max_bytes=_MAX_ANSWER, floats=False) if status == _OK else None
            match value:
                case {"name": str(name), "key": str(pem)}:
                    key = parse_public_key(pem.encode())
                case _:
                    raise NotWitnessed("unusable", "does not answer as a witness does")
        except (InvalidJson, InvalidDocument, UnicodeEncodeError) as error:
            raise NotWitnessed("unusable", "does not answer as a witness does") from error
        if key == self._sender:
            raise NotWitnessed("unusable", "signs with the auditor's own key")
        self.name, self.key = name[:200], key
        return key

    def _add(self, note: bytes, growth: Growth, old: int, size: int) -> tuple[int, bytes]:
        submission = Submission(old=old, proof=tuple(growth.proof(old, size)), note=note)
        return self._request("POST", "add-checkpoint", submission.to_bytes())

    def _request(self, method: str, what: str, body: bytes | None) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            path = f"{self._address.path.rstrip('/')}/v1/{what}"
            connection.request(method, path, body, {"Log-Key": base64.b64encode(self._sender.pem).decode()})
            answer = connection.getresponse()
            data = answer.read(_MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotWitnessed("unreachable", f"unreachable ({_why(error)})") from error
        finally:
            connection.close()
        if len(data) > _MAX_ANSWER:
            raise NotWitnessed("unusable", "answers at too great length")
        return answer.status, data

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            secure = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=secure)
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)


def _size(body: bytes) -> int:
    text = body.removesuffix(b"\n")
    if not text.isdigit() or len(text) > 16:
        raise NotWitnessed("unusable", "refused without saying which size it knows")
    return int(text)


def _why(error: Exception) -> str:
    """Words without an address: they go into evidence that will be published."""
    number = getattr(error, "errno", None)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "no host of that name"
    if isinstance(error, ssl.SSLError) or not isinstance(number, int) or number <= 0:
        return type(error).__name__
    return os.strerror(number)
