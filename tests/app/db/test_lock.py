import asyncio
import threading

from app.db.lock import FairLock

PATIENCE = 20  # seconds until a lock that is never given back fails the test; nothing waits so long when all is well


async def queue_up(lock: FairLock, name: str, order: list[str]) -> None:
    async with lock.hold_async():
        order.append(name)


def test_first_come_first_served_for_threads_and_coroutines_alike() -> None:
    lock = FairLock()
    order: list[str] = []

    def thread(name: str) -> None:
        with lock.hold():
            order.append(name)

    async def main() -> None:
        threads = []
        tasks = []
        async with lock.hold_async():
            for i in range(4):
                tasks.append(asyncio.create_task(queue_up(lock, f"task {i}", order)))
                await asyncio.sleep(0)  # it is in the queue now
                threads.append(threading.Thread(target=thread, args=(f"thread {i}",)))
                threads[-1].start()
                while len(lock._waiting) < 2 * (i + 1):
                    await asyncio.sleep(0.001)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
            for waiting in threads:
                await asyncio.to_thread(waiting.join)

    asyncio.run(main())
    assert order == [f"{kind} {i}" for i in range(4) for kind in ("task", "thread")]


def test_it_excludes() -> None:
    lock = FairLock()
    inside = most = 0

    def visit() -> None:
        nonlocal inside, most
        for _ in range(200):
            with lock.hold():
                inside += 1
                most = max(most, inside)
                inside -= 1

    async def main() -> None:
        nonlocal inside, most
        threads = [threading.Thread(target=visit) for _ in range(4)]
        for started in threads:
            started.start()
        for _ in range(200):
            async with lock.hold_async():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1
        for started in threads:
            started.join()

    asyncio.run(main())
    assert (inside, most) == (0, 1)


def test_whoever_is_cancelled_while_waiting_passes_the_lock_on() -> None:
    lock = FairLock()
    order: list[str] = []

    async def main() -> None:
        async with lock.hold_async():
            leaving = asyncio.create_task(queue_up(lock, "leaving", order))
            staying = asyncio.create_task(queue_up(lock, "staying", order))
            await asyncio.sleep(0)
            leaving.cancel()
        async with asyncio.timeout(PATIENCE):
            await staying
            await queue_up(lock, "later", order)
        assert leaving.cancelled()

    asyncio.run(main())
    assert order == ["staying", "later"]


def test_whoever_is_cancelled_as_the_turn_comes_passes_the_lock_on() -> None:
    """The turn is given by another thread, so it can come between the cancelling and its being noticed."""
    lock = FairLock()
    order: list[str] = []

    async def main() -> None:
        for _ in range(200):
            holding = lock.hold()
            holding.__enter__()
            leaving = asyncio.create_task(queue_up(lock, "leaving", order))
            await asyncio.sleep(0)
            giving = threading.Thread(target=holding.__exit__, args=(None, None, None))
            giving.start()
            leaving.cancel()
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait([leaving])
                await queue_up(lock, "later", order)
            giving.join()

    asyncio.run(main())
    assert order.count("later") == 200


def test_an_error_inside_gives_it_back() -> None:
    lock = FairLock()

    async def main() -> None:
        for _ in range(2):
            try:
                async with lock.hold_async():
                    raise KeyError
            except KeyError:
                pass
            async with asyncio.timeout(PATIENCE):
                await queue_up(lock, "", [])

    asyncio.run(main())
