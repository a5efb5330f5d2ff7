//! Of files and what is in them.

use crate::playbook::{
    ParameterNames as Names,
    Theirs::{Begins, Is, Needed, Not, Shown, Word},
};

const BACKUP: &str = "leave it out: what was there is kept on the host, in the folder of the run below /var/lib/provision-agent/runs";
const LABEL: &str = "a task of `command` that runs semanage and restorecon sets the label for good";
const ENCODING: &str = "leave it out: the file is read and written as UTF-8";

/// Of all that writes files.
pub const FILES: Names = &[
    ("attr", Not("a task of `command` that runs chattr")),
    ("attributes", Not("a task of `command` that runs chattr")),
    ("backup", Not(BACKUP)),
    ("selevel", Not(LABEL)),
    ("serole", Not(LABEL)),
    ("setype", Not(LABEL)),
    ("seuser", Not(LABEL)),
    ("unsafe_writes", Not("leave it out: a file is always replaced as a whole")),
];

/// Of what else writes a file.
pub const KEPT: Names = &[("backup", Not(BACKUP))];

const LINK_TARGET: &str = "name the file that the link points to";

/// Of all that edits a file.
pub const EDITED: Names = &[
    ("dest", Is("path")),
    ("destfile", Is("path")),
    ("name", Is("path")),
    ("encoding", Not(ENCODING)),
    ("follow", Not(LINK_TARGET)),
];

pub const PATH: Names = &[("dest", Is("path")), ("name", Is("path"))];

pub const COPY: Names = &[
    ("checksum", Not("leave it out: the content is compared anyway")),
    ("decrypt", Not("leave it out: vaults open by themselves")),
    ("follow", Not(LINK_TARGET)),
    ("local_follow", Not("leave it out: what a link here points to is brought")),
    (
        "directory_mode",
        Not(
            "a whole folder of the project is brought by `synchronize`, with `directory_mode`; one of the host is copied by `command: {argv: [cp, -a, FROM, TO], creates: TO}`",
        ),
    ),
];

pub const TEMPLATE: Names = &[
    ("follow", Not(LINK_TARGET)),
    ("lstrip_blocks", Not("leave it out: a line with nothing but a block's braces vanishes as a whole")),
    ("trim_blocks", Not("leave it out: a line with nothing but a block's braces vanishes as a whole")),
    ("newline_sequence", Not("leave it out: lines end as they do in the template")),
    ("output_encoding", Not("leave it out: it is written as UTF-8")),
];

pub const FILE: Names = &[
    ("access_time", Word("now", "a task of `command` that runs touch")),
    ("follow", Not("leave it out: no link is followed; name what it points to where that is meant")),
    ("modification_time", Word("now", "a task of `command` that runs touch")),
];

pub const LINK: Names = &[
    ("src", Is("target")),
    ("mode", Not("a link has no mode; that of its target is set by `file`")),
    ("owner", Not("the owner of the target is set by `file`")),
    ("group", Not("the group of the target is set by `file`")),
    ("state", Word("hard", "another name of a file is made by `file: {path: NEW, src: OLD, state: hard}`")),
    ("state", Word("link", "leave it out: `present` is the default")),
];

pub const LINE: Names = &[("regex", Is("regexp")), ("value", Is("line"))];

pub const BLOCK: Names = &[("content", Is("block"))];

pub const INI: Names = &[
    ("ignore_spaces", Not("leave it out: a line that has the value keeps its spacing")),
    (
        "modify_inactive_option",
        Not("leave it out: an option that is commented out stays, and gets a line below"),
    ),
    ("section_has_values", Not("name the section in `section`: its name must be the only one")),
];

const CERTIFICATE: &str =
    "a task of `command` that runs curl with a certificate of its own: `curl --cert FILE --key FILE`";

pub const GET_URL: Names = &[
    ("client_cert", Not(CERTIFICATE)),
    ("client_key", Not(CERTIFICATE)),
    ("decompress", Not("leave it out: it is written as the server has it; `unarchive` unpacks it")),
    ("http_agent", Not("a header: `headers: {User-Agent: ...}`")),
    (
        "checksum",
        Needed(
            "`curl -fsSL URL | sha256sum` prints the digits, to be compared with what its makers say: `checksum: sha256:...`",
        ),
    ),
    ("follow_redirects", Not("leave it out: redirects are followed, from HTTPS to HTTPS only")),
    ("force", Not("leave it out: `checksum` says what the content is to be")),
    (
        "force_basic_auth",
        Not("leave it out: `url_username` and `url_password` are sent with the first request"),
    ),
    ("password", Is("url_password")),
    ("tmp_dest", Not("leave it out: it is written beside its place, which it takes at once")),
    ("use_proxy", Not("`environment` of the task, with the variables of the proxy")),
    ("username", Is("url_username")),
    ("validate_certs", Not("leave it out: `checksum` protects the content")),
];

const BY_URL: &str =
    "`get_url` fetches it in a task before this one, and here is its path, with `remote_src: true`";

pub const UNARCHIVE: Names = &[
    ("src", Begins("http://", BY_URL)),
    ("src", Begins("https://", BY_URL)),
    ("src", Begins("ftp://", BY_URL)),
    ("copy", Not("`remote_src: true` where it is false")),
    ("decrypt", Not("leave it out: vaults open by themselves")),
    ("extra_opts", Not("`strip_components`, `include` and `exclude` are what there is")),
    ("io_buffer_size", Not("leave it out")),
    (
        "keep_newer",
        Not("leave it out: what differs from the archive is written; `creates` unpacks only once"),
    ),
    ("list_files", Not("a task of `command` that runs tar -t, with `changes: false` and `register`")),
    ("validate_certs", Not("leave it out; what comes by a URL is fetched by `get_url` before it")),
];

const CONNECTION: &str = "leave it out: files go by the connection of the run, as the inventory has it";
const LINKS: &str = "leave it out: links stay links";

pub const SYNCHRONIZE: Names = &[
    ("checksum", Not("leave it out: files are always compared by their content")),
    ("compress", Not("leave it out: only files that differ are sent")),
    ("copy_links", Not("put the files themselves into the folder: links stay links")),
    ("delay_updates", Not("leave it out: each file takes its place at once")),
    ("dest_port", Not(CONNECTION)),
    ("links", Not(LINKS)),
    ("partial", Not("leave it out: only files that differ are sent")),
    ("perms", Not("`mode` and `directory_mode` say what the files and folders get")),
    ("private_key", Not(CONNECTION)),
    ("set_remote_user", Not(CONNECTION)),
    ("times", Not("leave it out: files are compared by their content, whatever their times are")),
    ("use_ssh_args", Not(CONNECTION)),
    ("verify_host", Not(CONNECTION)),
    ("archive", Not("leave it out; `mode`, `owner` and `group` say what the files get")),
    ("mode", Word("pull", "a file is brought here by `fetch`")),
    ("mode", Word("push", "leave it out: it is always from here to the host")),
    ("recursive", Not("leave it out: a folder comes with all that is in it")),
    ("rsync_opts", Not("`exclude` and `delete` are what there is")),
    ("rsync_path", Not("leave it out: no rsync is needed")),
];

pub const FETCH: Names = &[("validate_checksum", Not("leave it out: it is always checked"))];

pub const STAT: Names = &[
    ("attributes", Is("get_attributes")),
    ("checksum", Is("checksum_algorithm")),
    ("checksum_algo", Is("checksum_algorithm")),
    ("mime", Is("get_mime")),
];

pub const XATTR: Names = &[("follow", Not(LINK_TARGET))];

pub const ACL: Names = &[
    ("follow", Not("leave it out; a link has no list: name the file that it points to")),
    (
        "recalculate_mask",
        Not(
            "leave it out: the mask lets all entries have their rights, unless one of the `entries` is a mask",
        ),
    ),
    ("use_nfsv4_acls", Not("a task of `command` that runs nfs4_setfacl")),
    ("entry", Not("a list: `entries: [\"user:app:rwx\"]`")),
];

pub const DEBUG: Names =
    &[("var", Shown("msg")), ("verbosity", Not("`when`, with a variable of the command line"))];

pub const ASSERT: Names = &[
    ("fail_msg", Is("msg")),
    ("quiet", Not("leave it out: nothing is shown of what holds")),
    ("success_msg", Not("a task of `debug` behind it")),
];

const PROXY: &str =
    "leave it out: no proxy is asked; through one goes a task of `command` that runs `curl --proxy`";

pub const HTTP: Names = &[
    ("client_cert", Not(CERTIFICATE)),
    ("client_key", Not(CERTIFICATE)),
    ("creates", Not("`when`, by the result of a task of `stat` before it")),
    ("removes", Not("`when`, by the result of a task of `stat` before it")),
    ("force", Not("leave it out: nothing is kept of earlier answers")),
    ("http_agent", Not("a header: `headers: {User-Agent: ...}`")),
    ("src", Not("the text of the file: `body: \"{{file 'name.json'}}\"`")),
    ("unix_socket", Not("a task of `command` that runs `curl --unix-socket`, with `changes: false`")),
    ("use_proxy", Not(PROXY)),
    ("ca_path", Is("ca")),
    ("status_code", Is("status")),
    ("dest", Not("a file is fetched by `get_url`")),
    ("password", Is("url_password")),
    ("user", Is("url_username")),
    ("follow_redirects", Word("false", "`none`, which is the default")),
    ("follow_redirects", Word("no", "`none`, which is the default")),
    ("follow_redirects", Word("true", "`all`, or `safe` for `GET` and `HEAD` alone")),
    ("follow_redirects", Word("urllib2", "`safe`")),
    ("follow_redirects", Word("yes", "`all`, or `safe` for `GET` and `HEAD` alone")),
    (
        "force_basic_auth",
        Not("leave it out: `url_username` and `url_password` are sent with the first request"),
    ),
    ("validate_certs", Not("leave it out; where it is false, `insecure: true`")),
];

pub const WAIT_FOR: Names = &[
    ("active_connection_states", Not("`succeeds`, with a command that looks at them")),
    ("connect_timeout", Not("leave it out; `timeout` is for all of it")),
    ("exclude_hosts", Not("`succeeds`, with a command that looks at the connections")),
    ("msg", Not("leave it out: the failure says what was waited for")),
    ("sleep", Not("`interval_ms`, in milliseconds")),
    ("state", Word("drained", "`succeeds`, with a command that looks at the connections")),
];
