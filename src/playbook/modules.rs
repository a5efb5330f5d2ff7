//! Ansible's modules that are not there: whose work another name does here, and what to do instead of the others.

/// Ansible's modules whose work another name does here.
const OTHER_NAME: &[(&str, &str)] = &[
    ("apt", "package"),
    ("apt_key", "apt_repository"),
    ("cronvar", "cron"),
    ("deb822_repository", "apt_repository"),
    ("dnf", "package"),
    ("dnf5", "package"),
    ("docker_compose", "compose"),
    ("docker_compose_v2", "compose"),
    ("docker_container", "compose"),
    ("docker_image_load", "docker_image"),
    ("docker_image_pull", "docker_image"),
    ("docker_image_remove", "docker_image"),
    ("dpkg_selections", "package"),
    ("firewalld", "firewall"),
    ("ini_file", "ini"),
    ("iptables", "firewall"),
    ("kernel_blacklist", "kernel_module"),
    ("locale_gen", "locale"),
    ("modprobe", "kernel_module"),
    ("nftables", "firewall"),
    ("openssl_certificate", "certificate"),
    ("openssl_csr", "certificate"),
    ("openssl_privatekey", "certificate"),
    ("pam_limits", "limits"),
    ("postgresql_db", "postgres_db"),
    ("postgresql_ext", "postgres_db"),
    ("postgresql_query", "postgres_query"),
    ("postgresql_user", "postgres_role"),
    ("raw", "shell"),
    ("systemd", "service"),
    ("systemd_service", "service"),
    ("sysvinit", "service"),
    ("ufw", "firewall"),
    ("uri", "http"),
    ("x509_certificate", "certificate"),
    ("yum", "package"),
];

const DOCKER: &str = "a task of `command` that runs docker, with `unless`";
const IMAGES: &str =
    "a task of `command` that runs docker, where images are built; `docker_image` brings them to a host";
const INSPECT: &str = "`command: {argv: [docker, inspect, NAME], changes: false}` with `register`";
const INSTALLER: &str = "a task of `command`, with `creates` or `unless`";
const PSQL: &str = "a task of `command` that runs psql, with `unless`";
const SEMANAGE: &str = "a task of `command` that runs semanage, with `unless`";
const VOLUMES: &str =
    "a task of `command` with `creates` or `unless`; `filesystem` and `mount` go on from there";

/// Modules of Ansible that are not there, or not as a whole, and what to do instead.
const INSTEAD: &[(&str, &str)] = &[
    (
        "acme_certificate",
        "a client such as certbot; `certificate` with `method: keep` looks after what it puts in place",
    ),
    ("add_host", "name the host in the inventory"),
    ("alternatives", "`command: {argv: [update-alternatives, --set, NAME, PATH], unless: ...}`"),
    ("archive", "`command: {argv: [tar, -czf, FILE, FOLDER], creates: FILE}`"),
    ("at", "`systemd_timer`"),
    ("capabilities", "a task of `command` that runs setcap, with `unless`"),
    ("cargo", INSTALLER),
    ("composer", INSTALLER),
    ("cpanm", INSTALLER),
    (
        "docker_container_exec",
        "`command: {argv: [docker, exec, NAME, ...]}`, with `unless` or `changes: false`",
    ),
    ("docker_container_info", INSPECT),
    ("docker_host_info", "`command: {argv: [docker, info], changes: false}` with `register`"),
    ("docker_image_build", IMAGES),
    ("docker_image_info", INSPECT),
    ("docker_image_push", IMAGES),
    ("docker_image_tag", IMAGES),
    ("docker_network_info", INSPECT),
    ("docker_node", DOCKER),
    ("docker_secret", DOCKER),
    ("docker_stack", DOCKER),
    ("docker_swarm", DOCKER),
    ("docker_volume_info", INSPECT),
    ("expect", "a task of `command` with `stdin`, or with the option of the program that asks nothing"),
    ("find", "a task of `command` that runs find, with `register`; `stat` for one file"),
    (
        "firewalld",
        "`firewall` does it on hosts where firewalld does not run; elsewhere `command: firewall-cmd ...` with `unless`",
    ),
    ("flatpak", INSTALLER),
    ("gather_facts", "leave it out: facts are always there, as `facts.NAME`"),
    ("gem", "a task of `command`, with `unless`"),
    ("get_certificate", "`certificate` looks at it by itself"),
    ("getent", "`command: {argv: [getent, passwd, NAME], changes: false}` with `register`"),
    ("git_config", "`ini` with the file itself, e.g. /etc/gitconfig; or a task of `command`, with `unless`"),
    ("group_by", "`when`, or groups in the inventory"),
    ("homebrew", INSTALLER),
    ("htpasswd", "a task of `command` that runs htpasswd, with `unless`; or the file by `copy`"),
    ("interfaces_file", "the file by `template`"),
    ("known_hosts", "`lineinfile` with a line of /etc/ssh/ssh_known_hosts"),
    ("lvg", VOLUMES),
    ("lvol", VOLUMES),
    ("make", INSTALLER),
    ("monit", "`systemd_unit`, which starts again what has ended"),
    ("mount_facts", "`command: {argv: [findmnt, --json], changes: false}` with `register`"),
    ("nmcli", "the file of the connection by `template`"),
    ("npm", INSTALLER),
    ("openssh_keypair", "`command: {argv: [ssh-keygen, -t, ed25519, -N, \"\", -f, FILE], creates: FILE}`"),
    ("package_facts", "a task of `command` that runs dpkg-query, with `register`"),
    ("pamd", "`lineinfile` with a line of the file in /etc/pam.d"),
    ("parted", VOLUMES),
    ("patch", "`blockinfile` or `replace`; or a task of `command` that runs patch, with `unless`"),
    ("ping", "leave it out: each host is reached before anything is done"),
    (
        "pip",
        "a task of `command`, with `creates` or `unless`; Python's packages of the distribution by `package`",
    ),
    ("pipx", INSTALLER),
    ("postgresql_owner", PSQL),
    ("postgresql_pg_hba", "the file by `template`, or a line of it by `lineinfile`"),
    ("postgresql_ping", "`wait_for` for the port; `postgres_query` asks the server"),
    ("postgresql_privs", PSQL),
    ("postgresql_schema", PSQL),
    ("postgresql_set", PSQL),
    ("postgresql_table", PSQL),
    ("rpm_key", "`command: {argv: [rpm, --import, FILE], unless: ...}`"),
    ("seboolean", "a task of `command` that runs setsebool, with `unless`"),
    ("sefcontext", SEMANAGE),
    ("selinux", "a line of /etc/selinux/config, by `lineinfile`"),
    ("seport", SEMANAGE),
    ("service_facts", "a task of `command` that runs systemctl, with `register`"),
    ("set_stats", "`set_fact`"),
    ("setup", "leave it out: facts are always there, as `facts.NAME`"),
    ("slurp", "`command: cat FILE` with `register`; `fetch` brings a file here"),
    ("snap", "`command: {argv: [snap, install, NAME], unless: ...}`"),
    ("ssh_config", "`blockinfile` in /etc/ssh/ssh_config or in the user's own"),
    ("subversion", INSTALLER),
    ("supervisorctl", "`systemd_unit`: systemd looks after the program itself"),
    ("tempfile", "`command: mktemp` with `register`; `script` needs none"),
    ("validate_argument_spec", "meta/inputs.yml of the role, which is checked before the run"),
    (
        "wait_for_connection",
        "leave it out: each host is reached before anything is done, and `reboot` waits until it is back",
    ),
    ("xml", "the whole file by `template`, or a part of it by `replace`"),
    ("yum_repository", "a file in /etc/yum.repos.d, by `copy`"),
    ("zfs", "a task of `command` that runs zfs, with `unless`"),
];

const POLICY: &str =
    "the whole policy in one task: `public: [80, 443]`, `allow: [{port: 5432, from: [10.0.0.0/8]}]`";

/// What of that resource it is, where its name does not say so.
const PART: &[(&str, &str)] = &[
    ("apt_key", "`key` or `key_url` of the source"),
    ("cronvar", "`env: true`"),
    ("docker_container", "a Compose file"),
    ("docker_image_load", "`source: load`"),
    ("docker_image_remove", "`state: absent`"),
    ("dpkg_selections", "`hold`"),
    ("iptables", POLICY),
    ("kernel_blacklist", "`blacklist: true`"),
    ("nftables", POLICY),
    ("postgresql_ext", "`extensions`"),
    ("ufw", POLICY),
];

/// What to do instead of a module that is not there.
pub(super) fn instead_of_module(key: &str) -> Option<&'static str> {
    INSTEAD.iter().find(|(name, _)| *name == key).map(|(_, hint)| *hint)
}

/// Modules of Ansible whose work a resource of another name does, with that name.
pub fn other_names() -> &'static [(&'static str, &'static str)] {
    OTHER_NAME
}

/// The resource that does the work of a module of Ansible with another name.
pub fn other_name(module: &str) -> Option<&'static str> {
    OTHER_NAME.iter().find(|(theirs, _)| *theirs == module).map(|(_, ours)| *ours)
}

/// What does the work of a module here, as a hint.
pub fn done_here(module: &str) -> Option<String> {
    if let Some(hint) = instead_of_module(module) {
        return Some(hint.into());
    }
    let ours = other_name(module)?;
    let part = PART.iter().find(|(theirs, _)| *theirs == module);
    Some(format!(
        "`{ours}` does this here{}",
        part.map_or(String::new(), |(_, part)| format!(", with {part}"))
    ))
}
