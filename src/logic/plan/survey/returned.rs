//! `RETURNING (xmax = 0) AS inserted`: tells rows that are new from those that ON CONFLICT has changed.

use crate::logic::sql::statement::Target;
use crate::logic::sql::statement::expression::{Constant, Expression, Literal, Operator};

use super::super::scope::Scope;
use super::Survey;

/// Zero in a row that is new.
const XMAX: &str = "xmax";

impl Survey<'_> {
    /// Visits what an INSERT returns. Whichever server stores a row says the same of whether it is new, though the numbers
    /// of transactions are its own: `xmax` beside zero does not count as a column that no two servers have the same.
    pub(super) fn visit_returned(&mut self, returning: &[Target], scope: &Scope<'_>) {
        let (of_news, others): (Vec<&Target>, Vec<&Target>) =
            returning.iter().partition(|target| zero_beside_xmax(&target.value).is_some());
        for target in others {
            self.visit_item(&target.value, scope);
        }
        let was_named = self.mentions.as_ref().is_some_and(|mentions| mentions.names.contains_key(XMAX));
        for target in of_news {
            self.visit_item(&target.value, scope);
            if let Some(zero) = zero_beside_xmax(&target.value) {
                self.literals.fix(zero);
            }
        }
        if let Some(mentions) = self.mentions.as_mut().filter(|_| !was_named) {
            mentions.names.remove(XMAX);
        }
    }
}

/// `xmax = 0`, `xmax::text = '0'`.
fn zero_beside_xmax(value: &Expression) -> Option<&Constant> {
    let Expression::Compare { operator: Operator::Equal, left, right } = value else { return None };
    let Expression::Column(parts) = without_casts(left) else { return None };
    let Expression::Constant(zero) = &**right else { return None };
    (is_zero(&zero.value) && parts.last().is_some_and(|name| **name == *XMAX)).then_some(zero)
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
