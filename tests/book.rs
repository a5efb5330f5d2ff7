//! The documentation as a book: the real mdBook builds it without a word of warning, and every link of what it writes leads somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
    process::Command,
};

/// The values of an attribute in a page. mdBook writes each with double quotes, and quotes in texts otherwise.
fn values(page: &str, attribute: &str) -> Vec<String> {
    let start = format!(" {attribute}=\"");
    let values = page.split(&start).skip(1).filter_map(|rest| rest.split('"').next());
    values.map(|value| value.replace("&amp;", "&")).collect()
}

fn pages(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|end| end == "html") {
            let text = fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
}

/// `a/../b` as `b`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out
}

#[test]
fn the_book_is_built_and_its_links_lead_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut command = Command::new("mdbook");
    let built = command.arg("build").arg(docs).arg("--dest-dir").arg(folder.path()).output();
    let built = built.expect("mdbook is installed by `tests/deps tests`");
    let said = String::from_utf8_lossy(&built.stdout).into_owned() + &String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success() && !said.contains("WARN") && !said.contains("ERROR"), "{said}");

    let mut all = BTreeMap::new();
    pages(folder.path(), &mut all);
    let ids: BTreeMap<_, BTreeSet<_>> =
        all.iter().map(|(path, page)| (path, values(page, "id").into_iter().collect())).collect();
    let (mut count, mut wrong) = (0, vec![]);
    for (path, page) in &all {
        // That page is shown at any address, with addresses of its own.
        if path.ends_with("404.html") {
            continue;
        }
        let shown = path.strip_prefix(folder.path()).unwrap().display();
        for link in values(page, "href").into_iter().chain(values(page, "src")) {
            if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { path.clone() } else { plain(&path.parent().unwrap().join(file)) };
            if !target.exists() {
                wrong.push(format!("{shown}: {link}: no such file"));
            } else if !anchor.is_empty() && !ids.get(&target).is_some_and(|ids| ids.contains(anchor)) {
                wrong.push(format!("{shown}: {link}: no such heading"));
            }
        }
    }
    assert!(all.len() > 80 && count > 1000, "only {count} links on {} pages were found", all.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
