"""psycopg 3: the extended protocol, server-side parameters, prepared statements, pipelines, binary, COPY."""
import psycopg
from common import *

DSN = dict(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE)

with psycopg.connect(**DSN, autocommit=True) as db:
    for round in range(3):
        for client in CLIENTS:
            for binary in (False, True):
                row = db.execute("SELECT count(*) FROM events WHERE client_id = %s", (client,), prepare=True, binary=binary).fetchone()
                same(row, (6,), f"events of {client}")
    for table, key in KEYS.items():
        for marker in ("%s", "%b", "%t"):
            row = db.execute(f"SELECT count(*) FROM {table} WHERE k = {marker}", (key,)).fetchone()
            same(row, (1,), f"{table} {marker}")
    for client in CLIENTS:
        with db.transaction():
            db.execute("INSERT INTO events (client_id, id, kind) VALUES (%s, 2201, 'psycopg')", (client,))
            try:
                with db.transaction():
                    db.execute("INSERT INTO events (client_id, id, kind) VALUES (%s, 2201, 'dup')", (client,))
                raise AssertionError("a duplicate was accepted")
            except psycopg.errors.UniqueViolation:
                pass
            db.execute("UPDATE events SET kind = 'changed' WHERE client_id = %s AND id = 2201", (client,))
        row = db.execute("DELETE FROM events WHERE client_id = %s AND id = 2201 RETURNING kind", (client,)).fetchone()
        same(row, ("changed",), "after a savepoint")
    with db.cursor() as cur:
        for client in CLIENTS:
            cur.executemany("INSERT INTO events (client_id, id, kind) VALUES (%s, %s, %s)", [(client, 2210 + n, "many") for n in range(10)])
            cur.execute("DELETE FROM events WHERE client_id = %s AND id BETWEEN 2210 AND 2219", (client,))
            same(cur.rowcount, 10, "executemany")
    with db.pipeline() as pipe:
        cursors = []
        for client in CLIENTS:
            cursors.append(db.execute("SELECT %s::bigint, count(*) FROM events WHERE client_id = %s", (client, client)))
            pipe.sync()
    same([cur.fetchone() for cur in cursors], [(client, 6) for client in CLIENTS], "pipeline")
    # Rows of all shards in one statement, and in many.
    rows = [(3000 + n, 2230, f"row {n}") for n in range(60)]
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    for binary in (False, True):
        cur = db.execute(f"INSERT INTO events (client_id, id, kind) VALUES {values} RETURNING client_id, kind", [value for row in rows for value in row], binary=binary)
        same((cur.rowcount, cur.fetchall()), (60, [(client, kind) for client, _, kind in rows]), "rows of all shards")
        same(db.execute("DELETE FROM events WHERE client_id >= 3000 AND id = 2230").rowcount, 60, "rows of all shards")
    with db.transaction(), db.cursor() as cur:
        cur.executemany("INSERT INTO events (client_id, id, kind) VALUES (%s, %s, %s) RETURNING client_id", rows, returning=True)
    try:
        db.execute(f"INSERT INTO events (client_id, id, kind) VALUES {values}", [value for row in reversed(rows) for value in row])
        raise AssertionError("duplicates were accepted")
    except psycopg.errors.UniqueViolation:
        pass
    same(db.execute("INSERT INTO events (client_id, id, kind) SELECT client_id + 1000, id, kind FROM events WHERE id = 2230 RETURNING id").rowcount, 60, "rows of a query")
    same(db.execute("DELETE FROM events WHERE client_id >= 3000 AND id = 2230").rowcount, 120, "rows of a query")
    with db.cursor() as cur:
        with cur.copy("COPY events (client_id, id, kind) FROM STDIN") as copy:
            for client in CLIENTS:
                copy.write_row((client, 2220, "copied"))
        with cur.copy("COPY events (client_id, id, kind) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "int8", "text"])
            for client in CLIENTS:
                copy.write_row((client, 2221, "binary"))
        for client in CLIENTS:
            with cur.copy("COPY (SELECT id, kind FROM events WHERE client_id = %s AND id >= 2220 ORDER BY id) TO STDOUT", (client,)) as copy:
                copy.set_types(["int8", "text"])
                same(list(copy.rows()), [(2220, "copied"), (2221, "binary")], "copy out")
            cur.execute("DELETE FROM events WHERE client_id = %s AND id >= 2220 AND id < 2230", (client,))
    with db.transaction(), db.cursor("named") as cur:
        cur.execute("SELECT id FROM events WHERE client_id = 4 ORDER BY id")
        same(cur.fetchmany(2), [(1,), (2,)], "cursor")
        same(len(cur.fetchall()), 4, "cursor")
    notices = []
    db.add_notice_handler(lambda diag: notices.append(diag.message_primary))
    # A DO block's rows are anywhere; plain PostgreSQL takes the hint for a setting of the application.
    db.execute("SET shardway.shard = 'a'")
    db.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    db.execute("RESET shardway.shard")
    same(notices, ["hello"], "notice")
    db.execute("SET TimeZone = 'Asia/Tokyo'")
    same(db.info.parameter_status("TimeZone"), "Asia/Tokyo", "parameter status")
    for client in CLIENTS:
        same(db.execute("SELECT current_setting('TimeZone') FROM events WHERE client_id = %s LIMIT 1", (client,)).fetchone(), ("Asia/Tokyo",), "SET follows")
print("ok")
