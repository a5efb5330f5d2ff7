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
mod timezone;
mod unarchive;
mod unattended_upgrades;
mod user;
mod wait_for;
mod xattr;
mod yaml_merge;

pub use shared::HostPath;
pub use shared::{Touch, device, docker, postgres, remote};

use crate::resource::{ResourceType, row};

/// All resource types, by name. Adding one: its file beside this one, its `mod`, and its row here.
pub const TABLE: &[ResourceType] = &[
    row::<acl::Acl>(),
    row::<apt_repository::AptRepository>(),
    row::<assemble::Assemble>(),
    row::<assert::Assert>(),
    row::<async_status::AsyncStatus>(),
    row::<authorized_key::AuthorizedKey>(),
    row::<blockinfile::BlockInFile>(),
    row::<certificate::Certificate>(),
    row::<command::Command>(),
    row::<compose::Compose>(),
    row::<copy::Copy>(),
    row::<cron::Cron>(),
    row::<debconf::Debconf>(),
    row::<debug::Debug>(),
    row::<docker_daemon::DockerDaemon>(),
    row::<docker_image::DockerImage>(),
    row::<docker_login::DockerLogin>(),
    row::<docker_network::DockerNetwork>(),
    row::<docker_prune::DockerPrune>(),
    row::<docker_volume::DockerVolume>(),
    row::<env_file::EnvFile>(),
    row::<fail::Fail>(),
    row::<fetch::Fetch>(),
    row::<file::File>(),
    row::<filesystem::Filesystem>(),
    row::<firewall::Firewall>(),
    row::<get_url::GetUrl>(),
    row::<git::Git>(),
    row::<group::Group>(),
    row::<hostname::Hostname>(),
    row::<hosts_entry::HostsEntry>(),
    row::<http::Http>(),
    row::<ini::Ini>(),
    row::<json_merge::JsonMerge>(),
    row::<kernel_module::KernelModule>(),
    row::<limits::Limits>(),
    row::<lineinfile::LineInFile>(),
    row::<link::Link>(),
    row::<locale::Locale>(),
    row::<logrotate::Logrotate>(),
    row::<meta::Meta>(),
    row::<mount::Mount>(),
    row::<package::Package>(),
    row::<pause::Pause>(),
    row::<port_probe::PortProbe>(),
    row::<postgres_db::PostgresDb>(),
    row::<postgres_query::PostgresQuery>(),
    row::<postgres_role::PostgresRole>(),
    row::<reboot::Reboot>(),
    row::<replace::Replace>(),
    row::<script::Script>(),
    row::<service::Service>(),
    row::<set_fact::SetFact>(),
    row::<shell::Shell>(),
    row::<sshd_config::SshdConfig>(),
    row::<stat::Stat>(),
    row::<sudoers::Sudoers>(),
    row::<swap::Swap>(),
    row::<synchronize::Synchronize>(),
    row::<sysctl::Sysctl>(),
    row::<systemd_timer::SystemdTimer>(),
    row::<systemd_unit::SystemdUnit>(),
    row::<template::Template>(),
    row::<timezone::Timezone>(),
    row::<unarchive::Unarchive>(),
    row::<unattended_upgrades::UnattendedUpgrades>(),
    row::<user::User>(),
    row::<wait_for::WaitFor>(),
    row::<xattr::Xattr>(),
    row::<yaml_merge::YamlMerge>(),
];

/// The type with this name.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TABLE.iter().find(|t| t.name == name)
}
