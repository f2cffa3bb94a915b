"""What is HTTP about identity: requests in, answers out, errors in Keystone's form.

A handler is a plain function from `Call` to `Answer`. It runs in a worker thread: hashing and SQL never hold up the
event loop.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import anyio
import msgspec
import structlog
from anyio.to_thread import run_sync
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from futago.controller.caller import Unauthorized
from futago.controller.identity.service import Identity, Session
from futago.controller.store.database import Conflict, Interrupted, View
from futago.controller.store.rows import Row

T = TypeVar("T")
R = TypeVar("R", bound=Row)
log = structlog.get_logger()

REQUEST_ID_HEADER: Final = "x-openstack-request-id"
_LOGINS_AT_ONCE: Final = 1
"""Hashing a password takes a core for 0.1 s and 32 MiB: a flood of logins leaves the rest of the controller alone."""
_LARGEST_BODY: Final = 128 * 1024
_NO: Final = ("0", "false", "no", "off")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

Document = dict[str, Any]


class Refused(Exception):
    """The request cannot be done; the text is for the client."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def not_found(kind: str, name: str) -> Refused:
    """In Keystone's words, which clients look for."""
    return Refused(HTTPStatus.NOT_FOUND, f"Could not find {kind}: {name}.")


def found(view: View, kind: type[R], name: str, **key: str) -> R:
    """The row with this key.

    Raises:
        Refused: there is none.

    """
    row = view.get(kind, **key)
    if row is None:
        raise not_found(name, key.get("id") or "/".join(key.values()))
    return row


def conflict(kind: str, what: str) -> Refused:
    """In Keystone's words."""
    return Refused(HTTPStatus.CONFLICT, f"Conflict occurred attempting to store {kind} - {what}.")


def bad_request(message: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, message)


def forbidden(action: str) -> Refused:
    return Refused(HTTPStatus.FORBIDDEN, f"You are not authorized to perform the requested action: {action}.")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and a document unless there is nothing to say."""

    status: HTTPStatus = HTTPStatus.OK
    document: Document | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


NO_CONTENT: Final = Answer(HTTPStatus.NO_CONTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, as handlers see it."""

    identity: Identity
    origin: str
    """The URL under which the client reached us, as `http://controller:9696`."""
    url: str
    method: str
    path: Mapping[str, str]
    query: QueryParams
    client: str
    """The address from which it came."""
    body: bytes
    token: str
    subject_token: str

    @property
    def base(self) -> str:
        """Where version 3 begins."""
        return f"{self.origin}/identity/v3"

    def session(self) -> Session:
        """Whoever asks.

        Raises:
            Unauthorized: nobody that we know.

        """
        return self.identity.session(self.token)

    def admin(self, action: str) -> Session:
        """Whoever asks, who is an administrator.

        Raises:
            Unauthorized: nobody that we know.
            Refused: somebody else.

        """
        session = self.session()
        if not session.admin:
            raise forbidden(action)
        return session

    def document(self, name: str) -> Document:
        """What the body has under `name`.

        Raises:
            Refused: it is not JSON, or has no such object.

        """
        body = self.body_document()
        if not isinstance(body.get(name), dict):
            raise bad_request(f"Expecting to find '{name}' in the request body.")
        inner: Document = body[name]
        return inner

    def body_document(self) -> Document:
        """The body, which is a JSON object.

        Raises:
            Refused: it is none.

        """
        try:
            body = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise bad_request(f"The request body is not JSON: {error}.") from error
        return body if isinstance(body, dict) else {}


def parse(document: Document, kind: type[T]) -> T:
    """`document` as a `kind`.

    Raises:
        Refused: a value is missing, or of another type.

    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise bad_request(f"Invalid input: {error}.") from error


Handler = Callable[[Call], Answer]


def route(identity: Identity, path: str, *, slow: Collection[str] = (), **handlers: Handler) -> Route:
    """One path; `handlers` by method. The `slow` ones hash passwords, so only a few of them run at once."""
    limiter = anyio.CapacityLimiter(_LOGINS_AT_ONCE)

    async def endpoint(request: Request) -> Response:
        call = await _call(identity, request)
        if call is None:
            return _response(error_answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request body is too large."))
        method = "GET" if request.method not in handlers and request.method == "HEAD" else request.method
        handler = handlers.get(method, _no_such_method)
        answer = await run_sync(_answer, handler, call, limiter=limiter if request.method in slow else None)
        return _response(answer)

    return Route(path, endpoint, methods=_METHODS)


def no_such_path(call: Call) -> Answer:
    """For whatever this subset of Keystone does not have."""
    raise Refused(HTTPStatus.NOT_FOUND, f"{call.url} is not part of this identity service.")


def _no_such_method(call: Call) -> Answer:
    raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{call.method} is not possible here.")


def collection(name: str, members: list[Document], call: Call) -> Answer:
    """A list, as Keystone wraps it, or the page of it that is asked for."""
    page, following = _page(members, call)
    links = {"next": following, "self": call.url, "previous": None}
    return Answer(document={name: page, "links": links})


def _page(members: list[Document], call: Call) -> tuple[list[Document], str | None]:
    """At most `limit` members after the one whose id is `marker`, by their ids; and where the next ones are."""
    limit, marker = _limit(call.query.get("limit", "")), call.query.get("marker", "")
    if not (limit or marker) or not all("id" in member for member in members):
        return members, None
    ordered = sorted(members, key=lambda member: str(member["id"]))
    if marker and not any(member["id"] == marker for member in ordered):
        raise Refused(HTTPStatus.NOT_FOUND, f"Marker {marker} could not be found.")
    after = [member for member in ordered if member["id"] > marker]
    if not limit or len(after) <= limit:
        return after, None
    page = after[:limit]
    query = [(name, value) for name, value in call.query.multi_items() if name != "marker"]
    return page, f"{call.url.partition('?')[0]}?{urlencode([*query, ('marker', page[-1]['id'])])}"


def _limit(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal()):
        raise bad_request(f"Invalid input for field 'limit': '{text}' is not a number.")
    return int(text[:9] or 0)


def matches(document: Document, query: QueryParams, names: Collection[str]) -> bool:
    """Whether `document` has each of the `names` values that the query asks for; those that it lacks do not count."""
    asked = [name for name in names if name in query and name in document]
    return all(_equal(document[name], query[name]) for name in asked)


def flag(query: QueryParams, name: str) -> bool:
    """`?name`, `?name=1` and `?name=true` are yes."""
    return name in query and query[name].lower() not in _NO


def _equal(value: object, text: str) -> bool:
    return value == (text.lower() not in _NO) if isinstance(value, bool) else value == text


def _answer(handler: Handler, call: Call) -> Answer:
    try:
        return handler(call)
    except Refused as refused:
        return error_answer(refused.status, refused.message)
    except Unauthorized:
        log.info("request without good credentials refused", method=call.method, url=call.url, client=call.client)
        headers = {"WWW-Authenticate": f'Keystone uri="{call.origin}/identity"'}
        return error_answer(HTTPStatus.UNAUTHORIZED, "The request you have made requires authentication.", headers)
    except Conflict:
        return error_answer(HTTPStatus.CONFLICT, "Something of this name is there already, or is still in use.")
    except Interrupted:
        sentence = "The service is unavailable at the moment; please try again."
        return error_answer(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
    except Exception:
        log.exception("request failed", method=call.method, url=call.url)
        sentence = "An unexpected error prevented the server from fulfilling your request."
        return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)


def error_answer(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error in Keystone's form."""
    document = {"error": {"code": status.value, "message": message, "title": status.phrase}}
    return Answer(status, document, headers or {})


async def _call(identity: Identity, request: Request) -> Call | None:
    """The request, read; None where its body is larger than any that makes sense."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            return None
    return Call(
        identity=identity,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        url=str(request.url),
        method=request.method,
        path=request.path_params,
        query=request.query_params,
        client=request.client.host if request.client else "",
        body=body,
        token=request.headers.get("x-auth-token", ""),
        subject_token=request.headers.get("x-subject-token", ""),
    )


def _response(answer: Answer) -> Response:
    body = b"" if answer.document is None else msgspec.json.encode(answer.document)
    headers = {REQUEST_ID_HEADER: f"req-{uuid.uuid4()}", "Vary": "X-Auth-Token", **answer.headers}
    if body:
        headers["Content-Type"] = "application/json"
    return Response(body, answer.status, headers)
