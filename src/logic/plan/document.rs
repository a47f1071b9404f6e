//! What EXPLAIN says of a statement over several shards, in the format that was asked for: the way of the statement, what
//! each server says of its part, and what the statement over the fetched rows looks like.

use std::fmt::Write;

use crate::logic::sql::statement::ExplainForm;

/// What one server says of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The name of the shard
    pub shard: Box<str>,
    /// What it is asked
    pub statement: Box<str>,
    /// Its answer, line by line
    pub lines: Vec<String>,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The way, as `shardway route` tells it
    pub way: Vec<String>,
    /// What each shard says
    pub shards: Vec<Said>,
    /// What a server says of the statement over the rows that were fetched
    pub then: Option<Vec<String>>,
    /// What is estimated to travel
    pub transfer: Option<String>,
}

impl Document {
    /// The rows of the answer.
    pub fn rows(&self, form: ExplainForm) -> Vec<String> {
        match form {
            ExplainForm::Text => self.text(),
            ExplainForm::Json => vec![self.json()],
            ExplainForm::Yaml => vec![self.yaml()],
            ExplainForm::Xml => vec![self.xml()],
        }
    }

    fn text(&self) -> Vec<String> {
        let mut rows = self.way.clone();
        for said in &self.shards {
            rows.push(format!("On shard {}: {}", said.shard, said.statement));
            rows.extend(said.lines.iter().map(|line| format!("  {line}")));
        }
        if let Some(then) = &self.then {
            rows.push("Then, over these rows:".to_owned());
            rows.extend(then.iter().map(|line| format!("  {line}")));
        }
        rows.extend(self.transfer.clone());
        rows
    }

    fn json(&self) -> String {
        let way: Vec<String> = self.way.iter().map(|line| format!("      {}", quoted(line))).collect();
        let mut text = format!("[\n  {{\n    \"Way\": [\n{}\n    ],\n    \"Shards\": [", way.join(",\n"));
        for (number, said) in self.shards.iter().enumerate() {
            let _infallible = write!(
                text,
                "{}\n      {{\n        \"Shard\": {},\n        \"Statement\": {},\n        \"Explain\": {}\n      }}",
                if number == 0 { "" } else { "," },
                quoted(&said.shard),
                quoted(&said.statement),
                indented(&said.lines, 8).trim_start(),
            );
        }
        text.push_str("\n    ]");
        if let Some(then) = &self.then {
            let _infallible = write!(text, ",\n    \"Then\": {}", indented(then, 4).trim_start());
        }
        text.push_str("\n  }\n]");
        text
    }

    fn yaml(&self) -> String {
        let mut text = "- Way: ".to_owned();
        for line in &self.way {
            let _infallible = write!(text, "\n    - {}", quoted(line));
        }
        text.push_str(if self.shards.is_empty() { "\n  Shards: []" } else { "\n  Shards: " });
        for said in &self.shards {
            let _infallible = write!(
                text,
                "\n    - Shard: {}\n      Statement: {}\n      Explain: \n{}",
                quoted(&said.shard),
                quoted(&said.statement),
                indented(&said.lines, 8),
            );
        }
        if let Some(then) = &self.then {
            let _infallible = write!(text, "\n  Then: \n{}", indented(then, 4));
        }
        text
    }

    fn xml(&self) -> String {
        let mut text = "<explain-shards>\n  <Way>".to_owned();
        for line in &self.way {
            let _infallible = write!(text, "\n    <Line>{}</Line>", escaped(line));
        }
        text.push_str("\n  </Way>");
        for said in &self.shards {
            let _infallible = write!(
                text,
                "\n  <Shard name=\"{}\">\n    <Statement>{}</Statement>\n{}\n  </Shard>",
                escaped(&said.shard),
                escaped(&said.statement),
                indented(&said.lines, 4),
            );
        }
        if let Some(then) = &self.then {
            let _infallible = write!(text, "\n  <Then>\n{}\n  </Then>", indented(then, 4));
        }
        text.push_str("\n</explain-shards>");
        text
    }
}

/// What a server gives in one piece has line breaks of its own.
fn indented(lines: &[String], by: usize) -> String {
    let lines = lines.iter().flat_map(|text| text.lines()).map(|line| format!("{:by$}{line}", ""));
    lines.collect::<Vec<_>>().join("\n")
}

/// A string of JSON, which YAML takes too.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => {
                let _infallible = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(answer: &str) -> Document {
        let said = Said { shard: "a".into(), statement: "SELECT \"x\" < 1\n & 2".into(), lines: vec![answer.into()] };
        Document { way: vec!["Gather".into()], shards: vec![said], then: Some(vec![answer.into()]), transfer: None }
    }

    #[test]
    fn json_holds_what_servers_say_as_it_is() {
        let rows = document("[\n  {\"Plan\": {}}\n]").rows(ExplainForm::Json);
        let [row] = rows.as_slice() else { panic!("one row: {rows:?}") };
        assert_eq!(
            row,
            "[\n  {\n    \"Way\": [\n      \"Gather\"\n    ],\n    \"Shards\": [\n      {\n        \"Shard\": \"a\",\n        \
             \"Statement\": \"SELECT \\\"x\\\" < 1\\u000a & 2\",\n        \"Explain\": [\n          {\"Plan\": {}}\n        ]\n      }\n    ],\n    \
             \"Then\": [\n      {\"Plan\": {}}\n    ]\n  }\n]"
        );
    }

    #[test]
    fn yaml_holds_what_servers_say_further_in() {
        let rows = document("- Plan: \n    Rows: 1").rows(ExplainForm::Yaml);
        assert_eq!(
            rows,
            [
                "- Way: \n    - \"Gather\"\n  Shards: \n    - Shard: \"a\"\n      Statement: \"SELECT \\\"x\\\" < 1\\u000a & 2\"\n      \
             Explain: \n        - Plan: \n            Rows: 1\n  Then: \n    - Plan: \n        Rows: 1"
            ]
        );
    }

    #[test]
    fn xml_escapes_what_is_no_markup() {
        let rows = document("<explain/>").rows(ExplainForm::Xml);
        assert_eq!(
            rows,
            ["<explain-shards>\n  <Way>\n    <Line>Gather</Line>\n  </Way>\n  <Shard name=\"a\">\n    \
             <Statement>SELECT &quot;x&quot; &lt; 1\n &amp; 2</Statement>\n    <explain/>\n  </Shard>\n  <Then>\n    <explain/>\n  </Then>\n</explain-shards>"]
        );
    }
}
