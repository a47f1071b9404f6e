"""What the scripts of transfers share: accounts on all shards, and how much there is in all of them."""
from common import *

ACCOUNTS = list(range(6001, 6013))
OPEN = "INSERT INTO events (client_id, id, kind, amount) VALUES " + ", ".join(f"({account}, 1, 'account', 100)" for account in ACCOUNTS)
CLOSE = "DELETE FROM events WHERE kind = 'account'"
SUM = "SELECT count(*), sum(amount)::int FROM events WHERE kind = 'account' AND id = 1"
ALL = (len(ACCOUNTS), 100 * len(ACCOUNTS))


def transfers(count):
    """From, to, how much: the same for every driver."""
    for n in range(count):
        source = ACCOUNTS[n * 5 % len(ACCOUNTS)]
        target = ACCOUNTS[(n * 7 + 1) % len(ACCOUNTS)]
        if source != target:
            yield source, target, n % 9 + 1
