"""The program on sockets of this host: no namespace is entered, everything else is real."""

import asyncio
import hashlib
import hmac
import http.client
import http.server
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from futago.contract.codec import encode
from futago.metadata import http as our_http
from futago.metadata.config import Listener, Nova, instance_path
from futago.metadata.daemon import MOST_CONNECTIONS, Daemon, Settings
from futago.values import IPv4Address, IPv6Address
from unit.metadata.samples import BLUE, instance

HERE = "127.0.0.1"


class Running:
    """A daemon in a thread of its own, and the files that it reads."""

    def __init__(self, directory: Path, nova: Nova | None) -> None:
        self.directory = directory
        self.loop = asyncio.new_event_loop()
        self.daemon = Daemon(Settings(socket=directory / "socket", directory=directory, nova=nova))
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def write(self, path: Path, content: bytes) -> None:
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_bytes(content)

    def listen(self, name: str = "qrouter-1", *networks: str) -> int:
        """A listener on a free port of this host."""
        with socket.socket() as free:
            free.bind((HERE, 0))
            port = int(free.getsockname()[1])
        listener = Listener(name=name, namespace="", networks=networks or (BLUE,), address=IPv4Address(HERE), port=port)
        self.write(listener.path, encode(listener))
        assert name in self.look()
        return port

    def look(self) -> tuple[str, ...]:
        return asyncio.run_coroutine_threadsafe(self.daemon.look(), self.loop).result(10).names

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.daemon.close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)


@contextmanager
def running(directory: Path, nova: Nova | None = None) -> Iterator[Running]:
    daemon = Running(directory, nova)
    daemon.write(instance_path(BLUE, HERE), encode(instance()))
    try:
        yield daemon
    finally:
        daemon.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as found:
        yield found


def ask(
    port: int, path: str, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HERE, port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_an_instance_is_told_who_it_is(daemon: Running) -> None:
    assert ask(daemon.listen(), "/latest/meta-data/local-ipv4") == (200, b"192.168.80.10")


def test_a_place_may_have_an_address_of_ipv6(daemon: Running) -> None:
    daemon.write(instance_path(BLUE, "::1"), encode(instance()))
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = int(free.getsockname()[1])
    listener = Listener(name="six", namespace="", networks=(BLUE,), address=IPv6Address("::1"), port=port)
    daemon.write(listener.path, encode(listener))
    assert daemon.look() == ("six",)
    connection = http.client.HTTPConnection("::1", port, timeout=10)
    connection.request("GET", "/latest/meta-data/local-ipv4")
    assert connection.getresponse().read() == b"192.168.80.10"
    connection.close()


def test_one_connection_answers_many_questions(daemon: Running) -> None:
    connection = http.client.HTTPConnection(HERE, daemon.listen(), timeout=10)
    for _ in range(3):
        connection.request("GET", "/latest/meta-data/local-ipv4")
        assert connection.getresponse().read() == b"192.168.80.10"
    connection.close()


def test_who_asks_in_another_network_is_not_known(daemon: Running) -> None:
    assert ask(daemon.listen("qrouter-2", "another-network"), "/latest/meta-data/")[0] == 404


def test_what_is_new_is_told_at_once(daemon: Running) -> None:
    port = daemon.listen()
    (daemon.directory / instance_path(BLUE, HERE)).unlink()
    assert ask(port, "/latest/meta-data/")[0] == 404


def test_a_place_that_is_not_wanted_any_more_is_left(daemon: Running) -> None:
    port = daemon.listen()
    (daemon.directory / "listeners" / "qrouter-1.json").unlink()
    assert daemon.look() == ()
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/")


def test_nobody_writes(daemon: Running) -> None:
    assert ask(daemon.listen(), "/latest/meta-data/hostname", "PUT", b"x")[0] == 405


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /" + b"a" * our_http.LONGEST_HEADER + b" HTTP/1.1\r\nHost: x\r\n", b"431"),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70000, b"413"),
    ],
)
def test_what_is_no_honest_question_is_refused(daemon: Running, sent: bytes, status: bytes) -> None:
    with socket.create_connection((HERE, daemon.listen()), timeout=10) as rude:
        rude.sendall(sent)
        assert rude.recv(100).split()[1] == status


def test_one_instance_does_not_take_all_connections(daemon: Running) -> None:
    port = daemon.listen()
    held = [socket.create_connection((HERE, port), timeout=10) for _ in range(MOST_CONNECTIONS)]
    for one in held:
        one.sendall(b"GET /latest/meta-data/mac HTTP/1.1\r\nHost: x\r\n\r\n")
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
    with socket.create_connection((HERE, port), timeout=10) as further:
        assert further.recv(100) == b""
    held.pop().close()
    for one in held:
        one.close()


class NovaStub(http.server.BaseHTTPRequestHandler):
    """Says what it was asked, as Nova's service would be."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = "\n".join(f"{name.lower()}: {value}" for name, value in self.headers.items()).encode()
        self.send_response(200 if self.path == "/latest/meta-data/?a=b" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def nova_port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer((HERE, 0), NovaStub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_nova_is_told_who_asks_and_that_it_is_we_who_say_so(tmp_path: Path, nova_port: int) -> None:
    nova = Nova(url=f"http://{HERE}:{nova_port}", secret="shared")
    with running(tmp_path, nova) as daemon:
        status, body = ask(daemon.listen(), "/latest/meta-data/?a=b", headers={"X-Instance-ID": "forged"})
    said = dict(line.split(": ", 1) for line in body.decode().splitlines())
    signature = hmac.new(b"shared", instance().instance_id.encode(), hashlib.sha256).hexdigest()
    assert status == 200
    assert (said["x-instance-id"], said["x-tenant-id"]) == (instance().instance_id, "p1")
    assert (said["x-instance-id-signature"], said["x-forwarded-for"]) == (signature, HERE)


def test_a_question_with_a_whole_url_goes_to_nova_and_nowhere_else(tmp_path: Path, nova_port: int) -> None:
    """An instance must not have this host ask others in its place."""
    NovaStub.asked.clear()
    with running(tmp_path, Nova(url=f"http://{HERE}:{nova_port}", secret="shared")) as daemon:
        port = daemon.listen()
        for authority in (f"{HERE}:1", "192.0.2.1"):
            assert ask(port, f"http://{authority}/latest/meta-data/?a=b")[0] == 200
        assert ask(port, f"//{HERE}:1/x")[0] == 404
    assert NovaStub.asked == ["/latest/meta-data/?a=b"] * 2 + [f"/{HERE}:1/x"]


def test_what_is_passed_on_to_nova_may_be_more_than_ascii(tmp_path: Path, nova_port: int) -> None:
    with running(tmp_path, Nova(url=f"http://{HERE}:{nova_port}", secret="shared")) as daemon:
        assert ask(daemon.listen(), "/latest/meta-data/?a=b", headers={"User-Agent": "caf\xe9"})[0] == 200


def test_what_nova_has_not_is_not_there_and_a_nova_that_is_away_is_told_of(tmp_path: Path, nova_port: int) -> None:
    with running(tmp_path / "1", Nova(url=f"http://{HERE}:{nova_port}", secret="shared")) as daemon:
        assert ask(daemon.listen(), "/other")[0] == 404
    with running(tmp_path / "2", Nova(url=f"http://{HERE}:1", secret="shared")) as daemon:
        assert ask(daemon.listen(), "/latest/meta-data/")[0] == 502
