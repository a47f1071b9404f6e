//! Random INSERT, UPDATE, DELETE and MERGE.

use super::kinds::{Kind, value};
use super::schema::Table;
use super::writer::{Place, Relation, Writer, quoted};

impl Writer<'_> {
    /// A statement that changes rows, and the table it changes: this one, or any.
    pub fn change(&mut self, of: Option<&str>) -> (String, String) {
        let picked = self.choices.pick(&self.schema.tables).clone();
        let table = self.schema.tables.iter().find(|table| Some(&*table.name) == of).cloned().unwrap_or(picked);
        let sql = match self.choices.below(9) {
            0 => self.insert(&table),
            1 | 2 => self.update(&table),
            3 => self.delete(&table),
            4 => self.insert_selected(&table),
            5 => self.update_from(&table),
            6 => self.delete_using(&table),
            7 => self.move_rows(&table),
            _ => self.merge(&table),
        };
        (sql, table.name)
    }

    fn insert(&mut self, table: &Table) -> String {
        let (name, columns) = (&table.name, &table.columns);
        let mut rows = Vec::new();
        for number in 0..=self.choices.below(3) {
            let fields: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(place, (_, kind))| match place {
                    0 => format!("'{}'", value(&mut self.choices, *kind)),
                    1 => (1000 + number).to_string(),
                    _ if self.choices.one_in(4) => "NULL".to_owned(),
                    _ => self.value(*kind),
                })
                .collect();
            rows.push(format!("({})", fields.join(", ")));
        }
        let conflict = self.choices.pick(&[
            "",
            "",
            " ON CONFLICT (k, id) DO NOTHING",
            " ON CONFLICT (k, id) DO UPDATE SET id = excluded.id + 500",
        ]);
        let returning = self.returning();
        format!("INSERT INTO {name} ({}) VALUES {}{conflict}{returning}", names(columns), rows.join(", "))
    }

    /// Rows of another table, or of the same; their numbers are new, or those of rows that are there.
    fn insert_selected(&mut self, table: &Table) -> String {
        let source = self.choices.pick(&self.schema.tables).clone();
        let relations = [Relation { alias: "o".to_owned(), columns: source.columns.clone(), id: None }];
        let place = Place::of(&relations, None);
        let keys: Vec<String> = source
            .columns
            .iter()
            .filter(|(_, kind)| *kind == table.columns[0].1)
            .map(|(name, _)| name.clone())
            .collect();
        let fields: Vec<String> = table
            .columns
            .iter()
            .enumerate()
            .map(|(number, (_, kind))| match number {
                0 if !keys.is_empty() => {
                    let key = self.choices.pick::<String>(&keys);
                    format!("o.{}", quoted(key))
                }
                0 => format!("'{}'::{}", value(&mut self.choices, *kind), kind.name()),
                1 => self.choices.word(&["o.id + 2000", "o.id"]).to_owned(),
                _ if self.choices.one_in(3) => format!("NULL::{}", kind.name()),
                _ => self.expression(*kind, &place),
            })
            .collect();
        let filter = if self.choices.one_in(2) { format!(" WHERE {}", self.condition(&place)) } else { String::new() };
        let conflict = self.choices.pick(&["", " ON CONFLICT (k, id) DO NOTHING"]);
        let returning = self.returning();
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} AS o{filter}{conflict}{returning}",
            table.name,
            names(&table.columns),
            fields.join(", "),
            source.name
        )
    }

    fn update(&mut self, table: &Table) -> String {
        let relations = [Relation { alias: table.name.clone(), columns: table.columns.clone(), id: None }];
        let place = Place::of(&relations, None);
        let set = self.assigned(table, &place);
        let filter = self.filter(table, &place);
        let returning = self.returning();
        format!("UPDATE {} SET {set}{filter}{returning}", table.name)
    }

    /// Each row meets one of the other table at most.
    fn update_from(&mut self, table: &Table) -> String {
        let (source, tie, both) = self.beside(table);
        let place = Place::of(&both, None);
        let set = self.assigned(table, &place);
        let more = if self.choices.one_in(2) { format!(" AND {}", self.condition(&place)) } else { String::new() };
        let returning = self.choices.word(&["", " RETURNING t.*", " RETURNING t.id, o.id"]);
        format!("UPDATE {} AS t SET {set} FROM {source} AS o WHERE {tie}{more}{returning}", table.name)
    }

    /// The key is given another value.
    fn move_rows(&mut self, table: &Table) -> String {
        let relations = [Relation { alias: table.name.clone(), columns: table.columns.clone(), id: None }];
        let key = value(&mut self.choices, table.columns[0].1);
        let filter = self.filter(table, &Place::of(&relations, None));
        let returning = self.returning();
        format!("UPDATE {} SET k = '{key}'{filter}{returning}", table.name)
    }

    fn delete(&mut self, table: &Table) -> String {
        let relations = [Relation { alias: table.name.clone(), columns: table.columns.clone(), id: None }];
        let filter = self.filter(table, &Place::of(&relations, None));
        let returning = self.returning();
        format!("DELETE FROM {}{filter}{returning}", table.name)
    }

    fn delete_using(&mut self, table: &Table) -> String {
        let (source, tie, both) = self.beside(table);
        let place = Place::of(&both, None);
        let more = if self.choices.one_in(2) { format!(" AND {}", self.condition(&place)) } else { String::new() };
        let returning = self.choices.word(&["", " RETURNING t.*", " RETURNING t.id, o.id"]);
        format!("DELETE FROM {} AS t USING {source} AS o WHERE {tie}{more}{returning}", table.name)
    }

    fn merge(&mut self, table: &Table) -> String {
        let (source, tie, both) = self.beside(table);
        let place = Place::of(&both, None);
        let condition = if self.choices.one_in(3) { format!(" AND {}", self.condition(&place)) } else { String::new() };
        let matched = match self.choices.below(3) {
            0 => "DELETE".to_owned(),
            1 => "DO NOTHING".to_owned(),
            _ => format!("UPDATE SET {}", self.assigned(table, &place)),
        };
        let is_alike = both[1].columns[0].1 == both[0].columns[0].1;
        let other = match is_alike && self.choices.one_in(2) {
            true => " WHEN NOT MATCHED THEN INSERT (k, id) VALUES (o.k, o.id + 3000)",
            false => "",
        };
        format!(
            "MERGE INTO {} AS t USING {source} AS o ON {tie} WHEN MATCHED{condition} THEN {matched}{other}",
            table.name
        )
    }

    /// Another table `o` beside the changed one `t`: its name, what ties them, and both.
    fn beside(&mut self, table: &Table) -> (String, &'static str, [Relation; 2]) {
        let source = self.choices.pick(&self.schema.tables).clone();
        let is_alike = source.columns[0].1 == table.columns[0].1;
        let tie = if is_alike && !self.choices.one_in(4) { "o.k = t.k AND o.id = t.id" } else { "o.id = t.id" };
        let relation =
            |alias: &str, table: &Table| Relation { alias: alias.to_owned(), columns: table.columns.clone(), id: None };
        (source.name.clone(), tie, [relation("t", table), relation("o", &source)])
    }

    /// What SET gives to one or two columns, never to the key.
    fn assigned(&mut self, table: &Table, place: &Place<'_>) -> String {
        let others: Vec<(String, Kind)> = table.columns[2..].to_vec();
        if others.is_empty() {
            let name = place.relations.first().map_or("", |it| &*it.alias);
            return format!("id = {name}.id + 1000");
        }
        let first = self.choices.below(others.len());
        let second = if self.choices.one_in(3) { self.choices.below(others.len()) } else { first };
        let mut set = Vec::new();
        for at in [first, second] {
            let (column, kind) = &others[at];
            if set.is_empty() || at != first {
                set.push(format!("{} = {}", quoted(column), self.expression(*kind, place)));
            }
        }
        set.join(", ")
    }

    fn filter(&mut self, table: &Table, place: &Place<'_>) -> String {
        match self.choices.below(4) {
            0 => String::new(),
            1 => format!(" WHERE k = '{}'", value(&mut self.choices, table.columns[0].1)),
            2 => format!(" WHERE {}", self.condition(place)),
            _ => format!(" WHERE k = '{}' AND {}", value(&mut self.choices, table.columns[0].1), self.condition(place)),
        }
    }

    fn returning(&mut self) -> &'static str {
        self.choices.word(&["", " RETURNING *", " RETURNING id, k"])
    }
}

fn names(columns: &[(String, Kind)]) -> String {
    columns.iter().map(|(column, _)| quoted(column)).collect::<Vec<_>>().join(", ")
}
