"""Asking a time stamping authority over HTTP (RFC 3161, section 3.4). What it answers is for the caller to check."""

import http.client
import ssl
from urllib.parse import urlsplit

from countermark.errors import SubjectUnreachable, UsageError
from countermark.evidence.late import MAX_STAMP

_OK = 200


def ask_authority(url: str, query: bytes, *, timeout_s: float = 20.0) -> bytes:
    """The reply to a DER query, unchecked.

    Raises:
        UsageError: Not an http or https address.
        SubjectUnreachable: No reply came, or not one of a time stamping authority.
    """
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UsageError(f"{url} is no address of a time stamping authority", hint="http://… or https://…")
    connection = _connection(address.scheme, address.hostname, address.port, timeout_s)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.request("POST", path, query, {"Content-Type": "application/timestamp-query"})
        answer = connection.getresponse()
        data = answer.read(MAX_STAMP + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SubjectUnreachable(f"{url} gave no time stamp ({type(error).__name__}: {error})") from error
    finally:
        connection.close()
    kind = answer.headers.get_content_type()
    if answer.status != _OK or kind != "application/timestamp-reply" or len(data) > MAX_STAMP:
        raise SubjectUnreachable(
            f"{url} answered {answer.status} with {len(data)} bytes of {kind}, no time stamp"
        )
    return data


def _connection(scheme: str, host: str, port: int | None, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(
            host, port, timeout=timeout_s, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(host, port, timeout=timeout_s)
