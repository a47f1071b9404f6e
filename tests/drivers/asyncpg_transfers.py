"""asyncpg: transfers between shards in transactions, nested ones, and executemany, which is one transaction."""
import asyncio

import asyncpg
from transfers import *

MOVE = "UPDATE events SET amount = amount + $1::int WHERE client_id = $2 AND id = 1"
ADD = "INSERT INTO events (client_id, id, kind) VALUES ($1, $2, 'account')"


class Undo(Exception):
    pass


async def main():
    pool = await asyncpg.create_pool(host=HOST, port=PORT, user=USER, password=PASSWORD, database=DATABASE, min_size=3, max_size=3)
    async with pool.acquire() as db:
        balance = lambda: db.fetchrow(SUM)
        same(await db.execute(OPEN), f"INSERT 0 {len(ACCOUNTS)}", "accounts")
        for number, (source, target, amount) in enumerate(transfers(60)):
            try:
                async with db.transaction():
                    await db.execute(MOVE, -amount, source)
                    await db.execute(MOVE, amount, target)
                    if number % 3 == 0:
                        raise Undo
            except Undo:
                pass
        same(tuple(await balance()), ALL, "after transfers")
        async with db.transaction():
            await db.execute(MOVE, -10, ACCOUNTS[0])
            try:
                async with db.transaction():
                    await db.executemany(MOVE, [(1000, account) for account in ACCOUNTS[1:]])
                    await db.execute(ADD, ACCOUNTS[5], 1)
            except asyncpg.UniqueViolationError as error:
                same(error.sqlstate, "23505", "sqlstate")
            await db.execute(MOVE, 10, ACCOUNTS[-1])
        same(tuple(await balance()), ALL, "after a savepoint")

        # Outside a transaction: all rows, or none.
        await db.executemany(MOVE, [move for source, target, amount in transfers(60) for move in ((-amount, source), (amount, target))])
        same(tuple(await balance()), ALL, "after executemany")
        await db.executemany(ADD, [(account, number) for number in range(2, 300) for account in ACCOUNTS])
        try:
            await db.executemany(ADD, [(account, 500) for account in ACCOUNTS] + [(ACCOUNTS[0], 500)])
            raise AssertionError("a duplicate was accepted")
        except asyncpg.UniqueViolationError:
            pass
        same(await db.fetchval("SELECT count(*) FROM events WHERE kind = 'account' AND id > 1"), 298 * len(ACCOUNTS), "executemany")

        deadlocks = []
        first_moves = [asyncio.Event(), asyncio.Event()]

        async def work(which, first, second):
            async with pool.acquire() as mine:
                for attempt in range(5):
                    try:
                        async with mine.transaction():
                            await mine.execute(MOVE, -1, first)
                            first_moves[which].set()
                            await first_moves[1 - which].wait()
                            await mine.execute(MOVE, 1, second)
                        return
                    except asyncpg.DeadlockDetectedError as error:
                        deadlocks.append(error.sqlstate)

        await asyncio.gather(work(0, ACCOUNTS[0], ACCOUNTS[1]), work(1, ACCOUNTS[1], ACCOUNTS[0]))
        # Both may find it in the same moment.
        same(set(deadlocks), {"40P01"}, "a deadlock over shards")
        same(tuple(await balance()), ALL, "after a deadlock")
        same(await db.execute(CLOSE), f"DELETE {299 * len(ACCOUNTS)}", "accounts")
    await pool.close()


asyncio.run(main())
print("ok")
