"""The Networking API v2.0 as routes: made from the list of resources, each handler run in a thread."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from futago.config import ControllerConfig
from futago.controller.api import answers, crud, docs, openapi, policy, tags
from futago.controller.api.call import Answer, Call, Service, decode
from futago.controller.api.lanes import Lanes
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

_PREFIX: Final = "/v2.0"
_LONGEST_BODY: Final = 4 * 1024 * 1024
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def build_api(
    database: Database, config: ControllerConfig, authenticator: Authenticator, rules: Policy = STANDARD
) -> list[BaseRoute]:
    """All routes of the API: `GET /` and everything under `/v2.0`."""
    rules = rules.with_defaults(policy.defaults(RESOURCES))
    door = Door(authenticator, config, rules, Lanes(local=database.dialect == "sqlite"))
    service = Service(database, config, rules)
    routes: list[BaseRoute] = [Route("/", _versions, methods=["GET"])]
    for action in ACTIONS:
        work = _action(service, action)
        routes.append(Route(_PREFIX + action.path, door.endpoint(work), methods=[action.method]))
    for resource in RESOURCES:
        routes.extend(
            Route(_PREFIX + path, door.endpoint(work), methods=[method])
            for method, path, work in _resource(service, resource)
        )
    routes.append(Route(_PREFIX + "/openapi.json", _description, methods=["GET"]))
    routes.append(Route(_PREFIX + "/docs", _docs, methods=["GET"]))
    index = door.endpoint(_index)
    routes.extend(Route(path, index, methods=["GET"]) for path in (_PREFIX, f"{_PREFIX}/"))
    known = dict.fromkeys(route.path for route in routes if isinstance(route, Route))
    routes.extend(Route(path, door.endpoint(_not_so), methods=list(_METHODS)) for path in known)
    routes.append(Route(_PREFIX + "/{rest:path}", door.endpoint(_nothing_here), methods=list(_METHODS)))
    return routes


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
        caller = self.rules.recognized(self.authenticator.caller(request.headers.get("x-auth-token", "")))
        if body is None:
            raise errors.HTTPRequestEntityTooLarge
        return Call(
            caller=caller,
            params=request.path_params,
            query=tuple(request.query_params.multi_items()) if request.scope["query_string"] else (),
            body=body,
            if_match=request.headers.get("if-match"),
            address=lambda: str(request.url.replace(query="")).removesuffix("?"),
        )


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
    links = [{"rel": "self", "href": f"{str(request.base_url).rstrip('/')}{_PREFIX}/"}]
    return answers.of(Answer(200, {"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]}))


async def _description(_request: Request) -> Response:
    """The API in OpenAPI's words; anybody may know."""
    return answers.of(Answer(200, openapi.document()))


async def _docs(_request: Request) -> Response:
    """The same to read."""
    return answers.of_page(docs.page(openapi.document()))


def _index(call: Call) -> Answer:
    """What collections there are."""
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
                if resource.above is None
            ]
        },
    )


def _not_so(_call: Call) -> Answer:
    """There is such a path, but nothing that this method does to it."""
    raise errors.HTTPMethodNotAllowed


def _nothing_here(_call: Call) -> Answer:
    raise errors.HTTPNotFound
