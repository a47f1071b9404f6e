//! Random queries.

use super::kinds::{ALL, Kind, literal};
use super::writer::{Place, Relation, Writer, all_columns, quoted};

/// What a view takes from the fuel of a statement: it is a query too.
const VIEW_FUEL: i32 = 12;

/// A query and the columns it makes.
pub struct Made {
    pub sql: String,
    pub columns: Vec<(String, Kind)>,
}

/// Where a query stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the statement
    Top,
    /// Its columns need names
    InFrom,
    /// Only its rows matter
    InExpression,
}

impl Writer<'_> {
    /// A query, of these types if that is asked.
    pub fn query(&mut self, outer: Option<&Place<'_>>, wanted: Option<&[Kind]>, standing: Standing) -> Made {
        let visible = self.common.len();
        let can_grow = self.may_grow() && (!self.is_plain || self.choices.one_in(8));
        let with = if can_grow && self.choices.one_in(7) { self.with(outer) } else { String::new() };
        let mut made = match self.choices.below(12) {
            10 if can_grow => self.set_operation(outer, wanted, standing),
            11 if can_grow && standing != Standing::Top => self.values(wanted),
            _ => self.select(outer, wanted, standing),
        };
        self.common.truncate(visible);
        made.sql.insert_str(0, &with);
        made
    }

    fn with(&mut self, outer: Option<&Place<'_>>) -> String {
        let mut parts = Vec::new();
        let is_recursive = self.choices.one_in(3);
        for _ in 0..=self.choices.below(2) {
            // Now and then the name of a table, which it hides.
            let name = match !is_recursive && self.choices.one_in(10) {
                true => self.choices.pick(&self.schema.tables).name.clone(),
                false => self.name("w"),
            };
            if self.common.iter().any(|it| it.alias == name) {
                continue;
            }
            if is_recursive {
                let made = self.recursive(&name);
                parts.push(format!("{name}(c1, c2) AS ({})", made.sql));
                self.common.push(Relation { alias: name, columns: made.columns, id: None });
                continue;
            }
            let made = self.query(outer, None, Standing::InFrom);
            let materialized = self.choices.pick(&["", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
            parts.push(format!("{name} AS {materialized}({})", made.sql));
            self.common.push(Relation { alias: name, columns: made.columns, id: None });
        }
        if parts.is_empty() {
            return String::new();
        }
        format!("WITH {}{} ", if is_recursive { "RECURSIVE " } else { "" }, parts.join(", "))
    }

    fn recursive(&mut self, name: &str) -> Made {
        let table = self.table();
        let of =
            |wanted: Kind| table.columns.iter().find(|(_, kind)| *kind == wanted).map(|(column, _)| quoted(column));
        let step = of(Kind::Int4).unwrap_or_else(|| "id".to_owned());
        let id =
            if table.columns.iter().any(|(column, _)| column == "id") { "id" } else { return self.counting(name) };
        let union = self.choices.pick(&["UNION", "UNION ALL"]);
        let sql = match self.choices.below(2) {
            0 => format!(
                "SELECT 1, {id} FROM {0} WHERE {id} < 4 {union} SELECT {name}.c1 + 1, q.id FROM {name} JOIN {0} q ON q.{step} = {name}.c2 WHERE {name}.c1 < 3",
                table.alias
            ),
            _ => format!(
                "SELECT 1, 1 {union} SELECT c1 + 1, (c2 * 2) % 7 FROM {name} WHERE c1 < 4 AND EXISTS (SELECT FROM {} q WHERE q.id = c1)",
                table.alias
            ),
        };
        Made { sql, columns: vec![("c1".to_owned(), Kind::Int4), ("c2".to_owned(), Kind::Int4)] }
    }

    fn counting(&mut self, name: &str) -> Made {
        let sql = format!("SELECT 1, 1 UNION ALL SELECT c1 + 1, c2 * 2 FROM {name} WHERE c1 < 4");
        Made { sql, columns: vec![("c1".to_owned(), Kind::Int4), ("c2".to_owned(), Kind::Int4)] }
    }

    /// A table by its name, or the part of WITH that hides it.
    fn table(&mut self) -> Relation {
        if !self.schema.views.is_empty() && self.choices.one_in(8) {
            let view = self.choices.pick(&self.schema.views).clone();
            self.marks = self.marks.and(view.marks);
            self.fuel -= VIEW_FUEL;
            return Relation { alias: view.name, columns: view.columns, id: None };
        }
        let table = self.choices.pick(&self.schema.tables);
        match self.common.iter().find(|it| it.alias == table.name) {
            Some(hiding) => hiding.clone(),
            None => Relation { alias: table.name.clone(), columns: table.columns.clone(), id: Some("id".to_owned()) },
        }
    }

    fn set_operation(&mut self, outer: Option<&Place<'_>>, wanted: Option<&[Kind]>, standing: Standing) -> Made {
        let kinds = match wanted {
            Some(kinds) => kinds.to_vec(),
            None => (0..=self.choices.below(3)).map(|_| *self.choices.pick(&ALL)).collect(),
        };
        let inner = if standing == Standing::Top { Standing::InFrom } else { standing };
        let left = self.query(outer, Some(&kinds), inner);
        let operator =
            *self.choices.pick(&["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"]);
        let right = self.query(outer, Some(&kinds), inner);
        self.marks.dedupes |= operator != "UNION ALL";
        let mut sql = format!("({}) {operator} ({})", left.sql, right.sql);
        self.order_and_limit(&mut sql, &left.columns, &[], standing);
        Made { sql, columns: left.columns }
    }

    fn values(&mut self, wanted: Option<&[Kind]>) -> Made {
        let kinds = wanted.map_or_else(|| vec![Kind::Int4, Kind::Text], <[Kind]>::to_vec);
        let rows: Vec<String> = (0..=self.choices.below(3))
            .map(|_| {
                let fields: Vec<String> = kinds.iter().map(|kind| self.literal(*kind)).collect();
                format!("({})", fields.join(", "))
            })
            .collect();
        let columns = kinds.iter().enumerate().map(|(place, kind)| (format!("column{}", place + 1), *kind)).collect();
        Made { sql: format!("VALUES {}", rows.join(", ")), columns }
    }

    fn select(&mut self, outer: Option<&Place<'_>>, wanted: Option<&[Kind]>, standing: Standing) -> Made {
        let (from, relations) = self.from(outer);
        let place = Place::of(&relations, outer);
        let filter = match self.choices.below(3) {
            0 => String::new(),
            1 => format!(" WHERE {}", self.condition(&place)),
            _ => {
                let (one, other) = (self.condition(&place), self.condition(&place));
                format!(" WHERE {one} AND {other}")
            }
        };
        if self.fuel > 0 && self.choices.one_in(if self.is_plain { 3 } else { 4 }) {
            return self.grouped(&format!("{from}{filter}"), &place, wanted, standing);
        }
        if wanted.is_none() && self.choices.one_in(6) && (standing != Standing::InFrom || relations.len() == 1) {
            let columns: Vec<(String, Kind)> = relations.iter().flat_map(|it| it.columns.clone()).collect();
            let is_merged = from.contains("USING");
            let mut sql = format!("SELECT * {from}{filter}");
            if !is_merged {
                self.order_and_limit(&mut sql, &columns, &relations, standing);
            }
            return Made { sql, columns };
        }
        let kinds = self.kinds(&place, wanted);
        let has_windows = standing == Standing::Top && self.fuel > 0 && self.choices.one_in(6);
        let mut targets: Vec<String> = kinds.iter().map(|kind| self.expression(*kind, &place)).collect();
        let mut columns = kinds;
        if has_windows {
            let (window, kind) = self.window(&place);
            targets.push(window);
            columns.push(kind);
        }
        let (list, columns) = self.named(targets, columns, standing);
        let distinct = if self.choices.one_in(8) { "DISTINCT " } else { "" };
        self.marks.dedupes |= !distinct.is_empty();
        let mut sql = format!("SELECT {distinct}{list} {from}{filter}");
        let ids: &[Relation] = if distinct.is_empty() { &relations } else { &[] };
        self.order_and_limit(&mut sql, &columns, ids, standing);
        Made { sql, columns }
    }

    /// The types of the columns: those that are wanted, or some that there are.
    pub fn kinds(&mut self, place: &Place<'_>, wanted: Option<&[Kind]>) -> Vec<Kind> {
        if let Some(kinds) = wanted {
            return kinds.to_vec();
        }
        let there: Vec<Kind> = place.relations.iter().flat_map(|it| &it.columns).map(|(_, kind)| *kind).collect();
        (0..=self.choices.below(4))
            .map(|_| match self.choices.one_in(6) || there.is_empty() {
                true => *self.choices.pick(&ALL),
                false => *self.choices.pick(&there),
            })
            .collect()
    }

    pub fn named(
        &mut self,
        targets: Vec<String>,
        kinds: Vec<Kind>,
        standing: Standing,
    ) -> (String, Vec<(String, Kind)>) {
        let has_names = standing == Standing::InFrom || self.choices.one_in(3);
        let (mut list, mut columns) = (Vec::new(), Vec::new());
        for (place, (target, kind)) in targets.into_iter().zip(kinds).enumerate() {
            let name = format!("c{}", place + 1);
            list.push(if has_names { format!("{target} AS {name}") } else { target });
            columns.push((name, kind));
        }
        (list.join(", "), columns)
    }

    pub fn grouped(&mut self, from: &str, place: &Place<'_>, wanted: Option<&[Kind]>, standing: Standing) -> Made {
        self.grouped_by(Vec::new(), from, place, wanted, standing)
    }

    /// By these, and perhaps by more.
    pub fn grouped_by(
        &mut self,
        mut groups: Vec<(String, Kind)>,
        from: &str,
        place: &Place<'_>,
        wanted: Option<&[Kind]>,
        standing: Standing,
    ) -> Made {
        self.marks.dedupes = true;
        for _ in 0..self.choices.below(3) {
            let columns = self.columns(&Place { outer: None, ..*place });
            if columns.is_empty() {
                continue;
            }
            let (column, kind) = self.choices.pick(&columns).clone();
            let key = match self.choices.below(5) {
                0 if kind.is_text() => format!("upper({column})"),
                1 => format!("({column} IS NULL)"),
                2 if matches!(kind, Kind::Int4 | Kind::Int8) => format!("({column} % 3)"),
                3 if matches!(kind, Kind::Int4 | Kind::Int8) => format!("coalesce({column}, 7)"),
                _ => column.clone(),
            };
            let kind = if key.ends_with("NULL)") { Kind::Bool } else { kind };
            let kind = if key.starts_with("upper") && kind != Kind::Icu { Kind::Text } else { kind };
            if groups.iter().all(|(known, _)| *known != key) {
                self.note(kind);
                groups.push((key, kind));
            }
        }
        let behind = Place { groups: Some(&groups), ..*place };
        let keys: Vec<&str> = groups.iter().map(|(key, _)| &**key).collect();
        let (mut targets, mut kinds) = (Vec::new(), Vec::new());
        if wanted.is_none() {
            targets.extend(keys.iter().map(|key| (*key).to_owned()));
            kinds.extend(groups.iter().map(|(_, kind)| *kind));
        }
        let more: Vec<Kind> = match wanted {
            Some(wanted) => wanted.to_vec(),
            None => (0..=self.choices.below(3))
                .map(|_| {
                    *self.choices.pick(&[
                        Kind::Int8,
                        Kind::Numeric,
                        Kind::Int4,
                        Kind::Text,
                        Kind::Float8,
                        Kind::Bool,
                        Kind::IntArray,
                        Kind::Date,
                        Kind::Icu,
                        Kind::Jsonb,
                    ])
                })
                .collect(),
        };
        for kind in more {
            targets.push(if self.choices.one_in(6) {
                self.expression(kind, &behind)
            } else {
                self.aggregate(kind, &behind)
            });
            kinds.push(kind);
        }
        let by = match (keys.len(), self.choices.below(7)) {
            (0, _) => String::new(),
            (_, 0) if wanted.is_none() => {
                format!(" GROUP BY {}", (1..=keys.len()).map(|it| it.to_string()).collect::<Vec<_>>().join(", "))
            }
            (_, 1) => format!(" GROUP BY ROLLUP ({})", keys.join(", ")),
            (_, 2) => format!(" GROUP BY CUBE ({})", keys.join(", ")),
            (2, 3) => format!(" GROUP BY GROUPING SETS (({}), ({}), ())", keys[0], keys[1]),
            _ => format!(" GROUP BY {}", keys.join(", ")),
        };
        let having =
            if self.choices.one_in(4) { format!(" HAVING {}", self.condition(&behind)) } else { String::new() };
        let (list, columns) = self.named(targets, kinds, standing);
        let mut sql = format!("SELECT {list} {from}{by}{having}");
        // PostgreSQL before 18 does not sort by a key that a condition makes equal to something, though grouping sets leave it
        // NULL: its rows come in an order that depends on its plan.
        let conditions = from.split_once(" WHERE ").map_or("", |(_, conditions)| conditions).to_owned()
            + &from.split(" ON ").skip(1).collect::<String>();
        let has_sets = by.contains('(');
        let is_named = |column: &str| words(&conditions).any(|word| word == column);
        if !has_sets || !keys.iter().any(|key| words(key.rsplit('.').next().unwrap_or(key)).any(is_named)) {
            self.order_and_limit(&mut sql, &columns, &[], standing);
        }
        Made { sql, columns }
    }

    /// ORDER BY and LIMIT. Inside of a statement LIMIT stands behind a total order alone.
    pub fn order_and_limit(
        &mut self,
        sql: &mut String,
        columns: &[(String, Kind)],
        ids: &[Relation],
        standing: Standing,
    ) {
        let is_top = standing == Standing::Top;
        if columns.is_empty() || !self.choices.one_in(if is_top { 2 } else { 5 }) {
            return;
        }
        let some = all_columns(ids);
        let ids: Option<Vec<String>> =
            ids.iter().map(|it| it.id.as_ref().map(|id| format!("{}.{id}", it.alias))).collect();
        let total = match ids.filter(|ids| !ids.is_empty() && self.choices.one_in(2)) {
            Some(ids) if self.choices.one_in(2) => {
                let (column, kind) = self.choices.pick(&some).clone();
                self.note(kind);
                [vec![column], ids].concat()
            }
            Some(ids) => ids,
            None => (1..=columns.len()).map(|place| place.to_string()).collect(),
        };
        let ways = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST"];
        let mut order: Vec<String> =
            total.into_iter().map(|item| format!("{item}{}", self.choices.pick(&ways))).collect();
        let is_total = !is_top || !self.choices.one_in(6);
        if !is_total {
            order.truncate(1);
        }
        let has_limit = self.choices.one_in(3);
        *sql += &format!(" ORDER BY {}", order.join(", "));
        if is_top {
            self.marks.is_ordered = is_total;
            self.marks.counts_only = has_limit && !is_total;
        }
        if has_limit {
            self.marks.dedupes = true;
            let count = self.choices.below(6);
            *sql += &match self.choices.below(4) {
                0 => format!(" LIMIT {count}"),
                1 => format!(" LIMIT {count} OFFSET 1"),
                2 => " OFFSET 2".to_owned(),
                _ if is_total => {
                    // PostgreSQL 15 takes the TIES along when it makes max() a subquery, which then has several rows.
                    self.marks.may_fail = true;
                    format!(" FETCH FIRST {} ROWS WITH TIES", count + 1)
                }
                _ => format!(" FETCH FIRST {} ROWS ONLY", count + 1),
            };
        }
    }

    fn from(&mut self, outer: Option<&Place<'_>>) -> (String, Vec<Relation>) {
        let (mut sql, first) = self.item(outer, &[]);
        let mut relations = vec![first];
        let more = if self.is_plain { [0, 0, 0, 1] } else { [0, 1, 2, 3] }[self.choices.below(4)];
        for left in (0..more).rev() {
            if !self.may_grow() {
                break;
            }
            self.join(&mut sql, &mut relations, outer, left == 0);
        }
        (format!("FROM {sql}"), relations)
    }

    pub fn join(&mut self, sql: &mut String, relations: &mut Vec<Relation>, outer: Option<&Place<'_>>, is_last: bool) {
        let way = self.choices.below(11);
        if way == 9 {
            let beside = Place::of(relations, outer);
            let made = self.query(Some(&beside), None, Standing::InFrom);
            let alias = self.name("s");
            let (kind, on) = if self.choices.one_in(2) { ("LEFT JOIN", " ON true") } else { ("CROSS JOIN", "") };
            *sql += &format!(" {kind} LATERAL ({}) AS {alias}{on}", made.sql);
            relations.push(Relation { alias, columns: made.columns, id: None });
            return;
        }
        let (item, relation) = self.item(outer, relations);
        let new = [relation];
        let pair = self.pair(&Place::of(relations, None), &Place::of(&new, None));
        let has_key = |it: &Relation| it.columns.first().filter(|(name, _)| name == "k").map(|(_, kind)| *kind);
        let keys = relations.iter().filter(|it| it.columns.iter().any(|(name, _)| name == "k")).count();
        let using = keys == 1 && has_key(&relations[0]).is_some() && has_key(&relations[0]) == has_key(&new[0]);
        let [relation] = new;
        let kind = ["JOIN", "LEFT JOIN", "JOIN", "RIGHT JOIN", "LEFT JOIN"][way.min(8) % 5];
        let text = match (way, pair) {
            // What follows a comma does not see what is before it.
            (8, _) if is_last => format!(", {item}"),
            (10, _) => format!(" CROSS JOIN {item}"),
            (7, _) if using => {
                let kind = self.choices.pick(&["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN"]);
                format!(" {kind} {item} USING (k)")
            }
            (6, Some((one, other, _))) => format!(" FULL JOIN {item} ON {one} = {other}"),
            (_, Some((one, other, _))) => {
                let more = if self.choices.one_in(4) {
                    let all: Vec<Relation> = relations.iter().chain([&relation]).cloned().collect();
                    format!(" AND {}", self.condition(&Place::of(&all, outer)))
                } else {
                    String::new()
                };
                format!(" {kind} {item} ON {one} = {other}{more}")
            }
            (_, None) => {
                let all: Vec<Relation> = relations.iter().chain([&relation]).cloned().collect();
                format!(" {kind} {item} ON {}", self.condition(&Place::of(&all, outer)))
            }
        };
        *sql += &text;
        relations.push(relation);
    }

    fn item(&mut self, outer: Option<&Place<'_>>, beside: &[Relation]) -> (String, Relation) {
        let can_grow = self.fuel > 0;
        match self.choices.below(if self.is_plain { 8 } else { 12 }) {
            8 | 9 if can_grow => {
                let made = self.query(outer, None, Standing::InFrom);
                let alias = self.name("s");
                (format!("({}) AS {alias}", made.sql), Relation { alias, columns: made.columns, id: None })
            }
            10 if !self.common.is_empty() => {
                let common = self.choices.pick(&self.common).clone();
                let alias = self.name("p");
                (format!("{} AS {alias}", common.alias), Relation { alias, ..common })
            }
            11 => self.rows(beside),
            _ => {
                let table = self.table();
                let alias = self.name("t");
                (format!("{} AS {alias}", table.alias), Relation { alias, ..table })
            }
        }
    }

    /// Rows that no table has.
    fn rows(&mut self, beside: &[Relation]) -> (String, Relation) {
        let alias = self.name("f");
        let of = |columns: &[(&str, Kind)]| columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        let array = beside.iter().find_map(|it| {
            let (name, _) = it.columns.iter().find(|(_, kind)| *kind == Kind::IntArray)?;
            Some(format!("{}.{}", it.alias, quoted(name)))
        });
        let (text, columns): (String, Vec<(String, Kind)>) = match self.choices.below(5) {
            0 => (format!("generate_series(1, 3) AS {alias}(c1)"), of(&[("c1", Kind::Int4)])),
            1 => (
                format!("unnest('{{1,2,NULL}}'::integer[]) WITH ORDINALITY AS {alias}(c1, c2)"),
                of(&[("c1", Kind::Int4), ("c2", Kind::Int8)]),
            ),
            2 => (
                format!("ROWS FROM (generate_series(1, 2), unnest('{{a,b,c}}'::text[])) AS {alias}(c1, c2)"),
                of(&[("c1", Kind::Int4), ("c2", Kind::Text)]),
            ),
            3 if array.is_some() => {
                (format!("unnest({}) AS {alias}(c1)", array.unwrap_or_default()), of(&[("c1", Kind::Int4)]))
            }
            _ => {
                let kind = *self.choices.pick(&ALL);
                self.note(kind);
                let (one, other) = (literal(&mut self.choices, kind), literal(&mut self.choices, kind));
                (
                    format!("(VALUES ({one}, 1), ({other}, 2)) AS {alias}(c1, c2)"),
                    of(&[("c1", kind), ("c2", Kind::Int4)]),
                )
            }
        };
        (text, Relation { alias, columns, id: None })
    }

    /// A query of one column, or of any.
    pub fn subquery(&mut self, kind: Option<Kind>, place: &Place<'_>) -> String {
        let kinds = kind.map(|kind| [kind]);
        let kinds = kinds.as_ref().map(<[Kind; 1]>::as_slice);
        if kind.is_none() && self.choices.one_in(2) {
            let (from, relations) = self.from(Some(place));
            let condition = self.condition(&Place::of(&relations, Some(place)));
            return format!("SELECT {from} WHERE {condition}");
        }
        self.query(Some(place), kinds, Standing::InExpression).sql
    }

    /// A query of one value.
    pub fn scalar_subquery(&mut self, kind: Kind, place: &Place<'_>) -> String {
        // Behind a GROUP BY an inner query would have to name keys alone.
        let outer = if place.groups.is_some() { None } else { Some(place) };
        let (from, relations) = self.from(outer);
        let inside = Place::of(&relations, outer);
        let filter = if self.choices.one_in(2) { format!(" WHERE {}", self.condition(&inside)) } else { String::new() };
        match self.choices.below(5) {
            3 => {
                self.marks.dedupes = true;
                let value = self.expression(kind, &inside);
                format!("(SELECT {value} {from}{filter} ORDER BY 1 LIMIT 1)")
            }
            4 => {
                self.marks.may_fail = true;
                let value = self.expression(kind, &inside);
                format!("(SELECT {value} {from}{filter})")
            }
            _ => {
                let aggregate = self.aggregate(kind, &inside);
                format!("(SELECT {aggregate} {from}{filter})")
            }
        }
    }
}

/// Names and keywords of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
