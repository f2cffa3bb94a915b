"""The Networking API v2.0 as routes: made from the list of resources, each handler run in a thread."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from futago.config import ControllerConfig
from futago.controller.api import answers, crud, docs, openapi, policy, tags
from futago.controller.api.call import Answer, Call, Service, decode
from futago.controller.api.lanes import Lanes
from futago.controller.api.spellings import PREFIX, Otherwise
from futago.controller.caller import Authenticator, IdentityUnavailable, Unauthorized
from futago.controller.policy.rules import STANDARD, Policy
from futago.controller.resources import errors
from futago.controller.resources.catalog import ACTIONS, RESOURCES
from futago.controller.resources.definition import Action, Resource
from futago.controller.resources.errors import ApiError
from futago.controller.store.database import Database, Interrupted

log = structlog.get_logger()

Work = Callable[[Call], Answer]
Endpoint = Callable[[Request], Awaitable[Response]]

_LONGEST_BODY: Final = 4 * 1024 * 1024
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CORE: Final = frozenset({"network", "subnet", "subnetpool", "port"})
"""What `/v2.0/` names."""
_JSON: Final = frozenset({"application/json", "application/*", "*/*"})


def build_api(
    database: Database, config: ControllerConfig, authenticator: Authenticator, rules: Policy = STANDARD
) -> list[BaseRoute]:
    """All routes of the API: `GET /` and everything under `/v2.0`."""
    rules = rules.with_defaults(policy.defaults(RESOURCES))
    door = Door(
        authenticator, config, rules, Lanes(local=database.dialect == "sqlite", held_up=bool(config.identity.url))
    )
    service = Service(database, config, rules)
    routes: list[BaseRoute] = [
        _route("/", _versions, "GET", "OPTIONS"),
        _route("/", _no_version, *_METHODS),
        _route("/healthcheck", _healthy, "GET", "HEAD", "OPTIONS"),
    ]
    api = [_route(PREFIX + action.path, door.endpoint(_action(service, action)), action.method) for action in ACTIONS]
    for resource in RESOURCES:
        api += [
            _route(PREFIX + path, door.endpoint(work), method) for method, path, work in _resource(service, resource)
        ]
    api.append(_route(f"{PREFIX}/openapi.json", _description, "GET"))
    api.append(_route(f"{PREFIX}/docs", _docs, "GET"))
    api.append(_route(f"{PREFIX}/", door.endpoint(_index), "GET"))
    known = dict.fromkeys(route.path for route in api)
    api += [_route(path, door.endpoint(_not_so), *_METHODS) for path in known]
    nothing = _route("/{rest:path}", door.endpoint(_nothing_here), *_METHODS)
    routes += api
    routes.append(Route(PREFIX, nothing.endpoint, methods=list(_METHODS)))
    routes.append(Route(PREFIX + "/{rest:path}", Otherwise([*api, nothing])))
    return routes


def _route(path: str, endpoint: Endpoint, *methods: str) -> Route:
    """A route for these methods: HEAD is none of them by itself, as GET makes it be."""
    route = Route(path, endpoint, methods=list(methods))
    route.methods = set(methods)
    return route


@dataclass(frozen=True, slots=True)
class Door:
    """Lets requests in: says who calls, and turns what comes of it into HTTP."""

    authenticator: Authenticator
    config: ControllerConfig
    rules: Policy

    lanes: Lanes

    def endpoint(self, work: Work) -> Endpoint:
        """A Starlette endpoint that does `work` in a thread."""

        async def answer(request: Request) -> Response:
            body = await _body(request)
            return await anyio.to_thread.run_sync(self._answer, work, request, body, limiter=self.lanes.of(request))

        return answer

    def _answer(self, work: Work, request: Request, body: bytes | None) -> Response:
        try:
            return answers.of(work(self._call(request, body)))
        except Unauthorized:
            ours = f"{self.config.public_url or str(request.base_url).rstrip('/')}/identity"
            return answers.unauthorized(self.config.identity.url or ours)
        except IdentityUnavailable as error:
            return answers.unavailable(str(error))
        except (ApiError, Interrupted) as error:
            return answers.of_error(error if isinstance(error, ApiError) else errors.ServiceUnavailable())
        except RecursionError:  # a body of lists within lists within lists, quoted in what is wrong with it
            return answers.of_error(errors.HTTPBadRequest(message="The body is nested too deeply."))
        except Exception:
            log.exception("request failed", method=request.method, path=request.url.path)
            return answers.of_bug()

    def _call(self, request: Request, body: bytes | None) -> Call:
        tokens = [request.headers.get(name, "") for name in ("x-auth-token", "x-service-token")]
        caller = self.rules.recognized(self.authenticator.caller(*tokens))
        if body is None:
            raise errors.HTTPRequestEntityTooLarge
        if not _takes_json(request.headers.get("accept", "")):
            raise errors.HTTPNotAcceptable
        return Call(
            caller=caller,
            params={
                name: value if name == "tag" else value.removesuffix(".json")
                for name, value in request.path_params.items()
            },
            query=tuple(request.query_params.multi_items()) if request.scope["query_string"] else (),
            body=body,
            if_match=request.headers.get("if-match"),
            address=lambda: str(request.url.replace(query="")).removesuffix("?"),
        )


def _takes_json(accept: str) -> bool:
    """Whether a client that names what it accepts names JSON (RFC 9110, 12.5.1)."""
    kinds = {kind.partition(";")[0].strip() for kind in accept.lower().split(",")}
    return not accept or bool(kinds & _JSON)


async def _body(request: Request) -> bytes | None:
    """The body; None when it is longer than any honest one."""
    parts = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > _LONGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def _resource(service: Service, resource: Resource[Any]) -> Iterator[tuple[str, str, Work]]:
    """The method, path and work of every request that a resource answers."""
    one = f"/{resource.path}/{{id}}"
    requests: list[tuple[str, str, Callable[[Service, Resource[Any], Call], Answer]]] = [
        ("GET", f"/{resource.path}", crud.show_all),
        ("POST", f"/{resource.path}", crud.create),
        ("GET", one, crud.show),
        ("PUT", one, crud.update),
        ("DELETE", one, crud.delete),
    ]
    if resource.tagged:
        requests += [
            ("GET", f"{one}/tags", tags.show_all),
            ("POST", f"{one}/tags", tags.add_all),
            ("PUT", f"{one}/tags", tags.replace_all),
            ("DELETE", f"{one}/tags", tags.remove_all),
            ("GET", f"{one}/tags/{{tag}}", tags.show),
            ("PUT", f"{one}/tags/{{tag}}", tags.add),
            ("DELETE", f"{one}/tags/{{tag}}", tags.remove),
        ]
    for method, path, answer in requests:
        yield method, path, _bound(service, resource, answer)


def _bound(service: Service, resource: Resource[Any], answer: Callable[[Service, Resource[Any], Call], Answer]) -> Work:
    return lambda call: answer(service, resource, call)


def _action(service: Service, action: Action) -> Work:
    def work(call: Call) -> Answer:
        params = {**dict(call.query), **call.params}
        if action.read is not None:
            read = action.read
            return Answer(action.status, service.read(call, lambda reading: read(reading, params)))
        assert action.write is not None, "an action reads or writes"
        write = action.write
        document = decode(call.body) if call.body else {}
        return Answer(action.status, service.write(call, lambda writing: write(writing, params, document)))

    return work


async def _versions(request: Request) -> Response:
    """Which versions there are; anybody may know."""
    links = [{"rel": "self", "href": f"{str(request.base_url).rstrip('/')}{PREFIX}/"}]
    return answers.of(Answer(200, {"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]}))


async def _no_version(_request: Request) -> Response:
    """The list of versions is only read."""
    return answers.of_error(errors.HTTPMethodNotAllowed())


async def _healthy(_request: Request) -> Response:
    """For who balances load: whether this controller answers at all."""
    return PlainTextResponse("OK")


async def _description(_request: Request) -> Response:
    """The API in OpenAPI's words; anybody may know."""
    return answers.of(Answer(200, openapi.document()))


async def _docs(_request: Request) -> Response:
    """The same to read."""
    return answers.of_page(docs.page(openapi.document()))


def _index(call: Call) -> Answer:
    """The core of what there is."""
    base = call.url.rstrip("/")
    return Answer(
        200,
        {
            "resources": [
                {
                    "name": resource.name,
                    "collection": resource.collection,
                    "links": [{"rel": "self", "href": f"{base}/{resource.path}"}],
                }
                for resource in RESOURCES
                if resource.name in _CORE
            ]
        },
    )


def _not_so(_call: Call) -> Answer:
    """There is such a path, but nothing that this method does to it."""
    raise errors.HTTPMethodNotAllowed


def _nothing_here(_call: Call) -> Answer:
    raise errors.HTTPNotFound
