//! The resource types: one file each, and one row in [`TABLE`].

mod shared;

mod acl;
mod apt_repository;
mod assemble;
mod assert;
mod async_status;
mod authorized_key;
mod blockinfile;
mod certificate;
mod command;
mod compose;
mod copy;
mod cron;
mod debconf;
mod debug;
mod docker_daemon;
mod docker_image;
mod docker_login;
mod docker_network;
mod docker_prune;
mod docker_volume;
mod env_file;
mod fail;
mod fetch;
mod file;
mod filesystem;
mod firewall;
mod get_url;
mod git;
mod group;
mod hostname;
mod hosts_entry;
mod http;
mod ini;
mod json_merge;
mod kernel_module;
mod limits;
mod lineinfile;
mod link;
mod locale;
mod logrotate;
mod meta;
mod mount;
mod package;
mod pause;
mod port_probe;
mod postgres_db;
mod postgres_query;
mod postgres_role;
mod reboot;
mod replace;
mod script;
mod service;
mod set_fact;
mod shell;
mod sshd_config;
mod stat;
mod sudoers;
mod swap;
mod synchronize;
mod sysctl;
mod systemd_timer;
mod systemd_unit;
mod template;
mod theirs;
mod timezone;
mod unarchive;
mod unattended_upgrades;
mod user;
mod wait_for;
mod xattr;
mod yaml_merge;

pub use shared::HostPath;
pub use shared::{Touch, device, docker, network, postgres, remote, unit};

use crate::resource::{ResourceType, row};

/// All resource types, by name. Adding one: its file beside this one, its `mod`, and its row here.
pub const TABLE: &[ResourceType] = &[
    row::<acl::Acl>().theirs(&[theirs::files::ACL, theirs::files::PATH]),
    row::<apt_repository::AptRepository>().theirs(&[theirs::host::APT_REPOSITORY, theirs::files::KEPT]),
    row::<assemble::Assemble>().theirs(&[theirs::files::FILES]),
    row::<assert::Assert>().theirs(&[theirs::files::ASSERT]),
    row::<async_status::AsyncStatus>(),
    row::<authorized_key::AuthorizedKey>().theirs(&[theirs::host::AUTHORIZED_KEY, theirs::files::KEPT]),
    row::<blockinfile::BlockInFile>().theirs(&[
        theirs::files::BLOCK,
        theirs::files::EDITED,
        theirs::files::FILES,
    ]),
    row::<certificate::Certificate>().theirs(&[theirs::files::KEPT]),
    row::<command::Command>().theirs(&[theirs::programs::COMMAND]),
    row::<compose::Compose>().theirs(&[theirs::programs::COMPOSE, theirs::programs::DOCKER]),
    row::<copy::Copy>().theirs(&[theirs::files::COPY, theirs::files::FILES]),
    row::<cron::Cron>().theirs(&[theirs::host::CRON, theirs::files::KEPT]),
    row::<debconf::Debconf>().theirs(&[theirs::host::DEBCONF]),
    row::<debug::Debug>().theirs(&[theirs::files::DEBUG]),
    row::<docker_daemon::DockerDaemon>().theirs(&[theirs::files::KEPT]),
    row::<docker_image::DockerImage>().theirs(&[theirs::programs::IMAGE, theirs::programs::DOCKER]),
    row::<docker_login::DockerLogin>().theirs(&[theirs::programs::LOGIN, theirs::programs::DOCKER]),
    row::<docker_network::DockerNetwork>().theirs(&[theirs::programs::NETWORK, theirs::programs::DOCKER]),
    row::<docker_prune::DockerPrune>().theirs(&[theirs::programs::PRUNE, theirs::programs::DOCKER]),
    row::<docker_volume::DockerVolume>().theirs(&[theirs::programs::VOLUME, theirs::programs::DOCKER]),
    row::<env_file::EnvFile>().theirs(&[theirs::files::KEPT]),
    row::<fail::Fail>(),
    row::<fetch::Fetch>().theirs(&[theirs::files::FETCH]),
    row::<file::File>().theirs(&[theirs::files::FILE, theirs::files::PATH, theirs::files::FILES]),
    row::<filesystem::Filesystem>().theirs(&[theirs::host::FILESYSTEM]),
    row::<firewall::Firewall>().theirs(&[theirs::host::FIREWALL]),
    row::<get_url::GetUrl>().theirs(&[theirs::files::GET_URL, theirs::files::FILES]),
    row::<git::Git>().theirs(&[theirs::programs::GIT]),
    row::<group::Group>().theirs(&[theirs::host::GROUP]),
    row::<hostname::Hostname>().theirs(&[theirs::host::HOSTNAME]),
    row::<hosts_entry::HostsEntry>().theirs(&[theirs::files::KEPT]),
    row::<http::Http>().theirs(&[theirs::files::HTTP]),
    row::<ini::Ini>().theirs(&[theirs::files::INI, theirs::files::EDITED, theirs::files::FILES]),
    row::<json_merge::JsonMerge>().theirs(&[theirs::files::KEPT]),
    row::<kernel_module::KernelModule>().theirs(&[theirs::host::KERNEL_MODULE, theirs::files::KEPT]),
    row::<limits::Limits>().theirs(&[theirs::host::LIMITS, theirs::files::KEPT]),
    row::<lineinfile::LineInFile>().theirs(&[
        theirs::files::LINE,
        theirs::files::EDITED,
        theirs::files::FILES,
    ]),
    row::<link::Link>().theirs(&[theirs::files::LINK, theirs::files::PATH]),
    row::<locale::Locale>(),
    row::<logrotate::Logrotate>().theirs(&[theirs::files::KEPT]),
    row::<meta::Meta>(),
    row::<mount::Mount>().theirs(&[theirs::host::MOUNT, theirs::files::KEPT]),
    row::<package::Package>().theirs(&[theirs::host::PACKAGE]),
    row::<pause::Pause>(),
    row::<port_probe::PortProbe>(),
    row::<postgres_db::PostgresDb>().theirs(&[theirs::programs::DATABASE, theirs::programs::POSTGRES]),
    row::<postgres_query::PostgresQuery>().theirs(&[theirs::programs::QUERY, theirs::programs::POSTGRES]),
    row::<postgres_role::PostgresRole>().theirs(&[theirs::programs::ROLE, theirs::programs::POSTGRES]),
    row::<reboot::Reboot>().theirs(&[theirs::host::REBOOT]),
    row::<replace::Replace>().theirs(&[theirs::files::EDITED, theirs::files::FILES]),
    row::<script::Script>().theirs(&[theirs::programs::SCRIPT]),
    row::<service::Service>().theirs(&[theirs::host::SERVICE]),
    row::<set_fact::SetFact>(),
    row::<shell::Shell>().theirs(&[theirs::programs::SHELL]),
    row::<sshd_config::SshdConfig>().theirs(&[theirs::files::KEPT]),
    row::<stat::Stat>().theirs(&[theirs::files::STAT, theirs::files::PATH]),
    row::<sudoers::Sudoers>().theirs(&[theirs::host::SUDOERS, theirs::files::KEPT]),
    row::<swap::Swap>(),
    row::<synchronize::Synchronize>().theirs(&[theirs::files::SYNCHRONIZE]),
    row::<sysctl::Sysctl>().theirs(&[theirs::host::SYSCTL, theirs::files::KEPT]),
    row::<systemd_timer::SystemdTimer>().theirs(&[theirs::files::KEPT]),
    row::<systemd_unit::SystemdUnit>().theirs(&[theirs::files::KEPT, theirs::host::SYSTEMD_UNIT]),
    row::<template::Template>().theirs(&[theirs::files::TEMPLATE, theirs::files::FILES]),
    row::<timezone::Timezone>().theirs(&[theirs::host::TIMEZONE]),
    row::<unarchive::Unarchive>().theirs(&[theirs::files::UNARCHIVE, theirs::files::FILES]),
    row::<unattended_upgrades::UnattendedUpgrades>(),
    row::<user::User>().theirs(&[theirs::host::USER]),
    row::<wait_for::WaitFor>().theirs(&[theirs::files::WAIT_FOR]),
    row::<xattr::Xattr>().theirs(&[theirs::files::XATTR, theirs::files::PATH]),
    row::<yaml_merge::YamlMerge>().theirs(&[theirs::files::KEPT]),
];

/// The type with this name.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TABLE.iter().find(|t| t.name == name)
}
