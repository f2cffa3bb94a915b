"""A write wakes the long polls of the nodes that it concerns, once, and no others'."""

import asyncio
import threading

from futago.controller.nodes.wake import Wake

SECONDS = 20


def test_only_who_is_concerned_wakes() -> None:
    async def scenario() -> None:
        wake = Wake(lambda: {"a"})
        first, second = wake.arm("a"), wake.arm("b")
        wake.from_any_thread(1)
        await asyncio.wait_for(first.wait(), SECONDS)
        assert not second.is_set()
        assert wake.arm("b") is second
        assert wake.arm("a") is not first

    asyncio.run(scenario())


def test_many_writes_take_few_looks_and_the_last_one_is_seen() -> None:
    looks: list[int] = []
    written = [0]
    slow = threading.Event()

    def concerned() -> set[str]:
        looks.append(written[0])
        slow.wait(SECONDS)
        return {"a"}

    async def scenario() -> None:
        wake = Wake(concerned)
        event = wake.arm("a")
        for number in range(1, 101):
            written[0] = number
            wake.from_any_thread(number)
            await asyncio.sleep(0)
        slow.set()
        await asyncio.wait_for(event.wait(), SECONDS)
        assert wake._task is not None
        await wake._task

    asyncio.run(asyncio.wait_for(scenario(), SECONDS))
    assert looks[-1] == 100
    assert len(looks) <= 2
