//! Random INSERT, UPDATE and DELETE.

use super::kinds::{Kind, value};
use super::schema::{Table, key_value};
use super::writer::{Place, Relation, Writer, quoted};

impl Writer<'_> {
    /// A statement that changes rows, and the table it changes.
    pub fn change(&mut self) -> (String, String) {
        let table = self.choices.pick(&self.schema.tables).clone();
        let sql = match self.choices.below(4) {
            0 => self.insert(&table),
            1 | 2 => self.update(&table),
            _ => self.delete(&table),
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
                    0 => format!("'{}'", key_value(&mut self.choices, *kind)),
                    1 => (1000 + number).to_string(),
                    _ if self.choices.one_in(4) => "NULL".to_owned(),
                    _ => self.value(*kind),
                })
                .collect();
            rows.push(format!("({})", fields.join(", ")));
        }
        let list: Vec<String> = columns.iter().map(|(column, _)| quoted(column)).collect();
        let conflict = self.choices.pick(&[
            "",
            "",
            " ON CONFLICT (k, id) DO NOTHING",
            " ON CONFLICT (k, id) DO UPDATE SET id = excluded.id + 500",
        ]);
        let returning = self.returning();
        format!("INSERT INTO {name} ({}) VALUES {}{conflict}{returning}", list.join(", "), rows.join(", "))
    }

    fn update(&mut self, table: &Table) -> String {
        let relations = [Relation { alias: table.name.clone(), columns: table.columns.clone(), id: None }];
        let place = Place::of(&relations, None);
        let others: Vec<(String, Kind)> = table.columns[2..].to_vec();
        let set = match others.is_empty() {
            true => "id = id + 1000".to_owned(),
            false => {
                let (column, kind) = self.choices.pick(&others).clone();
                format!("{} = {}", quoted(&column), self.expression(kind, &place))
            }
        };
        let filter = self.filter(table, &place);
        let returning = self.returning();
        format!("UPDATE {} SET {set}{filter}{returning}", table.name)
    }

    fn delete(&mut self, table: &Table) -> String {
        let relations = [Relation { alias: table.name.clone(), columns: table.columns.clone(), id: None }];
        let filter = self.filter(table, &Place::of(&relations, None));
        let returning = self.returning();
        format!("DELETE FROM {}{filter}{returning}", table.name)
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
