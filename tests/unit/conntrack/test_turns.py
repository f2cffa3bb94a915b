import asyncio

from futago.conntrack.turns import Turns


def test_one_reads_at_a_time_and_all_have_their_turn_in_order() -> None:
    began: list[int] = []
    reading: set[int] = set()

    async def read(turns: Turns, number: int) -> None:
        async with turns.turn():
            assert not reading
            reading.add(number)
            began.append(number)
            await asyncio.sleep(0)
            reading.discard(number)

    async def all_of_them() -> None:
        turns = Turns()
        await asyncio.gather(*(read(turns, number) for number in range(20)))

    asyncio.run(all_of_them())
    assert began == list(range(20))


def test_others_wait_in_proportion_to_what_a_turn_took() -> None:
    async def scene() -> float:
        turns = Turns(share=0.25)
        time = asyncio.get_running_loop().time
        async with turns.turn():
            began = time()
            await asyncio.sleep(0.01)
            took = time() - began
        over = time()
        async with turns.turn():
            return (time() - over) / took

    assert asyncio.run(scene()) > 2.9


def test_who_gives_up_or_fails_holds_up_nobody() -> None:
    async def scene() -> str:
        turns = Turns()

        async def fail() -> None:
            async with turns.turn():
                raise OSError

        async def wait_for_ever() -> None:
            async with turns.turn():
                await asyncio.Event().wait()

        failed = await asyncio.gather(fail(), return_exceptions=True)
        assert isinstance(failed[0], OSError)
        waiting = asyncio.create_task(wait_for_ever())
        await asyncio.sleep(0)
        waiting.cancel()
        async with turns.turn():
            return "had it"

    assert asyncio.run(scene()) == "had it"


def test_who_only_checks_lets_all_others_go_first_but_one() -> None:
    order: list[str] = []

    async def read(turns: Turns, name: str) -> None:
        async with turns.turn_to_check() if name == "check" else turns.turn():
            order.append(name)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        turns = Turns()
        await asyncio.gather(*(read(turns, name) for name in ("check", "check", "check", "read", "read")))

    asyncio.run(all_of_them())
    assert order[:3].count("read") == 2
