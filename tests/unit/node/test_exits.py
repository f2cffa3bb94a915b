"""Processes that are missed when they end."""

import asyncio
import subprocess

from futago.node.drivers.exits import ExitWatch


async def missed(process: "subprocess.Popen[bytes]") -> None:
    """Returns when the watch has told that the process ended, which it does while it is watched, or before."""
    told = asyncio.Event()
    watch = ExitWatch(asyncio.get_running_loop(), told.set)
    for _ in range(2):
        await asyncio.to_thread(watch.watch, process.pid)
    process.kill()
    await asyncio.wait_for(told.wait(), 20)
    watch.close()


def test_a_process_that_ends_is_told_of() -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        asyncio.run(missed(process))


def test_one_that_has_ended_before_is_told_of_too() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        asyncio.run(missed(process))
