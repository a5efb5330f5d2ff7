//! The documentation: pages that are written from the code are fresh, each row of the table of resource types has all that belongs to a
//! type, the book has every page, and every link leads somewhere.
//!
//! `UPDATE=1 cargo nextest run --test docs` rewrites the pages; so does `lustores-provision doc --markdown docs`.

use lustores_provision::{
    cli::doc::pages,
    playbook,
    resource::{ResourceType, Topic},
    resources::TABLE,
    yaml,
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

#[path = "docs/parameters.rs"]
mod parameters;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn updates() -> bool {
    std::env::var("UPDATE").is_ok_and(|update| update == "1")
}

#[test]
fn pages_written_from_the_code_are_fresh() {
    let docs = root().join("docs");
    if updates() {
        pages::write(&docs).unwrap();
    }
    let mut old: Vec<String> =
        pages::strangers(&docs).iter().map(|path| path.display().to_string()).collect();
    for (name, text) in pages::pages(&docs) {
        if fs::read_to_string(docs.join(&name)).unwrap_or_default() != text {
            old.push(name);
        }
    }
    assert!(
        old.is_empty(),
        "old pages: {old:?}\nrun `UPDATE=1 cargo nextest run --test docs` and commit docs/"
    );
}

/// What is printed is what is committed, and the folder is written as a whole.
#[test]
fn the_program_writes_the_pages_itself() {
    let folder = tempfile::tempdir().unwrap();
    let program = || Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
    fs::create_dir(folder.path().join("resources")).unwrap();
    fs::copy(root().join("docs/SUMMARY.md"), folder.path().join("SUMMARY.md")).unwrap();
    let stranger = folder.path().join("resources/gone.md");
    let page = fs::read_to_string(root().join("docs/resources/copy.md")).unwrap();
    fs::write(&stranger, &page).unwrap();
    fs::write(folder.path().join("resources/notes.md"), "# By hand\n").unwrap();
    let written = program().args(["doc", "--markdown"]).arg(folder.path()).output().unwrap();
    assert!(written.status.success(), "{written:?}");
    for (name, text) in pages::pages(folder.path()) {
        assert_eq!(fs::read_to_string(folder.path().join(&name)).unwrap(), text, "{name}");
    }
    assert!(!stranger.exists() && folder.path().join("resources/notes.md").exists());
    let printed = program().args(["doc", "copy", "--markdown"]).output().unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), page);
}

/// What comes before the example of a type that asks for the result of another task.
const BEFORE: &[(&str, &str)] =
    &[("async_status", "    - {command: sleep 1, async: 60, poll: 0, register: import}\n")];

/// Variables that examples take from a vault.
const VARS: &[&str] = &["registry_password", "db_password"];

/// A project of the example alone, with the files that it brings along.
fn project_of(row: &ResourceType) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut task: Vec<String> = row.example.lines().map(|line| format!("      {line}")).collect();
    task[0] = task[0].replacen("      ", "    - ", 1);
    let before = BEFORE.iter().find(|(name, _)| *name == row.name).map_or("", |(_, before)| before);
    let play = format!("- hosts: all\n  tasks:\n{before}{}\n", task.join("\n"));
    fs::write(folder.path().join("site.yml"), play).unwrap();
    let vars = VARS.iter().filter(|name| row.example.contains(&format!("{{{{{name}}}}}")));
    let vars = vars.map(|name| format!("{name}: x")).collect::<Vec<_>>().join(", ");
    let inventory = format!("all: {{hosts: {{web1: }}, vars: {{{vars}}}}}\n");
    fs::write(folder.path().join("inventory.yml"), inventory).unwrap();
    let source = yaml::parse(&Arc::new(lustores_provision::model::Source {
        path: "example".into(),
        text: row.example.into(),
        secret: false,
    }))
    .unwrap();
    for named in row.sources {
        let name = source.get(row.name).and_then(|parameters| parameters.get(named.key)?.as_str());
        if let Some(name) = name {
            let mut path = folder.path().join(named.folder).join(name);
            if named.is_folder() {
                path = path.join("file");
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "content\n").unwrap();
        }
    }
    folder
}

/// What the real `validate` says of the example in a real project.
fn validated(row: &ResourceType) -> Result<(), String> {
    let folder = project_of(row);
    let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
    command.args(["validate", "inventory.yml"]).current_dir(folder.path()).env_clear().stdin(Stdio::null());
    let output =
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path()).output().unwrap();
    match output.status.code() {
        Some(0) => Ok(()),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The code of a type.
fn sources(name: &str) -> String {
    let folder = root().join("src/resources").join(name);
    let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.chain([folder.with_extension("rs")]).filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// Whether a type adds to its registered result: a method of that name on something else takes `&self`.
fn implements_found(code: &str) -> bool {
    code.split("fn found(").skip(1).any(|rest| !rest.starts_with("&self"))
}

/// Laws and fixtures have tests of their own (`law`, `resource_fixtures`), which say why a type has none.
#[test]
fn each_type_has_all_that_belongs_to_one() {
    let index = fs::read_to_string(root().join("docs/resources/README.md")).unwrap_or_default();
    let mut lacks = vec![];
    for row in TABLE {
        let mut lack = |what: String| lacks.push(format!("{}: {what}", row.name));
        let schema = lustores_provision::schema::plainly(&(row.schema)().to_value());
        let about = schema["description"].as_str().unwrap_or_default();
        let first = about.split("\n\n").next().unwrap_or_default().trim();
        if !first.ends_with('.') || !first.starts_with(|c: char| c.is_uppercase()) {
            lack(format!("the documentation does not begin with a sentence: `{first}`"));
        }
        if !Topic::ALL.contains(&row.topic) {
            lack("its topic is not in the list".into());
        }
        let mut parameters = vec![];
        parameters::undocumented(&schema, "", &mut parameters);
        if !parameters.is_empty() {
            lack(format!("parameters without documentation: {}", parameters.join(", ")));
        }
        let code = sources(row.name);
        if (implements_found(&code) || code.contains("fn interlude(")) && row.result.is_empty() {
            lack("what it adds to the registered result is not in `RESULT`".into());
        }
        if let Err(said) = validated(row) {
            lack(format!("its example is not valid:\n{said}"));
        }
        // When they are rewritten, that is done meanwhile.
        let has_page = root().join(format!("docs/resources/{}.md", row.name)).exists();
        if !updates() && (!has_page || !index.contains(&format!("({}.md)", row.name))) {
            lack("no page in docs/resources: run `UPDATE=1 cargo nextest run --test docs`".into());
        }
        if !root().join("tests/fixtures/resources").join(row.name).is_dir() {
            lack("no fixtures in tests/fixtures/resources".into());
        }
    }
    assert!(lacks.is_empty(), "\n{}", lacks.join("\n"));
}

/// The names before "is" or "are" and the one behind, each in backticks: `a`, `b` and `c` are `d`.
fn said_to_be(text: &str) -> Vec<(String, String)> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<&str> = text.split('`').collect();
    let mut found = vec![];
    for at in (1..parts.len().saturating_sub(2)).step_by(2) {
        if ![" is ", " are "].contains(&parts[at + 1]) {
            continue;
        }
        let mut theirs = at;
        loop {
            found.push((parts[theirs].to_owned(), parts[at + 2].to_owned()));
            if theirs < 3 || ![", ", " and ", " or "].contains(&parts[theirs - 1]) {
                break;
            }
            theirs -= 2;
        }
    }
    found
}

/// What the guide says of Ansible's modules, a hint says where one is written.
#[test]
fn the_hints_know_the_modules_that_the_guide_names() {
    let guide = fs::read_to_string(root().join("docs/from-ansible.md")).unwrap();
    let section = guide.split("\n## ").find(|section| section.starts_with("Modules\n")).unwrap();
    let short = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let mut count = 0;
    let mut lacks = vec![];
    for (theirs, ours) in said_to_be(section) {
        if theirs.contains('/') {
            continue;
        }
        let (theirs, ours) = (short(&theirs), short(&ours));
        let is_type = |name: &str| TABLE.iter().any(|row| row.name == name);
        // Others are parameters; a file is no module either.
        if !is_type(&ours) || is_type(&theirs) {
            continue;
        }
        count += 1;
        if playbook::other_name(&theirs) != Some(ours.as_str()) {
            lacks.push(format!("`{theirs}` is `{ours}`"));
        }
    }
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let theirs = short(cells[0].trim_matches('`'));
        let first = cells[1].split('`').nth(1).unwrap_or_default();
        if TABLE.iter().any(|row| row.name == theirs) || cells[1] == "keyword" {
            continue;
        }
        count += 1;
        let instead = playbook::instead_of(&theirs).is_some_and(|hint| !hint.is_empty());
        if !instead && playbook::other_name(&theirs).is_none_or(|ours| ours != first) {
            lacks.push(format!("`{theirs}` is {}", cells[1]));
        }
    }
    assert!(count > 90, "only {count} were found");
    assert!(lacks.is_empty(), "without a hint: {lacks:?}");
    for (theirs, ours) in playbook::other_names() {
        assert!(TABLE.iter().any(|row| row.name == *ours), "{theirs}: there is no {ours}");
        assert!(TABLE.iter().all(|row| row.name != *theirs), "{theirs} is a type");
        assert!(
            section.contains(&format!("`{theirs}`")) || section.contains(&format!(".{theirs}`")),
            "{theirs}"
        );
    }
}

/// Each type stands in the guide, and the table of Ansible's modules is sorted and names only what is there.
#[test]
fn the_guide_has_every_type() {
    let guide = fs::read_to_string(root().join("docs/from-ansible.md")).unwrap();
    let section = guide.split("\n## ").find(|section| section.starts_with("Modules\n")).unwrap();
    let is_type = |name: &str| TABLE.iter().any(|row| row.name == name);
    let table = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows: Vec<Vec<&str>> = table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 100, "only {} rows", rows.len());
    assert!(
        rows.is_sorted_by(|a, b| a[0].trim_matches('`') < b[0].trim_matches('`')),
        "not sorted, or a module twice"
    );
    for row in &rows {
        assert_eq!(row.len(), 3, "{row:?}");
        let names: Vec<&str> = row[1].split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty() || ["not there", "keyword"].contains(&row[1]), "{row:?}");
        assert!(names.iter().all(|name| is_type(name)), "no such type: {row:?}");
        let short = row[0].trim_matches('`').rsplit('.').next().unwrap();
        assert!(!is_type(short) || names.contains(&short), "there is such a type: {row:?}");
    }
    let left: Vec<_> = TABLE.iter().filter(|row| !section.contains(&format!("`{}`", row.name))).collect();
    assert!(left.is_empty(), "not in the guide: {:?}", left.iter().map(|row| row.name).collect::<Vec<_>>());
}

/// All Markdown files of `docs/` and those beside it.
fn markdown() -> Vec<PathBuf> {
    fn find(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "book") {
                find(&path, found);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    let mut found = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)).to_vec();
    find(&root().join("docs"), &mut found);
    found.sort();
    found
}

/// The text without code, where brackets are no links.
fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut fence = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fence = !fence;
        } else if !fence {
            let parts = line.split('`').enumerate().map(|(at, part)| if at % 2 == 0 { part } else { "code" });
            out += &parts.collect::<Vec<_>>().join("`");
        }
        out.push('\n');
    }
    out
}

/// The names of headings as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fence = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fence ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if fence || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = |c: char| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || "-_".contains(c) => Some(c),
            _ => None,
        };
        let name: String = heading.trim().to_lowercase().chars().filter_map(kept).collect();
        let mut unique = name.clone();
        for number in 1.. {
            if found.insert(unique.clone()) {
                break;
            }
            unique = format!("{name}-{number}");
        }
    }
    found
}

/// The targets of `[text](target)` and `[text]: target`.
fn links(text: &str) -> Vec<String> {
    let text = prose(text);
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let named = text.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.split_once("]: "));
    inline.chain(named.map(|(_, target)| target.trim())).map(str::to_owned).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = vec![];
    let mut count = 0;
    for path in markdown() {
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.strip_prefix(root()).unwrap().display();
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if !target.exists() {
                wrong.push(format!("{shown}: {link}: no such file"));
            } else if !anchor.is_empty() && !anchors(&fs::read_to_string(&target).unwrap()).contains(anchor) {
                wrong.push(format!("{shown}: {link}: no such heading"));
            }
        }
    }
    assert!(count > 100, "only {count} links were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn links_and_headings_are_found() {
    let text = "# The `a b`: c!\n[x](y.md#z) `[no](link)`\n```\n[no](code.md)\n# no\n```\n[r]: t.md\n## Same\n## Same\n";
    assert_eq!(links(text), ["y.md#z", "t.md"]);
    assert_eq!(Vec::from_iter(anchors(text)), ["same", "same-1", "the-a-b-c"]);
}

#[test]
fn the_book_has_every_page_once() {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let mut listed = links(&summary);
    listed.sort();
    let all = listed.len();
    listed.dedup();
    assert_eq!(all, listed.len(), "a page is in docs/SUMMARY.md twice");
    let pages =
        markdown().into_iter().filter_map(|path| Some(path.strip_prefix(&docs).ok()?.display().to_string()));
    let missing: Vec<_> = pages.filter(|page| page != "SUMMARY.md" && !listed.contains(page)).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
}
