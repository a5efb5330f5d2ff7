//! Of the host: packages, services, accounts, filesystems, the kernel.

use crate::playbook::{
    ParameterNames as Names,
    Theirs::{Is, Not, Word},
};

const REPOSITORY: &str = "the repository is left out or in by a file of its own: a task of `copy` before it";
const BY_FILE: &str = "a file is fetched by `get_url` and installed by a task of `command`; better is a repository, `apt_repository`";
const CLEAN: &str = "`command: apt-get clean`, with `changed_when: \"false\"`";

pub const PACKAGE: Names = &[
    ("package", Is("name")),
    ("pkg", Is("name")),
    ("allow_downgrades", Is("allow_downgrade")),
    ("allow_unauthenticated", Not("`apt_repository` with `key`, or with `trusted: true`")),
    ("autoclean", Not(CLEAN)),
    ("clean", Not(CLEAN)),
    ("deb", Not(BY_FILE)),
    ("disable_gpg_check", Not("import the key before it: a task of `command` that runs `rpm --import`")),
    ("disablerepo", Not(REPOSITORY)),
    ("dpkg_options", Not("leave it out: a configuration file that was changed stays")),
    ("enablerepo", Not(REPOSITORY)),
    ("force", Not("leave it out; `allow_downgrade: true` is for an older version")),
    ("force_apt_get", Not("leave it out: it is always apt-get")),
    ("only_upgrade", Not("`state: latest`, in a task with a `when` that says where it is installed")),
    ("purge", Not("`state: purged`")),
    ("state", Word("build-dep", "`command: {argv: [apt-get, build-dep, -y, NAME], unless: ...}`")),
    ("use", Is("manager")),
];

pub const APT_REPOSITORY: Names = &[
    ("codename", Not("`suites`")),
    ("filename", Not("`name` is the name of the file too")),
    ("repo", Not("the line taken apart: `uris`, `suites` and `components`")),
    ("update_cache", Not("leave it out: lists are fetched when a source has changed")),
    ("validate_certs", Not("leave it out: certificates are always checked")),
];

pub const DEBCONF: Names = &[
    ("answer", Is("value")),
    ("pkg", Is("name")),
    ("selection", Is("question")),
    ("setting", Is("question")),
];

pub const SERVICE: Names = &[
    ("daemon-reload", Is("daemon_reload")),
    ("service", Is("name")),
    ("unit", Is("name")),
    ("arguments", Not("a drop-in of the unit, by `copy`")),
    ("daemon_reexec", Not("a task of `command` that runs `systemctl daemon-reexec`")),
    ("force", Not("leave it out")),
    ("no_block", Not("`command: {argv: [systemctl, start, --no-block, NAME]}`")),
    ("pattern", Not("leave it out: systemd says whether it runs")),
    ("runlevel", Not("`enabled`")),
    ("scope", Not("units of users: a task of `command` that runs `systemctl --user`, with `become_user`")),
    ("sleep", Not("two tasks, with a `pause` between them")),
    ("use", Not("leave it out: it is always systemd")),
];

pub const CRON: Names = &[
    ("dom", Is("day")),
    ("dow", Is("weekday")),
    ("value", Is("job")),
    ("reboot", Not("`special_time: reboot`")),
];

const KEY: &str =
    "`command: {argv: [ssh-keygen, -t, ed25519, -N, \"\", -f, FILE], creates: FILE}`, with `become_user`";
const AGING: &str = "a task of `command` that runs chage, or /etc/login.defs for accounts to come";
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
    ("move_home", Not("a task of `command` before it that moves the directory, with `creates`")),
    ("non_unique", Not("leave it out: each account has a number of its own")),
    ("password_expire_account_disable", Not(AGING)),
    ("password_expire_max", Not(AGING)),
    ("password_expire_min", Not(AGING)),
    ("password_expire_warn", Not(AGING)),
    ("profile", Not(OTHER_SYSTEM)),
    ("role", Not(OTHER_SYSTEM)),
    ("seuser", Not("a task of `command` that runs semanage login")),
    ("skeleton", Not("what is in /etc/skel is in a new home; the rest by tasks of `copy` behind it")),
    ("ssh_key_bits", Not(KEY)),
    ("ssh_key_comment", Not(KEY)),
    ("ssh_key_file", Not(KEY)),
    ("ssh_key_passphrase", Not(KEY)),
    ("ssh_key_type", Not(KEY)),
    ("uid_max", Not("`uid`, or /etc/login.defs")),
    ("uid_min", Not("`uid`, or /etc/login.defs")),
    ("umask", Not("the mode of the home, by a task of `file` behind it")),
];

pub const GROUP: Names = &[
    ("group", Is("name")),
    ("force", Not("leave it out: a group that is an account's own goes with the account")),
    ("gid_max", Not("`gid`, or /etc/login.defs")),
    ("gid_min", Not("`gid`, or /etc/login.defs")),
    ("local", Not("leave it out: a group is made in the files of the host")),
    ("non_unique", Not("leave it out: each group has a number of its own")),
];

pub const MOUNT: Names = &[
    ("name", Is("path")),
    ("boot", Not("noauto among the `opts`")),
    ("fstab", Not("leave it out: it is always /etc/fstab")),
    ("state", Word("remounted", "write the options into `opts`: those that differ are set")),
];

pub const FILESYSTEM: Names = &[
    ("dev", Is("device")),
    ("resizefs", Is("resize")),
    ("type", Is("fstype")),
    ("force", Not("leave it out: what holds anything is never formatted")),
    ("fstype", Word("ext2", "ext4 is what is made here")),
    ("fstype", Word("ext3", "ext4 is what is made here; it reads what ext3 wrote")),
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
    ("backup", Not("leave it out: what was there is kept with the run")),
    ("dest", Not("`name`, the name of the file in /etc/security/limits.d")),
    ("use_max", Not("the number itself in `value`")),
    ("use_min", Not("the number itself in `value`")),
];
