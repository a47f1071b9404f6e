@undone
@same 137

# a column
ALTER TABLE events ADD COLUMN note text

# a column with a default
ALTER TABLE events ADD COLUMN note text NOT NULL DEFAULT 'none'

# a column of new values for each row
ALTER TABLE events ADD COLUMN note uuid DEFAULT gen_random_uuid()

# a column of a reference table
ALTER TABLE countries ADD COLUMN note text DEFAULT 'none'

# a column of a reference table that each shard would fill by itself
ALTER TABLE countries ADD COLUMN note uuid DEFAULT gen_random_uuid()

# a column that each shard would fill at its own time
ALTER TABLE events ADD COLUMN seen timestamptz DEFAULT now()

# a column of numbers
ALTER TABLE events ADD COLUMN number bigserial

# a column that is there
ALTER TABLE events ADD COLUMN kind text

# a column that is there, if it is not
ALTER TABLE events ADD COLUMN IF NOT EXISTS kind text

# a column of a type that nobody knows
ALTER TABLE events ADD COLUMN note nonsense

# a column that may not be empty
ALTER TABLE events ADD COLUMN note text NOT NULL

# several at once
ALTER TABLE events ADD COLUMN one integer, ADD COLUMN two text, ALTER COLUMN kind DROP NOT NULL

# drop a column
ALTER TABLE events DROP COLUMN payload

# drop a column that a view needs
ALTER TABLE events DROP COLUMN kind

# and the view
ALTER TABLE events DROP COLUMN kind CASCADE

# drop the key
ALTER TABLE events DROP COLUMN client_id CASCADE

# the type of a column
ALTER TABLE market_data ALTER COLUMN volume TYPE numeric USING volume * 2

# the type of a column that values do not have
ALTER TABLE orders ALTER COLUMN note TYPE integer USING note::integer

# the type of the key
ALTER TABLE orders ALTER COLUMN customer TYPE varchar(100)

# rename a column
ALTER TABLE events RENAME COLUMN payload TO body

# rename the key
ALTER TABLE events RENAME COLUMN client_id TO client

# rename a table of the map
ALTER TABLE events RENAME TO happenings

# move a table of the map
ALTER TABLE orders SET SCHEMA other

# rename a constraint
ALTER TABLE events RENAME CONSTRAINT events_pkey TO events_key

# rename a view
ALTER VIEW client_events RENAME TO events_of_clients

# a check
ALTER TABLE events ADD CONSTRAINT positive CHECK (id > 0)

# a check that rows do not meet
ALTER TABLE events ADD CONSTRAINT negative CHECK (id < 0)

# a check that will be met
ALTER TABLE events ADD CONSTRAINT negative CHECK (id < 0) NOT VALID

# a default
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new'

# not null
ALTER TABLE orders ALTER COLUMN note SET NOT NULL

# a unique constraint with the key
ALTER TABLE events ADD CONSTRAINT once UNIQUE (client_id, id, kind)

# a unique constraint with the key that rows break
ALTER TABLE events ADD CONSTRAINT once UNIQUE (client_id)

# a unique constraint without the key
ALTER TABLE events ADD CONSTRAINT once UNIQUE (id)

# a unique column
ALTER TABLE events ADD COLUMN note text UNIQUE

# an exclusion constraint without the key
ALTER TABLE events ADD CONSTRAINT apart EXCLUDE USING btree (id WITH =)

# an exclusion constraint with the key
ALTER TABLE wide ADD CONSTRAINT apart EXCLUDE USING btree (client_id WITH =)

# a foreign key to a reference table
ALTER TABLE instruments ADD FOREIGN KEY (country) REFERENCES countries

# a foreign key to a reference table that rows break
ALTER TABLE orders ADD FOREIGN KEY (note) REFERENCES countries (code)

# a foreign key through the key
ALTER TABLE order_items ADD FOREIGN KEY (customer, order_id) REFERENCES orders

# the same with names
ALTER TABLE order_items ADD FOREIGN KEY (order_id, customer) REFERENCES orders (order_id, customer)

# a foreign key past the key
ALTER TABLE order_items ADD FOREIGN KEY (sku, order_id) REFERENCES orders (customer, order_id)

# a foreign key to another keyspace
ALTER TABLE events ADD FOREIGN KEY (id) REFERENCES instruments

# a foreign key from a reference table
ALTER TABLE countries ADD FOREIGN KEY (population) REFERENCES instruments

# a foreign key from a table on one shard
ALTER TABLE audit ADD FOREIGN KEY (id) REFERENCES instruments

# a foreign key between reference tables
ALTER TABLE countries ADD COLUMN within char(2) REFERENCES countries

# row security
ALTER TABLE events ENABLE ROW LEVEL SECURITY

# triggers off
ALTER TABLE stamped DISABLE TRIGGER stamp

# a constraint of a table that is not there
ALTER TABLE nowhere ADD COLUMN x integer

# the same if it is there
ALTER TABLE IF EXISTS nowhere ADD COLUMN x integer

# a table on one shard
ALTER TABLE audit ADD COLUMN note text

# a table on the default shard
ALTER TABLE unlisted ADD COLUMN note text

# inheritance
ALTER TABLE order_items INHERIT orders

# an index
CREATE INDEX events_kind ON events (kind)

# an index without a name
CREATE INDEX ON orders (status, placed DESC) WHERE total > 0

# an index on an expression
CREATE INDEX events_upper ON events (upper(kind))

# an index that is there
CREATE INDEX events_pkey ON events (kind)

# the same if it is not there
CREATE INDEX IF NOT EXISTS events_pkey ON events (kind)

# an index of a column that is not there
CREATE INDEX ON events (nothing)

# a unique index with the key
CREATE UNIQUE INDEX events_once ON events (client_id, kind, id)

# a unique index without the key
CREATE UNIQUE INDEX events_id ON events (id)

# a unique index on an expression of the key
CREATE UNIQUE INDEX events_id ON events ((client_id + 0), id)

# a unique index of a reference table
CREATE UNIQUE INDEX ON countries (name)

# a unique index that rows break
CREATE UNIQUE INDEX ON events (client_id)

# an index on one shard
CREATE INDEX audit_what ON audit (what)

# concurrently, in a transaction
CREATE INDEX CONCURRENTLY ON events (kind)

# drop an index
DROP INDEX events_client_id_at_idx

# drop an index of a constraint
DROP INDEX events_pkey

# drop an index of a table on one shard
DROP INDEX audit_pkey

# drop an index that is not there
DROP INDEX nowhere

# drop an index that is not there, if it is
DROP INDEX IF EXISTS nowhere

# rename an index
ALTER INDEX events_client_id_at_idx RENAME TO events_at

# rebuild an index
REINDEX INDEX events_pkey

# rebuild the indexes of a table
REINDEX TABLE events

# rebuild all, in a transaction
REINDEX DATABASE app

# a table that is there
CREATE TABLE events (client_id bigint PRIMARY KEY)

# a table that is there, if it is not
CREATE TABLE IF NOT EXISTS events (client_id bigint PRIMARY KEY)

# a table of the map without its key
CREATE TABLE IF NOT EXISTS events (id bigint PRIMARY KEY)

# a table of the map with a key of another type
CREATE TABLE IF NOT EXISTS orders (customer bigint PRIMARY KEY)

# a table by the name of a view
CREATE TABLE client_events (id integer)

# a table on the default shard
CREATE TABLE notes (id integer PRIMARY KEY, note text)

# a table on the default shard that points to a sharded one
CREATE TABLE notes (id integer PRIMARY KEY, instrument bigint REFERENCES instruments)

# a type
CREATE TYPE weekday AS ENUM ('mon', 'tue')

# a type that is there
CREATE TYPE mood AS ENUM ('mon', 'tue')

# a value of a type
ALTER TYPE mood ADD VALUE 'angry' AFTER 'sad'

# rename a value
ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy'

# a composite type
CREATE TYPE size AS (width integer, height integer)

# a domain
CREATE DOMAIN percent AS numeric CHECK (VALUE BETWEEN 0 AND 100)

# a constraint of a domain
ALTER DOMAIN positive ADD CONSTRAINT small CHECK (VALUE < 1000000)

# drop a type that is used
DROP TYPE mood

# a function
CREATE FUNCTION plus_one(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1'

# a function that is there
CREATE FUNCTION twice(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1 * 3'

# another body
CREATE OR REPLACE FUNCTION twice(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1 * 3'

# a wrong body
CREATE FUNCTION wrong(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT nothing'

# drop a function
DROP FUNCTION twice(bigint)

# drop one that is not there
DROP FUNCTION thrice(bigint)

# an aggregate
CREATE AGGREGATE product (bigint) (SFUNC = int8mul, STYPE = bigint)

# a cast
CREATE CAST (bigint AS money) WITH INOUT

# a schema
CREATE SCHEMA archive

# a schema with a table
CREATE SCHEMA archive CREATE TABLE old (id integer)

# a schema that is there
CREATE SCHEMA other

# a schema of the map
ALTER SCHEMA other RENAME TO another

# drop a schema that is not empty
DROP SCHEMA other

# a view of a sharded table
CREATE VIEW logins AS SELECT client_id, at FROM events WHERE kind = 'login'

# a view of a reference table
CREATE VIEW people AS SELECT name, population FROM countries

# a view of a table on one shard
CREATE VIEW noted AS SELECT * FROM audit

# a view of both
CREATE VIEW noted AS SELECT a.what, c.name FROM audit a, countries c

# a view of nothing
CREATE VIEW nothing_at_all AS SELECT * FROM nowhere

# a view that is there
CREATE OR REPLACE VIEW country_names AS SELECT code, name, population FROM countries

# a view with other columns
CREATE OR REPLACE VIEW country_names AS SELECT name FROM countries

# drop a view
DROP VIEW country_names

# drop a view that others need
DROP VIEW client_events

# drop a table as a view
DROP VIEW events

# drop a table
DROP TABLE order_items

# drop tables
DROP TABLE orders, order_items

# drop tables that live differently
DROP TABLE orders, audit

# drop a table that views need
DROP TABLE events

# and the views
DROP TABLE events CASCADE

# no such table
DROP TABLE nowhere

# no such table, if it is there
DROP TABLE IF EXISTS nowhere

# a table of one shard
DROP TABLE audit

# a comment
COMMENT ON TABLE events IS 'what clients did'

# a comment on a column
COMMENT ON COLUMN events.kind IS 'what it was'

# a comment on a column of a table on one shard
COMMENT ON COLUMN audit.what IS 'what it was'

# a comment on a column that is not there
COMMENT ON COLUMN events.nothing IS 'what it was'

# a comment on a constraint
COMMENT ON CONSTRAINT audit_pkey ON audit IS 'its key'

# a comment on a function
COMMENT ON FUNCTION twice(bigint) IS 'doubles'

# a right
GRANT SELECT ON events TO PUBLIC

# a right on several
GRANT SELECT, INSERT ON events, orders TO PUBLIC

# a right on one shard
GRANT SELECT ON audit TO PUBLIC

# a right on all
GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC

# take a right back
REVOKE ALL ON countries FROM PUBLIC

# a right of nobody
GRANT SELECT ON events TO nobody_at_all

# rights of what comes
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC

# a type, unless it is there
DO $$ BEGIN CREATE TYPE flavour AS ENUM ('sweet', 'sour'); EXCEPTION WHEN duplicate_object THEN null; END $$

# a type that is there, unless it is
DO 'BEGIN CREATE TYPE "mood" AS ENUM (''sad''); EXCEPTION WHEN duplicate_object OR duplicate_table THEN NULL; END;'

# a type that is there, in a block
DO $$ BEGIN CREATE TYPE mood AS ENUM ('sad'); END $$

# a foreign key, unless it is there
DO $$ BEGIN ALTER TABLE "instruments" ADD CONSTRAINT of_country FOREIGN KEY (country) REFERENCES countries (code); EXCEPTION WHEN duplicate_object THEN null; END $$

# a constraint of a single table, unless it is there
DO $$ BEGIN ALTER TABLE audit ADD CONSTRAINT positive CHECK (id > 0); EXCEPTION WHEN duplicate_object THEN null; END $$

# a constraint that rows are against, unless it is there
DO $$ BEGIN ALTER TABLE countries ADD CONSTRAINT nobody CHECK (population > 100000000); EXCEPTION WHEN duplicate_object THEN null; END $$

# a trigger
CREATE TRIGGER stamp BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION stamp()

# drop a trigger
DROP TRIGGER stamp ON stamped

# drop a trigger that is not there
DROP TRIGGER stamp ON events

# a policy
CREATE POLICY own ON events USING (client_id > 0)

# drop a policy
DROP POLICY seen ON guarded

# a rule
CREATE RULE quiet AS ON DELETE TO events DO INSTEAD NOTHING

# drop a rule
DROP RULE noted ON ruled

# statistics
CREATE STATISTICS events_kinds ON kind, id FROM events

# a sequence
CREATE SEQUENCE tickets

# a sequence with a beginning
CREATE SEQUENCE tickets START 1000 MAXVALUE 2000000

# a sequence with steps
CREATE SEQUENCE tickets INCREMENT 5

# a sequence that begins again
CREATE SEQUENCE tickets CYCLE

# an owner
ALTER TABLE events OWNER TO CURRENT_USER

# an operator
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq)

# truncate
TRUNCATE orders, order_items

# truncate one
TRUNCATE market_data RESTART IDENTITY

# truncate a reference table
TRUNCATE countries

# truncate a table on one shard
TRUNCATE audit

# truncate both
TRUNCATE audit, countries

# truncate tables of all homes
TRUNCATE TABLE ONLY public."events", audit, countries RESTART IDENTITY

# truncate what is pointed to
TRUNCATE countries, audit RESTRICT

# lock tables of all homes
LOCK events, audit, countries IN SHARE MODE

# drop tables of all homes
DROP TABLE IF EXISTS order_items, audit, nowhere CASCADE

# drop tables of all homes
DROP TABLE order_items, audit

# grant on tables of all homes
GRANT SELECT, UPDATE ON events, audit, ledger, countries TO PUBLIC

# grant on columns that not all of them have
GRANT SELECT (what) ON audit, ledger TO PUBLIC

# revoke on tables of all homes
REVOKE ALL ON TABLE events, audit, labels, memos FROM PUBLIC

# look through tables of all homes
ANALYZE events, audit (what), labels, memos

# vacuum tables of all homes in a transaction
VACUUM events, audit, labels

# drop what is there and what is not, of all homes
DROP TABLE IF EXISTS nowhere, labels, no_schema.nowhere, memos, nowhere

# drop what is there and what is not
DROP TABLE memos, nowhere, labels

# truncate with triggers of its own
TRUNCATE watched

# lock
LOCK TABLE events IN SHARE MODE

# lock several
LOCK TABLE orders, order_items, countries IN ACCESS EXCLUSIVE MODE

# lock what is not there
LOCK TABLE nowhere

# look through a table
ANALYZE events

# look through all
ANALYZE

# vacuum in a transaction
VACUUM events

# a role
CREATE ROLE newcomer

# a database
CREATE DATABASE another

# settings of a server
ALTER SYSTEM SET work_mem = '1MB'

# a materialized view
REFRESH MATERIALIZED VIEW nowhere
