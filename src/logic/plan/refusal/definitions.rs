//! What the schema cannot be over several shards, and where new tables may live.

use super::{CHOOSE, Reason, Refusal};

impl Refusal {
    /// Only some of the shards may have a constraint of this name.
    pub fn named_constraints() -> Self {
        Self::new(
            Reason::ManyShards,
            "SET CONSTRAINTS by name is not supported".to_owned(),
            "It concerns every shard, and not all of them have the constraint; outside a transaction block it does nothing.",
            "SET CONSTRAINTS ALL",
        )
    }

    /// A value that only one row of the whole table may have, without the key beside it.
    pub fn torn_index(verb: &str, table: &str, index: &str, column: &str) -> Self {
        Self::new(
            Reason::Conflict,
            format!("{verb} of \"{table}\" cannot keep unique index \"{index}\" over several shards"),
            &format!("It does not contain sharding key \"{column}\": a row in its way may be on another shard."),
            &format!(
                "Add {column} to the index, or vouch in the shard map for values that cannot repeat, such as UUIDs: unique = [\"{index}\"]."
            ),
        )
    }

    /// A statement that concerns every shard.
    pub fn every_shard(verb: &str, tables: &[&str]) -> Self {
        let of = if tables.is_empty() { String::new() } else { format!(" of \"{}\"", tables.join("\", \"")) };
        Self::new(Reason::Ddl, format!("{verb}{of} concerns more than one shard"), "", CHOOSE)
    }

    /// CREATE TABLE AS of a table that several shards have.
    pub fn filled(table: &str) -> Self {
        Self::new(
            Reason::Ddl,
            format!("CREATE TABLE AS of \"{table}\" concerns more than one shard"),
            "Its rows would have to be computed and stored on each of them.",
            "Use CREATE TABLE, then INSERT … SELECT.",
        )
    }

    /// A statement that names both tables of one shard and what all shards have.
    pub fn mixed_homes(verb: &str, tables: &[&str]) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} of \"{}\" names tables that live on different shards", tables.join("\", \"")),
            "",
            "Use a statement for each table.",
        )
    }

    /// Shards that have it and shards that do not.
    pub fn known_elsewhere(verb: &str, shard: &str, said: &str) -> Self {
        let hint = match verb {
            "CREATE FUNCTION" => "With SET check_function_bodies = off their bodies are not looked at.",
            _ => "SET shardway.shard names the one that has it.",
        };
        let detail = format!("On shard \"{shard}\": {said}.");
        Self::new(Reason::Definition, format!("{verb} names what not every shard has"), &detail, hint)
    }

    /// What is one server's, and not the database's.
    pub fn of_server(verb: &str) -> Self {
        Self::new(Reason::Definition, format!("{verb} is one server's own and not possible here"), "", CHOOSE)
    }

    /// Roles, where several shards share a server.
    pub fn shared_server(verb: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} concerns a server that several shards share"),
            "Roles are the same for all databases of a server.",
            CHOOSE,
        )
    }

    /// A unique index whose equal values could lie on different shards.
    pub fn unique_without_key(what: &str, table: &str, key: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{what} on \"{table}\" must include sharding key \"{key}\""),
            "Rows with equal values could be on different shards, which do not see each other's.",
            &format!("Add {key} to its columns, or use a plain index."),
        )
    }

    /// A foreign key whose rows could lie on different shards.
    pub fn reference_elsewhere(table: &str, to: &str, why: &str, hint: &str) -> Self {
        let message = format!("a foreign key from \"{table}\" to \"{to}\" cannot be checked");
        Self::new(Reason::Definition, message, why, hint)
    }

    /// A foreign key whose actions would change a sharding key where the row is.
    pub fn reference_moves(table: &str, to: &str, key: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("a foreign key from \"{table}\" to \"{to}\" cannot change the sharding key \"{key}\""),
            "Its action would change rows where they are, and they would belong to another shard.",
            "Leave out ON UPDATE CASCADE, SET NULL and SET DEFAULT for the sharding key.",
        )
    }

    /// The key column is what the map says.
    pub fn key_defined(verb: &str, table: &str, key: &str, why: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} \"{table}\" contradicts its sharding key \"{key}\""),
            why,
            "Change the shard map first.",
        )
    }

    /// A table of the map that is to have another name.
    pub fn name_of_map(table: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("table \"{table}\" is in the shard map by this name"),
            "Under another name nobody would know where its rows live.",
            "Change the shard map first.",
        )
    }

    /// A part of a definition that cannot be followed.
    pub fn not_followed(what: &str, table: &str, why: &str, hint: &str) -> Self {
        Self::new(Reason::Definition, format!("{what} of \"{table}\" is not supported"), why, hint)
    }

    /// A view of one session that looks at more than its temporary tables.
    pub fn temporary_view(view: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("temporary view \"{view}\" of more than temporary tables is not supported"),
            "Plans are shared by all sessions, and do not know what stands behind the name of a view that one session has.",
            "Use WITH in the query itself, or CREATE VIEW.",
        )
    }

    /// A view, not said to be temporary, over a table that no shard has.
    pub fn view_of_unheard(view: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("view \"{view}\" over a table that no shard has is not supported"),
            "The table does not exist, or it is a temporary one. Then so would the view be, and plans, which all sessions share, do not know it.",
            "Create the table first; of a temporary one, say CREATE TEMP VIEW.",
        )
    }

    /// A type or a function that one session has.
    pub fn temporary_object(verb: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} in the schema of temporary objects is not supported"),
            "Plans are shared by all sessions, which do not know the types and functions of one.",
            "Make it in a schema that all sessions see.",
        )
    }

    /// A table of no home.
    pub fn no_place(table: &str) -> Self {
        Self::new(
            Reason::UnlistedTable,
            format!("CREATE TABLE \"{table}\" does not say where its rows are to live"),
            "It is not in the shard map, and no default_shard is set.",
            "List it under tables in the shard map first, or say where with SET shardway.new_tables; or set default_shard.",
        )
    }

    /// `shardway.new_tables` does not say where rows live.
    pub fn bad_place(value: &str, why: &str, hint: &str) -> Self {
        Self {
            sqlstate: "22023",
            ..Self::new(
                Reason::BadHint,
                format!("invalid value for parameter \"shardway.new_tables\": \"{value}\""),
                why,
                hint,
            )
        }
    }

    /// The map says something else than the session.
    pub fn placed_otherwise(table: &str, value: &str) -> Self {
        Self {
            sqlstate: "22023",
            ..Self::new(
                Reason::BadHint,
                format!("table \"{table}\" is in the shard map, but not as shardway.new_tables says: \"{value}\""),
                "",
                "RESET shardway.new_tables: the map decides.",
            )
        }
    }

    /// A new table that the map cannot gain.
    pub fn not_listed(table: &str, why: &str, hint: &str) -> Self {
        let message = format!("CREATE TABLE \"{table}\" cannot list it in the shard map");
        Self::new(Reason::UnlistedTable, message, why, hint)
    }

    /// Another table was listed meanwhile.
    pub fn listed_meanwhile(table: &str) -> Self {
        let message = format!("CREATE TABLE \"{table}\" cannot list it in the shard map");
        let why = "The shard map has changed meanwhile.";
        Self { sqlstate: "40001", ..Self::new(Reason::UnlistedTable, message, why, "Try again.") }
    }

    /// A user who may not list new tables.
    pub fn may_not_place(user: &str, database: &str) -> Self {
        Self {
            sqlstate: "42501",
            ..Self::new(
                Reason::UnlistedTable,
                "permission denied to set parameter \"shardway.new_tables\"".to_owned(),
                &format!("User \"{user}\" may not add tables to the shard map."),
                &format!("create_tables under [databases.{database}] says who may."),
            )
        }
    }

    /// DO and CALL.
    pub fn procedural(verb: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("{verb} may need rows of more than one shard"),
            "Its body is not looked into.",
            CHOOSE,
        )
    }
}
