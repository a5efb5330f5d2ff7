//! The lint of compose files, for what stands elsewhere: in another service or file, in a volume, in the host's network.

use crate::project::Project;

/// A project whose compose file, and the file that it extends, tasks write.
fn project(compose: &str, base: &str) -> Project {
    let project = Project::tasks(
        "    - {name: folders, file: {path: \"{{item}}\", state: directory}, loop: [\"{{home}}/shop\", \"{{home}}/base\"]}\n    \
         - {name: base, template: {dest: \"{{home}}/base/base.yml\", src: base.yml}}\n    \
         - {name: services, template: {dest: \"{{home}}/shop/compose.yml\", src: compose.yml}}\n    \
         - {name: settings, env_file: {path: \"{{home}}/shop/.env\", values: {DISK: \"{{home}}/disk\"}}}\n    \
         - {name: docker comes, shell: {cmd: \":\", touches: [packages, docker]}}\n    - name: run\n      when: with_compose\n      compose: {directory: \"{{home}}/shop\", project: shop}\n",
    );
    project.write("group_vars/all.yml", "with_compose: true\n");
    project.write("templates/compose.yml", compose);
    project.write("templates/base.yml", base);
    project
}

const LOG: &str = "logging: {driver: local}";

fn validated(compose: &str, base: &str) -> crate::project::Ran {
    let [compose, base] = [compose, base].map(|text| text.replace("LOG", LOG));
    let ran = project(&compose, &base).run(&["validate", "inventory.yml"]);
    ran.exits(0);
    ran
}

#[test]
fn what_a_service_extends_is_looked_at_where_it_stands() {
    let compose = "services:\n  near:\n    extends: {service: far, file: ../base/base.yml}\n    image: postgres:15\n  own:\n    \
        extends: near\n    LOG\n  away:\n    image: nginx:1\n    extends: {service: gone, file: gone.yml}\n";
    let base = "services:\n  far:\n    image: nginx\n    ports: [\"5432:5432\"]\n    environment: {KEY: \"${NOWHERE}\"}\n    \
        volumes: [\"/var/run/docker.sock:/var/run/docker.sock\", \"./data:/data\"]\n  nobody:\n    image: busybox\n";
    let told = validated(compose, base);
    told.has(&[
        "warning[published-database-port]: service `near` publishes its database on all addresses of the host: 5432",
        "warning[published-database-port]: service `own` publishes its database",
        "warning[docker-socket]: service `near` has Docker's socket",
        "warning[docker-socket]: service `own` has Docker's socket",
        "warning[blank-variable]: `${NOWHERE}` is blank",
        "warning[no-log-limit]: the log of service `near` has no end",
        "templates/base.yml:4:",
        "templates/base.yml:5:",
        "templates/base.yml:6:",
    ]);
    // The image of its own counts, that of `nobody` does not; of what is not there nothing is said.
    told.lacks(&["latest-image", "service `own` has no end", "`away`", "busybox"]);
}

#[test]
fn a_database_on_the_hosts_network_is_told() {
    let compose = "services:\n  db:\n    image: postgres:15\n    network_mode: host\n    LOG\n  web:\n    image: nginx:1\n    network_mode: host\n    LOG\n  \
        inside:\n    image: postgres:15\n    network_mode: bridge\n    LOG\n";
    let told = validated(compose, "services: {}\n");
    told.has(&[
        "warning[published-database-port]: service `db` runs `postgres:15` on the host's own network",
        "templates/compose.yml:4:",
    ]);
    told.lacks(&["service `web`", "service `inside`"]);
}

#[test]
fn a_volume_that_is_a_folder_of_the_host_is_that_folder() {
    let compose = "services:\n  updates:\n    image: a:1\n    volumes: [\"engine:/var/run/docker.sock\"]\n    LOG\n  \
        long:\n    image: a:1\n    volumes: [{type: volume, source: engine, target: /run}]\n    LOG\n  \
        fine:\n    image: a:1\n    volumes: [\"named:/x\", \"shared:/y\"]\n    LOG\nvolumes:\n  \
        engine:\n    driver: local\n    driver_opts: {type: none, o: \"bind,ro\", device: /var/run/docker.sock}\n  \
        named:\n  shared:\n    driver_opts: {type: nfs, o: \"addr=192.0.2.1\", device: \":/var/run/docker.sock\"}\n";
    let told = validated(compose, "services: {}\n");
    told.has(&[
        "warning[docker-socket]: service `updates` has Docker's socket",
        "warning[docker-socket]: service `long` has Docker's socket",
        "templates/compose.yml:4:",
        "templates/compose.yml:8:",
    ]);
    told.lacks(&["service `fine`"]);
}

#[test]
fn a_socket_is_found_by_whatever_way_leads_to_it() {
    let ways = ["/var/run/../run/docker.sock", "//run//docker.sock", "/var/./run/docker.sock/", "/run/x/.."];
    let service = |(at, way): (usize, &&str)| {
        format!("  s{at}:\n    image: a:1\n    volumes: [\"{way}:/x\"]\n    LOG\n")
    };
    let services: String = ways.iter().enumerate().map(service).collect();
    let other =
        "  fine:\n    image: a:1\n    volumes: [\"/run/docker.sock/../other:/x\", \"engine:/y\"]\n    LOG\n";
    let volume =
        "volumes:\n  engine:\n    driver_opts: {type: none, o: bind, device: /srv/../run/docker.sock}\n";
    let told = validated(&format!("services:\n{services}{other}{volume}"), "services: {}\n");
    for at in 0..ways.len() {
        told.has(&[&format!("warning[docker-socket]: service `s{at}` has Docker's socket")]);
    }
    // By its volume, and not by what only looks like it.
    told.has(&["warning[docker-socket]: service `fine` has Docker's socket"]);
    let told = validated(&format!("services:\n{}", other.replace(", \"engine:/y\"", "")), "services: {}\n");
    told.lacks(&["docker-socket"]);
}

/// By the folder that a volume is, a database's disk is looked for as by a path.
#[test]
fn a_database_in_such_a_volume_waits_for_its_disk() {
    let compose = "services:\n  db:\n    image: postgres:15\n    volumes: [\"data:/var/lib/postgresql/data\"]\n    logging: {driver: local}\n\
        volumes:\n  data:\n    driver_opts: {type: none, o: bind, device: \"${DISK}\"}\n";
    let project = project(compose, "services: {}\n");
    let disk = "    - {name: disk, mount: {path: \"{{home}}/disk\", src: /dev/elsewhere-no-such-disk, fstype: ext4, state: present}}\n";
    let playbook = project.read("site.yml");
    project.write(
        "site.yml",
        &playbook.replace("    - {name: folders", &format!("{disk}    - {{name: folders")),
    );
    let refused = project.apply(&["--check"]);
    refused.exits(20).has(&[
        "h/a/disk is not mounted, and service `db` keeps its database there",
        "a task of this plan says that it is to be",
    ]);
    project.write("site.yml", &playbook);
    project.apply(&["--check"]).lacks(&["is not mounted"]);
}
