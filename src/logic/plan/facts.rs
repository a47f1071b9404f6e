//! What is known of the keys: one variable for each use of a sharded table, restrictions of them, and how they are tied.
//!
//! Each fact is a step of a proof: "take away the rows of this variable that lie outside, and the answer stays the same,
//! given that the rows of the variable it comes from are taken away already". Following facts back from a variable
//! gives a chain of such steps, so what comes out is always a superset of the keys that matter.

use crate::logic::shards::KeyspaceId;
use crate::logic::value::Modifier;

use super::{Restriction, Value};

/// The key column of one use of a table, or the column of a subquery that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable(usize);

/// All variables of a statement and what is known of them.
#[derive(Debug, Default)]
pub struct Facts {
    variables: Vec<Known>,
    steps: std::cell::Cell<usize>,
}

#[derive(Debug)]
struct Known {
    /// Keys of different keyspaces are never tied; `None`: constants, which may be compared with any
    keyspace: Option<KeyspaceId>,
    facts: Vec<Fact>,
    /// It is the same key of the same rows, seen from further out
    shows: Option<Variable>,
    /// What its column makes of the values it stores
    modifier: Modifier,
}

#[derive(Debug)]
enum Fact {
    Restricted(Restriction),
    /// Its keys are among those of the other
    Within(Variable),
    /// Its keys are among those of these together
    WithinAnyOf(Vec<Variable>),
}

/// Deeper proofs are given up: `All` is always right.
const DEPTH_MAX: usize = 200;
/// Steps of all proofs of a statement together; beyond them proofs are given up.
const STEPS_MAX: usize = 20_000_000;
/// Conjuncts of one variable beyond these are left out.
const CONJUNCTS_MAX: usize = 16;

impl Facts {
    /// A new variable.
    pub fn variable(&mut self, keyspace: Option<KeyspaceId>) -> Variable {
        self.variables.push(Known { keyspace, facts: Vec::new(), shows: None, modifier: Modifier::None });
        Variable(self.variables.len() - 1)
    }

    /// A new variable: the key of a table whose column has this modifier.
    pub fn stored(&mut self, keyspace: KeyspaceId, modifier: Modifier) -> Variable {
        let variable = self.variable(Some(keyspace));
        self.variables[variable.0].modifier = modifier;
        variable
    }

    /// A column with this modifier stores the key as it is.
    pub fn fits(&self, key: Variable, modifier: Modifier) -> bool {
        modifier == Modifier::None || self.variables[key.0].modifier == modifier
    }

    /// A column of a query that carries a key of its rows outside.
    pub fn showing(&mut self, inside: Variable) -> Variable {
        let outside = self.variable(self.keyspace(inside));
        self.variables[outside.0].shows = Some(inside);
        self.variables[outside.0].modifier = self.variables[inside.0].modifier;
        self.within(outside, inside);
        outside
    }

    /// The variable is this key, perhaps carried outside.
    pub fn shows(&self, variable: Variable, key: Variable) -> bool {
        let mut at = Some(variable);
        while let Some(here) = at {
            if here == key {
                return true;
            }
            at = self.variables[here.0].shows;
        }
        false
    }

    /// A variable that holds nothing but these values.
    pub fn constants(&mut self, values: Vec<Value>) -> Variable {
        let variable = self.variable(None);
        self.restrict(variable, any_of(values));
        variable
    }

    /// Its keyspace.
    pub fn keyspace(&self, variable: Variable) -> Option<KeyspaceId> {
        self.variables[variable.0].keyspace
    }

    /// Keys outside do not matter.
    pub fn restrict(&mut self, variable: Variable, to: Restriction) {
        if to != Restriction::All {
            self.variables[variable.0].facts.push(Fact::Restricted(to));
        }
    }

    /// Keys of `inner` that `outer` does not have do not matter.
    pub fn within(&mut self, inner: Variable, outer: Variable) {
        let (to, from) = (self.keyspace(inner), self.keyspace(outer));
        // Constants may be compared with any key; keys of two keyspaces may be of two types and read a value differently.
        if inner != outer && (from == to || from.is_none()) {
            self.variables[inner.0].facts.push(Fact::Within(outer));
        }
    }

    /// Keys of `whole` are among those of its parts.
    pub fn within_any_of(&mut self, whole: Variable, parts: Vec<Variable>) {
        let to = self.keyspace(whole);
        if parts.iter().all(|part| self.keyspace(*part) == to || self.keyspace(*part).is_none()) {
            self.variables[whole.0].facts.push(Fact::WithinAnyOf(parts));
        }
    }

    /// Which keys of a variable can matter.
    pub fn keys(&self, variable: Variable) -> Restriction {
        let mut seen = vec![false; self.variables.len()];
        self.follow(variable, &mut seen, DEPTH_MAX)
    }

    /// Do only those of its keys matter that these have? Then, were the rows of these taken away for all keys but one, the
    /// same could be done with its rows.
    pub fn is_confined_to(&self, variable: Variable, to: &[Variable]) -> bool {
        let mut seen = vec![false; self.variables.len()];
        self.leads_to(variable, to, &mut seen, DEPTH_MAX)
    }

    fn leads_to(&self, start: Variable, to: &[Variable], seen: &mut [bool], depth: usize) -> bool {
        self.steps.set(self.steps.get() + seen.len());
        if self.steps.get() > STEPS_MAX || depth == 0 {
            return false;
        }
        let mut open = vec![start];
        while let Some(variable) = open.pop() {
            if to.contains(&variable) {
                return true;
            }
            if std::mem::replace(&mut seen[variable.0], true) {
                continue;
            }
            for fact in &self.variables[variable.0].facts {
                match fact {
                    Fact::Restricted(_) => (),
                    Fact::Within(outer) => open.push(*outer),
                    Fact::WithinAnyOf(arms) => {
                        if arms.iter().all(|arm| self.leads_to(*arm, to, &mut seen.to_vec(), depth - 1)) {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }

    fn follow(&self, start: Variable, seen: &mut [bool], depth: usize) -> Restriction {
        self.steps.set(self.steps.get() + seen.len());
        if self.steps.get() > STEPS_MAX {
            return Restriction::All;
        }
        let mut parts = Vec::new();
        let mut open = vec![start];
        while let Some(variable) = open.pop() {
            if std::mem::replace(&mut seen[variable.0], true) {
                continue;
            }
            for fact in &self.variables[variable.0].facts {
                match fact {
                    Fact::Restricted(to) => add(&mut parts, to.clone()),
                    Fact::Within(outer) => open.push(*outer),
                    Fact::WithinAnyOf(arms) if depth > 0 => {
                        let any = arms.iter().map(|arm| self.follow(*arm, &mut seen.to_vec(), depth - 1));
                        add(&mut parts, or(any.collect()));
                    }
                    Fact::WithinAnyOf(_) => (),
                }
            }
        }
        and(parts)
    }
}

fn add(parts: &mut Vec<Restriction>, part: Restriction) {
    if part != Restriction::All && !parts.contains(&part) && parts.len() < CONJUNCTS_MAX {
        parts.push(part);
    }
}

/// One of these values.
pub fn any_of(values: Vec<Value>) -> Restriction {
    or(values.into_iter().map(Restriction::Equals).collect())
}

/// All of them hold.
pub fn and(parts: Vec<Restriction>) -> Restriction {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Restriction::All => (),
            Restriction::Nothing => return Restriction::Nothing,
            Restriction::And(inner) => flat.extend(inner),
            Restriction::Equals(_) | Restriction::AnyOf(_) | Restriction::Between { .. } | Restriction::Or(_) => {
                flat.push(part);
            }
        }
    }
    match flat.len() {
        0 => Restriction::All,
        1 => flat.remove(0),
        _ => Restriction::And(flat),
    }
}

/// One of them holds.
pub fn or(parts: Vec<Restriction>) -> Restriction {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Restriction::All => return Restriction::All,
            Restriction::Nothing => (),
            Restriction::Or(inner) => flat.extend(inner),
            Restriction::Equals(_) | Restriction::AnyOf(_) | Restriction::Between { .. } | Restriction::And(_) => {
                // Long lists are left as they are: looking for doubles would take the square of their length.
                if flat.len() > CONJUNCTS_MAX || !flat.contains(&part) {
                    flat.push(part);
                }
            }
        }
    }
    match flat.len() {
        0 => Restriction::Nothing,
        1 => flat.remove(0),
        _ => Restriction::Or(flat),
    }
}
