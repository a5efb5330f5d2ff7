//! Services, and what has them restarted.

use super::below;
use crate::project::Project;

const STACK: &str = "\
- hosts: all
  tasks:
    - name: The files
      copy:
        dest: /srv/app/compose.yaml
        content: |
          x-log: &log
            driver: {{driver}}
          services:
            web:
              image: web:{{web_version}}
              logging: *log
              environment:
                TOKEN: ${TOKEN}
            db:
              image: db:{{db_version}}
    - name: Values
      env_file: {path: /srv/app/.env, values: {TOKEN: \"{{token}}\", OTHER: \"{{other}}\"}}
    - name: The stack
      compose: {directory: /srv/app, project: app, env_file: .env}
    - name: The proxy is set up
      copy: {dest: /etc/proxy.conf, content: \"port={{port}}\\n\"}
      notify: Restart the proxy
    - name: The proxy runs
      service: {name: proxy, state: started, enabled: true}
    - name: A unit of our own
      systemd_unit: {name: tend.service, content: \"[Service]\\nExecStart=/bin/tend {{port}}\\n\", started: true}
    - name: Another unit
      systemd_unit: {name: still.service, content: \"[Service]\\nExecStart=/bin/still\\n\", restart_on_change: false}
  handlers:
    - name: Restart the proxy
      service: {name: proxy, state: restarted}
";

#[test]
fn a_service_says_who_acts_on_it_and_what_restarts_it() {
    let project = Project::local(&["a"], STACK);
    project.write(
        "group_vars/all.yml",
        "driver: journald\nweb_version: 1\ndb_version: 2\ntoken: swordfish\nother: o\nport: 80\n",
    );
    let explain = |what: &str| project.run(&["explain", "inventory.yml", "--offline", "a", what]);
    let ran = explain("proxy");
    ran.exits(0).has(&[
        "proxy.service on a  (unit)",
        "`The proxy runs` has it run, enables it at boot  (service, site.yml:",
        "`Restart the proxy` restarts it  (handler, service, site.yml:",
        "restarted when `The proxy is set up` changes something (/etc/proxy.conf): it notifies `Restart the proxy`",
        "port  group_vars/all.yml:6  80",
    ]);
    assert_eq!(explain("proxy.service").exits(0).out, ran.out);
    explain("tend").exits(0).has(&[
        "writes it, has it run",
        "restarted when /etc/systemd/system/tend.service changes, while it runs",
        "port  group_vars/all.yml:6  80",
    ]);
    explain("still").exits(0).has(&["no task restarts it"]);
    // Of a service of a project what is said of it, what that takes over, and the values that it uses.
    let ran = explain("web");
    ran.exits(0).has(&[
        "web on a  (service of the compose project app)",
        "`The stack` brings it to what its files say: makes anew what differs",
        "restarted when /srv/app/compose.yaml changes, what it says of `web`",
        "restarted when /srv/app/.env changes in TOKEN",
    ]);
    let of_file = below(&ran.out, "what it says of `web`");
    assert_eq!(of_file, ["driver group_vars/all.yml:1 \"journald\"", "web_version group_vars/all.yml:2 1"]);
    assert_eq!(below(&ran.out, "in TOKEN"), ["token group_vars/all.yml:4 \"swordfish\""]);
    let ran = explain("db");
    ran.exits(0).has(&["db_version"]).lacks(&["web_version", "TOKEN", "driver"]);
    explain("app").exits(0).has(&["(compose project)", "db_version", "web_version"]);
    assert_eq!(explain("app/web").exits(0).out, explain("web").out);
    explain("wbe").exits(20).has(&["no task and no service is named `wbe`", "did you mean `web`?"]);
    let ran = project.run(&["explain", "inventory.yml", "--offline", "a", "proxy", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.exits(0).out).unwrap();
    assert_eq!(said["services"][0]["restarts"][0]["from"][0]["variable"], "port");
    assert_eq!(said["services"][0]["acts"][1]["handler"], true);
}
