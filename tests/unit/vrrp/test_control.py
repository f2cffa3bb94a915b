"""The lines on the control socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.contract.codec import BadMessage
from futago.lines import to_line
from futago.vrrp.control import Configure, Release, Request, Resign, Status, Watch, read_request
from unit.vrrp.samples import router, router_v2

REQUESTS: tuple[Request, ...] = (
    Configure(routers=(router(), router_v2(name="other"))),
    Status(),
    Watch(),
    Resign(name="router80"),
    Release(),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_a_request_is_one_line_that_reads_back(request_: Request) -> None:
    line = to_line(request_)
    assert line.count(b"\n") == 1
    assert read_request(line) == request_


@given(st.binary(max_size=200))
def test_no_bytes_but_a_request_pass(line: bytes) -> None:
    with pytest.raises(BadMessage):
        read_request(line)


@pytest.mark.parametrize("line", [b"{}", b'{"request":"dance"}', b'{"request":"configure","routers":[{"name":"x"}]}'])
def test_what_is_nearly_a_request_is_refused_with_the_reason(line: bytes) -> None:
    with pytest.raises(BadMessage, match="not a request: "):
        read_request(line)


def test_an_address_that_is_none_is_refused() -> None:
    line = to_line(Configure(routers=(router(),))).replace(b"192.168.80.1/24", b"192.168.80.999/24")
    with pytest.raises(BadMessage):
        read_request(line)
