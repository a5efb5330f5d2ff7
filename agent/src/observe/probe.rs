//! Read-only commands. Each argv is built here and nowhere else: what can run under `--check` is this file.

mod accounts;
mod apt;
mod archive;
mod attributes;
mod below;
mod carriers;
mod checks;
mod docker;
mod git;
mod machine;
mod packages;
mod postgres;
mod sshd;
pub mod transfer;
mod tree;
mod units;

pub use accounts::{login_home, old_password};

use crate::child::{probe, which};
use crate::secret::Content;
use crate::wire::{AttributeProbe, Output, Probe};
use std::time::Duration;

/// Far more than any of them takes, but for a small machine that has just installed something.
const SOON: Duration = Duration::from_secs(90);
/// While it reads all its units anew, systemd answers nobody.
const LATER: Duration = Duration::from_secs(120);

fn output(code: i32, stdout: impl Into<Vec<u8>>) -> Output {
    Output { code, stdout: Content::new(stdout, false), stderr: Content::from("") }
}

fn found(program: Option<String>) -> Output {
    program.map_or_else(|| output(1, ""), |path| output(0, path + "\n"))
}

/// `armed` are reverts that whoever asks has just armed.
pub fn run(question: &Probe, armed: &[String]) -> Result<Output, String> {
    Ok(match question {
        Probe::DpkgStatus { names } => with_names(DPKG_QUERY, names),
        Probe::AptPolicy { .. }
        | Probe::AptSimulate(_)
        | Probe::PackageLists { .. }
        | Probe::Debconf { .. }
        | Probe::DpkgAudit
        | Probe::RpmStatus { .. }
        | Probe::RpmProvides { .. }
        | Probe::DpkgProvides { .. }
        | Probe::AptProviders { .. }
        | Probe::PackageFile { .. }
        | Probe::Dnf(_) => packages::run(question),
        Probe::UnitState { unit } => units::state(unit),
        Probe::UserUnit { unit } => units::of_a_user(unit),
        Probe::Machine(question) => machine::run(question)?,
        Probe::Sysctl { key } => probe(&["sysctl", "-n", "--", key], None, SOON),
        Probe::NftTable { family, name } => probe(&["nft", "-s", "list", "table", family, name], None, SOON),
        Probe::NftCheck { ruleset } => probe(&["nft", "-c", "-f", "-"], Some(ruleset.as_bytes()), SOON),
        Probe::Certificate { path, key, expires_within_s } => certificate(path, key, *expires_within_s),
        Probe::Which { program } => found(which(program)),
        Probe::WhichOf { programs } => found(programs.iter().find_map(|program| which(program))),
        Probe::Compose(project) => return super::compose::run(project),
        Probe::DockerApi => probe(&["docker", "version", "--format", "{{.Server.APIVersion}}"], None, SOON),
        Probe::Subnets => subnets(),
        Probe::MountOf { path } => {
            probe(&["findmnt", "-n", "-r", "-o", "TARGET,SOURCE,FSTYPE", "-T", path], None, SOON)
        }
        Probe::AptLock => match crate::act::packages::lock_holder() {
            Some(holder) => output(0, format!("{} {} {}\n", holder.pid, holder.command, holder.age_s)),
            None => output(0, ""),
        },
        Probe::Docker(question) => return docker::run(question),
        Probe::Postgres(at, question) => postgres::run(at, question),
        Probe::Attribute(AttributeProbe::Xattr { path, name, secret }) => {
            attributes::xattr(path, name, *secret)?
        }
        Probe::Attribute(AttributeProbe::Acl { path, recursive }) => attributes::acl(path, *recursive)?,
        Probe::Attribute(AttributeProbe::Tree { path }) => tree::modes(path, &mut super::Names::default())?,
        Probe::Attribute(AttributeProbe::Same { path, other }) => tree::same(path, other),
        Probe::GitTree { path, branch } => git::tree(path, branch),
        Probe::GitRemote(remote) => git::remote(remote),
        Probe::Below { path } => return below::below(path),
        Probe::Unpacked(wish) => archive::run(wish),
        Probe::Checksum { path, algorithm } => return transfer::checksum(path, *algorithm),
        Probe::Unconfirmed { token } => {
            let state = crate::act::state::path()?;
            let pending = !armed.contains(token) && crate::act::arm::pending(&state, token)?;
            output(0, if pending { "pending\n" } else { "" })
        }
        Probe::LoginUser => accounts::login_user(),
        Probe::BySsh => accounts::by_ssh(),
        Probe::SshConnection => accounts::ssh_connection(),
        Probe::Carriers => carriers::carriers(),
        Probe::Shadow { name, password, ages } => return accounts::shadow(name, password.as_ref(), ages),
        Probe::Sudoers { name, content } => accounts::sudoers(name, content),
        Probe::Crontab { user } => accounts::crontab(user.as_deref()),
        Probe::Logrotate { config } => return checks::logrotate(config),
        Probe::Timers { calendar, spans } => checks::timers(calendar, spans),
        Probe::AptConfig { files, keys } => return apt::config(files, keys),
        Probe::AptSource { path } => {
            output(0, if crate::act::packages::is_unfetched(path) { "unfetched\n" } else { "" })
        }
        Probe::Runs => output(0, crate::act::undo::list(&crate::act::state::path()?)),
        Probe::Undo { run } => {
            let bytes = crate::act::undo::answer(&crate::act::state::path()?, run)?;
            Output { stdout: Content::Clear(bytes.into()), ..output(0, "") }
        }
        Probe::Sshd { name, content, keys } => return sshd::sshd(name, content.as_deref(), keys),
    })
}

const DPKG_QUERY: &[&str] =
    &["dpkg-query", "-W", "-f", "${Package}\\t${db:Status-Abbrev}\\t${Version}\\n", "--"];

/// Whether several of these can be asked in one go: dpkg-query takes all else for a pattern or an architecture.
pub fn is_plain_package(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// What [`Probe::DpkgStatus`] answers to each of these plain names, byte for byte, from one dpkg-query for all.
pub fn packages(names: &[&str]) -> Vec<Output> {
    let mut unique: Vec<String> = names.iter().map(ToString::to_string).collect();
    unique.sort_unstable();
    unique.dedup();
    let all = with_names(DPKG_QUERY, &unique);
    let (out, err) =
        [&all.stdout, &all.stderr].map(|said| String::from_utf8_lossy(said.bytes()).into_owned()).into();
    let lines = |text: &str, is_of: &dyn Fn(&str) -> bool| -> String {
        text.lines().filter(|line| is_of(line)).map(|line| format!("{line}\n")).collect()
    };
    let one = |name: &&str| {
        let found = lines(&out, &|line| line.split('\t').next() == Some(*name));
        let missing = lines(&err, &|line| line.split(' ').next_back() == Some(*name));
        match found.is_empty() && missing.is_empty() {
            // Neither word of it: something else is the matter with dpkg, which the whole answer tells.
            true => all.clone(),
            false => Output {
                code: i32::from(!missing.is_empty()),
                stdout: Content::new(found, false),
                stderr: Content::Clear(missing.into_bytes().into()),
            },
        }
    };
    names.iter().map(one).collect()
}

fn with_names(argv: &[&str], names: &[String]) -> Output {
    let argv: Vec<&str> = argv.iter().copied().chain(names.iter().map(String::as_str)).collect();
    probe(&argv, None, Duration::from_secs(60))
}

/// What the certificate says, then `expires:` and `key:` lines.
fn certificate(path: &str, key: &str, expires_within_s: u64) -> Output {
    let x509 = |args: &[&str]| {
        let argv: Vec<&str> =
            ["openssl", "x509", "-in", path, "-noout"].into_iter().chain(args.iter().copied()).collect();
        probe(&argv, None, SOON)
    };
    let mut shown =
        x509(&["-subject", "-issuer", "-enddate", "-ext", "subjectAltName", "-fingerprint", "-sha256"]);
    if shown.code != 0 {
        // Each line of openssl's begins with the number of a thread: another one every time.
        let said = String::from_utf8_lossy(shown.stderr.bytes()).into_owned();
        let lines = said.lines().map(|line| line.find(":error:").map_or(line, |at| &line[at + 1..]));
        shown.stderr = Content::new(lines.collect::<Vec<_>>().join("\n").into_bytes(), false);
        return shown;
    }
    let expires = x509(&["-checkend", &expires_within_s.to_string()]).code != 0;
    let fits = if std::fs::metadata(key).is_ok() {
        let certified = x509(&["-pubkey"]);
        let own = probe(&["openssl", "pkey", "-in", key, "-pubout", "-passin", "pass:"], None, SOON);
        if own.code == 0 && own.stdout == certified.stdout { "matches" } else { "differs" }
    } else {
        "missing"
    };
    let expires = if expires { "yes" } else { "no" };
    let mut text = shown.stdout.bytes().to_vec();
    text.extend(format!("expires: {expires}\nkey: {fits}\n").as_bytes());
    shown.stdout = Content::Clear(text.into());
    shown
}

/// `NAME SUBNET` for every docker network, `route:DEVICE SUBNET` for every IPv4 route but the default.
fn subnets() -> Output {
    let routes = probe(&["ip", "-4", "route"], None, SOON);
    let mut lines: Vec<String> = vec![];
    for route in String::from_utf8_lossy(routes.stdout.bytes()).lines() {
        let words: Vec<&str> = route.split_whitespace().collect();
        let device = words.windows(2).find(|pair| pair[0] == "dev").map_or("?", |pair| pair[1]);
        if let Some(subnet) = words.first().filter(|subnet| subnet.starts_with(|c: char| c.is_ascii_digit()))
        {
            lines.push(format!("route:{device} {subnet}"));
        }
    }
    let ids = probe(&["docker", "network", "ls", "-q"], None, SOON);
    let ids = String::from_utf8_lossy(ids.stdout.bytes()).into_owned();
    let ids: Vec<&str> = ids.split_whitespace().collect();
    if !ids.is_empty() {
        let format = "{{$n := .Name}}{{range .IPAM.Config}}{{$n}} {{.Subnet}}\n{{end}}";
        let argv: Vec<&str> = ["docker", "network", "inspect", "-f", format].into_iter().chain(ids).collect();
        let networks = probe(&argv, None, SOON);
        let text = String::from_utf8_lossy(networks.stdout.bytes()).into_owned();
        lines.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_string));
    }
    lines.sort_unstable();
    lines.dedup();
    output(0, lines.into_iter().map(|line| line + "\n").collect::<String>())
}
