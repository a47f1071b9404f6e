//! The two schemas of the demonstration, and the map that spreads them.

/// Instruments with prices: as many as the map has places for.
pub const INSTRUMENTS: u32 = 30_000;

/// Clients that have events.
pub const CLIENTS: u32 = 5_000;

/// Made on every shard.
pub const TABLES: &str = "
CREATE TABLE events (
    client_id bigint NOT NULL, id bigint NOT NULL, kind text NOT NULL, at timestamptz NOT NULL,
    amount numeric(12,2), page text, PRIMARY KEY (client_id, id));
CREATE TABLE market_data (
    instrument_id bigint NOT NULL, day date NOT NULL, open numeric(12,4) NOT NULL, close numeric(12,4) NOT NULL,
    volume bigint NOT NULL, PRIMARY KEY (instrument_id, day));
CREATE TABLE event_kinds (kind text PRIMARY KEY, title text NOT NULL);
CREATE TABLE exchanges (code text PRIMARY KEY, name text NOT NULL, country text NOT NULL);
INSERT INTO event_kinds VALUES ('view', 'Page viewed'), ('click', 'Button clicked'), ('login', 'Logged in'),
    ('purchase', 'Bought something'), ('support', 'Asked for help');
INSERT INTO exchanges VALUES ('XETR', 'Xetra', 'DE'), ('XNYS', 'New York Stock Exchange', 'US'),
    ('XTKS', 'Tokyo Stock Exchange', 'JP'), ('XPAR', 'Euronext Paris', 'FR');
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
";

/// What stands in the map besides addresses.
pub const MAP: &str = r#"
# client events: hash of client_id over 256 buckets
[databases.app.keyspaces.clients]
type    = "bigint"
method  = "hash"
buckets = { a = "0-85", b = "86-170", c = "171-255" }
pins    = { 42 = "c" }                       # one busy client, placed by hand

# market data: ranges of instrument_id
[databases.app.keyspaces.instruments]
type   = "bigint"
method = "range"
ranges = [
  { from = 1, to = 10_001, shard = "a" },
  { from = 10_001, to = 20_001, shard = "b" },
  { from = 20_001, to = 30_001, shard = "c" },
]

[databases.app.tables]
events      = { keyspace = "clients", key = "client_id" }
market_data = { keyspace = "instruments", key = "instrument_id" }
event_kinds = "reference"
exchanges   = "reference"
"#;
