"""psycopg2: literals put into the text by the client, the simple protocol throughout."""
import io

import psycopg2
import psycopg2.extras
from common import *

with psycopg2.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE) as db:
    with db.cursor() as cur:
        for client in CLIENTS:
            cur.execute("SELECT count(*) FROM events WHERE client_id = %s", (client,))
            same(cur.fetchone(), (6,), f"events of {client}")
            db.commit()
        for table, key in KEYS.items():
            if table == "k_uuid":
                key = str(key)
            cur.execute(f"SELECT count(*) FROM {table} WHERE k = %s", (key,))
            same(cur.fetchone(), (1,), table)
            db.commit()
        for client in CLIENTS:
            cur.execute("INSERT INTO events (client_id, id, kind, amount) VALUES (%s, %s, %s, %s) RETURNING id", (client, 2101, "psycopg2", 1.5))
            same(cur.fetchone(), (2101,), "returning")
            cur.execute("UPDATE events SET amount = amount + 1 WHERE client_id = %s AND id = %s", (client, 2101))
            same(cur.rowcount, 1, "rowcount")
            db.commit()
            cur.execute("DELETE FROM events WHERE client_id = %s AND id = %s", (client, 2101))
            db.rollback()
            cur.execute("SELECT amount FROM events WHERE client_id = %s AND id = %s", (client, 2101))
            same(float(cur.fetchone()[0]), 2.5, "rolled back")
            cur.execute("DELETE FROM events WHERE client_id = %s AND id = %s", (client, 2101))
            db.commit()
        for client in CLIENTS:
            cur.executemany("INSERT INTO events (client_id, id, kind) VALUES (%s, %s, %s)", [(client, 2110 + n, "many") for n in range(5)])
            psycopg2.extras.execute_values(cur, "INSERT INTO events (client_id, id, kind) VALUES %s", [(client, 2120 + n, "values") for n in range(5)])
            psycopg2.extras.execute_batch(cur, "DELETE FROM events WHERE client_id = %s AND id = %s", [(client, 2110 + n) for n in range(5)])
            cur.execute("DELETE FROM events WHERE client_id = %s AND id >= 2120 AND id < 2130", (client,))
            same(cur.rowcount, 5, "execute_values")
            db.commit()
        try:
            cur.execute("INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'dup')")
            raise AssertionError("a duplicate was accepted")
        except psycopg2.errors.UniqueViolation:
            db.rollback()
        # Rows of several shards in one COPY, outside a transaction block.
        other = psycopg2.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE)
        other.autocommit = True
        rows = io.StringIO("".join(f"{client}\t2140\tcopied\n" for client in CLIENTS))
        other.cursor().copy_expert("COPY events (client_id, id, kind) FROM STDIN", rows)
        other.close()
        for client in CLIENTS:
            out = io.StringIO()
            cur.copy_expert(f"COPY (SELECT client_id, kind FROM events WHERE client_id = {client} AND id = 2140) TO STDOUT", out)
            same(out.getvalue(), f"{client}\tcopied\n", "copy out")
            cur.execute("DELETE FROM events WHERE client_id = %s AND id = 2140", (client,))
            db.commit()
    with db.cursor("named") as cur:
        cur.itersize = 2
        cur.execute("SELECT id FROM events WHERE client_id = 4 ORDER BY id")
        same([row[0] for row in cur], [1, 2, 3, 4, 5, 6], "server-side cursor")
print("ok")
