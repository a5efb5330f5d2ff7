//! HTTP through curl. Everything is told on its stdin, so that no header or body is in an argument list.

mod redirect;

use super::wait::NotYet;
use crate::child;
use crate::secret::Content;
use crate::wire::{BODY_LIMIT, Http, Output};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

/// Begins the line that tells the status, where it leads to, and the type of what came back.
const STATUS: &str = "provision-status ";

/// So many redirects are followed.
const LED: u32 = 10;

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
    let until = Instant::now() + Duration::from_secs(seconds.into());
    let mut step = request.clone();
    let mut led = 0;
    let (status, kind, body) = loop {
        let left = until.saturating_duration_since(Instant::now());
        let config = config(&step, left)?;
        let argv = ["curl", "-q", "--config", "-"];
        let output = child::probe(&argv, Some(&config), left + Duration::from_secs(5));
        if output.code == 127 {
            return Err(not_yet("program `curl` not found".into(), came(-1, &[])));
        }
        // On stderr: a long body is cut short, and what stands after it with it.
        let told = String::from_utf8_lossy(output.stderr.bytes()).into_owned();
        let line = told.lines().find_map(|line| line.strip_prefix(STATUS)).unwrap_or_default();
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().trim().to_string();
        let (status, leads_to, kind) = (word().parse().unwrap_or(0), word(), word());
        if output.code != 0 {
            let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with(STATUS)).collect();
            let why = lines.join("\n").trim().trim_start_matches("curl: ").to_string();
            let why = if why.is_empty() { format!("curl exits with {}", output.code) } else { why };
            let came = came(-1, &[]);
            let is_sent = led > 0 || !NOT_SENT.contains(&output.code);
            return Err(if is_sent { sent(why, came) } else { not_yet(why, came) });
        }
        match redirect::next(&step, status, &leads_to) {
            Ok(Some(_)) if led == LED => {
                let why = format!("it is led on more than {LED} times");
                return Err(sent(why, came(status.into(), &[])));
            }
            Ok(Some(next)) => step = next,
            Ok(None) => break (status, kind, output.stdout),
            Err(why) => return Err(sent(why, came(status.into(), &[]))),
        }
        led += 1;
    };
    let wanted = if request.status.is_empty() {
        (200..300).contains(&status)
    } else {
        request.status.contains(&status)
    };
    let body = body.bytes();
    // With HEAD curl prints the headers.
    let kept = if step.method == "HEAD" { &[] } else { body };
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

fn config(request: &Http, left: Duration) -> Result<Vec<u8>, String> {
    let mut config = b"silent\nshow-error\ngloboff\nproto = \"=http,https\"\n".to_vec();
    config.extend(
        format!(
            "write-out = \"%{{stderr}}\\n{STATUS}%{{http_code}} %{{redirect_url}} %{{content_type}}\\n\"\n"
        )
        .as_bytes(),
    );
    let mut option = |name: &str, value: &[u8]| option(&mut config, name, value);
    option("url", request.url.as_bytes())?;
    let left = left.max(Duration::from_millis(100));
    option("max-time", format!("{}.{:03}", left.as_secs(), left.subsec_millis()).as_bytes())?;
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
