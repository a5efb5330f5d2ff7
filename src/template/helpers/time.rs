//! Times: seconds since 1970, UTC. What time it is comes from outside.

use super::{Args, Fault};
use crate::yaml::{Node, Value};
use agent::calendar::{self, DAY};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// The years 1 to 9999.
const KNOWN: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

pub(super) fn strftime(args: &Args) -> Result<Value, Fault> {
    let epoch = moment(&args.values[0]).map_err(|what| args.wrong(0, what))?;
    strftime_utc(epoch, &args.text(1)?).map(Value::str).map_err(|what| args.wrong(1, what))
}

pub(super) fn to_epoch(args: &Args) -> Result<Value, Fault> {
    moment(&args.values[0]).map(Value::Int).map_err(|what| args.wrong(0, what))
}

pub(super) fn duration(args: &Args) -> Result<Value, Fault> {
    let text = args.text(0)?;
    let wrong =
        || args.wrong(0, "`text` is no duration such as `90s`, `15m`, `36h`, `30d`, `2w` or `1h30m`".into());
    let (mut total, mut rest) = (0_i64, text.trim());
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let letter = unit.chars().next();
        let seconds = match letter {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => DAY,
            Some('w') => 7 * DAY,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(seconds).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = unit.get(1..).unwrap_or_default();
    }
    Ok(Value::Int(total))
}

/// A time as `strftime` (POSIX) writes it, in UTC and English.
///
/// # Errors
/// A letter that is not known, a time beyond the year 9999.
pub(crate) fn strftime_utc(epoch: i64, format: &str) -> Result<String, String> {
    if !KNOWN.contains(&epoch) {
        return Err("the time is not in the years 1 to 9999".into());
    }
    let (days, second) = (epoch.div_euclid(DAY), epoch.rem_euclid(DAY));
    let (year, month, day) = calendar::civil(days);
    let weekday = (days + 4).rem_euclid(7);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let code = letters.next().ok_or("`format` ends with a lone `%`")?;
        out += &match code {
            'Y' => format!("{year:04}"),
            'y' => format!("{:02}", year % 100),
            'm' => format!("{month:02}"),
            'd' => format!("{day:02}"),
            'e' => format!("{day:2}"),
            'H' => format!("{hour:02}"),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'j' => format!("{:03}", days - calendar::number(year, 1, 1) + 1),
            'b' => month_name(month)[..3].to_string(),
            'B' => month_name(month).to_string(),
            'a' => day_name(weekday)[..3].to_string(),
            'A' => day_name(weekday).to_string(),
            'u' => (if weekday == 0 { 7 } else { weekday }).to_string(),
            'F' => format!("{year:04}-{month:02}-{day:02}"),
            'T' => format!("{hour:02}:{minute:02}:{second:02}"),
            's' => epoch.to_string(),
            'z' => "+0000".into(),
            'Z' => "UTC".into(),
            '%' => "%".into(),
            other => return Err(format!("`format` has `%{other}`, which is not known")),
        };
    }
    Ok(out)
}

fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).unwrap_or(&MONTHS[0])
}

fn day_name(weekday: i64) -> &'static str {
    usize::try_from(weekday).ok().and_then(|at| DAYS.get(at)).unwrap_or(&DAYS[0])
}

/// Seconds since 1970, of a number or of ISO 8601.
fn moment(node: &Node) -> Result<i64, String> {
    let found = match &node.value {
        Value::Int(epoch) => Some(*epoch),
        Value::Str(text) => iso(text.trim()),
        _ => None,
    };
    let found = found.filter(|epoch| KNOWN.contains(epoch));
    found.ok_or_else(|| {
        "a time is seconds since 1970, or written as 2026-01-31 or 2026-01-31T12:00:00Z".into()
    })
}

fn iso(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let mut next = |digits: usize, range: std::ops::RangeInclusive<i64>| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        whole(part).filter(|number| range.contains(number))
    };
    let (year, month, day) = (next(4, 1..=9999)?, next(2, 1..=12)?, next(2, 1..=31)?);
    if parts.next().is_some() {
        return None;
    }
    // There is no 30th of February.
    let days = calendar::day(year, month, day)?;
    let seconds = time.map_or(Some(0), clock)?;
    Some(days * DAY + seconds)
}

/// `12:00`, `12:00:30`, `12:00:30.5`, each perhaps with `Z` or `+01:00`, which is taken off.
fn clock(text: &str) -> Option<i64> {
    let (text, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(text) => (text, 0),
        None => match text.rfind(['+', '-']) {
            None => (text, 0),
            Some(at) => {
                let (text, zone) = text.split_at(at);
                let (sign, zone) = zone.split_at(1);
                let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
                let minutes = if minutes.is_empty() { "00" } else { minutes };
                let seconds = part(hours, 23)? * 3600 + part(minutes, 59)? * 60;
                (text, if sign == "-" { -seconds } else { seconds })
            }
        },
    };
    let mut parts = text.split(':');
    let (hour, minute) = (part(parts.next()?, 23)?, part(parts.next()?, 59)?);
    let second = parts.next().map_or(Some(0), |text| part(text.split('.').next()?, 60))?;
    (parts.next().is_none()).then_some(hour * 3600 + minute * 60 + second - offset)
}

fn part(text: &str, most: i64) -> Option<i64> {
    (text.len() == 2).then(|| whole(text)).flatten().filter(|number| *number <= most)
}

fn whole(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_it_is_asked_for() {
        assert_eq!(
            strftime_utc(951_782_400, "%A %e %B %Y %j %u %y").unwrap(),
            "Tuesday 29 February 2000 060 2 00"
        );
        assert_eq!(strftime_utc(-1, "%F %T %Z%z %% %s").unwrap(), "1969-12-31 23:59:59 UTC+0000 % -1");
        assert!(strftime_utc(0, "%Q").unwrap_err().contains("%Q"));
        assert!(strftime_utc(0, "%").is_err());
        assert!(strftime_utc(i64::MAX, "%Y").is_err());
    }

    #[test]
    fn iso_8601_is_read_with_its_zone() {
        for (text, epoch) in [
            ("1970-01-01", 0),
            ("2026-01-01T00:00:00Z", 1_767_225_600),
            ("2026-01-01 01:00", 1_767_229_200),
            ("2026-01-01T01:00:00+01:00", 1_767_225_600),
            ("2025-12-31T18:30:00.25-0530", 1_767_225_600),
        ] {
            assert_eq!(iso(text), Some(epoch), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "26-01-01",
            "2026-01-01T25:00",
            "2026-01-01T1:00",
            "2026-01-01x",
            "2026-01-01T00:00:00é",
            "２０26-01-01",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }
}
