"""Who reads together, and who waits for whom."""

import pytest
from starlette.requests import Request

from futago.controller.api.lanes import Lanes


def request(method: str, query: str = "", **path: str) -> Request:
    scope = {"type": "http", "method": method, "path": "/", "query_string": query.encode(), "headers": []}
    return Request({**scope, "path_params": path})


@pytest.mark.parametrize(("local", "whole", "others"), [(True, 1, 2), (False, 4, 8)])
def test_whole_lists_wait_for_each_other_and_hold_up_nobody_else(local: bool, whole: int, others: int) -> None:  # noqa: FBT001
    lanes = Lanes(local=local)
    lists = [lanes.of(request("GET", query)) for query in ("", "limit=5&fields=id", "sort_key=name&sort_dir=asc")]
    assert lists[0] is not None
    assert lists[0].total_tokens == whole
    assert all(one is lists[0] for one in lists)
    narrow = [lanes.of(request("GET", "device_id=a")), lanes.of(request("GET", id="a"))]
    assert narrow[0] is not None
    assert narrow[0].total_tokens == others
    assert narrow[0] is narrow[1] is not lists[0]
    assert lanes.of(request("POST")) is None
    assert Lanes(local=local, held_up=True).of(request("GET")) is None
