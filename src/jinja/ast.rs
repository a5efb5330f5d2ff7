//! Jinja2 expressions as trees.

#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub kind: Kind,
    /// Byte offset in the expression's text.
    pub at: usize,
}

pub(crate) type Boxed = Box<Expr>;

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text(String),
    Integer(i64),
    Float(String),
    Bool(bool),
    None,
    Name(String),
    Attribute(Boxed, String),
    Item(Boxed, Boxed),
    Slice(Boxed, Option<Boxed>, Option<Boxed>),
    Call(Boxed, Arguments),
    Filter(Boxed, String, Arguments),
    Test {
        subject: Boxed,
        name: String,
        arguments: Arguments,
        negated: bool,
    },
    Not(Boxed),
    Minus(Boxed),
    And(Boxed, Boxed),
    Or(Boxed, Boxed),
    /// `+`, `~`, ...
    Binary(&'static str, Boxed, Boxed),
    /// `a < b <= c`; `in` and `not in` are among these.
    Compare(Boxed, Vec<(&'static str, Expr)>),
    Ternary {
        yes: Boxed,
        condition: Boxed,
        no: Option<Boxed>,
    },
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    pub plain: Vec<Expr>,
    pub named: Vec<(String, Expr)>,
}

impl Arguments {
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.named.is_empty()
    }

    /// An argument by its place or by its name.
    pub fn get(&self, index: usize, name: &str) -> Option<&Expr> {
        let named = || self.named.iter().find(|(n, _)| n == name).map(|(_, e)| e);
        self.plain.get(index).or_else(named)
    }
}

/// A `for`: its names, what it goes over, and its condition.
pub(crate) struct Loop {
    pub names: Vec<String>,
    pub over: Expr,
    pub only: Option<Expr>,
}
