//! Of the host: packages, services, accounts, filesystems, the kernel.

use crate::playbook::{
    ParameterNames as Names,
    Theirs::{Begins, Is, Needed, Not, NotSo, Word},
};

const REPOSITORY: &str = "the repository is left out or in by a file of its own: a task of `copy` before it";
const UPGRADES: &str = "`unattended_upgrades` installs these by itself; with dnf a task of `command` that runs `dnf upgrade --security`";
const DOWNLOAD: &str = "a task of `command` that runs `apt-get download` or `dnf download`, with `creates`";
const RETRIES: &str = "`retries` and `delay` of the task";
const CLEAN: &str = "`command: apt-get clean`, with `changed_when: \"false\"`";

pub const PACKAGE: Names = &[
    ("package", Is("name")),
    ("pkg", Is("name")),
    ("allow_downgrades", Is("allow_downgrade")),
    ("update_only", Is("only_upgrade")),
    ("install_weak_deps", Is("install_recommends")),
    ("allow_change_held_packages", Not("`hold: false`, or `hold: true` where they are to be held again")),
    (
        "allowerasing",
        Not(
            "a task with `state: absent` before it removes what is in the way; `upgrade: full` may by itself",
        ),
    ),
    ("bugfix", Not(UPGRADES)),
    (
        "disable_excludes",
        Not("`hold: false` where the task has held it; else the line in dnf.conf, by `ini`"),
    ),
    ("download_dir", Not(DOWNLOAD)),
    ("download_only", Not(DOWNLOAD)),
    ("exclude", Not("`hold: true`, in a task before it, for what is to stay as it is")),
    ("fail_on_autoremove", Not("leave it out: an installation that would remove another package fails")),
    ("nobest", Not("`version` names one that can be installed")),
    (
        "policy_rc_d",
        Not("`service: {name: NAME, masked: true}` before it keeps what a package brings from starting"),
    ),
    ("releasever", Not("a task of `command` that runs `dnf --releasever`")),
    ("security", Not(UPGRADES)),
    ("skip_broken", Not("name what can be installed: what cannot be is an error")),
    ("update_cache_retries", Not(RETRIES)),
    ("update_cache_retry_max_delay", Not(RETRIES)),
    ("allow_unauthenticated", Not("`apt_repository` with `key`, or with `trusted: true`")),
    ("autoclean", Not(CLEAN)),
    ("clean", Not(CLEAN)),
    ("disable_gpg_check", Not("import the key before it: a task of `command` that runs `rpm --import`")),
    ("disablerepo", Not(REPOSITORY)),
    ("dpkg_options", Not("leave it out: a configuration file that was changed stays")),
    ("enablerepo", Not(REPOSITORY)),
    ("force", Not("leave it out; `allow_downgrade: true` is for an older version")),
    ("force_apt_get", Not("leave it out: it is always apt-get")),
    ("purge", Not("`state: purged`")),
    ("state", Word("build-dep", "`command: {argv: [apt-get, build-dep, -y, NAME], unless: ...}`")),
    ("upgrade", Word("dist", "`upgrade: full`: packages may be removed for it")),
    ("upgrade", Word("false", "leave it out: only what is named is installed")),
    ("upgrade", Word("no", "leave it out: only what is named is installed")),
    ("upgrade", Word("true", "`upgrade: safe`: no package is removed for it; with `full` one may be")),
    ("upgrade", Word("yes", "`upgrade: safe`: no package is removed for it; with `full` one may be")),
    ("use", Is("manager")),
];

const BY_URL: &str =
    "a key is fetched by `key_url`, with `key_checksum`; its text or its file are `key` and `key_src`";

const OPTION: &str = "such an option is for all sources: `copy: {dest: /etc/apt/apt.conf.d/90sources, content: ...}`, with lines such as `Acquire::Languages \"none\";`";
const UNSIGNED: &str = "`trusted: true` takes a source that nobody signs, with whatever it offers";

pub const APT_REPOSITORY: Names = &[
    ("allow_downgrade_to_insecure", Not(UNSIGNED)),
    ("allow_insecure", Not(UNSIGNED)),
    ("allow_weak", Not(UNSIGNED)),
    ("by_hash", Not(OPTION)),
    ("check_date", Not(OPTION)),
    ("check_valid_until", Not(OPTION)),
    ("languages", Not(OPTION)),
    ("pdiffs", Not(OPTION)),
    ("targets", Not(OPTION)),
    ("codename", Not("`suites`")),
    ("filename", Not("`name` is the name of the file too")),
    ("mode", Not("leave it out: the file gets 0644")),
    (
        "repo",
        NotSo(
            "ppa:",
            "`uris: https://ppa.launchpadcontent.net/{}/ubuntu`, `suites` with the release's name (`{{facts.os.codename}}`) and `components: main`; its key, of which the PPA's page tells the fingerprint, comes by `key`",
        ),
    ),
    ("repo", Not("the line taken apart: `uris`, `suites` and `components`")),
    ("signed_by", Begins("-----BEGIN", "the text of a key stands in `key`")),
    ("signed_by", Begins("http://", BY_URL)),
    ("signed_by", Begins("https://", BY_URL)),
    ("update_cache", Not("leave it out: lists are fetched when a source has changed")),
    ("validate_certs", Not("leave it out: certificates are always checked")),
];

pub const DEBCONF: Names = &[
    ("answer", Is("value")),
    ("pkg", Is("name")),
    ("selection", Is("question")),
    ("setting", Is("question")),
];

pub const SYSTEMD_UNIT: Names = &[(
    "scope",
    Not(
        "a unit of a user: `copy` to `.config/systemd/user` of the home, and `service` with `scope: user` and `daemon_reload: true`",
    ),
)];

pub const SERVICE: Names = &[
    ("daemon-reload", Is("daemon_reload")),
    ("service", Is("name")),
    ("unit", Is("name")),
    ("arguments", Not("a drop-in of the unit, by `copy`")),
    (
        "name",
        Needed(
            "name the unit; a task with `daemon_reload` alone is left out: `daemon_reload: true` stands with the service that needs it",
        ),
    ),
    ("daemon_reexec", Not("a task of `command` that runs `systemctl daemon-reexec`")),
    ("force", Not("leave it out")),
    ("no_block", Not("`command: {argv: [systemctl, start, --no-block, NAME]}`")),
    ("pattern", Not("leave it out: systemd says whether it runs")),
    ("runlevel", Not("`enabled`")),
    (
        "scope",
        Word(
            "global",
            "`command: {argv: [systemctl, --global, enable, NAME]}`: it says what users' managers start",
        ),
    ),
    ("sleep", Not("two tasks, with a `pause` between them")),
    ("use", Not("leave it out: it is always systemd")),
];

pub const CRON: Names = &[
    ("dom", Is("day")),
    ("dow", Is("weekday")),
    ("value", Is("job")),
    ("insertafter", Not("leave it out: a variable goes to the top, and holds for all jobs")),
    ("insertbefore", Not("leave it out: a variable goes to the top, and holds for all jobs")),
    ("reboot", Not("`special_time: reboot`")),
];

pub const AUTHORIZED_KEY: Names = &[
    (
        "follow",
        Not(
            "leave it out: the file is never reached through a link in the user's home; `path` names another",
        ),
    ),
    ("validate_certs", Not("leave it out: `key` is text, not an address")),
];

const KEY: &str =
    "`command: {argv: [ssh-keygen, -t, ed25519, -N, \"\", -f, FILE], creates: FILE}`, with `become_user`";
const OTHER_SYSTEM: &str = "leave it out: it is of another system than Linux";

pub const USER: Names = &[
    ("createhome", Is("create_home")),
    ("user", Is("name")),
    ("authorization", Not(OTHER_SYSTEM)),
    ("force", Not("leave it out: what still runs as the account is ended by a task of `command` before")),
    ("generate_ssh_key", Not(KEY)),
    ("hidden", Not(OTHER_SYSTEM)),
    ("local", Not("leave it out: an account is made in the files of the host")),
    ("login_class", Not(OTHER_SYSTEM)),
    ("non_unique", Not("leave it out: each account has a number of its own")),
    ("profile", Not(OTHER_SYSTEM)),
    ("role", Not(OTHER_SYSTEM)),
    ("seuser", Not("a task of `command` that runs semanage login")),
    ("ssh_key_bits", Not(KEY)),
    ("ssh_key_comment", Not(KEY)),
    ("ssh_key_file", Not(KEY)),
    ("ssh_key_passphrase", Not(KEY)),
    ("ssh_key_type", Not(KEY)),
    ("uid_max", Not("`uid`, or /etc/login.defs")),
    ("uid_min", Not("`uid`, or /etc/login.defs")),
];

pub const GROUP: Names = &[
    ("group", Is("name")),
    ("force", Not("leave it out: a group that is an account's own goes with the account")),
    ("gid_max", Not("`gid`, or /etc/login.defs")),
    ("gid_min", Not("`gid`, or /etc/login.defs")),
    ("local", Not("leave it out: a group is made in the files of the host")),
    ("non_unique", Not("leave it out: each group has a number of its own")),
];

const SWAP: &str = "swap is not mounted: `swap` uses a device of it, or makes a swap file";

pub const MOUNT: Names = &[
    ("name", Is("path")),
    ("boot", Not("noauto among the `opts`")),
    ("path", Word("none", SWAP)),
    ("path", Word("swap", SWAP)),
    ("fstype", Word("swap", SWAP)),
    ("fstab", Not("leave it out: it is always /etc/fstab")),
    (
        "state",
        Word("remounted", "write the options into `opts`: they are set on what is mounted when they differ"),
    ),
];

pub const FILESYSTEM: Names = &[
    ("dev", Is("device")),
    ("resizefs", Is("resize")),
    ("type", Is("fstype")),
    ("force", Not("leave it out: what holds anything is never formatted")),
    ("state", Not("leave it out: a filesystem is never removed")),
];

pub const REBOOT: Names = &[
    ("msg", Is("message")),
    ("post_reboot_delay", Is("post_delay")),
    ("post_reboot_delay_sec", Is("post_delay")),
    ("pre_reboot_delay", Is("pre_delay")),
    ("pre_reboot_delay_sec", Is("pre_delay")),
    ("reboot_timeout", Is("timeout")),
    ("reboot_timeout_sec", Is("timeout")),
    ("boot_time_command", Not("leave it out: the boot id tells")),
    ("connect_timeout", Not("leave it out; `timeout` is for all of it")),
    ("reboot_command", Not("leave it out: systemd starts the host anew")),
    ("search_paths", Not("leave it out")),
    ("test_command", Not("a task behind it: `wait_for: {succeeds: COMMAND}`")),
];

pub const HOSTNAME: Names = &[("use", Not("leave it out: systemd sets it"))];
pub const TIMEZONE: Names = &[("hwclock", Not("leave it out: the hardware's clock has UTC"))];

pub const SYSCTL: Names = &[
    ("key", Is("name")),
    ("sysctl_file", Is("file")),
    ("val", Is("value")),
    ("ignoreerrors", Not("`ignore_errors` of the task")),
    ("reload", Not("leave it out: a value holds at once")),
    ("sysctl_set", Not("leave it out: a value holds at once")),
];

pub const SUDOERS: Names = &[
    ("sudoers_path", Not("leave it out: it is always /etc/sudoers.d")),
    ("validation", Not("leave it out: visudo always checks it")),
];

pub const KERNEL_MODULE: Names = &[("persistent", Not("leave it out: it is for the next boot too"))];

pub const LIMITS: Names = &[
    ("limit_item", Is("item")),
    ("limit_type", Is("type")),
    ("dest", Not("`name`, the name of the file in /etc/security/limits.d")),
    ("use_max", Not("the number itself in `value`")),
    ("use_min", Not("the number itself in `value`")),
];

/// The hint of all that is a rule by itself.
pub const WHOLE_POLICY: &str = "the whole policy is one task: `public: [80, 443]` for everybody, `allow: [{port: 5432, from: [10.0.0.0/8]}]` for some";
const CLOSED: &str = "leave it out: what is not named is closed, and what leaves the host is open";
const AT_BOOT: &str = "leave it out: the rules hold at once and at each boot";
const OTHER_TABLE: &str = "such rules go into a table of their own: a file by `copy`, loaded by `nft -f`";

/// Of ufw, iptables and firewalld.
pub const FIREWALL: Names = &[
    ("action", Not(WHOLE_POLICY)),
    ("chain", Not(WHOLE_POLICY)),
    ("ctstate", Not("leave it out: connections that exist go on")),
    ("default", Not(CLOSED)),
    ("delete", Not("leave the port out of `public` and `allow`: what is not named is closed")),
    ("dest", Not(WHOLE_POLICY)),
    ("destination", Not(WHOLE_POLICY)),
    ("destination_port", Not(WHOLE_POLICY)),
    ("destination_ports", Not(WHOLE_POLICY)),
    ("direction", Not(CLOSED)),
    ("flush", Not("leave it out: the table is replaced as a whole; others are left alone")),
    ("from", Not(WHOLE_POLICY)),
    ("from_ip", Not(WHOLE_POLICY)),
    ("from_port", Not(WHOLE_POLICY)),
    ("immediate", Not(AT_BOOT)),
    ("in_interface", Not("`trusted` has the interfaces behind which others are")),
    ("insert", Not("leave it out: rules have no order, all that is named is open")),
    ("interface", Not("`trusted` has the interfaces behind which others are")),
    ("jump", Not(WHOLE_POLICY)),
    ("log", Not(OTHER_TABLE)),
    ("logging", Not(OTHER_TABLE)),
    ("masquerade", Not(OTHER_TABLE)),
    ("match", Not(WHOLE_POLICY)),
    ("name", Not("`public` and `allow` have ports, by their numbers: `public: [22, 80]`")),
    ("permanent", Not(AT_BOOT)),
    ("policy", Not(CLOSED)),
    ("port", Not(WHOLE_POLICY)),
    ("proto", Not("beside the port: `allow: [{port: 53, proto: udp}]`")),
    ("protocol", Not("beside the port: `allow: [{port: 53, proto: udp}]`")),
    ("rich_rule", Not(WHOLE_POLICY)),
    ("route", Not("`forward` says what goes to others behind the host")),
    ("rule", Not(WHOLE_POLICY)),
    ("service", Not("`public` and `allow` have ports, by their numbers: `public: [22, 80]`")),
    ("source", Not(WHOLE_POLICY)),
    ("src", Not(WHOLE_POLICY)),
    ("state", Not(CLOSED)),
    ("to_ip", Not(WHOLE_POLICY)),
    ("to_port", Not(WHOLE_POLICY)),
    ("zone", Not(WHOLE_POLICY)),
];
