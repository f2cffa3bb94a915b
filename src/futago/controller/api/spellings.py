"""Paths as Neutron takes them, too: `/v2.0/security_groups`, `/v2.0/networks/`, `/v2.0/ports.json`, `/v2.0/policies`.

Each thing has one path here; a request by another one of its paths is answered as if it had come by that.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from futago.controller.resources.catalog import ACTIONS, RESOURCES

PREFIX: Final = "/v2.0"
_SUFFIX: Final = ".json"
_PREFIXES: Final = frozenset({"metering", "qos"})
"""What Neutron takes before the collections of a plugin, and does without."""


class Otherwise:
    """What answers a path under which nothing is known: under another path there may be."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        self._router = Router(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the path that is known, if there is one."""
        path = usual(scope["path"])
        scope.update(path=path, raw_path=path.encode(), path_params={})
        await self._router(scope, receive, send)


def usual(path: str) -> str:
    """The path under which this is known here, if it is."""
    first, *rest = [part for part in path.removeprefix(PREFIX).removesuffix(_SUFFIX).split("/") if part] or [""]
    if first in _PREFIXES and rest:
        first, *rest = rest
    parts = _parts().get(_hyphened(first), {})
    if len(rest) > 1:
        rest[1] = parts.get(_hyphened(rest[1]), rest[1])
    return "/".join((PREFIX, _collections().get(_hyphened(first), first), *rest))


@cache
def _collections() -> Mapping[str, str]:
    """The collections with hyphens → their paths."""
    paths = [resource.path for resource in RESOURCES if resource.above is None]
    for action in ACTIONS:
        first, *rest = action.path.removeprefix("/").split("/")
        paths.append(f"{first}/{rest[0]}" if first in _PREFIXES else first)
    return {_hyphened(path.rpartition("/")[2]): path for path in paths}


@cache
def _parts() -> Mapping[str, Mapping[str, str]]:
    """The same of what is a part of something, by its parent's collection."""
    found: dict[str, dict[str, str]] = {}
    for resource in RESOURCES:
        if resource.above is not None:
            parent = _hyphened(resource.above.resource.collection)
            found.setdefault(parent, {})[_hyphened(resource.collection)] = resource.collection
    return found


def _hyphened(name: str) -> str:
    return name.replace("_", "-")
