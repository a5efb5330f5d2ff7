//! Which parts of a host an answer depends on.

use crate::{
    model::Area,
    resources::{device, docker, network, postgres, remote, unit},
};
use agent::wire::{AttributeProbe, MachineProbe, Probe, Query};

/// The parts of a host that the answer to a query depends on.
pub fn areas_of(query: &Query) -> Vec<Area> {
    let path = |p: &str| Area::Path(p.to_string());
    match query {
        Query::File { path: p }
        | Query::Read { path: p, .. }
        | Query::There { path: p }
        | Query::Stat { path: p, .. }
        | Query::List { path: p } => vec![path(p)],
        Query::User { .. } | Query::Group { .. } | Query::UserOf { .. } | Query::GroupOf { .. } => {
            vec![Area::Accounts]
        }
        Query::Ports { .. } => vec![Area::Network],
        Query::Record { .. } | Query::Owed { .. } => vec![],
        Query::Job { id } => vec![Area::Job(id.clone())],
        Query::Test(_) => vec![Area::Everything],
        Query::Run(probe) => match probe {
            Probe::DpkgStatus { .. }
            | Probe::AptPolicy { .. }
            | Probe::AptSimulate(_)
            | Probe::AptLock
            | Probe::PackageLists { .. }
            | Probe::Debconf { .. }
            | Probe::DpkgAudit
            | Probe::AptSource { .. }
            | Probe::DpkgProvides { .. }
            | Probe::AptProviders { .. }
            | Probe::RpmProvides { .. }
            | Probe::RpmStatus { .. }
            | Probe::Dnf(_) => vec![Area::Packages],
            Probe::UnitState { unit } => vec![Area::Unit(unit.clone())],
            Probe::UserUnit { unit } => vec![unit::of_a_user(unit), unit::lingering()],
            Probe::Sysctl { key } => vec![Area::Sysctl(key.clone())],
            Probe::NftTable { .. } | Probe::NftCheck { .. } | Probe::Unconfirmed { .. } => {
                vec![Area::Firewall]
            }
            Probe::Certificate { path: p, key, .. } => vec![path(p), path(key)],
            Probe::Which { .. } | Probe::WhichOf { .. } => vec![Area::Packages],
            Probe::Compose(_) | Probe::DockerApi | Probe::Subnets => vec![Area::Docker],
            Probe::Attribute(question) => match question {
                AttributeProbe::Xattr { path: p, .. }
                | AttributeProbe::Acl { path: p, .. }
                | AttributeProbe::Tree { path: p } => vec![path(p)],
                AttributeProbe::Same { path: p, other } => vec![path(p), path(other)],
            },
            Probe::Docker(question) => docker::areas(question),
            Probe::Postgres(at, question) => postgres::areas(at, question),
            Probe::Machine(probe) => machine(probe),
            Probe::Sudoers { .. } => vec![path("/etc/sudoers"), path("/etc/sudoers.d")],
            Probe::AptConfig { .. } => vec![path("/etc/apt")],
            Probe::Sshd { .. } => vec![path("/etc/ssh")],
            Probe::Crontab { .. } => vec![path("/var/spool/cron/crontabs")],
            Probe::Shadow { .. } => vec![Area::Accounts],
            Probe::Carriers => network::states(),
            Probe::LoginUser | Probe::BySsh | Probe::SshConnection | Probe::Runs => vec![],
            Probe::Undo { .. } | Probe::Logrotate { .. } | Probe::Timers { .. } => vec![],
            Probe::GitTree { path: p, .. } | Probe::Below { path: p } => vec![path(p)],
            Probe::GitRemote(of) => remote::areas(of),
            Probe::Unpacked(wish) => match &wish.from {
                agent::wire::Archive::OnHost(from) => vec![path(from), path(&wish.dest)],
                agent::wire::Archive::Sent(_) => vec![path(&wish.dest)],
            },
            Probe::MountOf { path: p }
            | Probe::Checksum { path: p, .. }
            | Probe::PackageFile { path: p, .. } => {
                vec![path(p)]
            }
        },
    }
}

fn machine(probe: &MachineProbe) -> Vec<Area> {
    let path = |p: &str| Area::Path(p.to_string());
    match probe {
        MachineProbe::Mounted { path: p, source, .. } => {
            // Which device a label is on, only all of them tell.
            [path(p)].into_iter().chain(device::area(source)).collect()
        }
        MachineProbe::Locales => vec![path("/usr/lib/locale")],
        MachineProbe::Filesystem { device } => device::area(device).into_iter().collect(),
        MachineProbe::Swap { path: p, .. } => device::area(p).into_iter().collect(),
        MachineProbe::MountsIn { path: p } => vec![path(p)],
        MachineProbe::Module { name } => {
            vec![Area::Packages, Area::Path(format!("/sys/module/{}", name.replace('-', "_")))]
        }
    }
}
