//! Reads the statements of `tests/corpus/*.sql`.

use std::fs;
use std::path::Path;

/// A file of statements.
pub struct File {
    pub name: String,
    /// So many statements must be answered, not refused
    pub same_min: usize,
    /// Its statements change rows
    pub is_write: bool,
    /// What it writes is always rolled back
    pub is_undone: bool,
    pub cases: Vec<Case>,
}

/// A statement.
#[derive(Debug, Default)]
pub struct Case {
    pub line: usize,
    pub comment: String,
    pub sql: String,
    pub parameters: Vec<Option<String>>,
    /// What COPY … FROM STDIN is fed
    pub data: Option<String>,
}

impl File {
    /// All files, by name. `SHARDWAY_CORPUS=word` keeps those whose names hold the word.
    pub fn all() -> Vec<Self> {
        let only = std::env::var("SHARDWAY_CORPUS").unwrap_or_default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "sql"));
        paths.sort();
        let files = paths
            .iter()
            .map(|path| Self::parse(&path.file_stem().unwrap().to_string_lossy(), &fs::read_to_string(path).unwrap()));
        files.filter(|file| file.name.contains(&only)).collect()
    }

    fn parse(name: &str, text: &str) -> Self {
        let mut file =
            Self { name: name.to_owned(), same_min: 0, is_write: false, is_undone: false, cases: Vec::new() };
        let mut case = Case::default();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            match line.strip_prefix('@').map(|directive| directive.split_once(' ').unwrap_or((directive, ""))) {
                Some(("same", count)) => file.same_min = count.trim().parse().unwrap(),
                Some(("write", _)) => file.is_write = true,
                Some(("undone", _)) => (file.is_write, file.is_undone) = (true, true),
                Some(("params", values)) => case.parameters = values.split(" | ").map(parameter).collect(),
                Some(("data", _)) => {
                    let rows = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "\\.");
                    case.data = Some(rows.map(|row| row.to_owned() + "\n").collect());
                }
                Some((other, _)) => panic!("{name}:{}: unknown directive @{other}", number + 1),
                None if line.is_empty() => file.end(&mut case),
                None if line.starts_with("# ") => case.comment = line[2..].to_owned(),
                None => case.add(number + 1, line),
            }
        }
        file.end(&mut case);
        file
    }

    fn end(&mut self, case: &mut Case) {
        match case.sql.is_empty() {
            true => (),
            false => self.cases.push(std::mem::take(case)),
        }
    }
}

impl Case {
    /// With parameters a statement needs the extended protocol; several statements, or rows to copy, the simple one.
    pub fn fits(&self, simple: bool) -> bool {
        match simple {
            true => self.parameters.is_empty(),
            false => self.data.is_none() && !self.sql.trim_end_matches(';').contains("; "),
        }
    }

    /// Has it values to bind?
    pub fn has_params(&self) -> bool {
        !self.parameters.is_empty()
    }

    /// Does the outermost query order its rows?
    pub fn is_ordered(&self) -> bool {
        let mut depth = 0;
        let outer: String = self
            .sql
            .chars()
            .filter(|letter| {
                depth += i32::from(*letter == '(') - i32::from(*letter == ')');
                depth == 0
            })
            .collect();
        outer.to_uppercase().contains("ORDER BY")
    }

    fn add(&mut self, line: usize, text: &str) {
        if self.sql.is_empty() {
            self.line = line;
        } else {
            self.sql.push('\n');
        }
        self.sql.push_str(text);
    }
}

fn parameter(text: &str) -> Option<String> {
    match text.trim_matches(' ') {
        "NULL" => None,
        "''" => Some(String::new()),
        value => Some(value.to_owned()),
    }
}
