//! What is waited for as short text.

use super::text::exec;
use agent::wire::{Follow, Until};

pub fn until(until: &Until) -> String {
    match until {
        Until::PortOpen { host, port } => format!("port {host}:{port} open"),
        Until::PortClosed { host, port } => format!("port {host}:{port} closed"),
        Until::PathExists { path } => format!("path {path} exists"),
        Until::PathAbsent { path } => format!("path {path} absent"),
        Until::FileHolds { path, pattern } => format!("file {path} holds `{}`", pattern.text),
        Until::PortSays { host, port, pattern } => format!("port {host}:{port} says `{}`", pattern.text),
        Until::Ports { host, open, closed, timeout_ms } => {
            let each = if *timeout_ms == 1000 { String::new() } else { format!(", {timeout_ms}ms each") };
            format!("ports {host} open {open:?} closed {closed:?}{each}")
        }
        Until::Succeeds(e) => format!("succeeds {}", exec(e)),
        Until::Http(http) => {
            let content = if http.content { ", its content" } else { "" };
            let once = if http.repeat { "" } else { ", sent once" };
            let mut text = format!("http {} {} {:?}{content}{once}", http.method, http.url, http.status);
            for (name, value) in
                [(" with", &http.contains), (" at", &http.connect_to), (" trusting", &http.ca)]
            {
                value.iter().for_each(|value| text.push_str(&format!("{name} {value}")));
            }
            text.push_str(if http.insecure { " trusting all" } else { "" });
            if http.timeout_s != 10 {
                text.push_str(&format!(" {}s each", http.timeout_s));
            }
            if http.follow != Follow::None {
                text += &format!(", follows {:?}", http.follow).to_lowercase();
            }
            for (name, value) in &http.headers {
                let value = if value.is_secret() {
                    "[secret]".into()
                } else {
                    String::from_utf8_lossy(value.bytes())
                };
                text += &format!(" ({name}: {value})");
            }
            text
        }
        Until::ComposeHealthy { project, services, jobs, .. } => {
            let done = if jobs.is_empty() { String::new() } else { format!(", done: {}", jobs.join(" ")) };
            format!("compose {project} healthy: {}{done}", services.join(" "))
        }
    }
}
