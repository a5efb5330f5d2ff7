//! `vm[01:20].example.org` and `db[a:f]`: one line for many hosts.

/// All names a host key stands for, in order. A name without brackets is itself.
///
/// # Errors
/// What is wrong with the range.
pub(super) fn expand(name: &str) -> Result<Vec<String>, String> {
    if name.matches('[').count() > RANGES {
        return Err(format!("it has more than {RANGES} ranges"));
    }
    let Some((head, rest)) = name.split_once('[') else {
        return match name.contains(']') {
            true => Err("`]` without `[`".into()),
            false => Ok(vec![name.into()]),
        };
    };
    let (range, tail) = rest.split_once(']').ok_or("`[` without `]`")?;
    let tails = expand(tail)?;
    let middles = numbers_or_letters(range)?;
    if middles.len() * tails.len() > LIMIT {
        return Err(format!("it stands for more than {LIMIT} hosts"));
    }
    Ok(middles
        .iter()
        .flat_map(|middle| tails.iter().map(move |tail| format!("{head}{middle}{tail}")))
        .collect())
}

/// More than anybody drives; a slip of a digit should not eat the memory.
pub(super) const LIMIT: usize = 100_000;
/// Most ranges in one name.
const RANGES: usize = 8;

fn numbers_or_letters(range: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match parts[..] {
        [first, last] => (first, last, 1),
        [first, last, step] => (first, last, step.parse().map_err(|_| "the step is not a number")?),
        _ => return Err("a range is written [first:last] or [first:last:step]".into()),
    };
    if step == 0 {
        return Err("the step is 0".into());
    }
    let first = if first.is_empty() { "0" } else { first };
    if last.is_empty() {
        return Err("the range has no end".into());
    }
    if let ([first], [last]) = (first.as_bytes(), last.as_bytes())
        && first.is_ascii_alphabetic()
        && last.is_ascii_alphabetic()
    {
        if first.is_ascii_lowercase() != last.is_ascii_lowercase() || first > last {
            return Err("the range goes backwards, or from small to capital letters".into());
        }
        return Ok((*first..=*last).step_by(step).map(|byte| char::from(byte).to_string()).collect());
    }
    let number =
        |text: &str| text.parse::<usize>().map_err(|_| format!("`{text}` is neither a number nor a letter"));
    let (from, to) = (number(first)?, number(last)?);
    if from > to {
        return Err("the range goes backwards".into());
    }
    // A leading zero asks for numbers of equal width.
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    if width > 0 && last.len() != width {
        return Err("with leading zeros, both ends of a range have the same number of digits".into());
    }
    if (to - from) / step >= LIMIT {
        return Err(format!("it stands for more than {LIMIT} hosts"));
    }
    Ok((from..=to).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

/// `name:2222` has a port; an IPv6 address has more than one colon and none, unless it stands in brackets: `[2001:db8::1]:22`.
pub(super) fn split_port(written: &str) -> (&str, Option<u16>) {
    if let Some((address, port)) = written.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && address.parse::<std::net::Ipv6Addr>().is_ok()
    {
        match port.strip_prefix(':').map(str::parse) {
            None if port.is_empty() => return (address, None),
            Some(Ok(port)) => return (address, Some(port)),
            _ => {}
        }
    }
    let outside = written.rsplit(']').next().unwrap_or(written);
    match outside.rsplit_once(':') {
        Some((before, port)) if !before.contains(':') => match port.parse() {
            Ok(number) => (&written[..written.len() - port.len() - 1], Some(number)),
            Err(_) => (written, None),
        },
        _ => (written, None),
    }
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn ranges_expand_as_in_ansible() {
        let table = [
            ("vm1", "vm1"),
            ("vm[08:11].example.org", "vm08.example.org vm09.example.org vm10.example.org vm11.example.org"),
            ("vm[8:10]", "vm8 vm9 vm10"),
            ("db[a:c]", "dba dbb dbc"),
            ("x[1:7:3]", "x1 x4 x7"),
            ("x[:1]-[a:b]", "x0-a x0-b x1-a x1-b"),
        ];
        for (written, names) in table {
            assert_eq!(expand(written).unwrap().join(" "), names, "{written}");
        }
    }

    #[test]
    fn bad_ranges_say_what_is_wrong() {
        let table = [
            ("x[1:", "without `]`"),
            ("x1]", "without `[`"),
            ("x[1]", "[first:last]"),
            ("x[5:1]", "backwards"),
            ("x[a:Z]", "capital"),
            ("x[01:100]", "same number of digits"),
            ("x[1:]", "no end"),
            ("x[1:9:0]", "step is 0"),
            ("x[1:é]", "neither a number nor a letter"),
            ("x[0:9999999]", "more than"),
            ("x[1:1000]-[1:1000]", "more than"),
            ("vm[1:999999999]", "more than 100000 hosts"),
            (&"x[1:1]".repeat(20_000), "more than 8 ranges"),
        ];
        for (written, part) in table {
            let error = expand(written).unwrap_err();
            assert!(error.contains(part), "{written}: {error}");
        }
    }
}
