"""Extra routes one by one: `add_extraroutes` and `remove_extraroutes` change the list that the router has by then."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import errors, parse, schema
from futago.controller.resources.definition import Action, Params, Rendered, Writing
from futago.controller.resources.router import ROUTERS, check_routes
from futago.controller.resources.router_interfaces import own_router
from futago.controller.resources.subnet import host_routes
from futago.controller.store.rows import HostRoute, Router


def add(writing: Writing, params: Params, body: Any) -> Rendered:
    """Give a router these routes beside those that it has; one that is there stays as it is."""
    router = own_router(writing, params["router_id"], "add_extraroutes")
    return _changed(writing, router, tuple(dict.fromkeys((*router.routes, *_asked(body)))))


def remove(writing: Writing, params: Params, body: Any) -> Rendered:
    """Take these routes from a router; one that is not there is gone already."""
    router = own_router(writing, params["router_id"], "remove_extraroutes")
    gone = set(_asked(body))
    return _changed(writing, router, [route for route in router.routes if route not in gone])


def _asked(body: Any) -> tuple[HostRoute, ...]:
    given = body.get("router") if isinstance(body, dict) else None
    if not isinstance(given, dict) or "routes" not in given:
        raise errors.HTTPBadRequest(message="Unable to find 'routes' in request body")
    try:
        return host_routes(given["routes"])
    except parse.Unfit as unfit:
        raise errors.HTTPBadRequest(message=f"Invalid input for routes. Reason: {unfit}.") from unfit


def _changed(writing: Writing, router: Router, routes: Sequence[HostRoute]) -> Rendered:
    check_routes(writing.txn, router, routes)
    changed = writing.txn.replace(router, replace(router, routes=tuple(routes)))
    return {"router": ROUTERS.render(writing.reading, [changed])[0]}


_BODY: Final = schema.enveloped("router", schema.enveloped("routes", schema.of(host_routes)))
ACTIONS: Final = (
    Action("PUT", "/routers/{router_id}/add_extraroutes", write=add, takes=_BODY),
    Action("PUT", "/routers/{router_id}/remove_extraroutes", write=remove, takes=_BODY),
)
