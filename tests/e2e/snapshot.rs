//! All of a machine that a run could change, as text lines to compare.

use crate::guest::Guest;
use std::collections::BTreeSet;

/// Left out: what moves by itself or with each login (journal, records of logins, systemd's own notes of the time,
/// sessions). `--check` puts the agent into /run, which is memory, and must write to no disk.
///
/// The time of change of a file cannot be set back, so it stands for the content; what is small is hashed as well.
const SCRIPT: &str = r#"
export LC_ALL=C
find / -xdev \( -path /var/log/journal -o -path /var/log/wtmp -o -path /var/log/btmp -o -path /var/log/lastlog \
    -o -path /var/lib/systemd/timers -o -path /var/lib/systemd/random-seed -o -path /var/lib/systemd/timesync \
    -o -path /var/lib/wtmpdb -o -path /var/lib/lastlog \) -prune \
    -o -type d -printf 'file %y %m %U:%G %p\n' -o -printf 'file %y %m %U:%G %n %s %C@ %p %l\n'
find /etc /opt /root /home /srv /boot /usr/local /var/lib/dpkg -xdev -type f -exec sha256sum {} + | sed 's/^/content /'
find /tmp /dev/shm 2> /dev/null | sed 's/^/temporary /'
systemctl list-unit-files --no-legend --no-pager --plain | sed 's/^/unit file /'
systemctl list-units --all --no-legend --no-pager --plain | awk '{print "unit", $1, $2, $3, $4}' |
    grep -Ev '^unit (session-|user@|user-|run-user-|user-runtime-dir@|ssh@|sshd@|systemd-tmpfiles-clean\.service)'
dpkg-query -W -f 'package ${Package} ${Version} ${Status}\n'
if command -v nft > /dev/null; then nft list ruleset | sed 's/^/nft /'; fi
for protocol in ip ip6; do cat /proc/net/${protocol}_tables_names 2> /dev/null | sed "s/^/table of $protocol: /"; done
grep -rs '' /proc/sys/vm/overcommit_memory /proc/sys/vm/swappiness /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all |
    sed 's/^/kernel /'
findmnt -rn -o TARGET,SOURCE,FSTYPE | grep -v ^/run/user | sed 's/^/mount /'
ip -o route | sed 's/^/route /'
echo "data disk: $(head -c 1048576 /dev/disk/by-id/virtio-data | sha256sum)"
"#;

pub fn take(guest: &Guest) -> BTreeSet<String> {
    let lines: BTreeSet<String> = guest.sh(SCRIPT).lines().map(str::to_owned).collect();
    // A snapshot of nothing would be equal to itself.
    for kind in [
        "file f",
        "file d",
        "content ",
        "unit file ",
        "unit ",
        "package ",
        "kernel ",
        "mount ",
        "data disk: ",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(kind)),
            "{}: no `{kind}` in the snapshot",
            guest.name
        );
    }
    assert!(lines.len() > 5000, "{}: only {} lines in the snapshot", guest.name, lines.len());
    lines
}

#[track_caller]
pub fn assert_equal(guest: &Guest, before: &BTreeSet<String>, after: &BTreeSet<String>) {
    let gone = before.difference(after).map(|line| format!("- {line}"));
    let new = after.difference(before).map(|line| format!("+ {line}"));
    let changes: Vec<String> = gone.chain(new).take(60).collect();
    assert!(changes.is_empty(), "{} has changed:\n{}", guest.name, changes.join("\n"));
}
