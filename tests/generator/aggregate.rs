//! Random aggregates and window functions.

use super::kinds::Kind;
use super::writer::{Place, Writer};
use Kind::{Bool, Float4, Float8, Icu, Int2, Int4, Int8, IntArray, Jsonb, Money, Numeric, Text, TextArray};

impl Writer<'_> {
    /// An aggregate of this type, over the rows of a place.
    pub fn aggregate(&mut self, kind: Kind, place: &Place<'_>) -> String {
        self.marks.dedupes = true;
        self.note(kind);
        self.fuel -= 1;
        // Of columns further out alone it would be an aggregate of the query there.
        let inside = Place::of(place.relations, None);
        let call = self.call(kind, &inside);
        match self.choices.one_in(6) && call.ends_with(')') && !call.starts_with("((") {
            true => format!("{call} FILTER (WHERE {})", self.condition(&inside)),
            false => call,
        }
    }

    fn call(&mut self, kind: Kind, place: &Place<'_>) -> String {
        let of = |writer: &mut Self, kind| writer.argument(kind, place);
        match (kind, self.choices.below(5)) {
            (Int8, 0) => "count(*)".to_owned(),
            (Int8, 1) => format!("count({})", of(self, Text)),
            (Int8, 2) => format!("count(DISTINCT {})", of(self, Int4)),
            (Int8, 3) => format!("sum({})", of(self, Int2)),
            (Int8, _) if self.choices.one_in(2) => format!("(count(*) * 2 + coalesce(sum({}), 0))", of(self, Int4)),
            (Int8, _) => format!("sum({})", of(self, Int4)),
            (Numeric, 0) => format!("sum({})", of(self, Int8)),
            (Numeric, 1) if self.choices.one_in(3) => format!("(sum({}) / (count(*) + 1))", of(self, Int8)),
            (Numeric, 1) => format!("avg({})", of(self, Int4)),
            (Numeric, 2) => format!("sum({})", of(self, Money)),
            (Numeric, 3) => format!("avg({})", of(self, Money)),
            (Numeric, _) => format!("sum({})", of(self, Numeric)),
            (Float8, 0) => self.inexact("sum", Float8, place),
            (Float8, 1) => self.inexact("avg", Float8, place),
            (Float8, 2) => self.inexact("stddev_pop", Int4, place) + "::double precision",
            (Float8, 3) => format!("percentile_cont(0.5) WITHIN GROUP (ORDER BY {})", of(self, Float8)),
            (Float4, 0) => self.inexact("sum", Float4, place),
            (Int4, 0) => format!("percentile_disc(0.5) WITHIN GROUP (ORDER BY {})", of(self, Int4)),
            (Int4, 1) => format!("bit_or({})", of(self, Int4)),
            (Int4, 2) => format!("mode() WITHIN GROUP (ORDER BY {})", of(self, Int4)),
            (Bool, 0) => format!("bool_or({})", of(self, Bool)),
            (Bool, _) => format!("bool_and({})", of(self, Bool)),
            (Text | Icu, 0 | 1) => {
                let text = of(self, kind);
                format!("string_agg({text}, ',' ORDER BY {text})")
            }
            (IntArray, _) => {
                let number = of(self, Int4);
                let distinct = if self.choices.one_in(3) { "DISTINCT " } else { "" };
                format!("array_agg({distinct}{number} ORDER BY {number})")
            }
            (TextArray, _) => {
                let text = of(self, Text);
                format!("array_agg({text} ORDER BY {text} DESC)")
            }
            (Jsonb, _) => {
                let number = of(self, Int4);
                format!("jsonb_agg({number} ORDER BY {number})")
            }
            (_, 0) if kind.has_extremes() => format!("min({})", of(self, kind)),
            (_, 1..=3) if kind.has_extremes() => format!("max({})", of(self, kind)),
            _ => {
                let value = of(self, kind);
                format!("((array_agg({value} ORDER BY {value}))[1])")
            }
        }
    }

    fn inexact(&mut self, name: &str, kind: Kind, place: &Place<'_>) -> String {
        self.marks.is_inexact = true;
        format!("{name}({})", self.argument(kind, place))
    }

    /// What an aggregate is computed over.
    fn argument(&mut self, kind: Kind, place: &Place<'_>) -> String {
        self.expression(kind, place)
    }

    /// A window function over the rows of a place, and its type.
    pub fn window(&mut self, place: &Place<'_>) -> (String, Kind) {
        self.marks.dedupes = true;
        let columns = self.columns(&Place { outer: None, ..*place });
        if columns.is_empty() {
            return ("count(*) OVER ()".to_owned(), Int8);
        }
        let ids: Option<Vec<String>> =
            place.relations.iter().map(|it| it.id.as_ref().map(|id| format!("{}.{id}", it.alias))).collect();
        let (partition, _) = self.choices.pick(&columns).clone();
        let (order, order_kind) = self.choices.pick(&columns).clone();
        let (value, kind) = self.choices.pick(&columns).clone();
        self.note(order_kind);
        self.note(kind);
        let partition = if self.choices.one_in(2) { format!("PARTITION BY {partition} ") } else { String::new() };
        let direction = self.choices.pick(&["", " DESC", " NULLS FIRST"]);
        let peers = format!("OVER ({partition}ORDER BY {order}{direction})");
        match (self.choices.below(9), ids) {
            (0, _) => (format!("count(*) OVER ({})", partition.trim_end()), Int8),
            (1, _) => (format!("rank() {peers}"), Int8),
            (2, _) => (format!("dense_rank() {peers}"), Int8),
            (3, _) if matches!(kind, Int4 | Int2) => (format!("sum({value}) {peers}"), Int8),
            (4, Some(ids)) => (format!("row_number() OVER ({partition}ORDER BY {})", ids.join(", ")), Int8),
            (5, Some(ids)) => (format!("lag({value}) OVER ({partition}ORDER BY {})", ids.join(", ")), kind),
            (6, Some(ids)) => {
                let frame = self.choices.pick(&[
                    "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
                    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING",
                    "GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
                ]);
                (format!("last_value({value}) OVER ({partition}ORDER BY {} {frame})", ids.join(", ")), kind)
            }
            (7, Some(ids)) => (format!("ntile(3) OVER (ORDER BY {})", ids.join(", ")), Int4),
            _ if kind.has_extremes() => (format!("max({value}) {peers}"), kind),
            _ => (format!("count({value}) {peers}"), Int8),
        }
    }
}
