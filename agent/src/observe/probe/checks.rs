//! Configurations that are not in place yet, as the program that will read them judges them.

use super::{SOON, output};
use crate::child::{probe, which};
use crate::observe::private::Folder;
use crate::secret::Content;
use crate::wire::Output;

/// A line of `logrotate -d` that is about the configuration, with the file's name left out. What it says of logs is another matter:
/// that there is none yet is no mistake.
fn mistake(line: &str, path: &str) -> Option<String> {
    let said = line.strip_prefix("error: ")?;
    let own = said.strip_prefix(path).map(|rest| format!("config{rest}"));
    own.or_else(|| said.contains(path).then(|| said.replace(path, "config")))
}

pub fn logrotate(config: &Content) -> Result<Output, String> {
    if which("logrotate").is_none() {
        return Ok(output(127, ""));
    }
    let folder = Folder::make("logrotate")?;
    let path = folder.write("config", config.bytes())?;
    // Debugging: it changes no log and no state.
    let said = probe(&["logrotate", "-d", "-s", "/dev/null", "--", &path], None, SOON);
    let text = String::from_utf8_lossy(said.stderr.bytes()).into_owned();
    let mistakes: String =
        text.lines().filter_map(|line| mistake(line, &path)).map(|line| line + "\n").collect();
    let mut answer = output(i32::from(!mistakes.is_empty()), "");
    answer.stdout = Content::new(mistakes, config.is_secret());
    Ok(answer)
}

/// What it prints of one that is good has the time in it.
pub fn timers(calendar: &[String], spans: &[String]) -> Output {
    let check = |verb: &str, text: &String| probe(&["systemd-analyze", verb, "--", text], None, SOON);
    let all = calendar.iter().map(|text| check("calendar", text));
    let mut mistakes = String::new();
    for said in all.chain(spans.iter().map(|text| check("timespan", text))) {
        match said.code {
            0 => {}
            127 => return output(127, ""),
            _ => {
                let line = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
                mistakes.push_str(&(line + "\n"));
            }
        }
    }
    output(i32::from(!mistakes.is_empty()), mistakes)
}

#[cfg(test)]
mod tests {
    use super::mistake;

    #[test]
    fn only_what_logrotate_says_of_the_configuration_is_a_mistake() {
        let path = "/run/provision-logrotate.00/config";
        let said = [
            "warning: logrotate in debug mode does nothing except printing debug messages!  Consider using verbose mode (-v) instead if this is not what you want.",
            "reading config file /run/provision-logrotate.00/config",
            "error: /run/provision-logrotate.00/config:3 unknown option 'foo' -- ignoring line",
            "error: stat of /var/log/none.log failed: No such file or directory",
            "error: found error in /var/log/x , skipping",
        ];
        let found: Vec<_> = said.iter().filter_map(|line| mistake(line, path)).collect();
        assert_eq!(found, ["config:3 unknown option 'foo' -- ignoring line"]);
    }
}
