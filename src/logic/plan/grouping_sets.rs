//! Sets of groups that come in an order.
//!
//! `WHERE kind = 'a'` makes `kind` a constant to PostgreSQL's planner, and ORDER BY, DISTINCT and windows leave it out. But
//! ROLLUP, CUBE and GROUPING SETS make it NULL in some rows (before PostgreSQL 18 the planner does not see that), so the
//! order then depends on the plan. Over rows that were fetched the plan is another one than over the tables. A condition
//! in the shape `(kind = 'a') IS TRUE` lets the same rows through and makes nothing a constant.

use std::ops::Range;

use super::pieces::Token;

/// Words and signs that end them, but for a bracket.
const ENDS: [&str; 22] = [
    "where",
    "group",
    "having",
    "window",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "intersect",
    "except",
    "join",
    "inner",
    "cross",
    "natural",
    "full",
    "left",
    "right",
    "on",
    "using",
    ",",
];

/// The conditions, each of its own, that are to be put into another shape; none where there are no sets of groups, or
/// their order does not matter. Only of a query: what is written has no order.
pub(super) fn conditions(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    let has = |word: &str| tokens.iter().any(|token| token.is(word));
    let is_set = |pair: &[Token<'_>]| ["rollup", "cube", "sets"].iter().any(|it| pair[0].is(it)) && pair[1].is("(");
    let has_sets = has("group") && tokens.windows(2).any(is_set);
    let has_order = ["order", "distinct", "over"].into_iter().any(has);
    let writes = |pair: &[Token<'_>]| pair[1].is("update") && !pair[0].is("for") && !pair[0].is("key");
    let is_write = ["insert", "delete", "merge", "returning"].into_iter().any(has)
        || has("update") && (tokens[0].is("update") || tokens.windows(2).any(writes));
    if !has_sets || !has_order || is_write {
        return Vec::new();
    }
    let found = all_conditions(tokens);
    // Equal columns are one to the planner: that matters where sets are made of more than one of them.
    let joined: Vec<&[Token<'_>]> = found.iter().copied().filter(|it| joins(it)).collect();
    let names: Vec<String> = joined.iter().flat_map(|it| columns(it)).collect();
    let grouped = tokens.iter().enumerate().filter(|(_, token)| token.is("group"));
    let grouped = grouped.flat_map(|(number, token)| columns(clause(&tokens[number + 1..], token.depth)));
    let is_single = grouped.filter(|name| names.contains(name)).count() < 2;
    let others = found.iter().filter(|it| !(is_single && joins(it)));
    others.filter_map(|it| Some(it.first()?.start..it.last()?.end())).collect()
}

/// Those of WHERE and of joins. FULL JOIN takes none but equalities, and what it joins is not made constant by them.
fn all_conditions<'a, 't>(tokens: &'a [Token<'t>]) -> Vec<&'a [Token<'t>]> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    for (number, word) in tokens.iter().enumerate() {
        let before = |distance: usize| number.checked_sub(distance).map(|place| &tokens[place]);
        let is_before = |distance: usize, word: &str| before(distance).is_some_and(|before| before.is(word));
        if is_before(1, ".") || is_before(1, "as") {
            continue;
        }
        while open.last().is_some_and(|(depth, _)| *depth > word.depth) {
            open.pop();
        }
        if word.is("join") && !is_before(1, "cross") && !is_before(1, "natural") && !is_before(2, "natural") {
            open.push((word.depth, is_before(1, "full") || is_before(2, "full")));
        }
        let is_on = word.is("on") && !is_before(1, "distinct");
        let join = if is_on || word.is("using") { open.pop_if(|(depth, _)| *depth == word.depth) } else { None };
        if word.is("where") || is_on && join.is_some_and(|(_, is_full)| !is_full) {
            found.extend(conjuncts(clause(&tokens[number + 1..], word.depth), word.depth));
        }
    }
    found
}

/// The tokens of a clause, from behind the word that begins it.
fn clause<'a, 't>(rest: &'a [Token<'t>], depth: u16) -> &'a [Token<'t>] {
    let ends = |(number, token): (usize, &Token<'_>)| {
        let is_call = rest.get(number + 1).is_some_and(|next| next.is("(")) && (token.is("left") || token.is("right"));
        let is_column = number > 0 && rest[number - 1].is(".");
        token.depth < depth || token.depth == depth && !is_call && !is_column && ENDS.iter().any(|it| token.is(it))
    };
    let end = rest.iter().enumerate().position(|(number, token)| number > 0 && ends((number, token)));
    &rest[..end.unwrap_or(rest.len())]
}

/// What must hold together. `AND` belongs to BETWEEN or CASE too.
fn conjuncts<'a, 't>(clause: &'a [Token<'t>], depth: u16) -> Vec<&'a [Token<'t>]> {
    let (mut found, mut start, mut betweens, mut cases) = (Vec::new(), 0, 0_usize, 0_usize);
    for (number, token) in clause.iter().enumerate().filter(|(_, token)| token.depth == depth) {
        match () {
            () if token.is("case") => cases += 1,
            () if token.is("end") => cases = cases.saturating_sub(1),
            () if cases > 0 => (),
            () if token.is("or") => return vec![clause],
            () if token.is("between") => betweens += 1,
            () if token.is("and") && betweens > 0 => betweens -= 1,
            () if token.is("and") => {
                found.push(&clause[start..number]);
                start = number + 1;
            }
            () => (),
        }
    }
    found.push(&clause[start..]);
    found.retain(|it| !it.is_empty());
    found
}

/// The names in it, without those of the tables before them.
fn columns(tokens: &[Token<'_>]) -> impl Iterator<Item = String> {
    let is_before = |number: usize| tokens.get(number + 1).is_some_and(|next| next.is("."));
    let named = tokens.iter().enumerate().filter(move |(number, token)| token.is_name() && !is_before(*number));
    named.map(|(_, token)| token.name())
}

/// An equality with columns on both sides. Without the name of its table a word may be a value: `current_date`.
fn joins(condition: &[Token<'_>]) -> bool {
    let mut sides = condition.split(|token| token.is("="));
    let has_column = |side: Option<&[Token<'_>]>| {
        let side = side.unwrap_or_default();
        let is_call = |number: usize| side.get(number + 3).is_some_and(|next| next.is("("));
        let mut names = side.windows(3).enumerate();
        names.any(|(number, it)| it[0].is_name() && it[1].is(".") && it[2].is_name() && !is_call(number))
    };
    let is_one = !condition.iter().any(|token| token.is("or") || token.is("select") || token.is("case"));
    is_one && has_column(sides.next()) && has_column(sides.next()) && sides.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tokens;
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        conditions(&tokens(text).unwrap()).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn conditions_are_found_one_by_one() {
        assert_eq!(
            found(
                "SELECT * FROM a WHERE x = 1 AND y BETWEEN 1 AND 2 AND CASE WHEN x AND y THEN z END GROUP BY ROLLUP (x) ORDER BY 1"
            ),
            ["x = 1", "y BETWEEN 1 AND 2", "CASE WHEN x AND y THEN z END"]
        );
        assert_eq!(
            found("SELECT 1 FROM a WHERE x = 1 OR y = 2 AND z GROUP BY CUBE (x) ORDER BY 1"),
            ["x = 1 OR y = 2 AND z"]
        );
        assert_eq!(
            found(
                "SELECT DISTINCT ON (x) 1 FROM (SELECT * FROM a WHERE x = 1) a LEFT JOIN b ON a.i = b.i AND left(b.n, 1) = 'a' WHERE b.\"where\" = 2 GROUP BY GROUPING SETS ((x), ())"
            ),
            ["x = 1", "left(b.n, 1) = 'a'", "b.\"where\" = 2"]
        );
    }

    #[test]
    fn without_sets_of_groups_or_an_order_nothing_is_found() {
        assert!(found("SELECT x FROM a WHERE x = 1 GROUP BY x ORDER BY x").is_empty());
        assert!(found("SELECT x FROM a WHERE x = 1 GROUP BY ROLLUP (x)").is_empty());
    }

    #[test]
    fn equal_columns_stay_unless_sets_are_made_of_several() {
        assert!(found("SELECT 1 FROM a JOIN b ON a.i = b.i GROUP BY ROLLUP (a.i, b.k) ORDER BY 1").is_empty());
        assert_eq!(found("SELECT 1 FROM a JOIN b ON a.i = b.j GROUP BY ROLLUP (a.i, b.j) ORDER BY 1"), ["a.i = b.j"]);
    }
}
