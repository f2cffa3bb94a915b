"""Answers on the wire: JSON, errors in Neutron's form, a request id on each."""

import html
import uuid

import msgspec
from starlette.responses import Response

from futago.controller.api.call import Answer
from futago.controller.resources.errors import ApiError, ExtensionNotFound

_NO_CONTENT = 204
_encode = msgspec.json.Encoder().encode


def of(answer: Answer) -> Response:
    """An answer as HTTP; one without a payload is `null`, which clients that read every answer expect, or a 204."""
    if answer.payload is None and answer.status == _NO_CONTENT:
        return Response(status_code=answer.status, headers=_headers())
    return _json(answer.status, answer.payload)


def of_error(error: ApiError) -> Response:
    """A refusal as HTTP."""
    if isinstance(error, ExtensionNotFound):
        return _page(error)
    return _neutron_error(error.status, error.kind, str(error))


def of_page(content: str) -> Response:
    """A page that loads nothing and runs nothing."""
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(content, media_type="text/html", headers=_headers() | policy)


def of_bug() -> Response:
    """The service itself is at fault; the log has why."""
    sentence = "Request Failed: internal server error while processing your request."
    return _neutron_error(500, "HTTPInternalServerError", sentence)


def unauthorized(identity_url: str) -> Response:
    """The token is missing or no good."""
    message = "The request you have made requires authentication."
    response = _json(401, {"error": {"code": 401, "title": "Unauthorized", "message": message}})
    response.headers["WWW-Authenticate"] = f'Keystone uri="{identity_url}"'
    return response


def unavailable(message: str) -> Response:
    """Identity does not answer; a client may try again."""
    response = _neutron_error(503, "HTTPServiceUnavailable", message)
    response.headers["Retry-After"] = "5"
    return response


def _neutron_error(status: int, kind: str, message: str) -> Response:
    return _json(status, {"NeutronError": {"type": kind, "message": message, "detail": ""}})


def _page(error: ApiError) -> Response:
    text = html.escape(str(error))
    content = (
        "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n"
        f"  The resource could not be found.<br /><br />\n{text}\n\n\n </body>\n</html>"
    )
    return Response(content, status_code=error.status, media_type="text/html", headers=_headers())


def _json(status: int, payload: object) -> Response:
    return Response(_encode(payload), status_code=status, media_type="application/json", headers=_headers())


def _headers() -> dict[str, str]:
    return {"x-openstack-request-id": f"req-{uuid.uuid4()}"}
