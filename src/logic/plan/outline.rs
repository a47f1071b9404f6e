//! The plan of a statement over several shards with holes where its literals stand: one plan serves all texts that differ
//! in nothing else.
//!
//! A literal is put into many places: conditions that go along, the final statement, the keys that tell the shards. To find
//! them, the statement is planned once more with a mark in the place of each literal that no plan depends on; where the
//! marks come out are the holes. That both plans are the same but for the literals is checked, not believed.

use std::fmt::Write;

use crate::logic::sql::template::Literal;
use crate::logic::value::LiteralKind;

use super::across::{Across, Read, across};
use super::change::{Change, On};
use super::merge::Bound;
use super::survey::speaks_of_now;
use super::{Home, Place, Requirement, Restriction, Schema, Source, Value};

/// See the module.
#[derive(Debug)]
pub struct Outline {
    /// Its texts are empty
    across: Across,
    /// Those texts, in the order in which they are visited
    texts: Vec<Holes>,
    marks: Vec<Mark>,
}

/// What stands for a literal.
#[derive(Debug)]
struct Mark {
    /// The literal's number
    index: u16,
    /// As it stands in a text
    written: Box<str>,
    /// As it stands in a value
    value: Box<str>,
}

/// A text with holes: what comes before each, whose it is; what comes last.
#[derive(Debug)]
struct Holes {
    pieces: Vec<(Box<str>, u16)>,
    rest: Box<str>,
}

impl Outline {
    /// The outline of a text; `fixed` are the literals that its plan depends on. `None`: it has to be planned each time.
    pub fn of(sql: &str, literals: &[Literal], fixed: impl Fn(u16) -> bool, schema: &Schema<'_>) -> Option<Self> {
        let marks: Vec<Mark> = (0..literals.len())
            .filter_map(|index| u16::try_from(index).ok())
            .filter(|index| !fixed(*index))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|index| Mark::of(index, literals))
            .collect();
        let mut marked = String::with_capacity(sql.len() + marks.len() * 20);
        let mut done = 0;
        for mark in &marks {
            if sql.contains(&*mark.value) {
                return None;
            }
            let at = &literals[usize::from(mark.index)].at;
            marked.push_str(&sql[done..at.start as usize]);
            marked.push_str(&mark.written);
            done = at.end as usize;
        }
        marked.push_str(&sql[done..]);
        let mut outline = Self { across: across(&marked, schema), texts: Vec::new(), marks };
        let mut cut = Cut { marks: &outline.marks, texts: Vec::new() };
        visit(&mut outline.across, &mut cut)?;
        outline.texts = cut.texts;
        (outline.fill(sql, literals)? == across(sql, schema)).then_some(outline)
    }

    /// The plan of a text of the same outline.
    pub fn fill(&self, sql: &str, literals: &[Literal]) -> Option<Across> {
        // Such a literal may forbid the plan.
        let says_now = |literal: &Literal| speaks_of_now(literal.text(sql).as_bytes());
        if matches!(self.across, Across::Change(_)) && literals.iter().any(says_now) {
            return None;
        }
        let mut across = self.across.clone();
        visit(&mut across, &mut Fill { outline: self, sql, literals, texts: self.texts.iter() })?;
        Some(across)
    }
}

impl Mark {
    /// Of the same kind and size as most literals, and unlike any.
    fn of(index: u16, literals: &[Literal]) -> Self {
        const NUMBER: u32 = 1_907_300_000;
        let number = NUMBER + u32::from(index);
        let (value, written) = match literals[usize::from(index)].kind {
            LiteralKind::Integer => (number.to_string(), number.to_string()),
            LiteralKind::Decimal => (format!("{number}.75"), format!("{number}.75")),
            LiteralKind::String => (format!("shardway_{number}_"), format!("'shardway_{number}_'")),
        };
        Self { index, written: written.into(), value: value.into() }
    }
}

/// Meets every place of a plan where a literal may stand. `None` ends the visit.
trait Visitor {
    fn text(&mut self, text: &mut Box<str>) -> Option<()>;
    fn value(&mut self, value: &mut Value) -> Option<()>;
    fn rows(&mut self, rows: &mut u64) -> Option<()>;
}

fn visit(across: &mut Across, visitor: &mut impl Visitor) -> Option<()> {
    match across {
        Across::Read(Read { fanout, merge, gather, stores: _ }) => {
            if let Some(fanout) = fanout {
                requirement(&mut fanout.requirement, visitor)?;
            }
            if let Some(merge) = merge {
                requirement(&mut merge.requirement, visitor)?;
                visitor.text(&mut merge.text)?;
                for bound in [&mut merge.limit, &mut merge.offset] {
                    if let Some(Bound::Rows(rows)) = bound {
                        visitor.rows(rows)?;
                    }
                }
            }
            if let Ok(gather) = gather {
                for part in &mut gather.parts {
                    requirement(&mut part.requirement, visitor)?;
                    visitor.text(&mut part.text)?;
                }
                visitor.text(&mut gather.text)?;
                if let Home::Meet(all) = &mut gather.home {
                    all.iter_mut().try_for_each(|it| requirement(it, visitor))?;
                }
            }
            Some(())
        }
        Across::Change(Change { on: On::Rows(rows), over: None, .. }) => requirement(rows, visitor),
        Across::Change(Change { on: On::Copies, over: None, .. }) => Some(()),
        Across::Change(_) | Across::Once(_) => None,
        Across::Split(_) | Across::Carry(_) | Across::Modifying(_) | Across::Numbers(_) => None,
        Across::Staged(_) | Across::CopyOut(_) | Across::Everywhere(_) => None,
        Across::Cursor(_) | Across::Explain(_) | Across::Signal(_) | Across::Refuse(_) => None,
    }
}

fn requirement(requirement: &mut Requirement, visitor: &mut impl Visitor) -> Option<()> {
    match &mut requirement.place {
        Place::Shard(_) | Place::Copies | Place::Every => Some(()),
        Place::Lookup { keys, .. } => restriction(keys, visitor),
        Place::Store { .. } => None,
    }
}

fn restriction(keys: &mut Restriction, visitor: &mut impl Visitor) -> Option<()> {
    match keys {
        Restriction::All | Restriction::Nothing => Some(()),
        Restriction::Equals(value) | Restriction::AnyOf(value) => visitor.value(value),
        Restriction::Between { from, to } => from.iter_mut().chain(to).try_for_each(|(value, _)| visitor.value(value)),
        Restriction::And(parts) | Restriction::Or(parts) => {
            parts.iter_mut().try_for_each(|part| restriction(part, visitor))
        }
    }
}

/// Takes the texts out and finds their holes.
struct Cut<'m> {
    marks: &'m [Mark],
    texts: Vec<Holes>,
}

impl Visitor for Cut<'_> {
    fn text(&mut self, text: &mut Box<str>) -> Option<()> {
        let text = std::mem::take(text);
        let found = |mark: &Mark| {
            text.match_indices(&*mark.written).map(|(at, _)| (at, mark.written.len(), mark.index)).collect::<Vec<_>>()
        };
        let mut places: Vec<_> = self.marks.iter().flat_map(found).collect();
        places.sort_unstable();
        let (mut pieces, mut done) = (Vec::with_capacity(places.len()), 0);
        for (at, length, index) in places {
            pieces.push((text.get(done..at)?.into(), index));
            done = at + length;
        }
        self.texts.push(Holes { pieces, rest: text[done..].into() });
        Some(())
    }

    fn value(&mut self, _: &mut Value) -> Option<()> {
        Some(())
    }

    fn rows(&mut self, _: &mut u64) -> Option<()> {
        Some(())
    }
}

/// Puts the literals of a text in.
struct Fill<'o> {
    outline: &'o Outline,
    sql: &'o str,
    literals: &'o [Literal],
    texts: std::slice::Iter<'o, Holes>,
}

impl Fill<'_> {
    fn literal(&self, is_it: impl Fn(&Mark) -> bool) -> Option<&Literal> {
        let mark = self.outline.marks.iter().find(|mark| is_it(mark))?;
        self.literals.get(usize::from(mark.index))
    }
}

impl Visitor for Fill<'_> {
    fn text(&mut self, text: &mut Box<str>) -> Option<()> {
        let holes = self.texts.next()?;
        let mut filled = String::with_capacity(
            holes.rest.len() + holes.pieces.iter().map(|(before, _)| before.len() + 12).sum::<usize>(),
        );
        for (before, index) in &holes.pieces {
            let at = &self.literals.get(usize::from(*index))?.at;
            filled.push_str(before);
            filled.push_str(&self.sql[at.start as usize..at.end as usize]);
        }
        filled.push_str(&holes.rest);
        *text = filled.into();
        Some(())
    }

    fn value(&mut self, value: &mut Value) -> Option<()> {
        let Source::Fixed(Some((_, written))) = &mut value.source else { return Some(()) };
        let (sign, bare) = match written.strip_prefix('-') {
            Some(bare) => ("-", bare),
            None => ("", &**written),
        };
        if let Some(literal) = self.literal(|mark| *mark.value == *bare) {
            let mut filled = sign.to_owned();
            let _infallible = write!(filled, "{}", literal.text(self.sql));
            *written = filled.into();
        }
        Some(())
    }

    /// A number of rows too large to be one is left to PostgreSQL.
    fn rows(&mut self, rows: &mut u64) -> Option<()> {
        let written = rows.to_string();
        if let Some(literal) = self.literal(|mark| *mark.value == *written) {
            let number: i64 = literal.text(self.sql).parse().ok()?;
            *rows = u64::try_from(number).ok()?;
        }
        Some(())
    }
}
