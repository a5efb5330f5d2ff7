//! What is known of a host from the first frame on; read from files and system calls, no process is started.

mod disks;
mod docker;
mod machine;
mod netlink;
mod network;
mod tree;

use super::Names;
use crate::calendar;
use crate::wire::facts::{Facts, Login, Memory, Os, Time};
use std::time::{SystemTime, UNIX_EPOCH};
use tree::Tree;

pub fn facts() -> Facts {
    let tree = Tree::new("/");
    let system = rustix::system::uname();
    let text = |bytes: &std::ffi::CStr| bytes.to_string_lossy().into_owned();
    let arch = text(system.machine());
    let (hostname, fqdn, domain) = names(&text(system.nodename()), &tree.read("etc/hosts"));
    let mounts = disks::mounts(&tree.read("proc/self/mountinfo"));
    let interfaces = network::interfaces(&tree, &netlink::addresses().unwrap_or_default());
    let systemd = tree.is_folder("run/systemd/system");
    let (vendor, product) = machine::dmi(&tree);
    let processors = tree.read("proc/cpuinfo");
    Facts {
        deb_arch: deb_arch(&arch).to_string(),
        arch,
        hostname,
        fqdn,
        domain,
        kernel: text(system.release()),
        os: os(&[tree.read("etc/os-release"), tree.read("usr/lib/os-release")]),
        cpu: machine::cpu(&processors),
        memory: memory(&tree.read("proc/meminfo")),
        disks: disks::disks(&tree, &mounts),
        mounts: mounts.into_iter().map(|(_, mount)| mount).collect(),
        default_ipv4: network::default_ipv4(&interfaces, &tree.read("proc/net/route")),
        default_ipv6: network::default_ipv6(&interfaces, &tree.read("proc/net/ipv6_route")),
        interfaces,
        dns: network::dns(&tree.read("etc/resolv.conf")),
        package_manager: package_manager(&tree).to_string(),
        init: init(&tree, systemd),
        systemd,
        docker: docker::docker(&tree),
        time: time(&tree),
        virtualization: machine::virtualization(&tree, &vendor, &product, &processors),
        vendor,
        product,
        user: login(&tree.read("etc/passwd")),
        reboot_required: tree.exists("run/reboot-required"),
    }
}

fn deb_arch(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i686" | "i586" | "i386" => "i386",
        "armv7l" => "armhf",
        "ppc64le" => "ppc64el",
        other => other,
    }
}

/// Host name, name with domain, domain. Of a line in `/etc/hosts` the first name is the whole one.
fn names(nodename: &str, hosts: &str) -> (String, String, String) {
    let short = nodename.split('.').next().unwrap_or_default();
    let whole = hosts.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace().skip(1);
        let first = words.next()?;
        let is_it = first
            .split_once('.')
            .is_some_and(|(name, domain)| name == short && !domain.is_empty() && domain != "localdomain");
        is_it.then_some(first)
    });
    let fqdn = if nodename.contains('.') { nodename } else { whole.unwrap_or(nodename) };
    let domain = fqdn.split_once('.').map_or("", |(_, domain)| domain);
    (short.into(), fqdn.into(), domain.into())
}

/// From the first text that says anything.
fn os(texts: &[String]) -> Os {
    let text = texts.iter().find(|text| !text.trim().is_empty()).map_or("", String::as_str);
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches(['"', '\'']).to_string()
    };
    let id = value("ID");
    let like = value("ID_LIKE");
    let is =
        |names: &[&str]| names.contains(&id.as_str()) || like.split_whitespace().any(|l| names.contains(&l));
    let family = if is(&["debian"]) {
        "debian"
    } else if is(&["rhel", "fedora", "centos"]) {
        "redhat"
    } else if is(&["suse", "opensuse"]) {
        "suse"
    } else {
        &id
    };
    let family = family.to_string();
    let version = value("VERSION_ID");
    let major = version.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    Os { id, family, version, major, codename: value("VERSION_CODENAME"), pretty: value("PRETTY_NAME") }
}

fn memory(text: &str) -> Memory {
    let mb = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    Memory { total_mb: mb("MemTotal"), available_mb: mb("MemAvailable"), swap_mb: mb("SwapTotal") }
}

/// The distribution's own comes first: others may be installed beside it.
fn package_manager(tree: &Tree) -> &'static str {
    const TOOLS: &[(&str, &str)] = &[
        ("apt-get", "apt"),
        ("dnf", "dnf"),
        ("microdnf", "dnf"),
        ("yum", "yum"),
        ("zypper", "zypper"),
        ("apk", "apk"),
        ("pacman", "pacman"),
        ("emerge", "emerge"),
        ("xbps-install", "xbps"),
    ];
    // On others than Debian, apt-get is a guest.
    let is_debian = tree.exists("var/lib/dpkg/status");
    let there = TOOLS.iter().filter(|(program, name)| {
        (*name != "apt" || is_debian)
            && ["usr/bin", "sbin", "bin"].iter().any(|folder| tree.exists(&format!("{folder}/{program}")))
    });
    there.map(|(_, name)| *name).next().unwrap_or("")
}

fn init(tree: &Tree, systemd: bool) -> String {
    if systemd {
        return "systemd".into();
    }
    if tree.exists("run/openrc/softlevel") {
        return "openrc".into();
    }
    let name = tree.line("proc/1/comm");
    let known = [("runit", "runit"), ("s6-svscan", "s6"), ("init", "sysvinit")];
    known.iter().find(|(program, _)| *program == name).map_or(name.clone(), |(_, init)| (*init).into())
}

fn time(tree: &Tree) -> Time {
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let zone = tree
        .target("etc/localtime")
        .and_then(|target| target.to_str()?.split_once("zoneinfo/").map(|(_, zone)| zone.to_string()));
    let timezone = zone.unwrap_or_else(|| tree.line("etc/timezone"));
    Time {
        epoch,
        iso8601: format!("{}Z", calendar::utc(epoch as i64)),
        timezone: if timezone.is_empty() { "UTC".into() } else { timezone },
    }
}

fn login(passwd: &str) -> Login {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let mut names = Names::default();
    let (name, group) = (names.owner(uid), names.owning_group(gid));
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid.to_string()));
    let field =
        |column: usize| line.and_then(|line| line.split(':').nth(column)).unwrap_or_default().to_string();
    Login { name, uid, gid, group, home: field(5), shell: field(6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Os {
        os(&[String::new(), text.into()])
    }

    #[test]
    fn the_family_is_what_the_system_says_it_is_like() {
        let ubuntu = of("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n");
        assert_eq!((ubuntu.id.as_str(), ubuntu.family.as_str()), ("ubuntu", "debian"));
        assert_eq!((ubuntu.version.as_str(), ubuntu.codename.as_str(), ubuntu.major), ("24.04", "noble", 24));
        let debian = of("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n");
        assert_eq!(
            (debian.family.as_str(), debian.pretty.as_str(), debian.major),
            ("debian", "Debian GNU/Linux 12 (bookworm)", 0)
        );
        assert_eq!(of("ID=rocky\nID_LIKE=\"rhel centos fedora\"").family, "redhat");
        assert_eq!(of("ID=alpine").family, "alpine");
    }

    #[test]
    fn memory_is_in_mebibytes() {
        let text = "MemFree: 1 kB\nMemTotal:        2048000 kB\nMemAvailable: 1024000 kB\nSwapTotal: 0 kB\n";
        assert_eq!(memory(text), Memory { total_mb: 2000, available_mb: 1000, swap_mb: 0 });
        assert_eq!(memory("nonsense"), Memory::default());
    }

    #[test]
    fn names_come_from_the_kernel_and_the_hosts_file() {
        let owned = |a: &str, b: &str, c: &str| (a.to_string(), b.to_string(), c.to_string());
        assert_eq!(names("web1.example.org", ""), owned("web1", "web1.example.org", "example.org"));
        let hosts = "127.0.0.1 localhost\n# 127.0.1.1 web1.old web1\n127.0.1.1 web1.example.org web1 # me\n";
        assert_eq!(names("web1", hosts), owned("web1", "web1.example.org", "example.org"));
        assert_eq!(names("web", hosts), owned("web", "web", ""));
        assert_eq!(names("", ""), owned("", "", ""));
    }

    #[test]
    fn tools_are_known_by_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let make = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let tree = Tree::new(folder.path());
        assert_eq!((package_manager(&tree), init(&tree, false).as_str()), ("", ""));
        make("usr/bin/apt-get", "");
        make("usr/bin/dnf", "");
        make("proc/1/comm", "init\n");
        assert_eq!((package_manager(&tree), init(&tree, false).as_str()), ("dnf", "sysvinit"));
        make("var/lib/dpkg/status", "");
        make("run/openrc/softlevel", "default");
        assert_eq!((package_manager(&tree), init(&tree, false).as_str()), ("apt", "openrc"));
        assert_eq!(init(&tree, true), "systemd");
    }

    #[test]
    fn the_zone_is_where_the_link_leads() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::new(folder.path());
        assert_eq!(time(&tree).timezone, "UTC");
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/timezone"), "Europe/Paris\n").unwrap();
        assert_eq!(time(&tree).timezone, "Europe/Paris");
        std::os::unix::fs::symlink("../usr/share/zoneinfo/Asia/Tokyo", folder.path().join("etc/localtime"))
            .unwrap();
        assert_eq!(time(&tree).timezone, "Asia/Tokyo");
    }

    #[test]
    fn this_host_has_what_every_host_has() {
        let facts = facts();
        assert!(!facts.arch.is_empty() && !facts.kernel.is_empty() && facts.memory.total_mb > 0);
        assert!(
            facts.cpu.threads >= facts.cpu.cores && facts.cpu.cores >= facts.cpu.sockets,
            "{:?}",
            facts.cpu
        );
        assert!(facts.cpu.usable > 0 && facts.cpu.sockets > 0);
        assert!(facts.interfaces["lo"].ipv4.iter().any(|a| a.address == "127.0.0.1" && a.prefix == 8));
        assert_eq!(facts.interfaces["lo"].kind, "loopback");
        assert_eq!(facts.user.uid, rustix::process::geteuid().as_raw());
    }
}
