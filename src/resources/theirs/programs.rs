//! Of programs: commands, Docker, PostgreSQL, Git.

use crate::playbook::{
    ParameterNames as Names,
    Theirs::{Is, Not, Word},
};

pub const SCRIPT: Names = &[
    ("cmd", Not("`src` for the file, and the arguments as a list in `args`")),
    ("decrypt", Not("leave it out: vaults open by themselves")),
];

pub const COMMAND: Names = &[
    ("expand_argument_vars", Not("leave it out: no variables are put in without a shell")),
    ("stdin_add_newline", Not("write the line's end into `stdin`")),
    ("strip_empty_ends", Not("leave it out: the last line's end is always taken away")),
    ("warn", Not("leave it out: no command is warned of")),
];

pub const SHELL: Names = &[
    ("stdin_add_newline", Not("write the line's end into `stdin`")),
    ("warn", Not("leave it out: no command is warned of")),
];

const SOCKET: &str =
    "leave it out: Docker is reached by its socket on the host; `delegate_to` makes that another host";

/// Of all that talks to Docker.
pub const DOCKER: Names = &[
    ("api_version", Not("leave it out: the host's own docker knows it")),
    ("ca_path", Not(SOCKET)),
    ("client_cert", Not(SOCKET)),
    ("client_key", Not(SOCKET)),
    ("docker_host", Not(SOCKET)),
    ("tls", Not(SOCKET)),
    ("tls_hostname", Not(SOCKET)),
    ("use_ssh_client", Not(SOCKET)),
    ("validate_certs", Not(SOCKET)),
];

const VOLUME_GONE: &str =
    "volumes are data: a task of `docker_volume` with `state: absent` and `destroy: true` removes one";

pub const COMPOSE: Names = &[
    ("env_files", Is("env_file")),
    ("project_name", Is("project")),
    ("project_src", Is("directory")),
    ("wait_timeout", Is("timeout")),
    ("assume_yes", Not("leave it out: nothing is asked; a volume that differs is never made anew")),
    ("check_files_existing", Not("leave it out: `files` says which there are")),
    ("definition", Not("a task of `copy` writes the Compose file")),
    (
        "dependencies",
        Not(
            "leave it out: what a service depends on comes with it, or compose takes it for changed the next time",
        ),
    ),
    ("ignore_build_events", Not("leave it out: a task that builds each time counts as changed each time")),
    ("nocache", Not("a task of `command`: `docker compose build --no-cache`")),
    ("remove_images", Not("a task of `docker_image` with `state: absent`, or of `docker_prune`")),
    ("remove_volumes", Not(VOLUME_GONE)),
    (
        "renew_anon_volumes",
        Not(
            "volumes are data: a task of `command` removes the container with them, `docker rm --force --volumes`",
        ),
    ),
    ("restarted", Not("`state: restarted`")),
    ("stopped", Not("`state: stopped`")),
];

pub const NETWORK: Names = &[
    ("driver_options", Is("options")),
    ("enable_ipv6", Is("ipv6")),
    ("network_name", Is("name")),
    ("appends", Not("containers say in their Compose file which networks they are in")),
    ("config_from", Not("leave it out: each network has its own properties")),
    ("config_only", Not("leave it out: each network has its own properties")),
    ("ipam_driver", Not("leave it out: Docker gives the addresses; `subnet` and `ip_range` say which")),
    (
        "ipam_driver_options",
        Not("leave it out: Docker gives the addresses; `subnet` and `ip_range` say which"),
    ),
    ("scope", Not("leave it out: a network is this host's own")),
    ("connected", Not("containers say in their Compose file which networks they are in")),
    ("force", Not("`recreate: true`")),
    ("ipam_config", Not("`subnet`, `gateway` and `ip_range`")),
];

pub const VOLUME: Names = &[
    ("driver_options", Is("driver_opts")),
    ("volume_name", Is("name")),
    (
        "recreate",
        Not(
            "leave it out: a volume is never made anew; `state: absent` with `destroy: true` before it removes what is in it",
        ),
    ),
];

pub const IMAGE: Names = &[
    ("load_path", Is("archive")),
    ("archive_path", Not("`command: {argv: [docker, save, -o, FILE, IMAGE], creates: FILE}`")),
    ("platform", Not("the digest of the platform's own image, in `digest`")),
    ("pull", Not("leave it out: what is missing is pulled; `force_pull: true` pulls each time")),
    (
        "build",
        Not(
            "a task of `compose`, with a part build in the Compose file; better is an image that is built elsewhere",
        ),
    ),
    ("force_absent", Not("leave it out: an image that a container uses stays; remove the container first")),
    ("force_source", Not("`force_pull: true`")),
    ("force_tag", Not("an image is tagged by a task of `command`")),
    ("push", Not("an image is pushed by a task of `command`")),
    ("repository", Not("an image is pushed by a task of `command`")),
    ("tag", Not("behind the name: `name: \"app:1.2\"`")),
];

const FILTERS: &str =
    "`until` for what is old enough, `labels` for what has them; other filters are a task of their own";

pub const PRUNE: Names = &[
    ("builder_cache_filters", Not("`until`")),
    ("builder_cache_keep_storage", Not("`until` keeps what was used of late")),
    ("containers_filters", Not(FILTERS)),
    ("images_filters", Not("`images: dangling` or `images: all`; `until` and `labels`")),
    ("networks_filters", Not(FILTERS)),
    ("volumes", Not(VOLUME_GONE)),
    ("volumes_filters", Not(VOLUME_GONE)),
];

pub const LOGIN: Names = &[
    ("config_path", Is("config")),
    ("registry_url", Is("registry")),
    ("reauthorize", Not("leave it out: a password that differs is written")),
];

const SERVER: &str =
    "the server is reached on its own host: by its socket, `socket`, or in its container, `container`";
const PASSWORD: &str = "leave it out: `login_user` needs no password on the server's own host";

const RIGHTS: &str =
    "rights are given by a task of `command` that runs psql, with `unless`; `postgres_query` only looks";

const BY_PSQL: &str = "a task of `command` behind it that runs psql, with `unless`";

/// Of all that talks to a server.
pub const POSTGRES: Names = &[
    ("login_unix_socket", Is("socket")),
    ("unix_socket", Is("socket")),
    ("login_port", Is("port")),
    ("ca_cert", Not(SERVER)),
    ("login_host", Not(SERVER)),
    ("login_password", Not(PASSWORD)),
    ("ssl_mode", Not(SERVER)),
];

pub const ROLE: Names = &[
    ("conn_limit", Is("connection_limit")),
    ("expires", Is("valid_until")),
    ("role", Is("name")),
    ("user", Is("name")),
    ("comment", Not(BY_PSQL)),
    ("configuration", Not(BY_PSQL)),
    ("db", Not(RIGHTS)),
    (
        "groups",
        Not("`member_of`: the roles that it is a member of; those that are not named there are taken away"),
    ),
    ("encrypted", Not("leave it out: a password is never stored in clear")),
    ("no_password_changes", Not("leave `password` out")),
    ("priv", Not(RIGHTS)),
    ("role_attr_flags", Not("each by its own name: `login: true`, `createdb: true`, `superuser: false`")),
];

pub const DATABASE: Names = &[
    ("db", Is("name")),
    ("comment", Not(BY_PSQL)),
    ("conn_limit", Not(BY_PSQL)),
    ("icu_locale", Not("a `template` of that locale, made by a task of `command` that runs createdb")),
    ("locale_provider", Not("a `template` of that locale, made by a task of `command` that runs createdb")),
    ("tablespace", Not(BY_PSQL)),
    ("force", Not("`destroy: true` with `state: absent`")),
    ("state", Word("dump", "a task of `command` that runs pg_dump")),
    ("state", Word("restore", "a task of `command` that runs pg_restore")),
];

pub const QUERY: Names = &[
    ("login_db", Is("db")),
    ("positional_args", Is("args")),
    ("named_args", Not("`args`, in the order of `$1`, `$2`")),
    ("path_to_script", Not("the text of the file: `query: \"{{file 'name.sql'}}\"`")),
];

const BY_GIT: &str = "a task of `command` that runs git, with `creates` or `unless`";

pub const GIT: Names = &[
    ("name", Is("repo")),
    ("accept_newhostkey", Is("accept_hostkey")),
    ("archive", Not("a task of `command` that runs git archive, with `creates`")),
    ("archive_prefix", Not("a task of `command` that runs git archive, with `creates`")),
    ("bare", Not("`command: {argv: [git, clone, --bare, REPO, FOLDER], creates: FOLDER}`")),
    ("executable", Not("leave it out: the git that is found in PATH is used")),
    ("gpg_allowlist", Not(BY_GIT)),
    ("gpg_whitelist", Not(BY_GIT)),
    ("reference", Not("leave it out; `depth` makes the clone small")),
    ("remote", Not("leave it out: it is always called origin")),
    ("separate_git_dir", Not(BY_GIT)),
    ("single_branch", Not("leave it out; `depth` makes the clone small")),
    ("ssh_opts", Not("`key_file` and `accept_hostkey`; other options stand in the account's ~/.ssh/config")),
    ("track_submodules", Not("leave it out: submodules are at the commits that the repository says")),
    ("umask", Not("the modes, by a task of `file` with `recurse` behind it")),
    ("verify_commit", Not(BY_GIT)),
];
