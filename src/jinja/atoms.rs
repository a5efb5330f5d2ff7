//! What operators stand between: names, literals, and what follows them directly.

use super::{
    Left,
    ast::{Boxed, Expr, Kind},
    lex::Token,
    parse::Parser,
};

impl Parser {
    pub fn postfix(&mut self, mut expr: Expr) -> Result<Expr, Left> {
        loop {
            self.link()?;
            let at = self.at();
            let inner = Box::new(expr.clone());
            let kind = if self.takes(".") {
                match self.peek().clone() {
                    Token::Integer(index) => {
                        self.advance();
                        Kind::Item(inner, Box::new(Expr { kind: Kind::Integer(index), at }))
                    }
                    _ => Kind::Attribute(inner, self.name()?),
                }
            } else if self.takes("[") {
                self.subscript(inner)?
            } else if self.takes("(") {
                Kind::Call(inner, self.arguments()?)
            } else {
                return Ok(expr);
            };
            expr = Expr { kind, at: expr.at.min(at) };
        }
    }

    fn subscript(&mut self, inner: Boxed) -> Result<Kind, Left> {
        let is_colon = |token: &Token| matches!(token, Token::Sign(":"));
        let from = if is_colon(self.peek()) { None } else { Some(Box::new(self.expression()?)) };
        if !self.takes(":") {
            self.expect("]")?;
            let key = from.ok_or_else(|| self.unexpected(&self.peek().clone()))?;
            return Ok(Kind::Item(inner, key));
        }
        let ends = matches!(self.peek(), Token::Sign("]" | ":"));
        let to = if ends { None } else { Some(Box::new(self.expression()?)) };
        if is_colon(self.peek()) {
            return Err(Left::new(self.at(), "a slice with a step is not there"));
        }
        self.expect("]")?;
        Ok(Kind::Slice(inner, from, to))
    }

    pub fn primary(&mut self) -> Result<Expr, Left> {
        let at = self.at();
        let token = self.peek().clone();
        self.advance();
        let kind = match token {
            Token::Name(name) => match name.as_str() {
                "true" | "True" => Kind::Bool(true),
                "false" | "False" => Kind::Bool(false),
                "none" | "None" => Kind::None,
                _ => Kind::Name(name),
            },
            Token::Text(mut text) => {
                // Strings beside each other are one.
                while let Token::Text(more) = self.peek().clone() {
                    text += &more;
                    self.advance();
                }
                Kind::Text(text)
            }
            Token::Integer(number) => Kind::Integer(number),
            Token::Float(number) => Kind::Float(number),
            Token::Sign("(") => {
                if self.takes(")") {
                    Kind::List(vec![])
                } else {
                    let inner = self.tuple()?;
                    self.expect(")")?;
                    return Ok(inner);
                }
            }
            Token::Sign("[") => Kind::List(self.list()?),
            Token::Sign("{") => Kind::Map(self.map()?),
            other => {
                self.next = self.next.saturating_sub(usize::from(other != Token::End));
                return Err(self.unexpected(&other));
            }
        };
        Ok(Expr { kind, at })
    }

    fn list(&mut self) -> Result<Vec<Expr>, Left> {
        let mut items = vec![];
        while !self.takes("]") {
            items.push(self.expression()?);
            if !self.takes(",") {
                self.expect("]")?;
                break;
            }
        }
        Ok(items)
    }

    fn map(&mut self) -> Result<Vec<(Expr, Expr)>, Left> {
        let mut entries = vec![];
        while !self.takes("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(entries)
    }
}
