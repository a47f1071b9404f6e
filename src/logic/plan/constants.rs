//! Values of the text: literals and parameters, and the casts around them that keep them readable.

use std::ops::Range;

use crate::logic::sql::statement::expression::{Constant, Expression, Literal, TypeName};
use crate::logic::value::LiteralKind;

use super::{Source, Value};

/// Where the literals of the text stand, and which of them the plan has read.
#[derive(Debug)]
pub struct Literals<'a> {
    text: &'a str,
    /// `None`: the text is cached as a whole, literals are written into the plan
    spans: Option<&'a [Range<u32>]>,
    fixed: Vec<u16>,
}

impl<'a> Literals<'a> {
    /// Of a text whose literals are lifted out at `spans`.
    pub fn new(text: &'a str, spans: Option<&'a [Range<u32>]>) -> Self {
        Self { text, spans, fixed: Vec::new() }
    }

    /// The literals that the plan has read.
    pub fn into_fixed(mut self) -> Vec<u16> {
        self.fixed.sort_unstable();
        self.fixed.dedup();
        self.fixed
    }

    /// The plan depends on the value of every literal in these bytes.
    pub fn fix_all(&mut self, bytes: &Range<usize>) {
        for (index, span) in self.spans.unwrap_or_default().iter().enumerate() {
            if bytes.contains(&(span.start as usize)) {
                self.fixed.extend(u16::try_from(index));
            }
        }
    }

    /// The plan depends on the value of this literal.
    pub fn fix(&mut self, constant: &Constant) {
        if let Some((index, _)) = self.index_of(constant.at) {
            self.fixed.push(index);
        }
    }

    /// The value of an expression, if it is a literal or a parameter, cast or not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only a cast is looked into")]
    pub fn value(&self, expression: &Expression) -> Option<Value> {
        match expression {
            Expression::Cast { inner, to } => {
                let value = self.bare(inner)?;
                let cast = type_oid(to)?;
                Some(Value { source: value.source, cast: Some(cast) })
            }
            _ => self.bare(expression),
        }
    }

    /// A number without a cast: what it is as text depends on how PostgreSQL prints it.
    pub fn is_bare_number(&self, value: &Value) -> bool {
        let is_digit = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
        value.cast.is_none()
            && match &value.source {
                Source::Literal { index, .. } => {
                    let span = self.spans.and_then(|spans| spans.get(usize::from(*index)));
                    is_digit(span.and_then(|span| self.text.as_bytes().get(span.start as usize)))
                }
                Source::Fixed(Some((kind, _))) => *kind != LiteralKind::String,
                Source::Fixed(None) | Source::Param(_) | Source::SharedParam(_) => false,
            }
    }

    /// Its type does not depend on what stands around it.
    pub fn has_own_type(&self, value: &Value) -> bool {
        value.cast.is_some() || value.source == Source::Fixed(None) || self.is_bare_number(value)
    }

    /// The value of an element of an array that is cast as a whole: `'{1,2}'::bigint[]`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only a cast is looked into")]
    pub fn array(&self, expression: &Expression) -> Option<Value> {
        match expression {
            Expression::Cast { inner, to } => {
                let value = self.bare(inner)?;
                Some(Value { source: value.source, cast: Some(array_oid(type_oid_of_element(to)?)?) })
            }
            _ => self.bare(expression).filter(|value| !is_number(&value.source, expression)),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other expression is computed by the server")]
    fn bare(&self, expression: &Expression) -> Option<Value> {
        let source = match expression {
            Expression::Param(number) => Source::Param(u16::try_from(*number).ok().filter(|number| *number > 0)?),
            Expression::Constant(constant) => self.literal(constant)?,
            _ => return None,
        };
        Some(Value { source, cast: None })
    }

    fn literal(&self, constant: &Constant) -> Option<Source> {
        let (kind, text) = match &constant.value {
            Literal::Null => return Some(Source::Fixed(None)),
            Literal::Boolean(_) | Literal::Odd => return None,
            Literal::Integer(text) => (LiteralKind::Integer, text),
            Literal::Decimal(text) => (LiteralKind::Decimal, text),
            Literal::String(text) => (LiteralKind::String, text),
        };
        if self.spans.is_none() {
            return Some(Source::Fixed(Some((kind, text.clone()))));
        }
        let (index, is_direct) = self.index_of(constant.at)?;
        let negative = kind != LiteralKind::String && text.starts_with('-');
        // `-  5` and `-(5)` are one constant that begins at the minus sign; two signs cancel out.
        (is_direct || kind != LiteralKind::String).then_some(Source::Literal { index, negative })
    }

    /// The literal that begins at `at`, or after nothing but signs there. The flag says: exactly there.
    fn index_of(&self, at: usize) -> Option<(u16, bool)> {
        let spans = self.spans?;
        let place = spans.partition_point(|span| (span.start as usize) < at);
        let start = spans.get(place)?.start as usize;
        let between = self.text.get(at..start)?;
        let is_sign = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'-' | b'(');
        let index = u16::try_from(place).ok()?;
        between.bytes().all(is_sign).then_some((index, start == at))
    }
}

fn is_number(source: &Source, expression: &Expression) -> bool {
    match (source, expression) {
        (Source::Param(_) | Source::SharedParam(_), _) => false,
        (_, Expression::Constant(constant)) => !matches!(constant.value, Literal::String(_) | Literal::Null),
        (Source::Literal { .. } | Source::Fixed(_), _) => true,
    }
}

/// The OID of a well-known type. Modifiers can change the value (`varchar(3)`), so types with them are unknown.
pub fn type_oid(name: &TypeName) -> Option<u32> {
    if name.dimensions > 0 { None } else { type_oid_of_element(name) }
}

/// The OID of the type of an array's elements.
pub fn type_oid_of_element(name: &TypeName) -> Option<u32> {
    if name.has_modifiers || name.is_odd || name.dimensions > 1 {
        return None;
    }
    let word = match name.names.as_slice() {
        [word] => word.as_ref(),
        [schema, word] if schema.as_ref() == "pg_catalog" => word.as_ref(),
        _ => return None,
    };
    // pg_type.dat
    Some(match word {
        "bool" => 16,
        "int8" => 20,
        "int2" => 21,
        "int4" => 23,
        "text" => 25,
        "float4" => 700,
        "float8" => 701,
        "varchar" => 1043,
        "date" => 1082,
        "timestamp" => 1114,
        "timestamptz" => 1184,
        "numeric" => 1700,
        "uuid" => 2950,
        _ => return None,
    })
}

/// The OID of a parameter's type in PREPARE, which takes no heed of modifiers; types whose OID every server has alone.
pub fn parameter_oid(name: &TypeName) -> Option<u32> {
    let of_element = TypeName { dimensions: 0, has_modifiers: false, ..name.clone() };
    let element = type_oid_of_element(&of_element).or_else(|| match of_element.names.as_slice() {
        [word] => further_oid(word),
        [schema, word] if schema.as_ref() == "pg_catalog" => further_oid(word),
        _ => None,
    })?;
    if name.dimensions > 0 { array_of_plain(element) } else { Some(element) }
}

fn further_oid(word: &str) -> Option<u32> {
    // pg_type.dat
    Some(match word {
        "bytea" => 17,
        "name" => 19,
        "oid" => 26,
        "json" => 114,
        "xml" => 142,
        "cidr" => 650,
        "money" => 790,
        "macaddr" => 829,
        "inet" => 869,
        "bpchar" => 1042,
        "time" => 1083,
        "interval" => 1186,
        "timetz" => 1266,
        "bit" => 1560,
        "varbit" => 1562,
        "jsonb" => 3802,
        "int4range" => 3904,
        "numrange" => 3906,
        "tsrange" => 3908,
        "tstzrange" => 3910,
        "daterange" => 3912,
        "int8range" => 3926,
        _ => return None,
    })
}

/// The OID of the array type over a type whose binary form is the same on every server.
pub fn array_of_plain(element: u32) -> Option<u32> {
    // pg_type.dat: bytea, name, oid, json, cidr, money, macaddr, inet, bpchar, time, interval, timetz, bit, varbit, jsonb
    Some(match element {
        17 => 1001,
        19 => 1003,
        26 => 1028,
        114 => 199,
        650 => 651,
        790 => 791,
        829 => 1040,
        869 => 1041,
        1042 => 1014,
        1083 => 1183,
        1186 => 1187,
        1266 => 1270,
        1560 => 1561,
        1562 => 1563,
        3802 => 3807,
        // point, lseg, path, box, polygon, line, circle
        600 => 1017,
        601 => 1018,
        602 => 1019,
        603 => 1020,
        604 => 1027,
        628 => 629,
        718 => 719,
        // int4range, numrange, tsrange, tstzrange, daterange, int8range and their multiranges
        3904 => 3905,
        3906 => 3907,
        3908 => 3909,
        3910 => 3911,
        3912 => 3913,
        3926 => 3927,
        4451 => 6150,
        4532 => 6151,
        4533 => 6152,
        4534 => 6153,
        4535 => 6155,
        4536 => 6157,
        _ => return array_oid(element),
    })
}

/// The OID of the array type over an element type.
pub fn array_oid(element: u32) -> Option<u32> {
    // pg_type.dat
    Some(match element {
        16 => 1000,
        20 => 1016,
        21 => 1005,
        23 => 1007,
        25 => 1009,
        700 => 1021,
        701 => 1022,
        1043 => 1015,
        1082 => 1182,
        1114 => 1115,
        1184 => 1185,
        1700 => 1231,
        2950 => 2951,
        _ => return None,
    })
}

/// The name of a well-known type.
pub fn type_name(oid: u32) -> Option<&'static str> {
    Some(match oid {
        20 => "bigint",
        21 => "smallint",
        23 => "integer",
        25 => "text",
        700 => "real",
        701 => "double precision",
        1007 => "integer[]",
        1009 => "text[]",
        1016 => "bigint[]",
        1043 => "varchar",
        1082 => "date",
        1114 => "timestamp",
        1184 => "timestamptz",
        1700 => "numeric",
        2950 => "uuid",
        2951 => "uuid[]",
        _ => return None,
    })
}
