"""psycopg2: transfers between shards in one transaction, by the simple protocol."""
import threading

import psycopg2
from transfers import *


def connect():
    return psycopg2.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE)


MOVE = "UPDATE events SET amount = amount + %s WHERE client_id = %s AND id = 1"
db = connect()
cur = db.cursor()


def balance():
    cur.execute(SUM)
    found = cur.fetchone()
    db.commit()
    return found


cur.execute(OPEN)
same(cur.rowcount, len(ACCOUNTS), "accounts")
db.commit()
for number, (source, target, amount) in enumerate(transfers(60)):
    cur.execute(MOVE, (-amount, source))
    cur.execute(MOVE, (amount, target))
    db.commit() if number % 3 else db.rollback()
same(balance(), ALL, "after transfers")

# A savepoint is rolled back on all shards that came after it.
cur.execute(MOVE, (-10, ACCOUNTS[0]))
cur.execute("SAVEPOINT half")
for account in ACCOUNTS[1:]:
    cur.execute(MOVE, (1000, account))
cur.execute("ROLLBACK TO half")
cur.execute(MOVE, (10, ACCOUNTS[-1]))
db.commit()
same(balance(), ALL, "after a savepoint")

# A duplicate undoes what the transaction did elsewhere.
cur.execute(MOVE, (1000, ACCOUNTS[0]))
try:
    cur.execute("INSERT INTO events (client_id, id, kind) VALUES (%s, 1, 'account')", (ACCOUNTS[5],))
    raise AssertionError("a duplicate was accepted")
except psycopg2.errors.UniqueViolation as error:
    same(error.pgcode, "23505", "sqlstate")
    db.rollback()
same(balance(), ALL, "after a duplicate")
cur.executemany("INSERT INTO events (client_id, id, kind) VALUES (%s, 2, 'account')", [(account,) for account in ACCOUNTS])
db.commit()
cur.execute("SELECT count(*) FROM events WHERE kind = 'account' AND id = 2")
same(cur.fetchone(), (len(ACCOUNTS),), "executemany")
db.commit()

# Two that wait for each other: one is told, and tries again.
deadlocks = []
both = threading.Barrier(2)


def work(first, second):
    with_retry = connect()
    for attempt in range(5):
        try:
            with with_retry, with_retry.cursor() as mine:
                mine.execute(MOVE, (-1, first))
                if attempt == 0:
                    both.wait()
                mine.execute(MOVE, (1, second))
            break
        except psycopg2.errors.DeadlockDetected as error:
            deadlocks.append(error.pgcode)
    with_retry.close()


workers = [threading.Thread(target=work, args=pair) for pair in ((ACCOUNTS[0], ACCOUNTS[1]), (ACCOUNTS[1], ACCOUNTS[0]))]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
# Both may find it in the same moment.
same(set(deadlocks), {"40P01"}, "a deadlock over shards")
same(balance(), ALL, "after a deadlock")
cur.execute(CLOSE)
same(cur.rowcount, 2 * len(ACCOUNTS), "accounts")
db.commit()
print("ok")
