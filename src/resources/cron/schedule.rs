//! When a job runs: the five fields of a crontab, or one word.

use crate::resource::Fault;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field: its parameter, least and most, and the names that stand for numbers from the least on.
pub struct Field(pub &'static str, u32, u32, &'static [&'static str]);

pub const FIELDS: [Field; 5] = [
    Field("minute", 0, 59, &[]),
    Field("hour", 0, 23, &[]),
    Field("day", 1, 31, &[]),
    Field("month", 1, 12, &MONTHS),
    Field("weekday", 0, 7, &DAYS),
];

impl Field {
    fn number(&self, text: &str) -> Option<u32> {
        let Self(_, least, most, names) = self;
        let lower = text.to_ascii_lowercase();
        if let Some(at) = names.iter().position(|name| *name == lower) {
            return Some(least + at as u32);
        }
        let digits = !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && (least..=most).contains(&number))
    }

    fn is_part(&self, part: &str) -> bool {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let is_step =
            |step: &str| step.bytes().all(|b| b.is_ascii_digit()) && step.parse().is_ok_and(|n: u32| n > 0);
        let whole = match range.split_once('-') {
            Some((from, to)) => matches!((self.number(from), self.number(to)), (Some(a), Some(b)) if a <= b),
            // A step goes through a range: cron does not take it after one number.
            None => range == "*" || self.number(range).is_some() && step.is_none(),
        };
        whole && step.is_none_or(is_step)
    }

    /// Refuses what cron would not take.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self, value: &str) -> Result<(), Fault> {
        let Self(name, least, most, names) = self;
        if !value.is_empty() && value.split(',').all(|part| self.is_part(part)) {
            return Ok(());
        }
        let words = names.first().map(|first| format!(", names such as `{first}`")).unwrap_or_default();
        let fault = Fault::new(format!("`{name}` cannot be `{}`", value.escape_debug()));
        Err(fault
            .hint(format!("`*`, numbers from {least} to {most}{words}, `1-5`, `*/15`, several with commas")))
    }
}

/// What follows the time in a line of a crontab; `None` where no time stands. Other kinds of cron take more than we write.
pub fn without(line: &str) -> Option<&str> {
    if line.starts_with('@') {
        let (when, rest) = line.split_at(line.find([' ', '\t'])?);
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        return (when.len() > 1 && when[1..].chars().all(good)).then_some(rest);
    }
    let mut rest = line;
    for field in &FIELDS {
        let (value, after) = rest.split_at(rest.find([' ', '\t'])?);
        let is_like_one = value.contains(|c: char| c == '*' || c.is_ascii_digit())
            && value.chars().all(|c| c.is_ascii_digit() || "*,-/~".contains(c));
        if !is_like_one && field.check(value).is_err() {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t']);
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_cron_takes() {
        let good = [["*", "*/15", "0,30", "5-10/2"], ["0", "23", "*/2", "1-5"], ["1", "31", "1-7", "*"]];
        for (field, values) in FIELDS.iter().zip(good) {
            values.iter().for_each(|value| assert!(field.check(value).is_ok(), "{} {value}", field.0));
        }
        assert!(FIELDS[3].check("Jan,mar-may").is_ok() && FIELDS[4].check("sun-6,7").is_ok());
        for bad in ["", "60", "-1", "5/2", "1-", "5-1", "a", "*/0", "1,,2", "1 2", "*\n", "007", "mon", "~"] {
            assert!(FIELDS[0].check(bad).is_err(), "{bad}");
        }
        assert!(FIELDS[2].check("0").is_err() && FIELDS[4].check("8").is_err());
    }
}
