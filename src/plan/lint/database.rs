//! Databases: the folder that they keep their data in, and the version that has made it.

use super::{Finding, Known, MAJOR, MOUNT, containers::is_database_image};
use crate::model::{Bind, Claim, Container, Image, TaskId, path_within};
use agent::wire::{Answer, Probe, Query};

const FSTAB: &str = "/etc/fstab";
/// Where PostgreSQL's images keep the data unless told otherwise.
const DATA: &str = "/var/lib/postgresql/data";

/// What the host has to say of a container's data.
pub(super) fn questions(container: &Container) -> Vec<Query> {
    let Some(image) = container.image.as_ref().filter(|image| is_database_image(&image.name)) else {
        return vec![];
    };
    let read = |path: String| Query::Read { path, limit: 1 << 20, secret: false };
    let mut asked = vec![];
    for bind in container.binds.iter().filter(|bind| bind.source.starts_with('/')) {
        asked.extend(above(&bind.source).map(mount_of));
    }
    if !asked.is_empty() {
        asked.push(read(FSTAB.into()));
    }
    asked.extend(major(image).and(version_file(container)).map(read));
    asked
}

/// A path and the folders above it, the root left out; the deepest first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    std::iter::once(path).chain(ends.collect::<Vec<_>>().into_iter().rev().map(move |at| &path[..at]))
}

fn mount_of(path: &str) -> Query {
    Query::Run(Probe::MountOf { path: path.into() })
}

/// The major version of PostgreSQL that an image holds: `postgres:15-alpine`, `postgis:16-3.4`, `timescaledb:2.14-pg15`.
fn major(image: &Image) -> Option<String> {
    let (name, tag) = image.name.split('@').next()?.rsplit_once(':')?;
    let digits = |text: &str| -> Option<String> {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then_some(digits)
    };
    match name.rsplit('/').next()? {
        "postgres" | "postgresql" | "postgis" => digits(tag),
        "timescaledb" | "timescaledb-ha" | "pgvector" => digits(&tag[tag.find("pg")? + 2..]),
        _ => None,
    }
}

/// The file on the host in which PostgreSQL says who made the data; none of a volume of Docker's.
fn version_file(container: &Container) -> Option<String> {
    let data = container.data.as_deref().unwrap_or(DATA);
    let below = |bind: &&Bind| bind.source.starts_with('/') && path_within(data, &bind.target);
    let bind = container.binds.iter().filter(below).max_by_key(|bind| bind.target.len())?;
    let rest = &data[bind.target.trim_end_matches('/').len()..];
    Some(format!("{}{rest}/PG_VERSION", bind.source.trim_end_matches('/')))
}

pub(super) fn findings(known: &Known) -> Vec<Finding> {
    let mut found = vec![];
    for (task, container) in known.containers() {
        found.extend(another_major(known, task, container));
        found.extend(unmounted(known, task, container));
    }
    found
}

fn another_major(known: &Known, task: TaskId, container: &Container) -> Option<Finding> {
    let image = container.image.as_ref()?;
    let wanted = major(image)?;
    let file = version_file(container);
    let of_file = file.and_then(|path| {
        let query = Query::Read { path: path.clone(), limit: 1 << 20, secret: false };
        let Answer::Content(Some(content)) = known.answers.get(&query)? else { return None };
        let has = std::str::from_utf8(content.bytes()).ok()?.trim().to_string();
        Some((has.clone(), format!("{path} says {has}, and the image is `{}`", image.shown)))
    });
    let running = || {
        let has = container.runs.clone()?;
        Some((has.clone(), format!("its container runs {has} now, and the image is `{}`", image.shown)))
    };
    let (has, cause) = of_file.or_else(running).filter(|(has, _)| *has != wanted)?;
    // `9.6` is a major version too, and no tag of today.
    let is_version = !has.is_empty() && has.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_version.then(|| Finding {
        lint: MAJOR,
        task,
        spot: Some(image.spot.clone()),
        message: format!(
            "service `{}` would run PostgreSQL {wanted} on the data of PostgreSQL {has}",
            container.name
        ),
        causes: vec![cause, "another major version cannot open it".into()],
        hint: format!(
            "keep {has}, or dump the database, take the old data away, and restore it into the new one"
        ),
    })
}

/// A folder that is to be a mount and is none: an empty database would be started in it.
fn unmounted(known: &Known, task: TaskId, container: &Container) -> Option<Finding> {
    let image = container.image.as_ref().filter(|image| is_database_image(&image.name))?;
    let fstab = match known.answers.get(&Query::Read { path: FSTAB.into(), limit: 1 << 20, secret: false }) {
        Some(Answer::Content(Some(content))) => String::from_utf8_lossy(content.bytes()).into_owned(),
        _ => String::new(),
    };
    let of_fstab = fstab.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| {
        let path = line.split_whitespace().nth(1)?;
        (path.starts_with('/') && path.len() > 1).then(|| (path.trim_end_matches('/').to_string(), FSTAB))
    });
    let of_tasks = known.claims.iter().filter_map(|(_, claim)| match claim {
        Claim::Mount { path, now: false } => Some((path.clone(), "a task of this plan")),
        _ => None,
    });
    let meant: Vec<(String, &str)> = of_fstab.chain(of_tasks).collect();
    let will_be = |path: &str| {
        known.claims.iter().any(|(by, claim)| {
            *by < task && matches!(claim, Claim::Mount { path: own, now: true } if own == path)
        })
    };
    for bind in container.binds.iter().filter(|bind| bind.source.starts_with('/')) {
        let holding = meant.iter().filter(|(mount, _)| path_within(&bind.source, mount));
        let Some((mount, by)) = holding.max_by_key(|(mount, _)| mount.len()) else { continue };
        if will_be(mount) || mounted_on(known, &bind.source).is_none_or(|on| path_within(&on, mount)) {
            continue;
        }
        return Some(Finding {
            lint: MOUNT,
            task,
            spot: Some(bind.spot.clone()),
            message: format!(
                "{mount} is not mounted, and service `{}` keeps its database there",
                container.name
            ),
            causes: vec![
                format!("{by} says that it is to be mounted"),
                format!("`{}` would start with an empty database in the folder below", image.shown),
            ],
            hint: format!(
                "mount it (`mount {mount}`), or have it mounted by a task before, of the type `mount`"
            ),
        });
    }
    None
}

/// What the folder, or the nearest one above it that is there, is mounted on; none where that is not known.
fn mounted_on(known: &Known, path: &str) -> Option<String> {
    for path in above(path) {
        match known.answers.get(&mount_of(path))? {
            Answer::Output(output) if output.code == 0 => {
                let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
                return text.split_whitespace().next().map(str::to_string);
            }
            Answer::Output(_) => {}
            _ => return None,
        }
    }
    // Nothing of it is there.
    Some("/".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Log, Spot};
    use agent::{secret::Content, wire::Output};

    fn spot() -> Spot {
        Spot { path: "/srv/shop/compose.yml".into(), line: 7 }
    }

    fn db(image: &str, bind: &str, data: Option<&str>) -> Container {
        let (source, target) = bind.split_once(':').unwrap();
        Container {
            name: "db".into(),
            spot: spot(),
            image: Some(Image { name: image.into(), shown: image.into(), spot: spot() }),
            ports: vec![],
            binds: vec![Bind { source: source.into(), target: target.into(), spot: spot() }],
            log: Log::Limited,
            data: data.map(Into::into),
            runs: None,
            host_network: None,
        }
    }

    fn text(text: &str) -> Answer {
        Answer::Content(Some(Content::from(text)))
    }

    fn output(code: i32, text: &str) -> Answer {
        Answer::Output(Output { code, stdout: Content::from(text), stderr: Content::from("") })
    }

    fn read(path: &str) -> Query {
        Query::Read { path: path.into(), limit: 1 << 20, secret: false }
    }

    fn found(
        container: Container,
        more: Vec<Claim>,
        answers: Vec<(Query, Answer)>,
    ) -> Vec<(&'static str, String)> {
        found_at(container, TaskId(0), more, answers)
    }

    /// With what a task says before or behind the one of the container, which is task 1.
    fn found_at(
        container: Container,
        other: TaskId,
        more: Vec<Claim>,
        answers: Vec<(Query, Answer)>,
    ) -> Vec<(&'static str, String)> {
        let asked = questions(&container);
        assert!(answers.iter().all(|(query, _)| asked.contains(query)), "{asked:?}");
        let own = (TaskId(1), Claim::Container(Box::new(container)));
        let known = Known {
            claims: std::iter::once(own).chain(more.into_iter().map(|claim| (other, claim))).collect(),
            answers: answers.into_iter().collect(),
        };
        findings(&known).into_iter().map(|finding| (finding.lint.name, finding.message)).collect()
    }

    #[test]
    fn majors_are_read_from_tags() {
        let of = |name: &str| major(&Image { name: name.into(), shown: name.into(), spot: spot() });
        for (name, wanted) in [
            ("postgres:15-alpine", Some("15")),
            ("registry:5000/db/postgres:16.2@sha256:ab", Some("16")),
            ("postgis/postgis:14-3.4", Some("14")),
            ("timescale/timescaledb:2.14.2-pg15", Some("15")),
            ("pgvector/pgvector:pg16", Some("16")),
            ("postgres:alpine", None),
            ("postgres", None),
            ("redis:7", None),
        ] {
            assert_eq!(of(name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn another_major_on_the_same_data_is_refused() {
        let bind = "/mnt:/var/lib/postgresql/data";
        let says = |version: &str| vec![(read("/mnt/pgdata/PG_VERSION"), text(version))];
        let of = |image: &str, version: &str| {
            found(db(image, bind, Some("/var/lib/postgresql/data/pgdata")), vec![], says(version))
        };
        assert_eq!(
            of("postgres:16", "15\n"),
            [(
                "postgres-major",
                "service `db` would run PostgreSQL 16 on the data of PostgreSQL 15".to_string()
            )]
        );
        assert!(of("postgres:15-alpine", "15\n").is_empty() && of("postgres:16", "nonsense\n").is_empty());
        // No data is there yet.
        assert!(
            found(
                db("postgres:16", bind, None),
                vec![],
                vec![(read("/mnt/PG_VERSION"), Answer::Content(None))]
            )
            .is_empty()
        );
        // In a volume of Docker's: what runs says it.
        let running = |image: &str| Container {
            runs: Some("15".into()),
            ..db(image, "./init:/docker-entrypoint-initdb.d", None)
        };
        assert_eq!(found(running("postgres:16"), vec![], vec![]).len(), 1);
        assert!(found(running("postgres:15.4"), vec![], vec![]).is_empty());
    }

    #[test]
    fn a_folder_that_is_to_be_mounted_and_is_not_is_refused() {
        let bind = "/mnt/main:/var/lib/mysql";
        let fstab = "# disks\nUUID=1 / ext4 defaults 0 1\nUUID=2 /mnt ext4 defaults 0 2\n";
        let of = |on: Answer, above: Answer, more: Vec<Claim>| {
            let answers = vec![
                (read("/etc/fstab"), text(fstab)),
                (mount_of("/mnt/main"), on),
                (mount_of("/mnt"), above),
            ];
            found(db("mysql:8", bind, None), more, answers)
        };
        let root = || output(0, "/ /dev/vda1 ext4\n");
        let missing = || output(1, "");
        let told = [(
            "database-not-mounted",
            "/mnt is not mounted, and service `db` keeps its database there".to_string(),
        )];
        assert_eq!(of(root(), root(), vec![]), told);
        assert_eq!(of(missing(), root(), vec![]), told, "the folder is still to be made");
        assert_eq!(of(missing(), missing(), vec![]), told);
        assert!(of(output(0, "/mnt /dev/vdb ext4\n"), root(), vec![]).is_empty());
        assert!(
            of(output(0, "/mnt/main /dev/vdc ext4\n"), root(), vec![]).is_empty(),
            "on a disk of its own below"
        );
        let mount = |now| vec![Claim::Mount { path: "/mnt".into(), now }];
        assert!(of(root(), root(), mount(true)).is_empty(), "a task mounts it");
        let answers = vec![
            (read("/etc/fstab"), text(fstab)),
            (mount_of("/mnt/main"), root()),
            (mount_of("/mnt"), root()),
        ];
        let late = found_at(db("mysql:8", bind, None), TaskId(2), mount(true), answers);
        assert_eq!(late, told, "it is mounted only when the database has begun");
        assert_eq!(of(root(), root(), mount(false)), told);
        // Nothing is known of it, or nobody wants it mounted.
        assert!(found(db("mysql:8", bind, None), vec![], vec![(read("/etc/fstab"), text(fstab))]).is_empty());
        assert!(found(db("mysql:8", bind, None), vec![], vec![(mount_of("/mnt/main"), root())]).is_empty());
        let wanted = found(db("mysql:8", bind, None), mount(false), vec![(mount_of("/mnt/main"), root())]);
        assert_eq!(wanted, told, "a task says so");
        assert!(questions(&db("nginx:1", bind, None)).is_empty(), "it is no database");
    }
}
