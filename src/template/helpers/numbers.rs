//! Arithmetic: integers stay integers and never wrap around.

use super::{Args, Fault};
use crate::yaml::Value;

pub(super) fn add(args: &Args) -> Result<Value, Fault> {
    calculate(args, i64::checked_add, |a, b| a + b)
}

pub(super) fn sub(args: &Args) -> Result<Value, Fault> {
    calculate(args, i64::checked_sub, |a, b| a - b)
}

pub(super) fn mul(args: &Args) -> Result<Value, Fault> {
    calculate(args, i64::checked_mul, |a, b| a * b)
}

pub(super) fn div(args: &Args) -> Result<Value, Fault> {
    divisor(args)?;
    calculate(args, i64::checked_div, |a, b| a / b)
}

pub(super) fn modulo(args: &Args) -> Result<Value, Fault> {
    divisor(args)?;
    calculate(args, i64::checked_rem, |a, b| a % b)
}

fn divisor(args: &Args) -> Result<(), Fault> {
    if number(args, 1)? == 0.0 { Err(args.wrong(1, "division by zero".into())) } else { Ok(()) }
}

fn calculate(
    args: &Args,
    whole: fn(i64, i64) -> Option<i64>,
    real: fn(f64, f64) -> f64,
) -> Result<Value, Fault> {
    if let (Value::Int(a), Value::Int(b)) = (&args.values[0].value, &args.values[1].value) {
        return whole(*a, *b).map(Value::Int).ok_or_else(|| Fault::new("the result is too large"));
    }
    let result = real(number(args, 0)?, number(args, 1)?);
    if result.is_finite() { Ok(Value::Float(result)) } else { Err(Fault::new("the result is too large")) }
}

#[expect(clippy::cast_precision_loss, reason = "mixing with a float is asked for")]
fn number(args: &Args, index: usize) -> Result<f64, Fault> {
    match &args.values[index].value {
        Value::Int(i) => Ok(*i as f64),
        Value::Float(f) => Ok(*f),
        _ => Err(args.fault(index, "a number")),
    }
}
