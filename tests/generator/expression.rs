//! Random expressions of a given type, and conditions.

use super::kinds::Kind;
use super::writer::{Place, Writer, all_columns};
use Kind::{
    Bit, Bool, Bytea, Char, Date, Float4, Float8, Icu, Inet, Int2, Int4, Int8, IntArray, Interval, Jsonb, Money, Mood,
    Numeric, Positive, Range, Text, TextArray, Time, Timestamp, Timestamptz, Timetz, Uuid, Varchar,
};

impl Writer<'_> {
    /// An expression of this type.
    pub fn expression(&mut self, kind: Kind, place: &Place<'_>) -> String {
        self.note(kind);
        if !self.may_grow() || self.is_plain && !self.choices.one_in(8) {
            return self.leaf(kind, place);
        }
        match self.choices.below(12) {
            0..=5 => self.leaf(kind, place),
            6 | 7 => self.of_any_kind(kind, place),
            _ if kind == Bool => self.condition(place),
            _ => self.function(kind, place),
        }
    }

    /// A column, or else a value.
    fn leaf(&mut self, kind: Kind, place: &Place<'_>) -> String {
        if place.groups.is_some() && self.choices.below(3) > 0 {
            return self.aggregate(kind, place);
        }
        match self.column(kind, place) {
            Some(column) if !self.choices.one_in(6) => column,
            Some(_) | None if place.groups.is_some() => self.aggregate(kind, place),
            Some(_) | None => self.literal(kind),
        }
    }

    fn column(&mut self, kind: Kind, place: &Place<'_>) -> Option<String> {
        let mut columns = self.columns(place);
        columns.retain(|(_, of)| *of == kind);
        (!columns.is_empty()).then(|| self.choices.pick(&columns).0.clone())
    }

    fn of_any_kind(&mut self, kind: Kind, place: &Place<'_>) -> String {
        match self.choices.below(7) {
            0 => {
                let (one, other) = (self.expression(kind, place), self.expression(kind, place));
                format!("coalesce({one}, {other})")
            }
            1 | 2 => {
                let condition = self.condition(place);
                let (one, other) = (self.expression(kind, place), self.expression(kind, place));
                match self.choices.below(3) {
                    0 => format!("CASE WHEN {condition} THEN {one} ELSE {other} END"),
                    1 => format!("CASE WHEN {condition} THEN {one} END"),
                    _ => {
                        let last = self.literal(kind);
                        let second = self.condition(place);
                        format!("CASE WHEN {condition} THEN {one} WHEN {second} THEN {other} ELSE {last} END")
                    }
                }
            }
            3 => {
                let (one, other) = (self.expression(kind, place), self.literal(kind));
                format!("nullif({one}, {other})")
            }
            4 if kind != Jsonb => {
                self.marks.dedupes = true;
                let (one, other) = (self.expression(kind, place), self.expression(kind, place));
                let name = self.choices.pick(&["greatest", "least"]);
                format!("{name}({one}, {other})")
            }
            _ => self.scalar_subquery(kind, place),
        }
    }

    fn function(&mut self, kind: Kind, place: &Place<'_>) -> String {
        let of = |writer: &mut Self, kind| writer.expression(kind, place);
        match kind {
            Int4 => self.integer(place),
            Int2 => {
                let (a, b) = (of(self, Int2), of(self, Int2));
                format!("({a} - {b})")
            }
            Int8 => match self.choices.below(3) {
                0 => format!("{}::bigint", of(self, Int4)),
                1 => format!("({} + {})", of(self, Int8), of(self, Int4)),
                _ => format!("abs({})", of(self, Int8)),
            },
            Numeric => match self.choices.below(6) {
                0 => format!("({} + {})", of(self, Numeric), of(self, Int4)),
                1 => format!("({} * {})", of(self, Money), of(self, Int4)),
                2 => format!("round({}, 1)", of(self, Money)),
                3 => format!("{}::numeric", of(self, Int8)),
                4 => {
                    self.marks.may_fail = true;
                    format!("({} / {})", of(self, Money), of(self, Int4))
                }
                _ => {
                    let divisor = of(self, Money);
                    format!("CASE WHEN {divisor} <> 0 THEN 10 / {divisor} ELSE 0 END")
                }
            },
            Money => format!("{}::numeric(12,2)", of(self, Int4)),
            Float8 => match self.choices.below(4) {
                0 => format!("({} * 2)", of(self, Float8)),
                1 => format!("{}::double precision", of(self, Int4)),
                2 => {
                    self.marks.may_fail = true;
                    format!("sqrt({})", of(self, Float8))
                }
                _ => format!("({} + {})", of(self, Float8), of(self, Float4)),
            },
            Float4 => format!("{}::real", of(self, Int4)),
            Text => self.text(place),
            Icu => format!("upper({})", of(self, Icu)),
            Varchar => format!("{}::varchar(4)", of(self, Text)),
            Char => format!("{}::char(5)", of(self, Text)),
            Bool => self.condition(place),
            Date => match self.choices.below(4) {
                0 => format!("({} + 1)", of(self, Date)),
                1 => format!("{}::date", of(self, Timestamp)),
                2 => format!("{}::date", of(self, Timestamptz)),
                _ => format!("least({}, '2024-12-31'::date)", of(self, Date)),
            },
            Timestamp => match self.choices.below(4) {
                0 => format!("date_trunc('month', {})", of(self, Timestamp)),
                1 => format!("({} + {})", of(self, Timestamp), of(self, Interval)),
                2 => format!("({} AT TIME ZONE 'Europe/Berlin')", of(self, Timestamptz)),
                _ => format!("{}::timestamp", of(self, Timestamptz)),
            },
            Timestamptz => match self.choices.below(3) {
                0 => format!("date_trunc('day', {})", of(self, Timestamptz)),
                1 => format!("({} AT TIME ZONE 'America/New_York')", of(self, Timestamp)),
                _ => format!("({} + {})", of(self, Timestamptz), of(self, Interval)),
            },
            Interval => match self.choices.below(2) {
                0 => format!("({} - {})", of(self, Timestamp), of(self, Timestamp)),
                _ => format!("({} * 2)", of(self, Interval)),
            },
            Bytea => format!("({} || {})", of(self, Bytea), of(self, Bytea)),
            Jsonb => match self.choices.below(4) {
                0 => format!("({} -> 'a')", of(self, Jsonb)),
                1 => format!("to_jsonb({})", of(self, Text)),
                2 => format!("jsonb_build_object('x', {}, 'y', {})", of(self, Int4), of(self, Timestamptz)),
                _ => format!("to_jsonb({})", of(self, IntArray)),
            },
            IntArray => match self.choices.below(3) {
                0 => format!("({} || {})", of(self, IntArray), of(self, Int4)),
                1 => format!("array_remove({}, 2)", of(self, IntArray)),
                _ => format!("ARRAY[{}, {}]", of(self, Int4), of(self, Int4)),
            },
            TextArray => match self.choices.below(2) {
                0 => format!("string_to_array({}, 'b')", of(self, Text)),
                _ => format!("ARRAY[{}]", of(self, Text)),
            },
            Time | Timetz | Bit | Positive | Uuid | Mood | Range | Inet => self.leaf(kind, place),
        }
    }

    fn integer(&mut self, place: &Place<'_>) -> String {
        let of = |writer: &mut Self, kind| writer.expression(kind, place);
        match self.choices.below(15) {
            0 => format!("({} + {})", of(self, Int4), of(self, Int4)),
            1 => format!("({} - 1)", of(self, Int4)),
            2 => format!("length({})", of(self, Text)),
            3 => format!("({} % 7)", of(self, Int4)),
            4 => format!("cardinality({})", of(self, IntArray)),
            5 => format!("({})[1]", of(self, IntArray)),
            6 => format!("{}::integer", of(self, Int2)),
            7 => format!("abs({})", of(self, Int4)),
            8 => format!("strpos({}, 'b')", of(self, Text)),
            9 => {
                let divisor = of(self, Int4);
                format!("CASE WHEN {divisor} <> 0 THEN 100 / {divisor} ELSE -1 END")
            }
            10 => format!("extract(year FROM {})::integer", of(self, Timestamp)),
            11 => {
                self.marks.may_fail = true;
                format!("(100 / {})", of(self, Int4))
            }
            12 => {
                self.marks.may_fail = true;
                format!("{}::integer", of(self, Text))
            }
            13 => format!("length({})", of(self, Char)),
            _ => format!("CASE WHEN ({} ->> 'a') IS NULL THEN 0 ELSE 1 END", of(self, Jsonb)),
        }
    }

    fn text(&mut self, place: &Place<'_>) -> String {
        let of = |writer: &mut Self, kind| writer.expression(kind, place);
        match self.choices.below(12) {
            0 => format!("upper({})", of(self, Text)),
            1 => format!("({} || {})", of(self, Text), of(self, Text)),
            2 => format!("substr({}, 1, 2)", of(self, Text)),
            3 => format!("{}::text", of(self, Int4)),
            4 => format!("{}::text", of(self, Mood)),
            5 => format!("{}::text", of(self, Timestamptz)),
            6 => format!("concat({}, '-', {})", of(self, Int4), of(self, Date)),
            7 => format!("({} ->> 'a')", of(self, Jsonb)),
            8 => format!("to_char({}, 'YYYY-MM-DD HH24:MI TZ')", of(self, Timestamptz)),
            9 => format!("replace({}, 'a', 'xx')", of(self, Text)),
            10 => format!("array_to_string({}, '/', '*')", of(self, TextArray)),
            _ => format!("format('%s:%s', {}, {})", of(self, Text), of(self, Money)),
        }
    }

    /// Any column, or a value of any type where there is none.
    fn any(&mut self, place: &Place<'_>) -> (String, Kind) {
        let columns = self.columns(place);
        if columns.is_empty() {
            return ("7".to_owned(), Int4);
        }
        let keys: Vec<_> = columns.iter().filter(|(name, _)| name.ends_with('k')).cloned().collect();
        let (text, kind) = match !keys.is_empty() && self.choices.one_in(3) {
            true => self.choices.pick(&keys).clone(),
            false => self.choices.pick(&columns).clone(),
        };
        self.note(kind);
        (text, kind)
    }

    /// A condition.
    pub fn condition(&mut self, place: &Place<'_>) -> String {
        if place.groups.is_some() {
            return self.condition_on_groups(place);
        }
        let (column, kind) = self.any(place);
        if !self.may_grow() {
            return format!("{column} IS NOT NULL");
        }
        if self.is_plain && !self.choices.one_in(6) {
            return self.plain_condition(&column, kind, place);
        }
        match self.choices.below(24) {
            0..=3 => {
                let operator = self.operator();
                let value = self.value(kind);
                format!("{column} {operator} {value}")
            }
            4 | 5 => {
                let operator = self.operator();
                let other = self.expression(kind, place);
                format!("{column} {operator} {other}")
            }
            6 => format!("{column} IS NULL"),
            7 => {
                let (one, other) = (self.condition(place), self.condition(place));
                format!("({one} AND {other})")
            }
            8 => {
                let (one, other) = (self.condition(place), self.condition(place));
                format!("({one} OR {other})")
            }
            9 => format!("NOT ({})", self.condition(place)),
            10 => {
                let values = [self.value(kind), self.value(kind)].join(", ");
                let not = self.not();
                format!("{column} {not}IN ({values})")
            }
            11 => {
                let (low, high) = (self.value(kind), self.value(kind));
                let not = self.not();
                format!("{column} {not}BETWEEN {low} AND {high}")
            }
            12 | 13 => {
                let query = self.subquery(None, place);
                let not = self.not();
                format!("{not}EXISTS ({query})")
            }
            14 | 15 => {
                let query = self.subquery(Some(kind), place);
                let not = self.not();
                format!("{column} {not}IN ({query})")
            }
            16 if !matches!(kind, IntArray | TextArray) => {
                let values = [self.literal(kind), self.literal(kind)].join(", ");
                format!("{column} = ANY (ARRAY[{values}])")
            }
            17 => {
                let query = self.subquery(Some(kind), place);
                let (operator, word) = (self.operator(), *self.choices.pick(&["ANY", "ALL"]));
                format!("{column} {operator} {word} ({query})")
            }
            18 if kind.is_text() => {
                let pattern = self.choices.pick(&["a%", "%b%", "_", "", "%"]);
                format!("{column} LIKE '{pattern}'")
            }
            19 => {
                let other = self.expression(kind, place);
                let not = self.not();
                format!("{column} IS {not}DISTINCT FROM {other}")
            }
            20 => {
                let (second, of) = self.any(place);
                let (one, other) = (self.value(kind), self.value(of));
                let operator = self.operator();
                format!("({column}, {second}) {operator} ({one}, {other})")
            }
            21 => {
                let scalar = self.scalar_subquery(kind, place);
                let operator = self.operator();
                format!("{column} {operator} {scalar}")
            }
            _ => match self.column(Bool, place) {
                Some(flag) => flag,
                None => format!("{column} IS NOT NULL"),
            },
        }
    }

    /// One that may go along to the shards, and often names the key.
    fn plain_condition(&mut self, column: &str, kind: Kind, place: &Place<'_>) -> String {
        let operator = self.operator();
        match self.choices.below(8) {
            0..=2 => format!("{column} {operator} {}", self.value(kind)),
            3 => format!("{column} IN ({}, {})", self.value(kind), self.value(kind)),
            4 => format!("{column} BETWEEN {} AND {}", self.value(kind), self.value(kind)),
            5 => format!("{column} IS NULL"),
            6 => format!("({column} {operator} {} OR {})", self.value(kind), self.condition(place)),
            _ => format!("{column} IS NOT NULL"),
        }
    }

    fn condition_on_groups(&mut self, place: &Place<'_>) -> String {
        match self.choices.below(4) {
            0 => {
                let operator = self.operator();
                let number = self.choices.below(4);
                format!("count(*) {operator} {number}")
            }
            1 => {
                let kind = *self.choices.pick(&[Int4, Text, Int8, Money]);
                let aggregate = self.aggregate(kind, place);
                let operator = self.operator();
                let value = self.value(kind);
                format!("{aggregate} {operator} {value}")
            }
            2 => {
                let (key, _) = self.any(place);
                format!("{key} IS NOT NULL")
            }
            _ => self.aggregate(Bool, place),
        }
    }

    /// A comparison.
    pub fn operator(&mut self) -> &'static str {
        self.choices.word(&["=", "<", ">", "<>", ">=", "<="])
    }

    fn not(&mut self) -> &'static str {
        if self.choices.one_in(3) { "NOT " } else { "" }
    }

    /// The keys and the other columns of two relations that may be joined by equality.
    pub fn pair(&mut self, left: &Place<'_>, right: &Place<'_>) -> Option<(String, String, Kind)> {
        let (left, right) = (all_columns(left.relations), all_columns(right.relations));
        let mut pairs = Vec::new();
        for (one, kind) in &left {
            for (other, _) in right.iter().filter(|(_, of)| of == kind) {
                let pair = (one.clone(), other.clone(), *kind);
                if one.ends_with(".k") && other.ends_with(".k") {
                    pairs.insert(0, pair.clone());
                    pairs.push(pair.clone());
                    pairs.push(pair);
                } else {
                    pairs.push(pair);
                }
            }
        }
        if pairs.is_empty() {
            return None;
        }
        let pair = self.choices.pick(&pairs).clone();
        self.note(pair.2);
        Some(pair)
    }
}
