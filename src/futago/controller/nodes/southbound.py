"""The nodes' side of the controller, over plain HTTP; everything but joining wants the node's own credential.

POST /nodes/{node}/join                        join token → 201 {"credential": …}
PUT  /nodes/{node}              NodeFacts      → 204
GET  /nodes/{node}/specs?since=R&origin=O&wait=SECONDS  → SpecChanges, as soon as there are any
POST /nodes/{node}/report       Report         → 204
"""

import asyncio
import hmac
import math
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from futago.config import ControllerConfig
from futago.contract.codec import VERSION, VERSION_HEADER, BadMessage, decode, encode
from futago.contract.report import NodeFacts, Report
from futago.controller import moves
from futago.controller.nodes import membership, reports
from futago.controller.nodes.feed import Feed
from futago.controller.nodes.overlap import Overlaps
from futago.controller.nodes.wake import Wake
from futago.controller.store.database import Database
from futago.values import Role

_LONGEST_WAIT_SECONDS: Final = 60.0
_PROMPT_THREADS: Final = 4
_LONGEST_BODY: Final = 16 * 1024 * 1024
_REVISION: Final = re.compile(r"[0-9]{1,18}")
T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


class Southbound:
    """Serves the nodes."""

    def __init__(
        self, database: Database, config: ControllerConfig, join_token: str, feed: Feed, overlaps: Overlaps
    ) -> None:
        self._database = database
        self._config = config
        self._join_token = join_token
        self._feed = feed
        self._overlaps = overlaps
        self._wake = Wake(feed.concerned)
        self._prompt = ThreadPoolExecutor(_PROMPT_THREADS, thread_name_prefix="reports")
        database.on_write(self._wake.from_any_thread)

    async def join(self, request: Request) -> Response:
        """Give a node that knows the join token a credential."""
        if not hmac.compare_digest(_bearer(request).encode(), self._join_token.encode()):
            return _refusal(401, "The join token is not this controller's; copy it from its state directory.")
        name = request.path_params["node"]
        try:
            credential = await asyncio.to_thread(membership.join, self._database, self._config, name)
        except membership.NameTaken as error:
            return _refusal(409, str(error))
        return JSONResponse({"credential": credential}, status_code=201)

    async def introduce(self, request: Request) -> Response:
        """Note what a node says of itself."""
        facts = decode(await _body(request), NodeFacts)
        await asyncio.to_thread(membership.introduce, self._database, self._config, request.path_params["node"], facts)
        return Response(status_code=204)

    async def specs(self, request: Request) -> Response:
        """Answer as soon as there is something newer than `since`, or after `wait` seconds."""
        node, since, wait = request.path_params["node"], _since(request), _wait(request)
        origin = request.query_params.get("origin")
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            woken = self._wake.arm(node)
            changes = await asyncio.to_thread(self._feed.changes, node, since, origin)
            left = deadline - asyncio.get_running_loop().time()
            if changes.complete or changes.put or changes.remove or left <= 0:
                return Response(encode(changes), media_type="application/json")
            await self._wake.wait(woken, left)

    async def report(self, request: Request) -> Response:
        """Turn a report into status."""
        report = decode(await _body(request), Report)
        await self._promptly(self._take, request.path_params["node"], report)
        return Response(status_code=204)

    def _take(self, node: str, report: Report) -> None:
        reports.take(self._database, node, report)
        self._overlaps.take(node, (role.router_id for role in report.roles if role.role is Role.ACTIVE))
        moves.settle(self._database, self._config)

    def for_members(self, endpoint: Endpoint) -> Endpoint:
        """`endpoint`, for nodes that show their credential."""

        async def checked(request: Request) -> Response:
            if not await self._promptly(self._authentic, request.path_params["node"], _bearer(request)):
                return _refusal(401, "This node has not joined, or its credential was replaced; join again.")
            return await endpoint(request)

        return checked

    async def _promptly(self, call: Callable[..., T], *arguments: object) -> T:
        """In threads of its own: a node whose report waits behind the plans for all nodes would be taken for dead."""
        return await asyncio.get_running_loop().run_in_executor(self._prompt, call, *arguments)

    def _authentic(self, node: str, credential: str) -> bool:
        return self._database.glance(lambda view: membership.authentic(view, node, credential))


def build_nodes(
    database: Database, config: ControllerConfig, join_token: str, feed: Feed, overlaps: Overlaps
) -> list[BaseRoute]:
    """The routes below /nodes; `feed` is what nodes are answered from, `overlaps` counts what their reports tell."""
    south = Southbound(database, config, join_token, feed, overlaps)
    routes = [
        Route("/{node}/join", _speaking_our_version(south.join), methods=["POST"]),
        Route("/{node}", _speaking_our_version(south.for_members(south.introduce)), methods=["PUT"]),
        Route("/{node}/specs", _speaking_our_version(south.for_members(south.specs)), methods=["GET"]),
        Route("/{node}/report", _speaking_our_version(south.for_members(south.report)), methods=["POST"]),
    ]
    return [Mount("/nodes", routes=routes)]


def _speaking_our_version(endpoint: Endpoint) -> Endpoint:
    async def checked(request: Request) -> Response:
        theirs = request.headers.get(VERSION_HEADER, VERSION)
        if theirs != VERSION:
            return _refusal(409, f"The node speaks version {theirs} of the contract, this controller {VERSION}.")
        try:
            return await endpoint(request)
        except (BadMessage, membership.Unfit) as error:
            return _refusal(400, str(error))
        except _TooLong:
            return _refusal(413, f"The body is longer than {_LONGEST_BODY} bytes.")

    return checked


def _bearer(request: Request) -> str:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential if scheme.lower() == "bearer" else ""


class _TooLong(Exception):
    pass


async def _body(request: Request) -> bytes:
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > _LONGEST_BODY:
            raise _TooLong
        parts.append(part)
    return b"".join(parts)


def _since(request: Request) -> int:
    text = request.query_params.get("since", "0")
    if not _REVISION.fullmatch(text):
        raise BadMessage(f"since is {text!r}, not a revision")
    return int(text)


def _wait(request: Request) -> float:
    """Seconds, cut to what we are ready to wait."""
    text = request.query_params.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError as error:
        raise BadMessage(f"wait is {text!r}, not a number") from error
    if not math.isfinite(seconds):
        raise BadMessage(f"wait is {text!r}, not a finite number")
    return min(seconds, _LONGEST_WAIT_SECONDS)


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": message}}, status_code=status)
