"""The console through psycopg 3, psycopg2 and asyncpg; and what pgbouncer_exporter asks, read as it reads it."""
import asyncio

import asyncpg
import psycopg
import psycopg2
from common import *

# The exporter's queries, with the columns that it makes numbers of (collector.go).
EXPORTER = {
    "SHOW databases;": ["pool_size", "max_connections", "current_connections", "paused", "disabled"],
    "SHOW stats_totals;": ["query_count", "query_time", "bytes_received", "bytes_sent", "wait_time", "xact_count", "xact_time", "client_parse_count", "server_parse_count", "bind_count"],
    "SHOW pools;": ["cl_active", "cl_active_cancel_req", "cl_waiting", "cl_waiting_cancel_req", "sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login", "maxwait"],
}
# What makes two of its series the same, which Prometheus does not take.
LABELS = {"SHOW databases;": ["name", "host", "port", "database", "force_user", "pool_mode"], "SHOW stats_totals;": ["database"], "SHOW pools;": ["database", "user"]}


def exporter():
    db = psycopg2.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE)
    db.autocommit = True
    cursor = db.cursor()
    cursor.execute("SHOW STATS")
    cursor.execute("SHOW VERSION;")
    same([column.name for column in cursor.description], ["version"], "version")
    cursor.execute("SHOW LISTS;")
    lists = dict(cursor.fetchall())
    for name in ["databases", "users", "pools", "free_clients", "used_clients", "login_clients", "free_servers", "used_servers", "dns_names", "dns_zones", "dns_queries"]:
        assert isinstance(lists[name], int), name
    cursor.execute("SHOW CONFIG;")
    same(len(cursor.description), 4, "columns of SHOW CONFIG")
    config = {row[0]: row[1] for row in cursor.fetchall()}
    for name in ["max_client_conn", "max_user_connections"]:
        float(config[name])
    for query, numbers in EXPORTER.items():
        cursor.execute(query)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row)) for row in cursor.fetchall()]
        assert any(row.get("database", row.get("name")) == "app" for row in rows), (query, rows)
        for row in rows:
            for name in numbers:
                float(row[name])
        series = [tuple(row[name] for name in LABELS[query]) for row in rows]
        same(len(set(series)), len(series), f"{query} gives each series once")
    db.close()


def psycopg3():
    with psycopg.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE) as db:
        for options in [{}, {"prepare": True}, {"binary": True}]:
            rows = db.execute("SHOW LISTS", **options).fetchall()
            same(dict(rows)["peers"], 0, f"psycopg 3 {options}")
        same(db.execute("SELECT current_user").fetchone(), (USER,), "psycopg 3")
        try:
            db.execute("SHOW NONSENSE")
            raise AssertionError("nonsense was shown")
        except psycopg.errors.SyntaxError:
            db.rollback()
        same(db.execute("SHOW STATS", binary=True).fetchone()[0], "app", "numeric in binary")


async def with_asyncpg():
    pool = await asyncpg.create_pool(host=HOST, port=PORT, user=USER, password=PASSWORD, database=DATABASE, min_size=1, max_size=2)
    for _ in range(2):
        async with pool.acquire() as db:
            rows = await db.fetch("SHOW POOLS")
            assert all(isinstance(row["sv_idle"], int) for row in rows), rows
            rows = await db.fetch("SHOW STATS_TOTALS")
            assert all(row["query_count"] >= 0 for row in rows), rows
            same(await db.fetchval("SHOW DNS_HOSTS"), None, "an empty table")
            same(await db.execute("SET application_name = 'x'"), "SET", "asyncpg")
    await pool.close()


with psycopg2.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname="app") as client:
    client.cursor().execute("SELECT 1")
    exporter()
    psycopg3()
    asyncio.run(with_asyncpg())
print("console: ok")
