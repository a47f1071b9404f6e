//! `RETURNING (xmax = 0) AS inserted`: tells rows that are new from those that ON CONFLICT has changed.

use crate::logic::sql::statement::Target;
use crate::logic::sql::statement::expression::{Constant, Expression, Literal, Operator};

use super::super::scope::Scope;
use super::Survey;

impl Survey<'_> {
    /// Visits what an INSERT returns. Whichever server stores a row says the same of whether it is new, though the numbers
    /// of transactions are its own: `xmax` beside zero is no column that no two servers have the same.
    pub(super) fn visit_returned(&mut self, returning: &[Target], scope: &Scope<'_>) {
        for target in returning {
            match zero_beside_xmax(&target.value) {
                Some(zero) => self.literals.fix(zero),
                None => self.visit_item(&target.value, scope),
            }
        }
    }
}

/// `xmax = 0`, `xmax::text = '0'`.
fn zero_beside_xmax(value: &Expression) -> Option<&Constant> {
    let Expression::Compare { operator: Operator::Equal, left, right } = value else { return None };
    let Expression::Column(parts) = without_casts(left) else { return None };
    let Expression::Constant(zero) = &**right else { return None };
    (is_zero(&zero.value) && parts.last().is_some_and(|name| **name == *"xmax")).then_some(zero)
}

fn without_casts(expression: &Expression) -> &Expression {
    if let Expression::Cast { inner, .. } = expression { without_casts(inner) } else { expression }
}

fn is_zero(literal: &Literal) -> bool {
    match literal {
        Literal::Integer(text) | Literal::String(text) => **text == *"0",
        Literal::Null | Literal::Boolean(_) | Literal::Decimal(_) | Literal::Odd => false,
    }
}
