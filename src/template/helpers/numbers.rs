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

pub(super) fn int(args: &Args) -> Result<Value, Fault> {
    let number = match &args.values[0].value {
        Value::Int(number) => Some(*number),
        Value::Str(text) => text.trim().parse().ok(),
        // Beyond 2^53 a float is no exact integer any more.
        Value::Float(number) if number.abs() <= 9_007_199_254_740_992.0 => Some(whole(*number)),
        _ => None,
    };
    number.map(Value::Int).ok_or_else(|| args.fault(0, "a number or a text of digits"))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what is behind the point is to go, and the caller has looked at the size"
)]
fn whole(number: f64) -> i64 {
    number.trunc() as i64
}

/// Letters stand for powers of 1024, as in what compose, systemd and most programs are given.
pub(super) fn bytes(args: &Args) -> Result<Value, Fault> {
    let wrong = || args.wrong(0, "`text` is no size such as `512k`, `10G` or `1.5 MiB`".into());
    let text = args.text(0)?;
    let digits = text.trim().find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.trim().len());
    let (number, unit) = text.trim().split_at(digits);
    let unit = unit.trim().to_lowercase();
    let letter = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let power = ["", "k", "m", "g", "t", "p"].iter().position(|known| *known == letter).ok_or_else(wrong)?;
    let factor = 1_i64 << (10 * power);
    if let Ok(number) = number.parse::<i64>() {
        return number.checked_mul(factor).map(Value::Int).ok_or_else(wrong);
    }
    #[expect(clippy::cast_precision_loss, reason = "a power of two is exact")]
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * factor as f64;
    if bytes.abs() <= 9_007_199_254_740_992.0 { Ok(Value::Int(whole(bytes))) } else { Err(wrong()) }
}

pub(super) fn abs(args: &Args) -> Result<Value, Fault> {
    if let Value::Int(number) = &args.values[0].value {
        return number.checked_abs().map(Value::Int).ok_or_else(|| Fault::new("the result is too large"));
    }
    Ok(Value::Float(number(args, 0)?.abs()))
}

pub(super) fn round(args: &Args) -> Result<Value, Fault> {
    let digits = if args.values.len() > 1 { args.integer(1)? } else { 0 };
    let Some(digits) = i32::try_from(digits).ok().filter(|digits| (0..=15).contains(digits)) else {
        return Err(args.wrong(1, "`digits` must be between 0 and 15".into()));
    };
    if let Value::Int(number) = &args.values[0].value {
        return Ok(Value::Int(*number));
    }
    let scale = 10f64.powi(digits);
    let rounded = (number(args, 0)? * scale).round() / scale;
    if digits == 0 && rounded.abs() <= 9_007_199_254_740_992.0 {
        return Ok(Value::Int(whole(rounded)));
    }
    Ok(Value::Float(rounded))
}

pub(super) fn sum(args: &Args) -> Result<Value, Fault> {
    let (mut whole, mut real, mut is_whole) = (0i64, 0.0, true);
    for item in args.list(0)? {
        match &item.value {
            Value::Int(number) => {
                whole = whole.checked_add(*number).ok_or_else(|| Fault::new("the result is too large"))?;
            }
            Value::Float(number) => (real, is_whole) = (real + number, false),
            _ => return Err(args.wrong(0, "`list` must hold only numbers".into())),
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "mixing with a float is asked for")]
    let mixed = real + whole as f64;
    Ok(if is_whole { Value::Int(whole) } else { Value::Float(mixed) })
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
