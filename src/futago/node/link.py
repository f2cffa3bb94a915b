"""The way to the controllers: join once, then hold a long poll for specs, and send reports.

Any controller will do; when one fails the next is asked. Nothing on the host waits for this.
"""

import asyncio
import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import httpx
import msgspec
import structlog

from futago.config import NodeConfig
from futago.contract.codec import VERSION, VERSION_HEADER, BadMessage, decode, encode
from futago.contract.report import NodeFacts, Report
from futago.contract.specs import NodeSpecs, SpecChanges
from futago.node.state import StateDirectory

POLL_SECONDS: Final = 25
FIRST_PAUSE_SECONDS: Final = 0.1
LAST_PAUSE_SECONDS: Final = 2.0

_REQUEST_SECONDS: Final = 5.0
_log = structlog.get_logger()


class LinkDown(Exception):
    """No controller does what was asked; the text says what the last one said."""


class _Joined(msgspec.Struct, frozen=True):
    credential: str


class Link:
    """`on_specs` is called with the new whole of the specs, each time that they change."""

    def __init__(
        self, config: NodeConfig, facts: NodeFacts, state: StateDirectory, on_specs: Callable[[NodeSpecs], None]
    ) -> None:
        self._config = config
        self._facts = facts
        self._state = state
        self._on_specs = on_specs
        self._at = 0
        self._client = httpx.AsyncClient(headers={VERSION_HEADER: VERSION}, timeout=_REQUEST_SECONDS)

    async def close(self) -> None:
        await self._client.aclose()

    async def follow(self, specs: NodeSpecs) -> None:
        """Keep `specs` up to date for ever."""
        pause, introduced, connected = FIRST_PAUSE_SECONDS, False, True
        while True:
            try:
                if not introduced:
                    await self._introduce()
                    introduced, pause = True, FIRST_PAUSE_SECONDS
                    _log.info("controller connected", controller=self._url(), since=specs.revision)
                    connected = True
                specs = await self._poll(specs)
            except LinkDown as error:
                if connected:
                    _log.warning("controller not reachable", error=str(error))
                introduced, connected = False, False
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
                pause = min(2 * pause, LAST_PAUSE_SECONDS)

    async def report(self, report: Report) -> None:
        """Send a report.

        Raises:
            LinkDown: it was not taken; the next one says all that this one said.

        """
        await self._ask("POST", "/report", content=encode(report))

    async def _introduce(self) -> None:
        """Join if this node has not joined, then say what it is."""
        if not self._state.credential():
            await self._join()
        try:
            await self._ask("PUT", "", content=encode(self._facts))
        except _Unauthorized:
            await self._join()
            await self._ask("PUT", "", content=encode(self._facts))

    async def _join(self) -> None:
        try:
            token = (await asyncio.to_thread(self._config.join_token_file.read_text)).strip()
        except OSError as error:
            raise LinkDown(f"this node has not joined, and its join token cannot be read: {error}") from error
        answer = await self._ask("POST", "/join", bearer=token)
        try:
            joined = decode(answer, _Joined)
        except BadMessage as error:
            raise LinkDown(str(error)) from error
        try:
            await asyncio.to_thread(self._state.save_credential, joined.credential)
        except OSError as error:
            raise LinkDown(f"this node's credential cannot be kept: {error}") from error
        _log.info("joined", controller=self._url(), node=self._config.name)

    async def _poll(self, specs: NodeSpecs) -> NodeSpecs:
        path = f"/specs?since={specs.revision}&origin={quote(specs.origin)}&wait={POLL_SECONDS}"
        answer = await self._ask("GET", path, seconds=POLL_SECONDS + _REQUEST_SECONDS)
        try:
            changes = decode(answer, SpecChanges)
        except BadMessage as error:
            raise LinkDown(str(error)) from error
        changed = specs.after(changes)
        if changes.complete or changes.put or changes.remove or changed.revision != specs.revision:
            self._on_specs(changed)
        return changed

    async def _ask(
        self, method: str, path: str, *, content: bytes = b"", bearer: str = "", seconds: float = _REQUEST_SECONDS
    ) -> bytes:
        at = self._at
        url = f"{self._url()}/nodes/{self._config.name}{path}"
        headers = {"Authorization": f"Bearer {bearer or self._state.credential()}"}
        if content:
            headers["Content-Type"] = "application/json"
        try:
            answer = await self._client.request(method, url, content=content, headers=headers, timeout=seconds)
        except httpx.HTTPError as error:
            self._next_after(at)
            raise LinkDown(f"{url}: {error or type(error).__name__}") from error
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise _Unauthorized(f"{url}: the controller does not know this node's credential")
        if not answer.is_success:
            self._next_after(at)
            raise LinkDown(f"{url}: {answer.status_code} {answer.text[:200]}")
        return answer.content

    def _url(self) -> str:
        return self._config.controller_urls[self._at].rstrip("/")

    def _next_after(self, at: int) -> None:
        """Turn to the next controller, unless another request has already done so."""
        if self._at == at:
            self._at = (at + 1) % len(self._config.controller_urls)


class _Unauthorized(LinkDown):
    pass
