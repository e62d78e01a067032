"""The smallest driver there can be: it performs `Send` steps over a real transport, and nothing else.

The transport is used directly: `httpx.Client` logs every URL, and some hold an address.
"""

import ssl
from typing import TypeVar

import httpx

from inbox_lifecycle.flow import Flow, Send, Unanswered, Unsent

T = TypeVar("T")

# Nothing here speaks TLS, and reading the certificates takes longer than a whole test.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError)


def drive(flow: Flow[T]) -> T:
    """Run a flow of `Send` steps to its end, over one keep-alive transport."""
    with httpx.HTTPTransport(verify=_NO_TLS) as transport:
        try:
            step = next(flow)
            while True:
                assert isinstance(step, Send)
                try:
                    response = exchange(transport, step)
                except (Unsent, Unanswered) as failure:
                    step = flow.throw(failure)
                else:
                    step = flow.send(response)
        except StopIteration as end:
            value: T = end.value
            return value


def exchange(transport: httpx.HTTPTransport, step: Send) -> httpx.Response:
    """The whole answer to one request."""
    step.request.extensions["timeout"] = httpx.Timeout(step.timeout).as_dict()
    try:
        response = transport.handle_request(step.request)
        response.read()
    except _NEVER_LEFT:
        raise Unsent from None
    except (httpx.TransportError, httpx.DecodingError):
        raise Unanswered from None
    return response
