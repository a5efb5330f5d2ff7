//! HTTP through curl. Everything is told on its stdin, so that no header or body is in an argument list.

use super::wait::NotYet;
use crate::child;
use crate::secret::Content;
use crate::wire::{BODY_LIMIT, Http, Output};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Begins the line that tells the status, and the type of what came back.
const STATUS: &str = "provision-status ";

/// What curl ends with before it has sent anything: no address, no connection, no TLS.
const NOT_SENT: [i32; 4] = [6, 7, 35, 60];

/// Makes the request once. What came back has the status as its code. It is secret where the request holds a secret.
///
/// # Errors
/// What came back instead of what is wanted.
pub fn ask(request: &Http) -> Result<Output, NotYet> {
    let secret = request.headers.iter().any(|(_, value)| value.is_secret());
    let secret = secret || request.body.as_ref().is_some_and(Content::is_secret);
    let came = |code: i32, body: &[u8]| Output {
        code,
        stdout: Content::new(body, secret),
        stderr: Content::new("", false),
    };
    let not_yet = |why: String, output| NotYet { why, output: Some(output), hopeless: false };
    // The server may have done what it was asked, whatever it answered.
    let sent = |why: String, output| match request.repeat {
        true => not_yet(why, output),
        false => {
            let why = format!("{why}, and {} is not sent again", request.method);
            NotYet { hopeless: true, ..not_yet(why, output) }
        }
    };
    let seconds = if request.timeout_s == 0 { 30 } else { request.timeout_s };
    let config = config(request, seconds)?;
    let argv = ["curl", "-q", "--config", "-"];
    let output = child::probe(&argv, Some(&config), Duration::from_secs(u64::from(seconds) + 5));
    if output.code == 127 {
        return Err(not_yet("program `curl` not found".into(), came(-1, &[])));
    }
    // On stderr: a long body is cut short, and what stands after it with it.
    let told = String::from_utf8_lossy(output.stderr.bytes()).into_owned();
    let line = told.lines().find_map(|line| line.strip_prefix(STATUS)).unwrap_or_default();
    let (status, kind) = line.split_once(' ').unwrap_or((line, ""));
    let status: u16 = status.trim().parse().unwrap_or(0);
    if output.code != 0 {
        let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with(STATUS)).collect();
        let why = lines.join("\n").trim().trim_start_matches("curl: ").to_string();
        let why = if why.is_empty() { format!("curl exits with {}", output.code) } else { why };
        let came = came(-1, &[]);
        return Err(if NOT_SENT.contains(&output.code) { not_yet(why, came) } else { sent(why, came) });
    }
    let wanted = if request.status.is_empty() {
        (200..300).contains(&status)
    } else {
        request.status.contains(&status)
    };
    let body = output.stdout.bytes();
    // With HEAD curl prints the headers.
    let kept = if request.method == "HEAD" { &[] } else { body };
    let comes = (request.content || kind.to_ascii_lowercase().contains("json")) && kept.len() <= BODY_LIMIT;
    let output = came(status.into(), if comes { kept } else { &[] });
    if !wanted {
        return Err(sent(format!("it is answered with status {status}"), output));
    }
    if request.content && !comes {
        let why = format!("the answer is longer than {BODY_LIMIT} bytes, which is all that comes back");
        return Err(NotYet { hopeless: true, ..not_yet(why, output) });
    }
    match &request.contains {
        Some(part)
            if !part.is_empty() && !body.windows(part.len()).any(|window| window == part.as_bytes()) =>
        {
            Err(sent(format!("it is answered with status {status}, but without {part:?}"), output))
        }
        _ => Ok(output),
    }
}

fn config(request: &Http, seconds: u32) -> Result<Vec<u8>, String> {
    let mut config = b"silent\nshow-error\ngloboff\nproto = \"=http,https\"\n".to_vec();
    config.extend(
        format!("write-out = \"%{{stderr}}\\n{STATUS}%{{http_code}} %{{content_type}}\\n\"\n").as_bytes(),
    );
    let mut option = |name: &str, value: &[u8]| option(&mut config, name, value);
    option("url", request.url.as_bytes())?;
    option("max-time", seconds.to_string().as_bytes())?;
    for (name, value) in &request.headers {
        option("header", &[name.as_bytes(), b": ", value.bytes()].concat())?;
    }
    if let Some(body) = &request.body {
        option("data-raw", body.bytes())?;
    }
    if let Some(ca) = &request.ca {
        option("cacert", ca.as_bytes())?;
    }
    if let Some(address) = &request.connect_to {
        option("connect-to", connect_to(address).as_bytes())?;
    }
    match request.method.as_str() {
        "" => {}
        "HEAD" => config.extend(b"head\n"),
        method => option("request", method.as_bytes())?,
    }
    if request.insecure {
        config.extend(b"insecure\n");
    }
    Ok(config)
}

/// Adds an option as a line of curl's configuration.
///
/// # Errors
/// A zero byte, which no option can hold.
pub(super) fn option(config: &mut Vec<u8>, name: &str, value: &[u8]) -> Result<(), String> {
    config.extend(name.as_bytes());
    config.extend(b" = \"");
    for byte in value {
        match byte {
            b'"' | b'\\' => config.extend([b'\\', *byte]),
            b'\n' => config.extend(b"\\n"),
            b'\r' => config.extend(b"\\r"),
            b'\t' => config.extend(b"\\t"),
            0 => return Err(format!("the {name} of the request holds a zero byte")),
            _ => config.push(*byte),
        }
    }
    config.extend(b"\"\n");
    Ok(())
}

/// `HOST1:PORT1:HOST2:PORT2` of curl for an address, with or without a port of its own.
fn connect_to(address: &str) -> String {
    if address.parse::<Ipv6Addr>().is_ok() {
        return format!("::[{address}]:");
    }
    let after_host = address.rsplit(']').next().unwrap_or(address);
    match after_host.matches(':').count() {
        0 => format!("::{address}:"),
        1 => format!("::{address}"),
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_to_curl_with_and_without_port() {
        assert_eq!(connect_to("10.0.0.1"), "::10.0.0.1:");
        assert_eq!(connect_to("10.0.0.1:8443"), "::10.0.0.1:8443");
        assert_eq!(connect_to("fe80::1"), "::[fe80::1]:");
        assert_eq!(connect_to("[::1]:443"), "::[::1]:443");
    }
}
