//! The rows of PostgreSQL's own tables that a schema is made of: which of them have changed since the last look?
//!
//! A row that is seen now and was not seen then was written by a transaction that had not ended then. So a look asks for
//! the rows written since the first of these, and for the number of all rows: where fewer are there than we know, some are
//! gone, and all are listed. Columns are not counted: they go only with their relation (a dropped one is marked).

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Instant;

use deadpool_postgres::Transaction;
use tokio_postgres::Error;

use crate::logic::shards::TableName;
use crate::logic::value::oid;

/// Tables of `pg_catalog` that say what a schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// pg_class; `owner` is the schema. Temporary relations are of kind `T`
    Class,
    /// pg_attribute, by relation and number
    Attribute,
    /// pg_attrdef
    Default,
    /// pg_index
    Index,
    /// pg_inherits, by child; `owner` is the parent
    Inherits,
    /// pg_trigger, those of foreign keys left out
    Trigger,
    /// pg_rewrite
    Rewrite,
    /// pg_policy
    Policy,
    /// pg_constraint, but only foreign keys
    ForeignKey,
    /// pg_sequence
    Sequence,
    /// pg_type; `owner` is the schema
    Type,
    /// pg_namespace, without those of temporary tables
    Namespace,
    /// pg_proc
    Function,
    /// pg_operator
    Operator,
    /// What else has names that definitions may print, or runs functions
    Other,
}

impl Source {
    const ALL: [Self; 15] = [
        Self::Class,
        Self::Attribute,
        Self::Default,
        Self::Index,
        Self::Inherits,
        Self::Trigger,
        Self::Rewrite,
        Self::Policy,
        Self::ForeignKey,
        Self::Sequence,
        Self::Type,
        Self::Namespace,
        Self::Function,
        Self::Operator,
        Self::Other,
    ];

    /// Key, owner, kind and name of its rows, and where they are.
    fn sql(self) -> [&'static str; 5] {
        match self {
            Self::Class => [
                "oid",
                "relnamespace",
                "CASE WHEN relpersistence = 't' THEN 'T' ELSE relkind END",
                "relname",
                "pg_class WHERE oid >= 16384",
            ],
            Self::Attribute => ["attrelid::int8 * 65536 + attnum", "attrelid", "'-'", "''", "pg_attribute"],
            Self::Default => ["oid", "adrelid", "'-'", "''", "pg_attrdef"],
            Self::Index => ["indexrelid", "indrelid", "'-'", "''", "pg_index WHERE indexrelid >= 16384"],
            Self::Inherits => ["inhrelid::int8 * 65536 + inhseqno", "inhparent", "'-'", "''", "pg_inherits"],
            Self::Trigger => ["oid", "tgrelid", "'-'", "''", "pg_trigger WHERE NOT tgisinternal"],
            Self::Rewrite => ["oid", "ev_class", "'-'", "''", "pg_rewrite WHERE oid >= 16384"],
            Self::Policy => ["oid", "polrelid", "'-'", "''", "pg_policy"],
            Self::ForeignKey => ["oid", "conrelid", "'-'", "''", "pg_constraint WHERE contype = 'f'"],
            Self::Sequence => ["seqrelid", "seqrelid", "'-'", "''", "pg_sequence"],
            Self::Type => ["oid", "typnamespace", "typtype", "typname", "pg_type WHERE oid >= 16384"],
            Self::Namespace => ["oid", "0", "'-'", "nspname", "pg_namespace WHERE nspname !~ '^pg_t'"],
            Self::Function => ["oid", "pronamespace", "'-'", "''", "pg_proc"],
            Self::Operator => ["oid", "0", "'-'", "''", "pg_operator WHERE oid >= 16384"],
            Self::Other => [
                "t::int8 * 4294967296 + oid::int8",
                "0",
                "'-'",
                "''",
                "(SELECT tableoid AS t, oid, xmin FROM pg_enum UNION ALL SELECT tableoid, oid, xmin FROM pg_language
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_collation WHERE oid >= 16384
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_opclass WHERE oid >= 16384
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_amop WHERE oid >= 16384
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_amproc WHERE oid >= 16384
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_cast WHERE oid >= 16384
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_constraint WHERE contypid >= 16384
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_event_trigger
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_ts_config WHERE oid >= 16384
                  UNION ALL SELECT tableoid, oid, xmin FROM pg_ts_dict WHERE oid >= 16384) AS others",
            ],
        }
    }

    /// The number of its rows, and those that are wanted: key, writer, owner, kind, name.
    fn arm(self, wanted: &str) -> String {
        let [key, owner, kind, name, from] = self.sql();
        let listed = format!("array_agg(concat_ws(' ', {key}, xmin, {owner}, {kind}, {name}))");
        if self == Self::Attribute {
            // Most rows by far: none is looked at more closely than it takes to see that it is an old one.
            let own = format!("attrelid >= {} AND attnum > 0", oid::FIRST_OF_USERS);
            return format!("SELECT {}, -1::int8, {listed} FROM {from} WHERE {wanted} AND {own}", self as u8);
        }
        format!("SELECT {}, count(*), {listed} FILTER (WHERE {wanted}) FROM {from}", self as u8)
    }
}

/// What a schema depends on that is in no such row: the configuration, and what is set for databases and roles. A server
/// that was started anew, or another one at the same address, counts our transactions no longer. And the first transaction
/// that had not ended when we looked.
const SETTINGS: &str = "
    SELECT -1, txid_snapshot_xmin(txid_current_snapshot()), ARRAY[
      concat_ws(' ', pg_postmaster_start_time(), pg_conf_load_time(), current_setting('server_version'),
        (SELECT oid FROM pg_database WHERE datname = current_database()),
        (SELECT sum(hashint8extended(setdatabase::int8 * 4294967296 + setrole::int8, s.xmin::text::int8)::numeric)
           FROM pg_db_role_setting s),
        (SELECT string_agg(r.rolname, ' ' ORDER BY r.oid) FROM pg_roles r
          WHERE r.oid IN (SELECT setrole FROM pg_db_role_setting)))]";

/// The ages of rows that PostgreSQL brings along are beyond all.
const RECENTLY: &str = "age(xmin) <= (SELECT age($1::text::xid)) AND age(xmin) >= 0";

fn look(wanted: &str) -> String {
    let mut arms = vec![SETTINGS.to_owned()];
    arms.extend(Source::ALL.map(|source| source.arm(wanted)));
    arms.join("\nUNION ALL ")
}

static ALL: LazyLock<String> = LazyLock::new(|| look("true"));
static RECENT: LazyLock<String> = LazyLock::new(|| look(RECENTLY));

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The transaction
    writer: u32,
    /// The relation or schema that it belongs to
    pub owner: u32,
    /// `relkind`, `typtype`
    pub kind: u8,
    /// Of what has one
    pub name: Box<str>,
}

/// A row that was written or deleted.
#[derive(Debug)]
pub struct Changed {
    pub source: Source,
    pub key: i64,
    /// As it was; none of a new one
    pub before: Option<Row>,
}

/// All rows as they were at the last look.
#[derive(Debug)]
pub struct Rows {
    /// When the connection was opened that looked: what happened before that has to be looked at as a whole
    connected: Instant,
    /// The first transaction that had not ended
    horizon: String,
    settings: String,
    of: [HashMap<i64, Row>; Source::ALL.len()],
}

impl Rows {
    /// All of them.
    pub async fn read(transaction: &Transaction<'_>, connected: Instant) -> Result<Self, Error> {
        let mut rows = Self {
            connected,
            horizon: String::new(),
            settings: String::new(),
            of: Source::ALL.map(|_| HashMap::new()),
        };
        for row in &transaction.query(ALL.as_str(), &[]).await? {
            match usize::try_from(row.get::<_, i32>(0)) {
                Ok(source) => rows.of[source].extend(listed(row)),
                Err(_) => (rows.horizon, rows.settings) = standing(row),
            }
        }
        Ok(rows)
    }

    /// What has changed; `None`: the settings have, or nobody can tell.
    pub async fn look(
        &mut self,
        transaction: &Transaction<'_>,
        connected: Instant,
    ) -> Result<Option<Vec<Changed>>, Error> {
        if self.connected != connected {
            return Ok(self.replace(Self::read(transaction, connected).await?));
        }
        let statement = transaction.prepare_cached(&RECENT).await?;
        let (mut changed, mut counts) = (Vec::new(), [0; Source::ALL.len()]);
        for row in &transaction.query(&statement, &[&self.horizon]).await? {
            let Ok(source) = usize::try_from(row.get::<_, i32>(0)) else {
                let (horizon, settings) = standing(row);
                if settings != self.settings {
                    return Ok(None);
                }
                self.horizon = horizon;
                continue;
            };
            counts[source] = usize::try_from(row.get::<_, i64>(1)).unwrap_or_default();
            for (key, row) in listed(row) {
                self.note(Source::ALL[source], key, row, &mut changed);
            }
        }
        for source in Source::ALL {
            if source != Source::Attribute && self.of[source as usize].len() != counts[source as usize] {
                self.find_gone(source, transaction, &mut changed).await?;
            }
        }
        let [relations, columns, ..] = &mut self.of;
        if changed.iter().any(|it| it.source == Source::Class && it.before.is_some()) {
            columns.retain(|_, row| relations.contains_key(&i64::from(row.owner)));
        }
        Ok(Some(changed))
    }

    pub fn get(&self, source: Source, key: i64) -> Option<&Row> {
        self.of[source as usize].get(&key)
    }

    pub fn all(&self, source: Source) -> &HashMap<i64, Row> {
        &self.of[source as usize]
    }

    /// The name of a relation or a type; `None`: it is in no schema that is looked at.
    pub fn name(&self, row: &Row) -> Option<TableName> {
        let schema = self.get(Source::Namespace, row.owner.into())?;
        Some(TableName { schema: schema.name.clone(), name: row.name.clone() })
    }

    fn note(&mut self, source: Source, key: i64, row: Row, changed: &mut Vec<Changed>) {
        let of_source = &mut self.of[source as usize];
        if of_source.get(&key) != Some(&row) {
            changed.push(Changed { source, key, before: of_source.insert(key, row) });
        }
    }

    async fn find_gone(
        &mut self,
        source: Source,
        transaction: &Transaction<'_>,
        changed: &mut Vec<Changed>,
    ) -> Result<(), Error> {
        let statement = transaction.prepare_cached(&source.arm("true")).await?;
        let there: HashMap<i64, Row> = listed(&transaction.query_one(&statement, &[]).await?).collect();
        let gone = self.of[source as usize].extract_if(|key, _| !there.contains_key(key));
        changed.extend(gone.map(|(key, row)| Changed { source, key, before: Some(row) }));
        for (key, row) in there {
            self.note(source, key, row, changed);
        }
        Ok(())
    }

    fn replace(&mut self, new: Self) -> Option<Vec<Changed>> {
        let old = std::mem::replace(self, new);
        if old.settings != self.settings {
            return None;
        }
        let mut changed = Vec::new();
        for (source, mut before) in Source::ALL.into_iter().zip(old.of) {
            for (key, row) in self.all(source) {
                let before = before.remove(key);
                if before.as_ref() != Some(row) {
                    changed.push(Changed { source, key: *key, before });
                }
            }
            changed.extend(before.into_iter().map(|(key, row)| Changed { source, key, before: Some(row) }));
        }
        Some(changed)
    }
}

/// The first row of a look.
fn standing(row: &tokio_postgres::Row) -> (String, String) {
    let [settings]: [String; 1] = row.get::<_, Vec<String>>(2).try_into().unwrap_or_default();
    // The counter of transactions in rows has 32 bits.
    ((row.get::<_, i64>(1) & i64::from(u32::MAX)).to_string(), settings)
}

fn listed(row: &tokio_postgres::Row) -> impl Iterator<Item = (i64, Row)> {
    let texts: Vec<&str> = row.get::<_, Option<_>>(2).unwrap_or_default();
    texts.into_iter().filter_map(parse)
}

fn parse(text: &str) -> Option<(i64, Row)> {
    let mut fields = text.splitn(5, ' ');
    let key = fields.next()?.parse().ok()?;
    let (writer, owner) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let kind = *fields.next()?.as_bytes().first()?;
    Some((key, Row { writer, owner, kind, name: fields.next()?.into() }))
}
