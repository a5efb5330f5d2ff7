//! What is known of a host from the first frame on; read from files and system calls, no process is started.

use super::Names;
use crate::wire::{Facts, Os};
use std::fs;
use std::net::UdpSocket;

pub fn facts() -> Facts {
    let system = rustix::system::uname();
    let text = |bytes: &std::ffi::CStr| bytes.to_string_lossy().into_owned();
    let arch = text(system.machine());
    let uid = rustix::process::geteuid().as_raw();
    Facts {
        deb_arch: deb_arch(&arch).to_string(),
        arch,
        hostname: text(system.nodename()),
        kernel: text(system.release()),
        os: os(&fs::read_to_string("/etc/os-release")
            .or_else(|_| fs::read_to_string("/usr/lib/os-release"))
            .unwrap_or_default()),
        user: Names::default().owner(uid),
        uid,
        cpus: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        memory_mb: memory_mb(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        systemd: fs::metadata("/run/systemd/system").is_ok_and(|meta| meta.is_dir()),
        default_ipv4: source_address("0.0.0.0:0", "192.0.2.1:9"),
        default_ipv6: source_address("[::]:0", "[2001:db8::1]:9"),
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

fn os(text: &str) -> Os {
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
    let (version, codename, pretty) = (value("VERSION_ID"), value("VERSION_CODENAME"), value("PRETTY_NAME"));
    Os { id, family, version, codename, pretty }
}

fn memory_mb(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The address from which a packet to `far` would be sent; connecting a datagram socket sends nothing.
fn source_address(any: &str, far: &str) -> String {
    let address =
        UdpSocket::bind(any).and_then(|socket| socket.connect(far).and_then(|()| socket.local_addr()));
    address.ok().map(|a| a.ip()).filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_what_the_system_says_it_is_like() {
        let ubuntu = os("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n");
        assert_eq!((ubuntu.id.as_str(), ubuntu.family.as_str()), ("ubuntu", "debian"));
        assert_eq!((ubuntu.version.as_str(), ubuntu.codename.as_str()), ("24.04", "noble"));
        let debian = os("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n");
        assert_eq!(
            (debian.family.as_str(), debian.pretty.as_str()),
            ("debian", "Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(os("ID=rocky\nID_LIKE=\"rhel centos fedora\"").family, "redhat");
        assert_eq!(os("ID=alpine").family, "alpine");
    }

    #[test]
    fn memory_is_in_mebibytes() {
        assert_eq!(memory_mb("MemFree: 1 kB\nMemTotal:        2048000 kB\n"), 2000);
    }
}
