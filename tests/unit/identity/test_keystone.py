"""The client of a real Keystone: whom it asks, how long it believes the answer, and what it says when there is none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from futago.config import BadConfig, ControllerConfig, IdentityConfig, parse
from futago.controller.caller import IdentityUnavailable, Unauthorized
from futago.controller.identity.keystone import Keystone

URL = "http://keystone.example.org:5000"


class Answers:
    """A Keystone that knows one user, gives numbered service tokens, and can forget them or break."""

    def __init__(self) -> None:
        self.logins = 0
        self.questions = 0
        self.status = 200
        self.forgotten = 0
        """Service tokens up to this number are no longer good."""
        self.tokens: dict[str, dict[str, Any]] = {"good": token(project={"id": "p"})}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url).startswith(f"{URL}/v3/auth/tokens")
        if request.method == "POST":
            self.logins += 1
            return httpx.Response(201, headers={"X-Subject-Token": str(self.logins)}, json={})
        if int(request.headers["X-Auth-Token"]) <= self.forgotten:
            return httpx.Response(401)
        self.questions += 1
        if self.status != 200:
            return httpx.Response(self.status)
        known = self.tokens.get(request.headers["X-Subject-Token"])
        return httpx.Response(404) if known is None else httpx.Response(200, json={"token": known})


def token(**where: Any) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(hours=1)
    return {"user": {"id": "u"}, "roles": [{"name": "member"}], "expires_at": ends.isoformat(), **where}


@pytest.fixture
def answers() -> Answers:
    return Answers()


def client(answers: Callable[[httpx.Request], httpx.Response], clock: list[float], **config: Any) -> Keystone:
    settings = IdentityConfig(url=f"{URL}/v3", password="secret", **config)
    return Keystone(settings, clock=lambda: clock[0], transport=httpx.MockTransport(answers))


def test_an_answer_counts_for_a_while_and_then_is_asked_for_again(answers: Answers) -> None:
    clock = [0.0]
    keystone = client(answers, clock, cache_seconds=30)
    first = keystone.caller("good")
    assert (first.user_id, first.project_id, first.roles) == ("u", "p", frozenset({"member"}))
    clock[0] = 29
    assert keystone.caller("good") == first
    assert (answers.logins, answers.questions) == (1, 1)
    clock[0] = 31
    del answers.tokens["good"]
    with pytest.raises(Unauthorized):
        keystone.caller("good")


def test_nothing_is_believed_longer_than_the_token_lives(answers: Answers) -> None:
    clock = [datetime.now(UTC).timestamp()]
    keystone = client(answers, clock, cache_seconds=10**6)
    keystone.caller("good")
    clock[0] += 3601
    keystone.caller("good")
    assert answers.questions == 2


def test_a_service_token_that_is_no_longer_good_is_replaced(answers: Answers) -> None:
    keystone = client(answers, [0.0], cache_seconds=0)
    keystone.caller("good")
    answers.forgotten = 1
    assert keystone.caller("good").user_id == "u"
    assert answers.logins == 2


@pytest.mark.parametrize("text", ["", "unknown", "ü"])
def test_a_token_that_keystone_does_not_know_is_refused(answers: Answers, text: str) -> None:
    with pytest.raises(Unauthorized):
        client(answers, [0.0]).caller(text)


def test_a_token_of_no_project_is_refused(answers: Answers) -> None:
    answers.tokens["unscoped"] = token()
    with pytest.raises(Unauthorized):
        client(answers, [0.0]).caller("unscoped")


@pytest.mark.parametrize("status", [500, 503, 403])
def test_a_keystone_that_is_ill_is_no_reason_to_refuse_anybody(answers: Answers, status: int) -> None:
    answers.status = status
    with pytest.raises(IdentityUnavailable, match=str(status)):
        client(answers, [0.0]).caller("good")


def test_what_is_no_token_is_no_answer() -> None:
    def empty(request: httpx.Request) -> httpx.Response:
        return httpx.Response(201 if request.method == "POST" else 200, headers={"X-Subject-Token": "1"}, json={})

    with pytest.raises(IdentityUnavailable, match="no token"):
        client(empty, [0.0]).caller("x")


def test_a_wrong_password_of_ours_is_said_to_the_operator() -> None:
    with pytest.raises(IdentityUnavailable, match=r"401 when neutron of project service logs in: see \[identity\]"):
        client(lambda _: httpx.Response(401), [0.0]).caller("x")


def test_nobody_there_is_said_with_the_address() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    with pytest.raises(IdentityUnavailable, match=f"{URL}/v3 is unavailable: Connection refused"):
        client(refuse, [0.0]).caller("x")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"url": "keystone:5000", "password": "x"}, "identity.url"),
        ({"url": URL}, "identity.password"),
        ({"uri": URL}, "uri"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(table: dict[str, str], says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        parse({"identity": table}, ControllerConfig, "file")


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(IdentityConfig(url=URL, password="secret"))
