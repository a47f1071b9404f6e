//! The extended protocol of the console: statements and portals of one visitor.

use std::collections::HashMap;

use crate::logic::console::statement::Statement;
use crate::logic::console::table::Table;
use crate::logic::console::wire::{self, Formats};

/// Statements and portals, by their names.
#[derive(Default)]
pub(super) struct Named {
    pub statements: HashMap<Box<[u8]>, Statement>,
    pub portals: HashMap<Box<[u8]>, Portal>,
}

/// A bound statement; its answer stays until all of it has been asked for.
pub(super) struct Portal {
    pub statement: Statement,
    pub formats: Formats,
    /// Its rows, once it has been run, and how many of them were sent
    pub answer: Option<(Table, usize)>,
}

impl Portal {
    /// Writes at most so many rows (0: all); `true`: there are more.
    pub fn write_rows(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        let Some((table, sent)) = &mut self.answer else { return false };
        let end = if limit == 0 { table.rows.len() } else { table.rows.len().min(*sent + limit) };
        for row in &table.rows[*sent..end] {
            wire::data_row(out, row, &table.columns, &self.formats);
        }
        *sent = end;
        end < table.rows.len()
    }
}
