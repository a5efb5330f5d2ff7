//! What facets are about.

/// What a facet is about, without the names in it: keys of an env file, services of a project.
pub fn kind_of(kind: &str, facet: &str) -> String {
    let words: Vec<_> = facet.split(' ').collect();
    match (kind, &words[..]) {
        // What becomes of the service is said beside each reason.
        ("compose", ["service", _] | ["service", _, "container", _]) => "service".into(),
        ("compose", ["network", _]) => "network".into(),
        ("compose", ["service", _, "environment", ..]) => "environment".into(),
        ("compose", ["service", _, "label", ..]) => "label".into(),
        ("compose", ["service", _, rest @ ..]) => rest.join(" "),
        ("docker_prune", ["build", "cache"]) => "build cache".into(),
        ("docker_prune", [kind, ..]) => (*kind).into(),
        ("env_file", _) if !["type", "mode", "owner", "group", "comment", "target"].contains(&facet) => {
            "KEY".into()
        }
        ("package", [_, "hold"]) => "hold".into(),
        ("package", [name]) if *name != "unfinished" => "package".into(),
        ("acl", [entry]) if entry.contains(':') => {
            let named = entry.rsplit_once(':').map_or(*entry, |(kind, _)| kind);
            format!("{named}:NAME")
        }
        ("locale", [name]) if !["locale.gen", "generated"].contains(name) => "VARIABLE".into(),
        ("unarchive", _) => "member".into(),
        ("xattr", _) => "attribute".into(),
        ("synchronize", [.., what @ ("mode" | "owner" | "group")]) => (*what).into(),
        ("synchronize", _) => "entry".into(),
        ("fetch", _) => "file".into(),
        _ => facet.into(),
    }
}
