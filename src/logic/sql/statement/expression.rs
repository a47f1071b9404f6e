//! Expressions: the shapes that can restrict a key, and every other node with all of its children.
//!
//! Nothing is dropped on the way from the parser: a node that has no case of its own is `Other` with its children,
//! and one that nobody has thought about is `Unknown`, which the planner refuses.

use super::Query;

/// One node of an expression.
#[derive(Debug)]
pub enum Expression {
    /// A literal, TRUE, FALSE or NULL
    Constant(Constant),
    /// `$n`
    Param(u32),
    /// `a`, `t.a`, `s.t.a`
    Column(Vec<Box<str>>),
    /// `*` or `t.*`: the qualification without the star
    Star(Vec<Box<str>>),
    /// `x::type`
    Cast {
        /// What is cast
        inner: Box<Self>,
        /// To which type
        to: TypeName,
    },
    /// `left operator right`
    Compare {
        /// The operator
        operator: Operator,
        /// Left side
        left: Box<Self>,
        /// Right side
        right: Box<Self>,
    },
    /// `left operator ANY (array)`
    Any {
        /// The operator
        operator: Operator,
        /// Left side
        left: Box<Self>,
        /// The array
        array: Box<Self>,
    },
    /// `left [NOT] IN (list)`
    In {
        /// NOT IN
        negated: bool,
        /// Left side
        left: Box<Self>,
        /// The items
        list: Vec<Self>,
    },
    /// `left BETWEEN low AND high`
    Between {
        /// BETWEEN SYMMETRIC
        symmetric: bool,
        /// The bounded one
        left: Box<Self>,
        /// Lower bound
        low: Box<Self>,
        /// Upper bound
        high: Box<Self>,
    },
    /// `left IS NOT DISTINCT FROM right`
    NotDistinct(Box<Self>, Box<Self>),
    /// All hold
    And(Vec<Self>),
    /// One holds
    Or(Vec<Self>),
    /// `x IS NULL`
    IsNull(Box<Self>),
    /// `(a, b)`, `ROW(a, b)`
    Row(Vec<Self>),
    /// `ARRAY[a, b]`
    Array(Vec<Self>),
    /// A function call
    Call(Box<Call>),
    /// CURRENT_TIMESTAMP, CURRENT_USER and their kin: one value for a statement on one server
    Moment(Moment),
    /// An aggregate with a syntax of its own (JSON_ARRAYAGG)
    Aggregate(Vec<Self>),
    /// An operator that restricts no key
    Operator {
        /// Its name
        name: Box<str>,
        /// What it stands between
        parts: Vec<Self>,
    },
    /// A query inside an expression
    Subquery(Box<Subquery>),
    /// DEFAULT
    Default,
    /// WHERE CURRENT OF cursor
    CurrentOf(Box<str>),
    /// `(row).name`: a field, or a call of the function of that name
    Field {
        /// The row
        of: Box<Self>,
        /// The name
        name: Box<str>,
    },
    /// Any other node whose children are all here
    Other(Vec<Self>),
    /// A node that the planner does not know
    Unknown(&'static str),
}

/// A literal.
#[derive(Debug)]
pub struct Constant {
    /// What it is
    pub value: Literal,
    /// Byte offset in the text, of its minus sign when it has one
    pub at: usize,
}

/// What a literal is.
#[derive(Debug, PartialEq, Eq)]
pub enum Literal {
    /// NULL
    Null,
    /// TRUE, FALSE
    Boolean(bool),
    /// Digits, a minus sign before them where the text has one
    Integer(Box<str>),
    /// The same with a fraction or an exponent
    Decimal(Box<str>),
    /// A string, unquoted and unescaped
    String(Box<str>),
    /// Bit strings, hexadecimal numbers that do not fit an integer
    Odd,
}

/// The name of a type as written.
#[derive(Debug, Clone)]
pub struct TypeName {
    /// `pg_catalog`, `int8`; `uuid`
    pub names: Vec<Box<str>>,
    /// It has modifiers: `varchar(3)`
    pub has_modifiers: bool,
    /// `[]`: how many
    pub dimensions: usize,
    /// SETOF or %TYPE
    pub is_odd: bool,
}

impl TypeName {
    /// The same without what stands in parentheses.
    pub fn without_modifiers(&self) -> Self {
        Self { names: self.names.clone(), has_modifiers: false, ..*self }
    }
}

/// Operators that can restrict a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// Any other, and any with a schema that is not `pg_catalog`
    Other,
}

impl Operator {
    /// As it is written; none of those that restrict nothing.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Equal => Some("="),
            Self::Less => Some("<"),
            Self::LessEqual => Some("<="),
            Self::Greater => Some(">"),
            Self::GreaterEqual => Some(">="),
            Self::Other => None,
        }
    }

    /// The operator that says the same with the sides exchanged.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            Self::Other => Self::Other,
        }
    }
}

/// CURRENT_TIMESTAMP, CURRENT_USER and their kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// OID of the type of those that tell the time
    pub time: Option<u32>,
    /// Byte offset in the text
    pub at: usize,
}

/// A function call.
#[derive(Debug)]
pub struct Call {
    /// Byte offset of its name in the text
    pub at: usize,
    /// `lower`; `pg_catalog`, `lower`
    pub name: Vec<Box<str>>,
    /// The arguments
    pub arguments: Vec<Expression>,
    /// ORDER BY, FILTER
    pub rest: Vec<Expression>,
    /// OVER
    pub over: Option<Window>,
}

/// A window.
#[derive(Debug)]
pub struct Window {
    /// PARTITION BY
    pub partition: Vec<Expression>,
    /// ORDER BY and frame offsets
    pub rest: Vec<Expression>,
}

/// A query inside an expression.
#[derive(Debug)]
pub struct Subquery {
    /// How it stands there
    pub kind: SubqueryKind,
    /// What is compared with its rows
    pub test: Option<Expression>,
    /// The operator that compares them
    pub operator: Box<str>,
    /// The query
    pub query: Query,
}

/// How a query stands in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubqueryKind {
    /// EXISTS (query)
    Exists,
    /// test IN (query), test = ANY (query)
    In,
    /// ARRAY (query)
    Array,
    /// (query), test operator ANY/ALL (query)
    Other,
}
