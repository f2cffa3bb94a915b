"""What hosts in tests say to each other through a router: run as a program inside a namespace.

talkers.py serve PORT…           answers each connection with the port and whom it sees, for ever
talkers.py ask ADDRESS PORT      prints the answer, or `refused`
talkers.py hold ADDRESS PORT     connects, says so, and waits until its input ends
talkers.py ftp-server            takes two commands on port 21, prints the second, and connects to where it says
talkers.py ftp-client ADDRESS    says on which port it listens, and prints what it hears there
"""

import re
import socket
import sys
import threading
from collections.abc import Callable

SECONDS = 20


def serve(*ports: str) -> None:
    threads = [threading.Thread(target=_serve, args=(int(port),)) for port in ports]
    for thread in threads:
        thread.start()
    print("ready", flush=True)


def _serve(port: int) -> None:
    with socket.create_server(("", port)) as server:
        while True:
            connection, (peer, _) = server.accept()
            threading.Thread(target=_answer, args=(connection, f"{port} {peer}")).start()


def _answer(connection: socket.socket, text: str) -> None:
    with connection:
        connection.sendall(text.encode())
        connection.recv(1)


def ask(address: str, port: str) -> None:
    try:
        with socket.create_connection((address, int(port)), timeout=SECONDS) as connection:
            print(connection.recv(100).decode())
    except ConnectionRefusedError:
        print("refused")


def hold(address: str, port: str) -> None:
    with socket.create_connection((address, int(port)), timeout=SECONDS) as connection:
        print(connection.recv(100).decode(), flush=True)
        sys.stdin.read()


def ftp_server() -> None:
    """Two commands: the kernel reads a side of the dialogue from its second line on."""
    with socket.create_server(("", 21)) as server:
        print("ready", flush=True)
        connection, _ = server.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"230 ready\r\n")
            said = connection.recv(100).decode()
            print(said.strip(), flush=True)
            numbers = [int(number) for number in re.findall(r"\d+", said)]
            to = (".".join(str(number) for number in numbers[:4]), numbers[4] * 256 + numbers[5])
            with socket.create_connection(to, timeout=SECONDS) as data:
                data.sendall(b"data")


def ftp_client(address: str) -> None:
    with socket.create_connection((address, 21), timeout=SECONDS) as connection:
        own = connection.getsockname()[0]
        with socket.create_server((own, 0)) as listener:
            listener.settimeout(SECONDS)
            port = listener.getsockname()[1]
            connection.sendall(b"USER anonymous\r\n")
            connection.recv(100)
            connection.sendall(f"PORT {own.replace('.', ',')},{port // 256},{port % 256}\r\n".encode())
            data, _ = listener.accept()
            with data:
                print(data.recv(100).decode())


PROGRAMS: dict[str, Callable[..., None]] = {
    "serve": serve,
    "ask": ask,
    "hold": hold,
    "ftp-server": ftp_server,
    "ftp-client": ftp_client,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
