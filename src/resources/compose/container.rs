//! A container as docker describes it.

use serde_json::Value;

pub fn container_name(container: &Value) -> &str {
    container["Name"].as_str().unwrap_or_default().trim_start_matches('/')
}

fn status(container: &Value) -> &str {
    container["State"]["Status"].as_str().unwrap_or_default()
}

fn restart_policy(container: &Value) -> &str {
    container["HostConfig"]["RestartPolicy"]["Name"].as_str().unwrap_or_default()
}

/// Frozen by `docker pause`: `up` cannot start it.
pub fn is_paused(container: &Value) -> bool {
    status(container) == "paused"
}

/// It runs, or would again by itself.
pub fn is_up(container: &Value) -> bool {
    matches!(status(container), "running" | "restarting" | "paused")
}

/// Docker starts again what ends under these policies, unless it was told to stop it or could not.
pub fn stopped_by_hand(container: &Value) -> bool {
    let kept_up = matches!(restart_policy(container), "always" | "unless-stopped");
    is_paused(container) || status(container) == "exited" && kept_up && start_error(container).is_none()
}

/// Why docker could not start it when it last tried: a mount that was missing at boot, a port that was taken.
fn start_error(container: &Value) -> Option<&str> {
    let error = container["State"]["Error"].as_str().map(str::trim).filter(|error| !error.is_empty());
    error.filter(|_| matches!(status(container), "exited" | "created"))
}

/// A job that has done its work.
pub fn finished(container: &Value) -> bool {
    let once = matches!(restart_policy(container), "" | "no" | "on-failure");
    status(container) == "exited" && container["State"]["ExitCode"] == 0 && once
}

/// 1: not running, 2: unwell, 3: well or on the way.
pub fn run_rank(container: &Value) -> u8 {
    match (status(container), container["State"]["Health"]["Status"].as_str()) {
        ("running", None | Some("ok" | "none")) => 3,
        ("running" | "restarting", _) => 2,
        _ if finished(container) => 3,
        _ => 1,
    }
}

pub fn state_word(container: &Value) -> String {
    let state = &container["State"];
    let code = &state["ExitCode"];
    match status(container) {
        "running" => match state["Health"]["Status"].as_str() {
            Some("unhealthy") => "running, unhealthy".into(),
            _ => "running".into(),
        },
        _ if stopped_by_hand(container) => "stopped by an operator".into(),
        "exited" if finished(container) => "finished".into(),
        _ if let Some(error) = start_error(container) => format!("docker could not start it: {error}"),
        "exited" => format!("exited with {code}"),
        "restarting" => "restarting over and over".into(),
        other => other.into(),
    }
}
