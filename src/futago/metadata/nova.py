"""Questions passed on to Nova's metadata service, signed with the secret that we share with it."""

import hmac

import httpx
import structlog

from futago.contract.specs import InstanceSpec
from futago.metadata.config import Nova
from futago.metadata.http import Question, Reply

PATIENCE_SECONDS = 20.0
_PASSED_ON = frozenset({"accept", "content-type", "user-agent", "x-metadata-token", "metadata-flavor"})
_log = structlog.get_logger()


class NovaService:
    """Nova's side; one pool of connections for all instances."""

    def __init__(self, nova: Nova) -> None:
        self._secret = nova.secret.encode()
        verify = not nova.insecure
        self._http = httpx.AsyncClient(base_url=nova.url, timeout=PATIENCE_SECONDS, verify=verify, trust_env=False)
        self._away = ""

    async def answer(self, spec: InstanceSpec, address: str, question: Question) -> Reply:
        """What Nova says to the instance; 502 if it says nothing."""
        passed = {name: value for name, value in question.headers if name in _PASSED_ON}
        said = passed | signed(spec, address, self._secret)
        headers = {name.encode("ascii"): value.encode("latin-1") for name, value in said.items()}
        try:
            answer = await self._http.request(question.method, question.target, headers=headers, content=question.body)
        except httpx.HTTPError as error:
            self._note(f"{type(error).__name__}: {error}")
            return Reply(status=502, body=b"Nova's metadata service does not answer.")
        self._note("")
        kind = answer.headers.get("content-type", "text/plain")
        return Reply(status=answer.status_code, body=answer.content, content_type=kind)

    async def close(self) -> None:
        await self._http.aclose()

    def _note(self, problem: str) -> None:
        """A service that is away is logged when it goes and when it is back."""
        if bool(problem) != bool(self._away):
            _log.info("nova metadata", error=problem)
        self._away = problem


def signed(spec: InstanceSpec, address: str, secret: bytes) -> dict[str, str]:
    """The headers by which Nova knows who asks, and that it is we who say so."""
    instance_id = spec.instance_id
    return {
        "X-Forwarded-For": address,
        "X-Instance-ID": instance_id,
        "X-Tenant-ID": spec.project_id,
        "X-Instance-ID-Signature": hmac.new(secret, instance_id.encode(), "sha256").hexdigest(),
    }
