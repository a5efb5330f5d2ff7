//! Images from a registry: a real daemon of Docker and a real registry, in a network of their own.

use crate::project::{Project, play, until};
use std::{
    fs,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// Ours: `it's`, with the password `pa-ss"'$(rm)`.
const ACCOUNT: &str = "it's:$2b$04$U45sP5S1s0sypf1VAL4yu.y/xlEIhQIIFZU7NkWlCDeNfXFOxUCzG";
const LOGIN: &str = r#"registry: "127.0.0.1:5000", username: "it's", config: "{{controller}}/.docker""#;
const RIGHT: &str = r#"pa-ss\"'$(rm)"#;
const REGISTRY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/law/bin/image-registry");

/// A host with a daemon; its registries end with it.
struct Host {
    daemon: Child,
    folder: TempDir,
}

impl Host {
    fn start() -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests make namespaces: run them as root");
        let folder = tempfile::tempdir().unwrap();
        let script = r#"
            mount --make-rprivate / && mount -t tmpfs run /run
            ip link set lo up && ip address add 198.51.100.1/32 dev lo
            exec dockerd --data-root "$1/data" --exec-root /run/docker-exec --pidfile /run/docker.pid --storage-driver vfs \
                --iptables=false --bridge=none -H unix:///run/docker.sock 2>"$1/log""#;
        let daemon = Command::new("unshare")
            .args(["--mount", "--net", "--", "sh", "-ec", script, "sh"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let host = Self { daemon, folder };
        until("the daemon answers", || {
            let log = fs::read_to_string(host.folder.path().join("log")).unwrap_or_default();
            log.contains("API listen on")
                && host.inside(&["docker", "info"]).output().unwrap().status.success()
        });
        host
    }

    fn inside(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.daemon.id().to_string(), "--mount", "--net", "--"]).args(words);
        command
    }

    /// What a command there prints.
    fn told(&self, words: &[&str]) -> String {
        let done = self.inside(words).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().into()
    }

    fn serve(&self, port: &str, account: &[&str]) {
        self.told(&[&["env", "ADDRESS=0.0.0.0", REGISTRY, "serve", port], account].concat());
    }

    /// Another image under this name of the registry; its digest.
    fn push(&self, port: &str, content: &str) -> String {
        self.told(&[REGISTRY, "push", port, "law/app:1", content])
    }

    /// Which image docker holds under a name.
    fn content(&self, name: &str) -> String {
        self.told(&["docker", "image", "inspect", "--format", "{{.Config.Labels.content}}", name])
    }

    fn project(&self) -> Project {
        let project = Project::local(&[], "");
        let inventory = project.read("inventory.yml");
        let vars = format!("  vars:\n    controller: {}\n", project.path("controller").display());
        let host = format!(
            "    a: {{connection_command: [nsenter, --target, \"{}\", --mount, --net, --]}}\n",
            self.daemon.id()
        );
        project.write("inventory.yml", &(inventory.replacen("  vars:\n", &vars, 1) + &host));
        project
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for port in ["5000", "5001"] {
            let _ = self.inside(&[REGISTRY, "end", port]).output();
        }
        let _ = self.inside(&["sh", "-c", "kill $(cat /run/docker.pid)"]).output();
        let _ = self.daemon.wait();
    }
}

fn image(project: &Project, parameters: &str) {
    project
        .write("site.yml", &play(&format!("    - {{name: it is there, docker_image: {{{parameters}}}}}\n")));
}

#[test]
fn an_image_is_the_one_that_was_asked_for() {
    let (host, tag) = (Host::start(), "127.0.0.1:5000/law/app:1");
    let project = host.project();
    host.serve("5000", &[]);
    let first = host.push("5000", "first");

    image(&project, &format!("name: \"{tag}\""));
    project.check().exits(10).has(&["image", "pulled"]);
    project.go().exits(0);
    assert_eq!(host.content(tag), "first");
    project.check().exits(0);

    // The tag moves in the registry. What the host holds is as it was, until it is asked for.
    let second = host.push("5000", "second");
    project.check().exits(0);
    image(&project, &format!("name: \"{tag}\", force_pull: true"));
    // What the digest will be, nobody says: it does not go.
    project.check().exits(10).has(&["pulled again"]).lacks(&["digest", &first]);
    assert_eq!(host.content(tag), "first");
    project.go().exits(0);
    assert_eq!(host.content(tag), "second");

    // The one before, by its digest; the tag stays where it is.
    let by_digest = format!("127.0.0.1:5000/law/app@{first}");
    host.told(&["docker", "image", "prune", "--force", "--all"]);
    image(&project, &format!("name: \"{tag}\", digest: \"{first}\""));
    project.check().exits(10).has(&["pulled", &first]);
    project.go().exits(0);
    assert_eq!(host.content(&by_digest), "first");
    project.check().exits(0);
    host.told(&["docker", "image", "pull", "--quiet", tag]);
    assert_eq!((host.content(&by_digest), host.content(tag)), ("first".into(), "second".into()));
    project.check().exits(0);
    image(&project, &format!("name: \"{by_digest}\", state: absent"));
    project.go().exits(0);
    assert_eq!(host.content(tag), "second");

    // One that the registry has not.
    let wrong = format!("{}{}", &second[..second.len() - 4], "0123");
    image(&project, &format!("name: \"{tag}\", digest: \"{wrong}\""));
    let ran = project.go();
    ran.exits(40).has(&[
        "error: a: it is there: `docker` exited with 1",
        &format!("manifest for 127.0.0.1:5000/law/app@{wrong} not found"),
        "hint: its registry has no such tag or digest: is the name right?",
    ]);
    assert_eq!(host.content(tag), "second");
}

#[test]
fn a_registry_that_asks_who_pulls_is_logged_in_to() {
    let host = Host::start();
    let project = host.project();
    host.serve("5000", &[]);
    host.push("5000", "first");
    host.serve("5000", &[ACCOUNT]);
    let pulled = "    - {name: it is there, docker_image: {name: \"127.0.0.1:5000/law/app:1\"}}\n";
    project.write("site.yml", &play(pulled));
    let hint = "hint: where the registry asks who pulls: a task of `docker_login` before this one, with an account that may";
    project.go().exits(40).has(&["no basic auth credentials", hint]);

    let log_in = |password: &str| {
        let task =
            format!("    - {{name: logged in, docker_login: {{{LOGIN}, password: \"{password}\"}}}}\n");
        project.write("site.yml", &play(&(task + pulled)));
    };
    log_in("wr0ng");
    let ran = project.go();
    ran.exits(40).has(&[
        "error: a: logged in: `docker` exited with 1",
        "failed with status: 401 Unauthorized",
        "hint: the registry does not take this `username` with this `password`",
    ]);
    ran.lacks(&["wr0ng", "error: a: it is there"]);
    assert!(!project.has("controller/.docker/config.json"), "what is refused is not kept");

    log_in(RIGHT);
    project.check().exits(10).has(&["login", "it's", "pulled"]).lacks(&["pa-ss"]);
    project.go().exits(0);
    assert_eq!(host.content("127.0.0.1:5000/law/app:1"), "first");
    project.check().exits(0);

    // A wrong one later leaves the right one in place.
    let kept = project.read("controller/.docker/config.json");
    log_in("wr0ng");
    project.go().exits(40).has(&["401 Unauthorized"]);
    assert_eq!(project.read("controller/.docker/config.json"), kept);
}

#[test]
fn a_registry_without_tls_on_another_address_has_to_be_known_to_the_daemon() {
    let host = Host::start();
    let project = host.project();
    host.serve("5001", &[]);
    host.push("5001", "first");
    image(&project, "name: \"198.51.100.1:5001/law/app:1\"");
    project.go().exits(40).has(&[
        "server gave HTTP response to HTTPS client",
        "hint: a registry without TLS has to be among the `insecure-registries` of a task of `docker_daemon`",
    ]);
}
