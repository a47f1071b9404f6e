"""What the driver scripts share: where to connect, the values of each key type, and a loud check."""
import datetime as dt
import decimal
import os
import uuid

HOST, PORT = os.environ["PGHOST"], int(os.environ["PGPORT"])
USER, PASSWORD, DATABASE = os.environ["PGUSER"], os.environ["PGPASSWORD"], os.environ["PGDATABASE"]

# Clients on all three shards.
CLIENTS = [1, 2, 3, 4, 5, 6, 42]

KEYS = {
    "k_smallint": 5,
    "k_integer": 1000,
    "k_bigint": 10_000_000_000,
    "k_text": "ä☃𝄞",
    "k_varchar": "it's",
    "k_uuid": uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "k_date": dt.date(2024, 1, 11),
    "k_timestamp": dt.datetime(2024, 1, 2, 12, 0, 1, 500_000),
    "k_timestamptz": dt.datetime(2024, 1, 2, 14, 0, tzinfo=dt.timezone.utc),
    "k_numeric": decimal.Decimal("123456789012345678901234567890.123456789"),
}


def same(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {found!r}")
