use super::*;

#[test]
fn patterns_choose_hosts() {
    let site = Site::new(&[(
        "inventory/hosts.yml",
        "web: {hosts: {\"web[1:4]\": }}
db: {hosts: {db1: , \"fe80::1\": }}
staging: {hosts: {web2: , db1: }}
empty:
site: {children: {web: , db: }}
",
    )]);
    let inventory = clean(&site);
    let origin = Origin::named("--limit");
    let names = |pattern: &str| {
        let hosts = inventory.select(pattern, &origin);
        hosts.map(|hosts| hosts.iter().map(|h| h.name.as_str()).collect::<Vec<_>>().join(" "))
    };
    for (pattern, want) in [
        ("all", "web1 web2 web3 web4 db1 fe80::1"),
        ("*", "web1 web2 web3 web4 db1 fe80::1"),
        ("site", "web1 web2 web3 web4 db1 fe80::1"),
        ("db,web1", "db1 fe80::1 web1"),
        ("web1:db1", "web1 db1"),
        ("fe80::1", "fe80::1"),
        ("site:&staging:!db", "web2"),
        ("!db,site", "web1 web2 web3 web4"),
        ("!web", "db1 fe80::1"),
        ("&staging", "web2 db1"),
        ("web[0]", "web1"),
        ("web[-1]", "web4"),
        ("web[1:2]", "web2 web3"),
        ("web[2:]", "web3 web4"),
        ("web[0]:db[0]", "web1 db1"),
        ("web[!1-3]", "web4"),
        ("stag*", "web2 db1"),
        ("w?b3", "web3"),
        ("~web[34]|db", "db1 fe80::1 web3 web4"),
        ("empty", ""),
        ("emp*", ""),
        ("web , db1", "web1 web2 web3 web4 db1"),
        ("localhost", "localhost"),
    ] {
        assert_eq!(names(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}")), want, "{pattern}");
    }
    for (pattern, part) in [
        ("wbe", "did you mean `web`?"),
        ("web,!stagging", "did you mean `staging`?"),
        ("nothing*", "`nothing*` matches no host and no group"),
        // Digits alone in brackets count members, in Ansible too.
        ("web[13]", "`web[13]` matches no host"),
        ("web[9]", "`web[9]` matches no host"),
        ("~we(", "bad regular expression"),
        ("", "the pattern for hosts is empty"),
        (" , ", "the pattern for hosts is empty"),
    ] {
        let error = render(&names(pattern).unwrap_err(), false);
        assert!(error.contains(part), "{pattern}: {error}");
    }
    assert!(inventory.limit("empty", &origin).unwrap_err().message.contains("`empty` matches no host"));
    assert_eq!(inventory.limit("web1", &origin).unwrap().len(), 1);
    let local = inventory.host("localhost").unwrap();
    assert_eq!(connection_spec("localhost", &local.vars).unwrap().kind, ConnectionKind::Local);
}
