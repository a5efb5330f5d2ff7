#!/usr/bin/env python3
"""A project of 500 tasks as people write them: ten roles with templates, loops, conditions, results and handlers.

    tests/bench/project.py FOLDER [HOSTS]
"""
import os
import sys

ROLES, TASKS = 10, 50


def template(role, number):
    lines = [f"# managed: {role} {number} on {{{{inventory_hostname}}}}"]
    for at in range(8):
        lines.append(f"listen {{{{{role}_port}}}};  # {at}")
        lines.append(f"{{{{#if {role}_tls}}}}ssl on;{{{{else}}}}ssl off;{{{{/if}}}}")
        lines.append(f"{{{{#each {role}_upstreams}}}}server {{{{this.name}}}}:{{{{this.port}}}};\n{{{{/each}}}}")
    lines.append(f"workers {{{{default {role}_workers 4}}}}; root {{{{{role}_root}}}}/{number};")
    return "\n".join(lines) + "\n"


def task(role, number):
    name = f"- name: {role} {number}\n"
    match number % 10:
        case 0 | 1 | 2:
            return (name + f"  template: {{src: t{number}.conf.hbs, dest: \"{{{{{role}_root}}}}/t{number}.conf\", mode: \"0644\"}}\n"
                    f"  notify: reload {role}\n")
        case 3 | 4:
            return name + f"  copy: {{dest: \"{{{{{role}_root}}}}/c{number}\", content: \"{{{{{role}_greeting}}}} {number}\\n\"}}\n"
        case 5:
            return (name + f"  file: {{path: \"{{{{{role}_root}}}}/d{number}/{{{{item}}}}\", state: directory}}\n"
                    f"  loop: \"{{{{{role}_folders}}}}\"\n")
        case 6:
            return name + f"  package: {{name: [{role}-{number}, {role}-extra-{number}]}}\n  when: {role}_tls\n"
        case 7:
            return (name + f"  command: {{cmd: \"{role}-ctl status {number}\", changes: false, any_code: true}}\n"
                    f"  register: {role}_state_{number}\n")
        case 8:
            return (name + f"  command: {{cmd: \"{role}-ctl start {number}\", touches: [\"{{{{{role}_root}}}}/run{number}\"]}}\n"
                    f"  when: ne {role}_state_{number - 1}.rc 0\n")
        case _:
            return name + f"  service: {{name: {role}-{number}, state: started, enabled: true}}\n  when: eq facts.os.family \"debian\"\n"


def write(folder, hosts):
    """Writes the project; the path of its inventory."""
    def put(path, text):
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)

    roles = [f"role{number}" for number in range(ROLES)]
    put("inventory.yml", "all:\n  children:\n    web:\n      hosts:\n" + "".join(f"        h{n}: {{zone: z{n}}}\n" for n in range(hosts)))
    put("group_vars/all.yml", "".join(f"{role}_greeting: \"hello from {{{{inventory_hostname}}}} in {{{{zone}}}}\"\n{role}_tls: true\n" for role in roles))
    put("group_vars/web.yml", "".join(f"{role}_port: {8000 + at}\n" for at, role in enumerate(roles)))
    put("site.yml", "- hosts: web\n  become: true\n  roles:\n" + "".join(f"    - {{role: {role}, tags: [{role}]}}\n" for role in roles))
    for role in roles:
        put(f"roles/{role}/defaults/main.yml",
            f"{role}_port: 80\n{role}_tls: false\n{role}_workers: 8\n{role}_root: /srv/{role}\n{role}_folders: [a, b, c, d]\n"
            f"{role}_upstreams:\n" + "".join(f"  - {{name: up{n}.example.org, port: {9000 + n}}}\n" for n in range(4)))
        put(f"roles/{role}/handlers/main.yml", f"- name: reload {role}\n  service: {{name: {role}, state: reloaded}}\n")
        put(f"roles/{role}/tasks/main.yml", "".join(task(role, number) for number in range(TASKS)))
        for number in range(TASKS):
            if number % 10 < 3:
                put(f"roles/{role}/templates/t{number}.conf.hbs", template(role, number))
    return os.path.join(folder, "inventory.yml")


if __name__ == "__main__":
    print(write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
