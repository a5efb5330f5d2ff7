//! Containers: what they run, publish, see of the host, and leave behind.

use super::{BLANK, Claims, Finding, LATEST, LOGS, Lint, PUBLISHED, SOCKET, UNREAD};
use crate::model::{Blank, Claim, Container, Log, Published, Spot, TaskId};

/// The last part of a database image's name, and the port that it listens on.
const DATABASES: &[(&str, u16)] = &[
    ("postgres", 5432),
    ("postgresql", 5432),
    ("postgis", 5432),
    ("timescaledb-ha", 5432),
    ("timescaledb", 5432),
    ("pgvector", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("percona", 3306),
    ("mssql", 1433),
    ("server", 1433),
    ("mongo", 27017),
    ("redis", 6379),
    ("valkey", 6379),
    ("keydb", 6379),
    ("memcached", 11211),
    ("elasticsearch", 9200),
    ("opensearch", 9200),
    ("clickhouse-server", 8123),
    ("cassandra", 9042),
    ("couchdb", 5984),
    ("influxdb", 8086),
    ("neo4j", 7687),
    ("cockroach", 26257),
    ("etcd", 2379),
];

/// Images whose name alone says nothing: they count by their port.
const VAGUE: &[&str] = &["server"];

pub(super) fn findings(claims: &Claims) -> Vec<Finding> {
    let daemon = daemon(claims);
    let mut found = vec![];
    for (task, claim) in claims {
        match claim {
            Claim::Container(container) => {
                // Where the network is the host's, ports are not published: they are the host's.
                match &container.host_network {
                    Some(spot) => found.extend(on_host(*task, container, spot)),
                    None => {
                        let ports = container.ports.iter();
                        found.extend(ports.filter_map(|port| published(*task, container, port)));
                    }
                }
                found.extend(latest(*task, container));
                found.extend(sockets(*task, container));
                found.extend(endless(*task, container, &daemon));
            }
            Claim::Blank { name, spot, source } => found.push(blank(*task, name, spot, source)),
            Claim::Unread { what, why, spot } => {
                let message = format!("the include `{what}` is not looked at");
                let hint =
                    "what it brings is not judged here: include a file that lies in the project on the host";
                found.push(finding(UNREAD, *task, spot, message, why, hint));
            }
            _ => {}
        }
    }
    found
}

fn finding(lint: Lint, task: TaskId, spot: &Spot, message: String, cause: &str, hint: &str) -> Finding {
    let causes = if cause.is_empty() { vec![] } else { vec![cause.to_string()] };
    Finding { lint, task, spot: Some(spot.clone()), message, causes, hint: hint.into() }
}

/// The repository, the tag and the digest of an image's name.
fn parts(name: &str) -> (&str, Option<&str>, bool) {
    let (rest, has_digest) = name.split_once('@').map_or((name, false), |(rest, _)| (rest, true));
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    match rest[slash..].find(':') {
        Some(at) => (&rest[..slash + at], Some(&rest[slash + at + 1..]), has_digest),
        None => (rest, None, has_digest),
    }
}

/// Whether an image is a database's, by its name.
pub(super) fn is_database_image(name: &str) -> bool {
    let last_part = parts(name).0.rsplit('/').next().unwrap_or_default();
    DATABASES.iter().any(|(known, _)| *known == last_part && !VAGUE.contains(known))
}

/// Whether a port of a container is a database's, by its number or by the image.
fn is_database(container: &Container, port: &Published) -> bool {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let range = port.inside.split_once('-').unwrap_or((&port.inside, &port.inside));
    let (Some(first), Some(last)) = (number(range.0), number(range.1)) else { return false };
    let image = container.image.as_ref().map(|image| parts(&image.name).0);
    let last_part = image.and_then(|name| name.rsplit('/').next());
    DATABASES
        .iter()
        .any(|(name, port)| (first..=last).contains(port) || last_part == Some(name) && !VAGUE.contains(name))
}

fn published(task: TaskId, container: &Container, port: &Published) -> Option<Finding> {
    let address = port.address.as_deref().unwrap_or_default();
    let is_own = address.starts_with("127.") || ["::1", "localhost"].contains(&address);
    if is_own || !is_database(container, port) {
        return None;
    }
    let Published { inside, outside, .. } = port;
    let outside = outside.as_deref().unwrap_or("a port that Docker chooses");
    let on = match address {
        "" | "0.0.0.0" | "::" => "on all addresses of the host".to_string(),
        address => format!("on {address}"),
    };
    let message = format!("service `{}` publishes its database {on}: {outside}", container.name);
    let cause = "ports that Docker publishes are let through before the rules of ufw and firewalld are asked";
    let hint = format!(
        "leave it out, services of the same project need none of it; or bind it to the host itself, `127.0.0.1:{inside}:{inside}`, and use `ssh -L`"
    );
    Some(finding(PUBLISHED, task, &port.spot, message, cause, &hint))
}

/// A database on the host's own network.
fn on_host(task: TaskId, container: &Container, spot: &Spot) -> Option<Finding> {
    let image = container.image.as_ref().filter(|image| is_database_image(&image.name))?;
    let message = format!("service `{}` runs `{}` on the host's own network", container.name, image.shown);
    let cause = "it listens on the host's addresses as far as it says so itself, mostly on all of them, as if its port were published";
    let hint = "leave `network_mode` out, services of the same project reach each other by name; or let it listen on 127.0.0.1 only, and accept this";
    Some(finding(PUBLISHED, task, spot, message, cause, hint))
}

fn latest(task: TaskId, container: &Container) -> Option<Finding> {
    let image = container.image.as_ref()?;
    let (_, tag, has_digest) = parts(&image.name);
    if has_digest || image.name.contains('$') || !matches!(tag, None | Some("latest")) {
        return None;
    }
    let message = format!("service `{}` runs whatever `{}` is by then", container.name, image.shown);
    let cause = match tag {
        Some(_) => {
            "the tag `latest` is another image with each release, and no digest says which one is meant"
        }
        None => {
            "without a tag it is `latest`, another image with each release, and no digest says which one is meant"
        }
    };
    let hint = "name a version (`:1.4`), or the digest besides (`:latest@sha256:...`; `docker image inspect` tells it)";
    Some(finding(LATEST, task, &image.spot, message, cause, hint))
}

/// Docker's socket, or a folder that it is in.
fn sockets(task: TaskId, container: &Container) -> Option<Finding> {
    const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];
    let bind = container.binds.iter().find(|bind| {
        let source = bind.source.trim_end_matches('/');
        SOCKETS.iter().any(|socket| {
            *socket == source || socket.strip_prefix(source).is_some_and(|rest| rest.starts_with('/'))
        })
    })?;
    let message = format!("service `{}` has Docker's socket", container.name);
    let cause = "whoever gets into it is root on the host, also where it is mounted read-only";
    let hint = "leave it out, or put a proxy between that lets through what it needs";
    Some(finding(SOCKET, task, &bind.spot, message, cause, hint))
}

/// The driver of the daemon's own choice, and whether its logs have an end.
fn daemon(claims: &Claims) -> (String, bool) {
    let daemons = claims.iter().filter_map(|(_, claim)| match claim {
        Claim::Daemon { driver, limited } => Some((driver, *limited)),
        _ => None,
    });
    let mut all = ("json-file".to_string(), false);
    for (driver, limited) in daemons {
        driver.iter().for_each(|driver| all.0.clone_from(driver));
        all.1 |= limited;
    }
    all
}

/// Of Docker's own drivers only this one keeps everything.
const ENDLESS: &str = "json-file";

fn endless(task: TaskId, container: &Container, (default, limited): &(String, bool)) -> Option<Finding> {
    let Log::AsDaemon { driver } = &container.log else { return None };
    let driver = driver.as_ref().unwrap_or(default);
    if driver != ENDLESS || *limited && default == ENDLESS {
        return None;
    }
    let message = format!("the log of service `{}` has no end", container.name);
    let cause = "neither the service nor the daemon's settings say how large it gets: until the disk is full";
    let hint = "give the service `logging: {driver: local}`, or all of them `log-opts: {max-size: 10m, max-file: \"3\"}` in the daemon's settings (`docker_daemon`)";
    Some(finding(LOGS, task, &container.spot, message, cause, hint))
}

fn blank(task: TaskId, name: &str, spot: &Spot, source: &Blank) -> Finding {
    let cause = match source {
        Blank::Unset { looked_at } => format!("{} does not set it", looked_at.join(", ")),
        Blank::Empty { file } => format!("{file} sets it to nothing"),
    };
    let message = format!("`${{{name}}}` is blank");
    let hint = format!("set it; `${{{name}:-}}` says that it may be blank, `${{{name}:?}}` that it must not");
    finding(BLANK, task, spot, message, &cause, &hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bind, Image};

    fn spot(line: usize) -> Spot {
        Spot { path: "/srv/shop/compose.yml".into(), line }
    }

    fn container(image: &str) -> Container {
        Container {
            name: "db".into(),
            spot: spot(1),
            image: Some(Image { name: image.into(), shown: image.into(), spot: spot(2) }),
            ports: vec![],
            binds: vec![],
            log: Log::Limited,
            data: None,
            runs: None,
            host_network: None,
        }
    }

    fn names(claims: Vec<Claim>) -> Vec<&'static str> {
        let claims: Vec<_> = claims.into_iter().map(|claim| (TaskId(0), claim)).collect();
        findings(&claims).iter().map(|finding| finding.lint.name).collect()
    }

    fn of(container: Container) -> Vec<&'static str> {
        names(vec![Claim::Container(Box::new(container))])
    }

    #[test]
    fn ports_of_databases_belong_to_the_host_itself() {
        let port = |image: &str, inside: &str, address: Option<&str>| {
            let address = address.map(Into::into);
            let port =
                Published { inside: inside.into(), outside: Some("15432".into()), address, spot: spot(3) };
            of(Container { ports: vec![port], ..container(image) })
        };
        let told = ["published-database-port"];
        assert_eq!(port("postgres:15", "5432", None), told);
        assert_eq!(port("acme/shop:1", "5432", Some("0.0.0.0")), told, "by the port");
        assert_eq!(
            port("registry:5000/team/postgres:15-alpine", "9999", Some("10.0.0.5")),
            told,
            "by the image"
        );
        assert_eq!(port("acme/shop:1", "6000-6400", None), told, "a range that holds redis");
        for fine in ["127.0.0.1", "127.0.0.53", "::1"] {
            assert!(port("postgres:15", "5432", Some(fine)).is_empty(), "{fine}");
        }
        assert!(port("nginx:1", "80", None).is_empty() && port("acme/server:1", "80", None).is_empty());
        assert!(port("dpage/pgadmin4:8", "80", None).is_empty());
    }

    #[test]
    fn a_database_on_the_hosts_network_is_as_if_published() {
        let on_host = |image: &str| {
            let port = Published { inside: "5432".into(), outside: None, address: None, spot: spot(3) };
            of(Container { host_network: Some(spot(4)), ports: vec![port], ..container(image) })
        };
        assert_eq!(on_host("postgres:15"), ["published-database-port"]);
        assert!(on_host("nginx:1").is_empty(), "its `ports` mean nothing there");
    }

    #[test]
    fn latest_is_told_by_tag_and_digest() {
        for image in ["nginx", "nginx:latest", "registry:5000/team/app", "ghcr.io/a/b:latest"] {
            assert_eq!(of(container(image)), ["latest-image"], "{image}");
        }
        for image in [
            "nginx:1.27",
            "nginx:alpine",
            "registry:5000/app:2",
            "app:latest@sha256:ab",
            "app@sha256:ab",
            "${IMAGE}",
        ] {
            assert!(of(container(image)).is_empty(), "{image}");
        }
        assert!(of(Container { image: None, ..container("") }).is_empty(), "made from a build");
    }

    #[test]
    fn dockers_socket_is_told_whatever_it_is_mounted_by() {
        let bind = |source: &str| {
            let bind = Bind { source: source.into(), target: "/x".into(), spot: spot(4) };
            of(Container { binds: vec![bind], ..container("a:1") })
        };
        for source in ["/var/run/docker.sock", "/run/docker.sock", "/var/run/", "/run", "/"] {
            assert_eq!(bind(source), ["docker-socket"], "{source}");
        }
        for source in ["/var/run/docker", "./docker.sock", "/srv", "/var/runner"] {
            assert!(bind(source).is_empty(), "{source}");
        }
    }

    #[test]
    fn logs_end_where_the_service_or_the_daemon_says_so() {
        let log = |driver: Option<&str>, daemon: Option<(Option<&str>, bool)>| {
            let log = Log::AsDaemon { driver: driver.map(Into::into) };
            let mut claims = vec![Claim::Container(Box::new(Container { log, ..container("a:1") }))];
            claims.extend(
                daemon.map(|(driver, limited)| Claim::Daemon { driver: driver.map(Into::into), limited }),
            );
            !names(claims).is_empty()
        };
        assert!(log(None, None) && log(Some("json-file"), None));
        assert!(!log(Some("journald"), None) && !log(Some("local"), None));
        assert!(!log(None, Some((None, true))) && !log(None, Some((Some("local"), false))));
        assert!(!log(Some("json-file"), Some((Some("json-file"), true))));
        // The daemon's options are of its own driver.
        assert!(log(Some("json-file"), Some((Some("journald"), true))));
        assert!(log(None, Some((None, false))));
    }

    #[test]
    fn a_blank_variable_says_who_left_it_so() {
        let told = |source| blank(TaskId(0), "SESSION_SECRET", &spot(9), &source);
        let unset = told(Blank::Unset { looked_at: vec!["/srv/shop/.env".into()] });
        assert_eq!(unset.message, "`${SESSION_SECRET}` is blank");
        assert_eq!(unset.causes, ["/srv/shop/.env does not set it"]);
        assert!(unset.hint.contains("`${SESSION_SECRET:?}` that it must not"));
        assert_eq!(told(Blank::Empty { file: "/x".into() }).causes, ["/x sets it to nothing"]);
    }
}
