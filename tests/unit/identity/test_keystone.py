"""The client of a real Keystone: whom it asks, how long it believes the answer, and what it says when there is none."""

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
        self.expired: list[dict[str, Any]] = []

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
        if known in self.expired and "allow_expired" not in request.url.params:
            known = None
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


@pytest.fixture
def late(answers: Answers) -> str:
    """A token that has expired, beside those of a service and of somebody else."""
    ended = datetime.now(UTC) - timedelta(minutes=1)
    answers.tokens["late"] = token(project={"id": "p"}) | {"expires_at": ended.isoformat()}
    answers.expired.append(answers.tokens["late"])
    answers.tokens["nova"] = token(project={"id": "s"}) | {"roles": [{"name": "service"}]}
    return "late"


def test_an_expired_token_counts_if_a_service_vouches_for_it(answers: Answers, late: str) -> None:
    """What Nova does for an instance whose migration has outlived its user's token."""
    keystone = client(answers, [0.0], cache_seconds=30)
    assert keystone.caller(late, "nova").project_id == "p"
    for vouching in ("", "good", "unknown"):
        with pytest.raises(Unauthorized):
            keystone.caller(late, vouching)
    asked = answers.questions
    keystone.caller(late, "nova")
    assert answers.questions == asked, "that answer, too, counts for a while"


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


def test_a_login_without_a_token_is_no_login() -> None:
    with pytest.raises(IdentityUnavailable, match="201 when neutron of project service logs in"):
        client(lambda _: httpx.Response(201, json={}), [0.0]).caller("x")


def test_while_nobody_is_there_one_request_at_a_time_asks_and_known_tokens_are_good(answers: Answers) -> None:
    clock, asked, gone = [0.0], [0], [False]

    def sometimes(request: httpx.Request) -> httpx.Response:
        asked[0] += 1
        if gone[0]:
            raise httpx.ReadTimeout("timed out")
        return answers(request)

    keystone = client(sometimes, clock, cache_seconds=30)
    keystone.caller("good")
    gone[0], asked[0] = True, 0
    for _ in range(5):
        with pytest.raises(IdentityUnavailable, match="timed out"):
            keystone.caller("other")
    assert asked[0] == 1
    assert keystone.caller("good").project_id == "p"
    clock[0] = 2
    with pytest.raises(IdentityUnavailable, match="timed out"):
        keystone.caller("other")
    assert asked[0] == 2
    gone[0], clock[0] = False, 4
    with pytest.raises(Unauthorized):
        keystone.caller("other")


def test_a_slow_keystone_holds_up_a_few_requests_and_not_those_whose_tokens_are_known(answers: Answers) -> None:
    slow, inside, answered = threading.Event(), threading.Semaphore(0), threading.Event()

    def slowly(request: httpx.Request) -> httpx.Response:
        if slow.is_set():
            inside.release()
            answered.wait()
        return answers(request)

    keystone = client(slowly, [0.0], cache_seconds=30)
    keystone.caller("good")
    slow.set()
    said: list[type[Exception]] = []

    def ask() -> None:
        try:
            keystone.caller("other")
        except (Unauthorized, IdentityUnavailable) as error:
            said.append(type(error))

    asking = [threading.Thread(target=ask) for _ in range(16)]
    for thread in asking:
        thread.start()
        assert inside.acquire(timeout=60)
    with pytest.raises(IdentityUnavailable, match="too many requests wait"):
        keystone.caller("other")
    assert keystone.caller("good").project_id == "p"
    answered.set()
    for thread in asking:
        thread.join(60)
    assert said == [Unauthorized] * 16


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"url": "keystone:5000", "password": "x"}, "identity.url"),
        ({"url": URL}, "identity.password"),
        ({"url": URL, "password": "x", "ca_file": "/nowhere"}, "identity.ca_file: there is no file /nowhere"),
        ({"uri": URL}, "uri"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(table: dict[str, str], says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        parse({"identity": table}, ControllerConfig, "file")


class Doorman(BaseHTTPRequestHandler):
    """Gives a token to whoever logs in, and knows nobody."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say(201)

    def do_GET(self) -> None:
        self._say(404)

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.send_header("X-Subject-Token", "ours")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def behind_tls(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URL of a Doorman, and the file of the certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keystone")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    signed = made.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    file = tmp_path / "keystone.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Doorman)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", str(file)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_of_ones_own_is_believed_where_the_settings_name_it(behind_tls: tuple[str, str]) -> None:
    url, file = behind_tls
    with pytest.raises(Unauthorized):
        Keystone(IdentityConfig(url=url, password="x", ca_file=file)).caller("somebody")
    with pytest.raises(IdentityUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        Keystone(IdentityConfig(url=url, password="x")).caller("somebody")


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(IdentityConfig(url=URL, password="secret"))
