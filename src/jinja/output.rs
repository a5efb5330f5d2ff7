//! An expression as what stands in the text: one tag, or several side by side.

use super::{
    Left,
    ast::{Expr, Kind},
    emit::{Emitter, Type, quoted},
};

/// What an output becomes. `in_text`: as part of a text, where Python would write `True`.
pub(crate) fn output(emitter: &Emitter, expr: &Expr, in_text: bool) -> Result<String, Left> {
    match &expr.kind {
        Kind::Text(text) if in_text && !text.contains(['{', '}', '\\']) => return Ok(text.clone()),
        Kind::Binary("~", a, b) => {
            return Ok(output(emitter, a, true)? + &output(emitter, b, true)?);
        }
        Kind::Binary("+", a, b) if is_text(emitter, a) || is_text(emitter, b) => {
            return Ok(output(emitter, a, true)? + &output(emitter, b, true)?);
        }
        Kind::Ternary { yes, condition, no }
            if (is_text(emitter, yes) || no.as_ref().is_some_and(|no| is_text(emitter, no)))
                && emitter.emit(expr).is_err() =>
        {
            let condition = emitter.boolean(condition)?.argument();
            let yes = output(emitter, yes, true)?;
            let no = no.as_ref().map_or(Ok(String::new()), |no| output(emitter, no, true))?;
            return Ok(format!("{{{{#if {condition}}}}}{yes}{{{{else}}}}{no}{{{{/if}}}}"));
        }
        _ => {}
    }
    let out = emitter.emit(expr)?;
    // A mapping that is written out must not close the tag; a lone string is no expression.
    let text = if out.text.ends_with('}') { format!("{} ", out.text) } else { out.text };
    Ok(match (&expr.kind, out.kind) {
        (Kind::Text(text), _) => format!("{{{{string {}}}}}", quoted(text)),
        (Kind::List(_), _) => format!("{{{{concat {text}}}}}"),
        (Kind::Map(_), _) => format!("{{{{merge {text}}}}}"),
        (Kind::Integer(_), _) => format!("{{{{int {text}}}}}"),
        (_, Type::Bool) if in_text => {
            let argument = if out.call { format!("({text})") } else { text };
            format!("{{{{ternary {argument} \"True\" \"False\"}}}}")
        }
        _ => format!("{{{{{text}}}}}"),
    })
}

/// Whether it gives a text for sure.
fn is_text(emitter: &Emitter, expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Text(_) | Kind::Binary("~", ..) => true,
        Kind::Binary("+", a, b) => is_text(emitter, a) || is_text(emitter, b),
        _ => emitter.emit(expr).is_ok_and(|out| out.kind == Type::Text),
    }
}
