-- The same on every shard: two sharded tables and two reference tables (see shardway.toml beside this file).

CREATE TABLE countries (
    code text PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE events (
    client_id bigint NOT NULL,
    event_id  bigint NOT NULL,
    happened  timestamptz NOT NULL DEFAULT now(),
    kind      text NOT NULL,
    country   text REFERENCES countries,
    payload   jsonb,
    PRIMARY KEY (client_id, event_id)
);

CREATE TABLE exchanges (
    code text PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE market_data (
    instrument_id bigint NOT NULL,
    at            timestamptz NOT NULL,
    exchange      text REFERENCES exchanges,
    bid           numeric NOT NULL,
    ask           numeric NOT NULL,
    volume        bigint NOT NULL,
    PRIMARY KEY (instrument_id, at)
);

INSERT INTO countries VALUES ('CH', 'Switzerland'), ('DE', 'Germany'), ('FR', 'France'), ('US', 'United States');
INSERT INTO exchanges VALUES ('XSWX', 'SIX Swiss Exchange'), ('XETR', 'Xetra'), ('XNAS', 'Nasdaq');
