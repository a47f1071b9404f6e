//! Random queries over tables of one keyspace that are tied by their keys: those that each shard can answer for itself, and
//! some that look so and are not.

use super::kinds::Kind;
use super::query::{Made, Standing};
use super::schema::Table;
use super::writer::{Place, Relation, Writer, quoted};
use crate::support::data::Home;

impl Writer<'_> {
    /// A query; `None`: no table is sharded.
    pub fn colocated(&mut self) -> Option<Made> {
        let sharded: Vec<Table> = self
            .schema
            .tables
            .iter()
            .filter(|table| !matches!(table.home, Home::Reference | Home::Single(_)))
            .cloned()
            .collect();
        if sharded.is_empty() {
            return None;
        }
        let base = self.choices.pick(&sharded).clone();
        let home = |table: &Table| format!("{:?}", table.home);
        let partners: Vec<Table> = sharded.into_iter().filter(|it| home(it) == home(&base)).collect();
        let first = self.relation(&base);
        let (mut with, mut sql) = (String::new(), format!("FROM {} AS {}", base.name, first.alias));
        let (mut relations, mut filters) = (vec![first], Vec::new());
        for _ in 0..self.choices.below(3) {
            self.tied(&partners, &mut with, &mut sql, &mut relations, &mut filters);
        }
        if self.choices.one_in(5) {
            self.join(&mut sql, &mut relations, None, false);
        }
        let place = Place::of(&relations, None);
        for _ in 0..self.choices.below(3) {
            let filter = self.filter_by_key(&partners, &place);
            filters.push(filter);
        }
        if !filters.is_empty() {
            sql += &format!(" WHERE {}", filters.join(" AND "));
        }
        let mut made = self.shape(&sql, &place, &partners);
        made.sql.insert_str(0, &with);
        Some(made)
    }

    fn relation(&mut self, table: &Table) -> Relation {
        Relation { alias: self.name("t"), columns: table.columns.clone(), id: Some("id".to_owned()) }
    }

    /// One of them that has a key, by its alias.
    fn keyed(&mut self, relations: &[Relation]) -> String {
        let keyed: Vec<&Relation> =
            relations.iter().filter(|it| it.columns.iter().any(|(name, _)| name == "k")).collect();
        self.choices.pick(&keyed).alias.clone()
    }

    /// Joins another table by its key, or what is made of one.
    fn tied(
        &mut self,
        partners: &[Table],
        with: &mut String,
        sql: &mut String,
        relations: &mut Vec<Relation>,
        filters: &mut Vec<String>,
    ) {
        let table = self.choices.pick(partners).clone();
        let left = self.keyed(relations);
        let (item, relation) = match self.choices.below(12) {
            0 => {
                let alias = self.name("x");
                let kind = self.choices.pick(&["JOIN LATERAL", "LEFT JOIN LATERAL"]);
                *sql += &format!(
                    " {kind} (SELECT q.k, q.id FROM {} q WHERE q.k = {left}.k ORDER BY q.id LIMIT 2) AS {alias} ON true",
                    table.name
                );
                let columns = table.columns[..2].to_vec();
                relations.push(Relation { alias, columns, id: Some("id".to_owned()) });
                return;
            }
            1 if with.is_empty() => {
                let alias = self.name("w");
                *with = format!("WITH {alias} AS ({}) ", self.derived(&table, partners).0);
                let columns = self.choices_of(&table);
                (alias.clone(), Relation { alias, columns, id: None })
            }
            2..=4 => {
                let (query, columns) = self.derived(&table, partners);
                let alias = self.name("x");
                (format!("({query}) AS {alias}"), Relation { alias, columns, id: None })
            }
            _ => {
                let relation = self.relation(&table);
                (format!("{} AS {}", table.name, relation.alias), relation)
            }
        };
        let on = format!("{left}.k = {}.k", relation.alias);
        let kind = self.choices.word(&["JOIN", "LEFT JOIN", "JOIN", "RIGHT JOIN", "CROSS JOIN", "FULL JOIN"]);
        let beside = [relations.clone(), vec![relation.clone()]].concat();
        if kind == "CROSS JOIN" {
            *sql += &format!(" CROSS JOIN {item}");
            filters.push(on);
        } else {
            let more = match self.choices.below(6) {
                0 if kind != "FULL JOIN" => format!(" AND {}", self.condition(&Place::of(&beside, None))),
                1 => format!(" AND {left}.k IS NOT NULL"),
                _ => String::new(),
            };
            *sql += &format!(" {kind} {item} ON {on}{more}");
        }
        relations.push(relation);
    }

    fn choices_of(&self, table: &Table) -> Vec<(String, Kind)> {
        vec![table.columns[0].clone(), ("id".to_owned(), Kind::Int4)]
    }

    /// A query that makes a key and a number, mostly by the key.
    fn derived(&mut self, table: &Table, partners: &[Table]) -> (String, Vec<(String, Kind)>) {
        self.marks.dedupes = true;
        let name = &table.name;
        let other = self.choices.pick(partners).name.clone();
        let query = match self.choices.below(9) {
            0 => format!("SELECT k, max(id) AS id FROM {name} GROUP BY k"),
            1 => format!("SELECT k, count(*)::integer AS id FROM {name} GROUP BY 1 HAVING count(*) > 1"),
            2 => format!("SELECT DISTINCT k, 1 AS id FROM {name}"),
            3 => format!("SELECT k, (row_number() OVER (PARTITION BY k ORDER BY id))::integer AS id FROM {name}"),
            4 => format!("SELECT k, (row_number() OVER (ORDER BY id))::integer AS id FROM {name}"),
            5 => format!("SELECT k, id FROM {name} UNION ALL SELECT k, id FROM {other}"),
            6 => format!("SELECT k, id FROM {name} ORDER BY id LIMIT 4"),
            7 => format!("SELECT DISTINCT ON (k) k, id FROM {name} ORDER BY k, id DESC"),
            _ => format!("SELECT a.k, b.id FROM {name} a JOIN {other} b USING (k)"),
        };
        (query, self.choices_of(table))
    }

    /// A condition on a row by rows of the same key.
    fn filter_by_key(&mut self, partners: &[Table], place: &Place<'_>) -> String {
        let table = self.choices.pick(partners).clone();
        let inner = self.relation(&table);
        let (left, alias) = (self.keyed(place.relations), inner.alias.clone());
        let id = quoted("id");
        let inside = [inner];
        let more = match self.choices.below(3) {
            0 => String::new(),
            _ => format!(" AND {}", self.condition(&Place::of(&inside, Some(place)))),
        };
        let not = if self.choices.one_in(3) { "NOT " } else { "" };
        let from = format!("FROM {} AS {alias}", table.name);
        match self.choices.below(10) {
            0 | 1 => format!("{not}EXISTS (SELECT {from} WHERE {alias}.k = {left}.k{more})"),
            2 => format!("{left}.k {not}IN (SELECT {alias}.k {from} WHERE {alias}.{id} > 0{more})"),
            3 => format!("{left}.k IN (SELECT {alias}.k {from} GROUP BY {alias}.k HAVING count(*) > 1)"),
            4 => format!("{left}.{id} {not}IN (SELECT {alias}.{id} {from} WHERE {alias}.k = {left}.k{more})"),
            5 => format!("({left}.k, {left}.{id}) IN (SELECT {alias}.k, {alias}.{id} {from} WHERE true{more})"),
            6 => {
                self.marks.dedupes = true;
                let function = self.choices.pick(&["max", "min", "count"]);
                format!("{left}.{id} >= (SELECT {function}({alias}.{id}) {from} WHERE {alias}.k = {left}.k{more})")
            }
            7 => {
                let condition = self.condition(place);
                format!("({condition} OR {not}EXISTS (SELECT 1 {from} WHERE {alias}.k = {left}.k{more}))")
            }
            8 => format!("{left}.k = ANY (SELECT {alias}.k {from} WHERE true{more} LIMIT 40)"),
            _ => self.condition(place),
        }
    }

    /// What becomes of the rows.
    fn shape(&mut self, from: &str, place: &Place<'_>, partners: &[Table]) -> Made {
        let top = Standing::Top;
        let key = format!("{}.k", place.relations[0].alias);
        let kind = place.relations[0].columns[0].1;
        self.note(kind);
        match self.choices.below(10) {
            0 => self.grouped(from, place, None, top),
            1 | 2 => self.grouped_by(vec![(key, kind)], from, place, None, top),
            3 => {
                self.marks.dedupes = true;
                let more = self.kinds(place, None);
                let mut targets = vec![key];
                targets.extend(more.iter().map(|kind| self.expression(*kind, place)));
                let (list, columns) = self.named(targets, [vec![kind], more].concat(), top);
                let mut sql = format!("SELECT DISTINCT {list} {from}");
                self.order_and_limit(&mut sql, &columns, &[], top);
                Made { sql, columns }
            }
            4 => {
                self.marks.dedupes = true;
                let ids: Option<Vec<String>> =
                    place.relations.iter().map(|it| it.id.as_ref().map(|id| format!("{}.{id}", it.alias))).collect();
                let ids = ids.map_or(key.clone(), |ids| ids.join(", "));
                let windows = [
                    format!("count(*) OVER (PARTITION BY {key})"),
                    format!("rank() OVER (PARTITION BY {key} ORDER BY {ids})"),
                    format!("dense_rank() OVER (PARTITION BY {ids}, {key} ORDER BY {key})"),
                    format!("count(*) OVER (PARTITION BY {ids})"),
                    "count(*) OVER w".to_owned(),
                ];
                let window = self.choices.pick(&windows).clone();
                let behind =
                    if window.ends_with('w') { format!(" WINDOW w AS (PARTITION BY {key})") } else { String::new() };
                let (list, columns) = self.named(vec![key, window], vec![kind, Kind::Int8], top);
                let mut sql = format!("SELECT {list} {from}{behind}");
                self.order_and_limit(&mut sql, &columns, &[], top);
                Made { sql, columns }
            }
            5 => self.rows_as_wholes(from, place),
            6 => {
                let table = self.choices.pick(partners).name.clone();
                let value = self.choices.word(&[
                    "count(*)::integer",
                    "max(q.id)",
                    "coalesce(sum(q.id), 0)::integer",
                    "(array_agg(q.id ORDER BY q.id))[1]",
                ]);
                let subquery = format!("(SELECT {value} FROM {table} q WHERE q.k = {key})");
                let (list, columns) = self.named(vec![key, subquery], vec![kind, Kind::Int4], top);
                let mut sql = format!("SELECT {list} {from}");
                self.order_and_limit(&mut sql, &columns, place.relations, top);
                Made { sql, columns }
            }
            _ => {
                let kinds = self.kinds(place, None);
                let targets = kinds.iter().map(|kind| self.expression(*kind, place)).collect();
                let (list, columns) = self.named(targets, kinds, top);
                let mut sql = format!("SELECT {list} {from}");
                self.order_and_limit(&mut sql, &columns, place.relations, top);
                Made { sql, columns }
            }
        }
    }

    /// Rows as values.
    fn rows_as_wholes(&mut self, from: &str, place: &Place<'_>) -> Made {
        self.marks.has_rows = true;
        let alias = self.choices.pick(place.relations).alias.clone();
        let list = match self.choices.below(7) {
            0 => alias,
            1 => format!("row_to_json({alias})"),
            2 => format!("to_jsonb({alias}), ({alias}).k"),
            3 => format!("{alias}.*"),
            4 => format!("{alias} IS NULL, {alias} IS NOT NULL"),
            5 => format!("count({alias}), count({alias}.*)"),
            _ => format!("ROW({alias}.*), ({alias}).*"),
        };
        Made { sql: format!("SELECT {list} {from}"), columns: Vec::new() }
    }
}
