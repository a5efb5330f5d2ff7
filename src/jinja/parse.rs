//! From words to trees, with the precedence of Jinja2's parser.

use super::{
    Left,
    ast::{Arguments, Expr, Kind, Loop},
    lex::{Escapes, Token, tokens},
};

/// Deeper than anybody writes; a hostile file should not use up the stack.
const DEEPEST: usize = 60;
/// Most operators, filters and attributes: a chain of them is a deep tree too.
const LONGEST: usize = 300;

/// The tree of a whole text.
///
/// # Errors
/// What is no expression, with its place.
pub(crate) fn parse(text: &str, escapes: Escapes) -> Result<Expr, Left> {
    let mut parser = Parser { tokens: tokens(text, escapes)?, next: 0, depth: 0, links: 0 };
    let expr = parser.tuple()?;
    match parser.peek() {
        Token::End => Ok(expr),
        other => Err(parser.unexpected(&other.clone())),
    }
}

/// What follows the word `for` in a statement.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_loop(text: &str) -> Result<Loop, Left> {
    let mut parser = Parser { tokens: tokens(text, Escapes::Python)?, next: 0, depth: 0, links: 0 };
    let mut names = vec![];
    let grouped = parser.takes("(");
    loop {
        names.push(parser.name()?);
        if !parser.takes(",") {
            break;
        }
    }
    if grouped {
        parser.expect(")")?;
    }
    if !parser.takes_word("in") {
        return Err(parser.unexpected(&parser.peek().clone()));
    }
    // No ternary here: its `if` is the loop's.
    let over = parser.or()?;
    let only = if parser.takes_word("if") { Some(parser.expression()?) } else { None };
    match parser.peek() {
        Token::End => Ok(Loop { names, over, only }),
        Token::Name(word) if word == "recursive" => Err(Left::new(parser.at(), "`recursive` is not there")),
        other => Err(parser.unexpected(&other.clone())),
    }
}

pub(crate) struct Parser {
    pub tokens: Vec<(Token, usize)>,
    pub next: usize,
    depth: usize,
    links: usize,
}

impl Parser {
    pub fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    pub fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    pub fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    pub fn takes(&mut self, sign: &str) -> bool {
        let taken = matches!(self.peek(), Token::Sign(found) if *found == sign);
        if taken {
            self.advance();
        }
        taken
    }

    pub fn takes_word(&mut self, word: &str) -> bool {
        let taken = matches!(self.peek(), Token::Name(found) if found == word);
        if taken {
            self.advance();
        }
        taken
    }

    /// Counts one more link of a chain.
    pub fn link(&mut self) -> Result<(), Left> {
        self.links += 1;
        if self.links > LONGEST {
            return Err(Left::new(self.at(), format!("more than {LONGEST} operators and attributes")));
        }
        Ok(())
    }

    pub fn unexpected(&self, token: &Token) -> Left {
        let what = match token {
            Token::End => "the expression ends too early".into(),
            Token::Name(name) => format!("`{name}` is not expected here"),
            Token::Sign(sign) => format!("`{sign}` is not expected here"),
            Token::Text(_) => "a string is not expected here".into(),
            Token::Integer(_) | Token::Float(_) => "a number is not expected here".into(),
        };
        Left::new(self.at(), what)
    }

    pub fn expect(&mut self, sign: &str) -> Result<(), Left> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(&self.peek().clone())) }
    }

    pub fn name(&mut self) -> Result<String, Left> {
        match self.peek().clone() {
            Token::Name(name) => {
                self.advance();
                Ok(name)
            }
            other => Err(self.unexpected(&other)),
        }
    }

    pub fn tuple(&mut self) -> Result<Expr, Left> {
        let at = self.at();
        let first = self.expression()?;
        if !self.takes(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while !matches!(self.peek(), Token::End | Token::Sign(")")) {
            items.push(self.expression()?);
            if !self.takes(",") {
                break;
            }
        }
        Ok(Expr { kind: Kind::List(items), at })
    }

    pub fn expression(&mut self) -> Result<Expr, Left> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Left::new(self.at(), format!("nested deeper than {DEEPEST}")));
        }
        let at = self.at();
        let mut expr = self.or()?;
        while self.takes_word("if") {
            self.link()?;
            let condition = Box::new(self.or()?);
            let no = if self.takes_word("else") { Some(Box::new(self.expression()?)) } else { None };
            expr = Expr { kind: Kind::Ternary { yes: Box::new(expr), condition, no }, at };
        }
        self.depth -= 1;
        Ok(expr)
    }

    pub fn or(&mut self) -> Result<Expr, Left> {
        let at = self.at();
        let mut left = self.and()?;
        while self.takes_word("or") {
            self.link()?;
            left = Expr { kind: Kind::Or(Box::new(left), Box::new(self.and()?)), at };
        }
        Ok(left)
    }

    pub fn and(&mut self) -> Result<Expr, Left> {
        let at = self.at();
        let mut left = self.not()?;
        while self.takes_word("and") {
            self.link()?;
            left = Expr { kind: Kind::And(Box::new(left), Box::new(self.not()?)), at };
        }
        Ok(left)
    }

    pub fn not(&mut self) -> Result<Expr, Left> {
        let at = self.at();
        let mut count = 0;
        while self.takes_word("not") {
            count += 1;
        }
        let inner = self.compare()?;
        // Two of them are none.
        let double = |kind: Expr| Expr { kind: Kind::Not(Box::new(kind)), at };
        Ok(if count % 2 == 1 { double(inner) } else { inner })
    }

    pub fn compare(&mut self) -> Result<Expr, Left> {
        let at = self.at();
        let first = self.chain(0)?;
        let mut rest = vec![];
        loop {
            let sign = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|sign| self.takes(sign));
            let sign = match sign {
                Some(sign) => sign,
                None if self.takes_word("in") => "in",
                None if matches!(self.peek(), Token::Name(word) if word == "not") => {
                    self.advance();
                    if !self.takes_word("in") {
                        return Err(self.unexpected(&self.peek().clone()));
                    }
                    "not in"
                }
                None => break,
            };
            rest.push((sign, self.chain(0)?));
        }
        Ok(if rest.is_empty() { first } else { Expr { kind: Kind::Compare(Box::new(first), rest), at } })
    }

    /// Operators of one level, from the weakest: `+ -`, `~`, `* / // %`, `**`.
    pub fn chain(&mut self, level: usize) -> Result<Expr, Left> {
        const LEVELS: [&[&str]; 4] = [&["+", "-"], &["~"], &["*", "//", "/", "%"], &["**"]];
        let Some(signs) = LEVELS.get(level) else { return self.unary(true) };
        let at = self.at();
        let mut left = self.chain(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.takes(sign)) {
            self.link()?;
            let right = self.chain(level + 1)?;
            left = Expr { kind: Kind::Binary(sign, Box::new(left), Box::new(right)), at };
        }
        Ok(left)
    }

    pub fn unary(&mut self, filters: bool) -> Result<Expr, Left> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Left::new(self.at(), format!("nested deeper than {DEEPEST}")));
        }
        let at = self.at();
        let mut expr = if self.takes("-") {
            Expr { kind: Kind::Minus(Box::new(self.unary(false)?)), at }
        } else if self.takes("+") {
            self.unary(false)?
        } else {
            self.primary()?
        };
        expr = self.postfix(expr)?;
        self.depth -= 1;
        if filters { self.filters(expr) } else { Ok(expr) }
    }

    pub fn filters(&mut self, mut expr: Expr) -> Result<Expr, Left> {
        loop {
            self.link()?;
            let at = self.at();
            if self.takes("|") {
                let name = self.dotted()?;
                let arguments = if self.takes("(") { self.arguments()? } else { Arguments::default() };
                expr = Expr { kind: Kind::Filter(Box::new(expr), name, arguments), at };
            } else if self.takes_word("is") {
                expr = self.test(expr, at)?;
            } else if matches!(self.peek(), Token::Sign("." | "[" | "(")) {
                expr = self.postfix(expr)?;
            } else {
                return Ok(expr);
            }
        }
    }

    pub fn test(&mut self, subject: Expr, at: usize) -> Result<Expr, Left> {
        let negated = self.takes_word("not");
        let name = self.dotted()?;
        let mut arguments = Arguments::default();
        if self.takes("(") {
            arguments = self.arguments()?;
        } else {
            let follows = match self.peek() {
                Token::Name(word) => !["else", "or", "and", "is", "if", "in", "not"].contains(&word.as_str()),
                Token::Text(_) | Token::Integer(_) | Token::Float(_) | Token::Sign("[" | "{") => true,
                _ => false,
            };
            if follows {
                let argument = self.primary()?;
                arguments.plain.push(self.postfix(argument)?);
            }
        }
        Ok(Expr { kind: Kind::Test { subject: Box::new(subject), name, arguments, negated }, at })
    }

    pub fn dotted(&mut self) -> Result<String, Left> {
        let mut name = self.name()?;
        while self.takes(".") {
            name = format!("{name}.{}", self.name()?);
        }
        Ok(name)
    }

    pub fn arguments(&mut self) -> Result<Arguments, Left> {
        let mut arguments = Arguments::default();
        while !self.takes(")") {
            let named = match (self.peek(), self.tokens.get(self.next + 1)) {
                (Token::Name(name), Some((Token::Sign("="), _))) => Some(name.clone()),
                _ => None,
            };
            if let Some(name) = named {
                self.advance();
                self.advance();
                arguments.named.push((name, self.expression()?));
            } else {
                arguments.plain.push(self.expression()?);
            }
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(arguments)
    }
}
