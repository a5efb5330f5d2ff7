//! Queries, ops and shown values as short text.

use super::until::until;
use agent::wire::MachineProbe;
use agent::{
    secret::Content,
    wire::{
        AptPlan, AttributeProbe, Attrs, ComposeAsk, DnfQuestion, Earlier, Exec, Op, PackageTool, Probe,
        Query, Until, docker::DockerProbe, postgres::PostgresProbe,
    },
};
use lustores_provision::model::Shown;
use serde_json::Value;

/// Words as one would type them.
pub fn words(argv: &[String]) -> String {
    let quoted = argv.iter().map(|word| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "%+,-./:=@_{}".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

pub fn probe(probe: &Probe) -> String {
    match probe {
        Probe::DpkgStatus { names } => format!("dpkg-status {}", names.join(" ")),
        Probe::AptPolicy { names, default_release: None } => format!("apt-policy {}", names.join(" ")),
        Probe::AptPolicy { names, default_release: Some(release) } => {
            format!("apt-policy -t {release} {}", names.join(" "))
        }
        Probe::AptSimulate(AptPlan::Install { names, options }) => {
            format!("apt-simulate install {}", [&options[..], &names[..]].concat().join(" "))
        }
        Probe::AptSimulate(AptPlan::Remove { names, purge, auto }) => {
            let verb = if *purge { "purge" } else { "remove" };
            format!("apt-simulate {verb}{} {}", if *auto { " --auto-remove" } else { "" }, names.join(" "))
        }
        Probe::AptSimulate(AptPlan::Upgrade { full, auto }) => {
            let verb = if *full { "dist-upgrade" } else { "upgrade" };
            format!("apt-simulate {verb}{}", if *auto { " --auto-remove" } else { "" })
        }
        Probe::AptSimulate(AptPlan::Autoremove { purge }) => {
            format!("apt-simulate autoremove{}", if *purge { " --purge" } else { "" })
        }
        Probe::PackageLists { older_than_s, .. } => format!("package-lists {older_than_s}"),
        Probe::DpkgAudit => "dpkg-audit".into(),
        Probe::Debconf { question, secret } => {
            format!("debconf{} {question}", if *secret { "-secret" } else { "" })
        }
        Probe::RpmStatus { names } => format!("rpm-status {}", names.join(" ")),
        Probe::Dnf(DnfQuestion::Available { names }) => format!("dnf-available {}", names.join(" ")),
        Probe::Dnf(DnfQuestion::Upgrades { names }) => {
            format!("dnf-upgrades {}", names.join(" ")).trim().into()
        }
        Probe::Dnf(DnfQuestion::RequiredBy { names }) => format!("dnf-required-by {}", names.join(" ")),
        Probe::Dnf(DnfQuestion::RebootNeeded) => "dnf-reboot-needed".into(),
        Probe::Dnf(DnfQuestion::Unneeded) => "dnf-unneeded".into(),
        Probe::UnitState { unit } => format!("unit-state {unit}"),
        Probe::UserUnit { unit } => format!("user-unit {unit}"),
        Probe::Sysctl { key } => format!("sysctl {key}"),
        Probe::NftTable { family, name } => format!("nft-table {family} {name}"),
        Probe::NftCheck { .. } => "nft-check".into(),
        Probe::Certificate { path, expires_within_s, .. } => match expires_within_s / 86400 {
            0 | 30 => format!("certificate {path}"),
            days => format!("certificate {path} within {days} days"),
        },
        Probe::Which { program } => format!("which {program}"),
        Probe::WhichOf { programs } => format!("which of {}", programs.join(" ")),
        Probe::Compose(project) => {
            let mut text = format!("compose {}", project.project);
            project.profiles.iter().for_each(|profile| text += &format!(" profile {profile}"));
            match &project.ask {
                ComposeAsk::Up { recreate, scale } => {
                    recreate.iter().for_each(|all| text += &format!(" recreate {all}"));
                    scale.iter().for_each(|(service, count)| text += &format!(" {service}={count}"));
                }
                ComposeAsk::Down { orphans, services } => {
                    text += if *orphans { " down with orphans" } else { " down" };
                    services.iter().for_each(|service| text += &format!(" {service}"));
                }
                ComposeAsk::Stop { services } => text += &format!(" stop {}", services.join(" ")),
                ComposeAsk::Restart { services } => text += &format!(" restart {}", services.join(" ")),
            }
            if project.files.is_empty() { text + " by name" } else { text.trim_end().into() }
        }
        Probe::DockerApi => "docker-api".into(),
        Probe::Subnets => "subnets".into(),
        Probe::Attribute(AttributeProbe::Xattr { path, name, .. }) => format!("xattr {name} {path}"),
        Probe::Attribute(AttributeProbe::Acl { path, recursive: false }) => format!("acl {path}"),
        Probe::Attribute(AttributeProbe::Acl { path, .. }) => format!("acl-below {path}"),
        Probe::Attribute(AttributeProbe::Tree { path }) => format!("tree {path}"),
        Probe::Attribute(AttributeProbe::Same { path, other }) => format!("same {path} {other}"),
        Probe::MountOf { path } => format!("mount-of {path}"),
        Probe::AptLock => "apt-lock".into(),
        Probe::Docker(question) => match question {
            DockerProbe::Network { name } => format!("docker-network {name}"),
            DockerProbe::Volume { name } => format!("docker-volume {name}"),
            DockerProbe::Image { name } => format!("docker-image {name}"),
            DockerProbe::Archive { path } => format!("docker-archive {path}"),
            DockerProbe::LiveRestore => "docker-live-restore".into(),
            DockerProbe::Flags => "docker-flags".into(),
            DockerProbe::Removable(what) => {
                let cache = what.cache.map(|all| if all { " whole cache" } else { " cache" });
                format!("docker-removable {}{}", what.older_s, cache.unwrap_or_default())
            }
        },
        Probe::Postgres(at, question) => {
            let place = at.container.clone().unwrap_or_else(|| at.port.to_string());
            let socket = at.socket.as_ref().map(|folder| format!("{folder}:")).unwrap_or_default();
            let user = if at.user == "postgres" { String::new() } else { format!("{}@", at.user) };
            let about = match question {
                PostgresProbe::Role { name } => format!("role {name}"),
                PostgresProbe::Owned { name } => format!("owned {name}"),
                PostgresProbe::Database { name, contents: false } => format!("database {name}"),
                PostgresProbe::Database { name, .. } => format!("database-contents {name}"),
                PostgresProbe::Query(query) if query.timeout_s == 30 => format!("query {}", query.query),
                PostgresProbe::Query(query) => format!("query {} ({}s)", query.query, query.timeout_s),
            };
            format!("postgres {user}{socket}{place} {about}")
        }
        Probe::Below { path } => format!("below {path}"),
        Probe::GitTree { path, .. } => format!("git-tree {path}"),
        Probe::GitRemote(of) => format!("git-remote {} {}", of.repo, of.version),
        Probe::Unpacked(of) => format!("unpacked {}", of.dest),
        Probe::Checksum { path, algorithm } => format!("{} {path}", algorithm.name()),
        Probe::Unconfirmed { token } => format!("unconfirmed {token}"),
        Probe::Machine(MachineProbe::Mounted { path, source, bind: false }) => {
            format!("mounted {path} {source}")
        }
        Probe::Machine(MachineProbe::Mounted { path, source, .. }) => {
            format!("mounted {path} {source} (bind)")
        }
        Probe::Machine(MachineProbe::Locales) => "locales".into(),
        Probe::Machine(MachineProbe::Filesystem { device }) => format!("filesystem {device}"),
        Probe::Machine(MachineProbe::Swap { path, size }) => format!("swap {path} {size}"),
        Probe::Machine(MachineProbe::MountsIn { path }) => format!("mounts-in {path}"),
        Probe::Machine(MachineProbe::Module { name }) => format!("module {name}"),
        Probe::LoginUser => "login-user".into(),
        Probe::BySsh => "by-ssh".into(),
        Probe::Carriers => "carriers".into(),
        Probe::SshConnection => "ssh-connection".into(),
        Probe::Shadow { name, .. } => format!("shadow {name}"),
        Probe::Sudoers { name, .. } => format!("sudoers {name}"),
        Probe::Crontab { user } => format!("crontab {}", user.as_deref().unwrap_or("")).trim().into(),
        Probe::Logrotate { .. } => "logrotate".into(),
        Probe::Runs => "runs".into(),
        Probe::Undo { run } => format!("undo {run}"),
        Probe::AptSource { path } => format!("apt-source {path}"),
        Probe::DpkgProvides { names } => format!("dpkg-provides {}", names.join(" ")),
        Probe::AptProviders { names } => format!("apt-providers {}", names.join(" ")),
        Probe::RpmProvides { names } => format!("rpm-provides {}", names.join(" ")),
        Probe::PackageFile { tool: PackageTool::Dnf, path } => format!("rpm-file {path}"),
        Probe::PackageFile { path, .. } => format!("deb-file {path}"),
        Probe::AptConfig { .. } => "apt-config".into(),
        Probe::Sshd { name, keys, .. } => format!("sshd {name} {}", keys.join(" ")),
        Probe::Timers { calendar, spans } => format!("timers {}", [&calendar[..], spans].concat().join(", ")),
    }
}

pub fn query(query: &Query) -> String {
    match query {
        Query::File { path } => format!("file {path}"),
        Query::Read { path, secret: false, .. } => format!("read {path}"),
        Query::Read { path, .. } => format!("read-secret {path}"),
        Query::There { path } => format!("there {path}"),
        Query::Stat { path, checksum } => {
            let checksum = checksum.map(|checksum| format!(" {checksum:?}").to_lowercase());
            format!("stat {path}{}", checksum.unwrap_or_default())
        }
        Query::List { path } => format!("names {path}"),
        Query::User { name } => format!("user {name}"),
        Query::Group { name } => format!("group {name}"),
        Query::UserOf { uid } => format!("user-of {uid}"),
        Query::GroupOf { gid } => format!("group-of {gid}"),
        Query::Run(it) => format!("output {}", probe(it)),
        Query::Record { name, .. } => format!("record {name}"),
        Query::Owed { book } => format!("owed {book}"),
        Query::Ports { host, .. } => format!("ports {host}"),
        Query::Job { id } => format!("job {id}"),
        Query::Test(exec) => format!("test {}", words(&exec.argv)),
    }
}

fn attrs(attrs: &Attrs) -> String {
    let mode = attrs.mode.map(|mode| format!(" {mode:04o}")).unwrap_or_default();
    let owner = attrs.owner.as_deref().map(|owner| format!(" owner={owner}")).unwrap_or_default();
    let group = attrs.group.as_deref().map(|group| format!(" group={group}")).unwrap_or_default();
    format!("{mode}{owner}{group}")
}

pub fn exec(exec: &Exec) -> String {
    let mut text = words(&exec.argv);
    if let Some(cwd) = &exec.cwd {
        text.push_str(&format!(" (in {cwd})"));
    }
    for (key, value) in &exec.env {
        let value =
            if value.is_secret() { "[secret]".into() } else { String::from_utf8_lossy(value.bytes()) };
        text.push_str(&format!(" ({key}={value})"));
    }
    if let Some(script) = &exec.script {
        text.push_str(&format!(" (script {} at {})", script.name, script.at));
    }
    if exec.timeout_s != 0 {
        text.push_str(&format!(" ({}s)", exec.timeout_s));
    }
    let flags = [("stdin", exec.stdin.is_some()), ("secret", exec.secret), ("survives", exec.survive)];
    for (flag, _) in flags.iter().filter(|(_, set)| *set) {
        text.push_str(&format!(" ({flag})"));
    }
    text
}

/// An op, and the content it carries.
pub fn op(op: &Op) -> (String, Option<&Content>) {
    let text = match op {
        Op::MakeFolder { path, attrs: a } => format!("make_folder {path}{}", attrs(a)),
        Op::WriteFile { path, content, attrs: a, check } => {
            let check = check.as_ref().map(|argv| format!(" check={}", words(argv))).unwrap_or_default();
            return (format!("write_file {path}{}{check}", attrs(a)), Some(content));
        }
        Op::SetAttrs { path, attrs: a } => format!("set_attrs {path}{}", attrs(a)),
        Op::SetXattr { path, name, value: None } => format!("remove_xattr {path} {name}"),
        Op::SetXattr { path, name, value } => return (format!("set_xattr {path} {name}"), value.as_ref()),
        Op::SetAcl { path, entries, remove, recursive } => {
            let below = if *recursive { " (recursive)" } else { "" };
            let verb = if *remove { "remove_acl" } else { "set_acl" };
            format!("{verb} {} -- {path}{below}", entries.join(","))
        }
        Op::MakeHardLink { path, target } => format!("make_hard_link {path} {target}"),
        Op::SetTree(wish) => {
            let owned = Attrs { mode: None, owner: wish.owner.clone(), group: wish.group.clone() };
            // What becomes of a usual one tells the rule.
            let mode = |rule: &Option<agent::mode::Rule>, usual: u32, is_folder| {
                let rule = rule.as_ref().map(|rule| format!("{usual:04o}>{:04o}", rule.of(usual, is_folder)));
                rule.unwrap_or_else(|| "-".into())
            };
            let (folders, files) = (mode(&wish.folders, 0o755, true), mode(&wish.files, 0o644, false));
            format!("set_tree {} {folders} {files}{}", wish.path, attrs(&owned))
        }
        Op::MakeLink { path, target } => format!("make_link {path} {target}"),
        Op::Remove { path, recursive: false } => format!("remove {path}"),
        Op::Remove { path, .. } => format!("remove {path} (recursive)"),
        Op::Exec { exec: e, ok } => {
            let ok = if ok.is_empty() { String::new() } else { format!(" (ok {ok:?})") };
            return (format!("exec {}{ok}", exec(e)), e.stdin.as_ref());
        }
        Op::Job { id, exec: e, poll_s, .. } => {
            return (format!("job {id} every {poll_s}s {}", exec(e)), e.stdin.as_ref());
        }
        Op::Packages { tool, args, stdin, refresh, lock_timeout_s } => {
            let tool = match tool {
                PackageTool::AptGet => "apt",
                PackageTool::AptMark => "apt-mark",
                PackageTool::Debconf => "debconf-set-selections",
                PackageTool::Dpkg => "dpkg",
                PackageTool::Dnf => "dnf",
            };
            let mut more = if *refresh { " (or once more after an update)" } else { "" }.to_string();
            if *lock_timeout_s != 600 {
                more.push_str(&format!(" (waits {lock_timeout_s}s)"));
            }
            let words = [&[tool.to_string()], args.as_slice()].concat();
            return (format!("{}{more}", words.join(" ")), stdin.as_ref());
        }
        Op::Download(of) => {
            let (algorithm, hex) = (of.checksum.algorithm.name(), &of.checksum.hex);
            let mut text = format!("download {} {} {algorithm}:{hex}{}", of.url, of.path, attrs(&of.attrs));
            for (name, value) in of.headers.iter().chain(&of.env) {
                let value = if value.is_secret() {
                    "[secret]".into()
                } else {
                    String::from_utf8_lossy(value.bytes())
                };
                text.push_str(&format!(" ({name}: {value})"));
            }
            if of.silence_s != 30 {
                text.push_str(&format!(" (silent for {}s)", of.silence_s));
            }
            text
        }
        Op::Steps(of) => {
            let step = |step: &agent::wire::Step| {
                let undo = step.undo.as_ref().map(|argv| format!(" [undo: {}]", words(argv)));
                format!("{}{}", words(&step.argv), undo.unwrap_or_default())
            };
            let steps: Vec<_> = of.steps.iter().map(step).collect();
            return (format!("steps {}", steps.join("; ")), Some(&of.record));
        }
        Op::Unpack(of) => {
            let from = match &of.from {
                agent::wire::Archive::OnHost(path) => path.clone(),
                agent::wire::Archive::Sent(content) => format!("({} bytes)", content.bytes().len()),
            };
            let attrs = Attrs { mode: of.mode, owner: of.owner.clone(), group: of.group.clone() };
            let mut text = format!("unpack {from} {}{}", of.dest, self::attrs(&attrs));
            if of.strip > 0 {
                text.push_str(&format!(" strip={}", of.strip));
            }
            for (name, patterns) in [("include", &of.include), ("exclude", &of.exclude)] {
                if !patterns.is_empty() {
                    text.push_str(&format!(" {name}={}", patterns.join(",")));
                }
            }
            if let Some(checksum) = &of.checksum {
                text.push_str(&format!(" {}:{}", checksum.algorithm.name(), checksum.hex));
            }
            text
        }
        Op::Arm { seconds, revert, .. } => {
            let step = |step: &Op| match step {
                Op::Exec { exec: e, .. } => exec(e),
                step => self::op(step).0,
            };
            let revert: Vec<_> = revert.iter().map(step).collect();
            format!("arm {seconds}s: {}", revert.join("; "))
        }
        Op::CopyFile(copy) => {
            let check = copy.check.iter().map(|check| format!(" check {}", words(check))).collect::<String>();
            format!("copy_file {} {}{}{check}", copy.from, copy.path, attrs(&copy.attrs))
        }
        Op::Earlier(Earlier::Password { user }) => format!("old password of {user}"),
        Op::Earlier(Earlier::Files { below, units, login }) => {
            let login = if *login { " and ~/.ssh" } else { "" };
            format!("unconfirmed changes of {}, of units {}{login}", below.join(" "), units.join(" "))
        }
        Op::Note { text } => return ("note".into(), Some(text)),
        Op::Wait(wait) => {
            // Half a second and a second are what the types have by themselves.
            let often = match wait.interval_ms {
                500 | 1000 => String::new(),
                ms => format!(" every {ms}ms"),
            };
            let body = match &wait.until {
                Until::Http(http) => http.body.as_ref(),
                _ => None,
            };
            return (format!("wait {} ({}s){often}", until(&wait.until), wait.timeout_s), body);
        }
    };
    (text, None)
}

/// A shown value; a secret's tag is left out.
pub fn shown(shown: &Shown) -> Value {
    match shown {
        Shown::Absent => Value::Null,
        Shown::Scalar(text) => Value::from(text.as_str()),
        Shown::Text(text) => {
            let mut plain = String::new();
            let mut rest = text.as_str();
            while let Some((before, tagged)) = rest.split_once("[secret ") {
                let (_, after) = tagged.split_once(']').expect("a tag ends");
                plain.push_str(before);
                plain.push_str("[secret]");
                rest = after;
            }
            Value::from(plain + rest)
        }
        Shown::Masked(_) => "[masked]".into(),
        Shown::Binary { size, .. } => format!("[{size} bytes]").into(),
    }
}
