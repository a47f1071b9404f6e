"""asyncpg: everything prepared and binary; introspects types from the catalog; pool with its reset query."""
import asyncio

import asyncpg
from common import *


async def main():
    pool = await asyncpg.create_pool(host=HOST, port=PORT, user=USER, password=PASSWORD, database=DATABASE, min_size=2, max_size=5)
    async with pool.acquire() as db:
        for client in CLIENTS:
            same(await db.fetchval("SELECT count(*) FROM events WHERE client_id = $1", client), 6, f"events of {client}")
        for table, key in KEYS.items():
            same(await db.fetchval(f"SELECT count(*) FROM {table} WHERE k = $1", key), 1, table)
            same(await db.fetchval(f"SELECT count(*) FROM {table} WHERE k = ANY ($1)", [key]), 1, f"{table} array")
        statement = await db.prepare("SELECT id, kind, amount, at, payload FROM events WHERE client_id = $1 ORDER BY id")
        for client in CLIENTS:
            rows = await statement.fetch(client)
            same([row["id"] for row in rows], [1, 2, 3, 4, 5, 6], "prepared")
        for client in CLIENTS:
            async with db.transaction():
                await db.execute("INSERT INTO events (client_id, id, kind) VALUES ($1, 2301, 'asyncpg')", client)
                try:
                    async with db.transaction():
                        await db.execute("INSERT INTO events (client_id, id, kind) VALUES ($1, 2301, 'dup')", client)
                    raise AssertionError("a duplicate was accepted")
                except asyncpg.UniqueViolationError:
                    pass
            same(await db.execute("DELETE FROM events WHERE client_id = $1 AND id = 2301", client), "DELETE 1", "tag")
            await db.executemany("INSERT INTO events (client_id, id, kind) VALUES ($1, $2, $3)", [(client, 2310 + n, "many") for n in range(10)])
            same(await db.execute("DELETE FROM events WHERE client_id = $1 AND id BETWEEN 2310 AND 2319", client), "DELETE 10", "executemany")
        # Rows of all shards in one statement; the first of those returned, and one whose key is computed.
        several = "INSERT INTO events (client_id, id, kind) VALUES ($1, 2330, 'a'), ($2, 2330, 'b'), ($3, 2330, $4) RETURNING client_id"
        same([row[0] for row in await db.fetch(several, 1, 2, 3, "c")], [1, 2, 3], "rows of several shards")
        same(await db.fetchval("SELECT count(*) FROM events WHERE id = 2330"), 3, "rows of several shards")
        same(await db.execute("DELETE FROM events WHERE id = 2330"), "DELETE 3", "rows of several shards")
        same(await db.fetchval(several, 1, 2, 3, "c"), 1, "the first row")
        same(await db.fetchval("INSERT INTO events (client_id, id, kind) VALUES ($1::bigint + 1, 2330, 'd') RETURNING client_id", 3), 4, "a computed key")
        same(await db.execute("DELETE FROM events WHERE id = 2330"), "DELETE 4", "rows of several shards")
        async with db.transaction():
            await db.executemany("INSERT INTO events (client_id, id, kind) VALUES ($1, 2331, $2)", [(client, "many") for client in CLIENTS])
        same(await db.execute("DELETE FROM events WHERE id = 2331"), f"DELETE {len(CLIENTS)}", "executemany")
        await db.copy_records_to_table("events", records=[(client, 2320, "copied") for client in CLIENTS], columns=["client_id", "id", "kind"])
        for client in CLIENTS:
            same(await db.fetchval("DELETE FROM events WHERE client_id = $1 AND id = 2320 RETURNING kind", client), "copied", "copy")
        async with db.transaction():
            ids = [row["id"] async for row in db.cursor("SELECT id FROM events WHERE client_id = $1 ORDER BY id", 4, prefetch=2)]
            same(ids, [1, 2, 3, 4, 5, 6], "cursor")
        try:
            await db.fetchval("SELECT 1 / $1::int", 0)
            raise AssertionError("division by zero went well")
        except asyncpg.DivisionByZeroError:
            pass

    async def many(client):
        async with pool.acquire() as db:
            return [await db.fetchval("SELECT count(*) FROM events WHERE client_id = $1", client) for _ in range(20)]

    same(await asyncio.gather(*(many(client) for client in CLIENTS)), [[6] * 20 for _ in CLIENTS], "pool")
    await pool.close()


asyncio.run(main())
print("ok")
