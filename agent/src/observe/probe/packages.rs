//! What apt, dpkg, rpm and dnf know. None of these looks fetches or keeps anything.

use super::{SOON, output, with_names};
use crate::act::packages::{lists_are_old, unfinished};
use crate::child::{probe, which};
use crate::secret::Content;
use crate::wire::{AptPlan, DnfQuestion, Output, PackageTool, Probe};
use std::time::Duration;

/// Root's apt would keep what it computed in /var/cache: a look must not write.
const NO_CACHE: &[&str] = &["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="];
/// Many packages on a slow machine.
const LONG: Duration = Duration::from_secs(300);
const RPM_QUERY: &[&str] =
    &["rpm", "-q", "--qf", "%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\n", "--"];
const RPM_FILE: &str = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n";
const RPM_PROVIDES: &str = "[%{=NAME}\\t%{=EVR}\\t%{PROVIDENAME}\\t%{PROVIDEVERSION}\\n]";

/// As debconf-show reads it, which keeps passwords back and cuts values at line breaks. It waits for nobody and changes nothing.
const DEBCONF: &str = "use strict; use Debconf::Db; use Debconf::Template; use Debconf::Question; \
    Debconf::Db->load(readonly => 'true'); my $question = Debconf::Question->get($ARGV[0]) or exit 0; \
    my $value = $question->value; $value = '' unless defined $value; utf8::encode($value) if utf8::is_utf8($value); \
    printf \"%s\\t%s\\t%s\\n\", $question->type, $question->flag('seen') || 'false', unpack('H*', $value);";

pub fn run(question: &Probe) -> Output {
    match question {
        Probe::AptPolicy { names, default_release } => {
            let release = default_release.as_ref().map(|name| format!("APT::Default-Release={name}"));
            let option = release.iter().flat_map(|option| ["-o", option.as_str()]);
            let argv = ["apt-cache"].into_iter().chain(NO_CACHE.iter().copied()).chain(option);
            with_names(&argv.chain(["policy", "--"]).collect::<Vec<_>>(), names)
        }
        Probe::AptProviders { names } => {
            let argv: Vec<_> = ["apt-cache"].into_iter().chain(NO_CACHE.iter().copied()).collect();
            let said = with_names(&[argv, vec!["showpkg", "--"]].concat(), names);
            let found = providers(&String::from_utf8_lossy(said.stdout.bytes()));
            Output { stdout: Content::Clear(found.into_bytes().into()), ..said }
        }
        Probe::AptSimulate(plan) => simulate(plan),
        Probe::PackageLists { tool, older_than_s } => {
            output(0, if lists_are_old(*tool, *older_than_s) { "old\n" } else { "" })
        }
        Probe::DpkgAudit => {
            let lines = unfinished().into_iter().map(|(name, state)| format!("{name} {state}\n"));
            output(0, lines.collect::<String>())
        }
        Probe::DpkgProvides { names } => {
            let format = "${Package}\\t${db:Status-Abbrev}\\t${Version}\\t${Provides}\\n";
            let all = probe(&["dpkg-query", "-W", "-f", format], None, SOON);
            let text = provided(&String::from_utf8_lossy(all.stdout.bytes()), names);
            Output { stdout: Content::Clear(text.into_bytes().into()), ..all }
        }
        Probe::Debconf { question, secret } => {
            let said = probe(&["perl", "-e", DEBCONF, "--", question], None, SOON);
            let stdout = Content::new(said.stdout.bytes(), *secret);
            Output { stdout, ..said }
        }
        Probe::RpmStatus { names } => {
            let names = names.iter().map(String::as_str);
            probe(&RPM_QUERY.iter().copied().chain(names).collect::<Vec<_>>(), None, SOON)
        }
        Probe::RpmProvides { names } => {
            let mut found = String::new();
            for name in names {
                // Of each package all that it provides.
                let said =
                    probe(&["rpm", "-q", "--whatprovides", "--qf", RPM_PROVIDES, "--", name], None, SOON);
                if said.code == 127 {
                    return said;
                }
                found += &provided_by_rpm(&String::from_utf8_lossy(said.stdout.bytes()), name);
            }
            output(0, found)
        }
        Probe::PackageFile { tool: PackageTool::Dnf, path } => {
            // Whose signature it has is for dnf to judge.
            let query = ["rpm", "-qp", "--nosignature", "--qf", RPM_FILE, path];
            probe(&query, None, SOON)
        }
        Probe::PackageFile { path, .. } => deb_file(path),
        Probe::Dnf(question) => dnf(question),
        _ => output(127, ""),
    }
}

fn deb_file(path: &str) -> Output {
    let format = "--showformat=${Package}\\t${Version}\\t${Architecture}\\n";
    let said = probe(&["dpkg-deb", "--show", format, path], None, SOON);
    let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
    let fields: Vec<&str> = text.trim_end().split('\t').collect();
    let ([name, version, architecture], 0) = (&fields[..], said.code) else { return said };
    let own = || probe(&["dpkg", "--print-architecture"], None, SOON);
    let is_own = *architecture == "all" || own().stdout.bytes().trim_ascii() == architecture.as_bytes();
    let of = if is_own { String::new() } else { format!(":{architecture}") };
    output(0, format!("{name}{of}\t{version}\n"))
}

/// What `apt-cache showpkg` says of who provides its packages; of each name once, however many versions do.
fn providers(all: &str) -> String {
    let (mut found, mut name, mut is_here) = (vec![], "", false);
    for line in all.lines() {
        if let Some(package) = line.strip_prefix("Package: ") {
            (name, is_here) = (package, false);
        } else if line.trim_end() == "Reverse Provides:" {
            is_here = true;
        } else if let Some(by) = line.split(' ').next().filter(|by| is_here && !by.is_empty()) {
            // What another architecture has of it is the same package.
            let by = by.split(':').next().unwrap_or(by);
            found.push(format!("{name}\t{by}\n"));
        }
    }
    found.sort_unstable();
    found.dedup();
    found.concat()
}

/// What of these names installed packages provide: `name`, `name (= 1.2)`, `name:any`.
fn provided(all: &str, names: &[String]) -> String {
    let mut found = String::new();
    for line in all.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [package, status, version, provides] = fields[..] else { continue };
        if !matches!(status.as_bytes(), [_, b'i' | b'W' | b't', ..]) {
            continue;
        }
        for one in provides.split(',').map(str::trim) {
            let (name, own) =
                one.split_once(" (= ").map_or((one, ""), |(name, own)| (name, own.trim_end_matches(')')));
            let name = name.split(':').next().unwrap_or(name);
            if names.iter().any(|wanted| wanted == name) {
                found += &format!("{name}\t{package}\t{version}\t{own}\n");
            }
        }
    }
    found
}

/// Of what rpm says of providers the lines about this name; a package may provide it as several versions.
fn provided_by_rpm(all: &str, name: &str) -> String {
    let mut found: Vec<String> = vec![];
    for line in all.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [package, version, provides, own] = fields[..] else { continue };
        let own = if own == "(none)" { "" } else { own };
        if provides == name {
            found.push(format!("{name}\t{package}\t{version}\t{own}\n"));
        }
    }
    found.sort_unstable();
    found.dedup();
    found.concat()
}

fn simulate(plan: &AptPlan) -> Output {
    let mut argv = vec!["apt-get", "-s", "-q", "-y"];
    argv.extend(NO_CACHE);
    let mut named: &[String] = &[];
    let (verb, auto) = match plan {
        AptPlan::Install { names, options } => {
            named = names;
            argv.extend(options.iter().map(String::as_str));
            ("install", false)
        }
        AptPlan::Remove { names, purge, auto } => {
            named = names;
            (if *purge { "purge" } else { "remove" }, *auto)
        }
        AptPlan::Upgrade { full, auto } => (if *full { "dist-upgrade" } else { "upgrade" }, *auto),
        AptPlan::Autoremove { purge } => {
            argv.extend(purge.then_some("--purge"));
            ("autoremove", false)
        }
    };
    argv.push(verb);
    argv.extend((verb == "upgrade").then_some("--with-new-pkgs"));
    argv.extend(auto.then_some("--auto-remove"));
    argv.push("--");
    argv.extend(named.iter().map(String::as_str));
    let said = probe(&argv, None, LONG);
    let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
    // Warnings come and go.
    let stderr = match said.code {
        0 => String::new(),
        _ => reasons(&text) + &String::from_utf8_lossy(said.stderr.bytes()),
    };
    let text = steps(&text);
    Output {
        code: said.code,
        stdout: Content::Clear(text.into_bytes().into()),
        stderr: Content::Clear(stderr.into_bytes().into()),
    }
}

/// Why apt refuses, which it says elsewhere than that it does: what is unmet, and what it would remove.
fn reasons(text: &str) -> String {
    let is_reason = |line: &str| line.contains("unmet dependencies:") || line.contains("will be REMOVED:");
    let mut kept = String::new();
    let mut is_kept = false;
    for line in text.lines() {
        is_kept = is_reason(line) || is_kept && line.starts_with(' ');
        if is_kept {
            kept += &format!("{line}\n");
        }
    }
    kept
}

/// The steps that apt would take, and the essential packages among what it would remove.
fn steps(text: &str) -> String {
    let mut kept = String::new();
    let mut warned = false;
    for line in text.lines() {
        if line.starts_with("WARNING: The following essential packages will be removed") {
            warned = true;
        } else if warned && line.starts_with("  ") {
            // `dpkg (due to base)`, several in a line.
            let names = line.split_whitespace().filter(|word| !word.starts_with('(') && !word.ends_with(')'));
            names.filter(|word| *word != "due" && *word != "to").for_each(|name| {
                kept += &format!("Essential {name}\n");
            });
        } else if warned && !line.starts_with("This should NOT be done") {
            warned = false;
        }
        if ["Inst ", "Remv ", "Purg "].iter().any(|step| line.starts_with(step)) {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// The exit code of an unknown command is that of "yes": only the words tell them apart.
fn reboot_needed(text: &str) -> Option<&'static str> {
    let has = |words: &str| text.contains(words);
    match (has("Reboot is required"), has("Reboot should not be necessary")) {
        (true, _) => Some("yes\n"),
        (_, true) => Some("no\n"),
        _ => None,
    }
}

/// `-C`: from what was fetched before.
fn dnf(question: &DnfQuestion) -> Output {
    if *question == DnfQuestion::RebootNeeded {
        if which("apt-get").is_some() {
            return output(127, ""); // dnf may be there, but it is not what brings the kernel
        }
        let said = probe(&["dnf", "-C", "needs-restarting", "-r"], None, LONG);
        let found = reboot_needed(&String::from_utf8_lossy(said.stdout.bytes()));
        return match found {
            Some(word) => output(0, word),
            None if said.code == 127 => said,
            None => Output { code: 2, ..said },
        };
    }
    let mut argv = vec!["dnf", "-q", "-C", "repoquery", "--qf", "|%{name} %{evr}|"];
    let none: &[String] = &[];
    let (option, names): (&[&str], &[String]) = match question {
        DnfQuestion::Available { names } => (&["--available"], names),
        DnfQuestion::Upgrades { names } => (&["--upgrades", "--latest-limit=1"], names),
        DnfQuestion::RequiredBy { names } => (&["--installed", "--recursive"], names),
        DnfQuestion::Unneeded | DnfQuestion::RebootNeeded => (&["--unneeded"], none),
    };
    argv.extend(option);
    let joined = names.join(",");
    if let DnfQuestion::RequiredBy { .. } = question {
        argv.extend(["--whatrequires", &joined]);
    } else {
        argv.push("--");
        argv.extend(names.iter().map(String::as_str));
    }
    let said = probe(&argv, None, LONG);
    let text = between_bars(&String::from_utf8_lossy(said.stdout.bytes()));
    let stderr = if said.code == 0 { Content::from("") } else { said.stderr };
    Output { code: said.code, stdout: Content::Clear(text.into_bytes().into()), stderr }
}

/// One version of dnf ends a line after each answer, another does not.
fn between_bars(text: &str) -> String {
    let parts = text.split(['|', '\n']).map(str::trim);
    let mut lines: Vec<&str> = parts.filter(|part| part.split(' ').count() == 2).collect();
    lines.dedup();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_apt_are_told_from_its_words() {
        let removal = "Reading package lists...\nThe following packages will be REMOVED:\n  base\n\
                       WARNING: The following essential packages will be removed.\n\
                       This should NOT be done unless you know exactly what you are doing!\n  base lib (due to base)\n\
                       0 upgraded, 0 newly installed, 1 to remove and 1 not upgraded.\n";
        assert_eq!(steps(removal), "Essential base\nEssential lib\n");
        let upgrade = "The following packages will be upgraded:\n  tool\n1 upgraded\n\
                       Inst tool [1.0] (2.0 localhost [all])\nConf tool (2.0 localhost [all])\nRemv top [1]\nPurg lib [1]\n";
        assert_eq!(steps(upgrade), "Inst tool [1.0] (2.0 localhost [all])\nRemv top [1]\nPurg lib [1]\n");
    }

    #[test]
    fn why_apt_refuses_is_told_from_its_words() {
        let unmet = "Reading package lists...\nSome packages could not be installed. This may mean that you have\n\n\
                     The following packages have unmet dependencies:\n tool : Depends: lib but it is not installable\n";
        assert_eq!(reasons(unmet), unmet.split_once("\n\n").unwrap().1);
        let removal = "The following packages will be REMOVED:\n  old\nThe following NEW packages will be installed:\n  new\n";
        assert_eq!(reasons(removal), "The following packages will be REMOVED:\n  old\n");
    }

    #[test]
    fn only_what_is_installed_provides() {
        let all = "exim4\trc \t4.96\tmail-transport-agent\nmawk\tii \t1.3\tawk\n\
                   postfix\tii \t3.7.11\tdefault-mta:any, mail-transport-agent, tls (= 1:2)\nplain\tii \t1\t\n";
        let names = ["mail-transport-agent", "tls", "default-mta", "none"].map(String::from);
        assert_eq!(
            provided(all, &names),
            "default-mta\tpostfix\t3.7.11\t\nmail-transport-agent\tpostfix\t3.7.11\t\ntls\tpostfix\t3.7.11\t1:2\n"
        );
    }

    #[test]
    fn who_provides_a_name_is_told_from_who_needs_it() {
        let all = "Package: docker-ce\nVersions: \n\nReverse Depends: \n  moby,docker-ce\nDependencies: \nProvides: \nReverse Provides: \n\
                   Package: mta\nVersions: \n\nReverse Depends: \n  mutt,mta\nDependencies: \nProvides: \nReverse Provides: \n\
                   postfix 3.7.11-0 (= )\npostfix 3.7.10-0 (= )\nexim4:i386 4.96 (= )\n";
        assert_eq!(providers(all), "mta\texim4\nmta\tpostfix\n");
    }

    #[test]
    fn of_providers_rpm_says_more_than_is_asked() {
        let all = "postfix\t2:3.5-1\tMTA\t(none)\npostfix\t2:3.5-1\tpostfix\t2:3.5-1\npostfix\t2:3.5-1\tMTA\t(none)\n\
                   exim\t4-1\tMTA\t1.2\nno package provides x\n";
        assert_eq!(provided_by_rpm(all, "MTA"), "MTA\texim\t4-1\t1.2\nMTA\tpostfix\t2:3.5-1\t\n");
        assert_eq!(provided_by_rpm("no package provides MTA\n", "MTA"), "");
    }

    #[test]
    fn a_reboot_that_is_needed_is_told_by_words() {
        let four = "Core libraries or services have been updated since boot-up:\n  * kernel\n\n\
                    Reboot is required to fully utilize these updates.\nMore information: https://x.example\n";
        assert_eq!(reboot_needed(four), Some("yes\n"));
        let none = "No core libraries or services have been updated since boot-up.\nReboot should not be necessary.\n";
        assert_eq!(reboot_needed(none), Some("no\n"));
        assert_eq!(reboot_needed("No such command: needs-restarting.\n"), None);
    }

    #[test]
    fn answers_of_both_kinds_of_dnf_are_read() {
        let four = "|lib 1-1|\n|tool 1.0-1|\n|tool 2:2.0-1|\n";
        let five = "|lib 1-1||tool 1.0-1||tool 2:2.0-1|";
        assert_eq!(between_bars(four), "lib 1-1\ntool 1.0-1\ntool 2:2.0-1\n");
        assert_eq!(between_bars(five), between_bars(four));
    }
}
