//! The graph as SVG, for a real XML parser and a real browser.

use super::{browser::Browser, project::Project, sample};
use std::{fs, process::Command};

#[test]
fn a_graph_is_whole_xml() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::tasks(
        "    - {name: \"</title><script>alert(1)</script> & \\\"x\\\" ]]> \\u001b\", copy: {dest: \"{{home}}/a\", content: x}}\n    \
         - {name: two, copy: {dest: \"{{home}}/b\", content: y}}\n    - {name: three, command: \"true\"}\n",
    );
    project.run(&["graph", "inventory.yml", "--format", "svg", "-o", "graph.svg"]).exits(0);
    project.go().exits(0);
    project.run(&["graph", "inventory.yml", "--format", "svg", "--run", "last", "-o", "run.svg"]).exits(0);
    let parse = "import sys, xml.etree.ElementTree as e\nfor f in sys.argv[1:]:\n  r = e.parse(f).getroot(); n = '{http://www.w3.org/2000/svg}'\n  \
        g = [x for x in r.iter(n + 'g') if x.get('class').startswith('n')]\n  print(r.tag, len(g), len(list(r.iter(n + 'script'))), g[0].find(n + 'title').text)";
    let paths = ["graph.svg", "run.svg"].map(|name| project.path(name));
    let parsed = Command::new("python3").args(["-c", parse]).args(&paths).output().unwrap();
    let out = String::from_utf8(parsed.stdout).unwrap();
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    assert_eq!(
        out.matches("{http://www.w3.org/2000/svg}svg 3 0 </title><script>alert(1)</script> & \"x\" ]]> ")
            .count(),
        2,
        "{out}"
    );
    // A browser draws it, in light and in dark.
    let mut browser = Browser::new();
    let big = folder.path().join("big.svg");
    fs::write(&big, sample_svg()).unwrap();
    browser.open(&paths[1]);
    assert_eq!(browser.eval("document.querySelectorAll('g.n').length"), 3);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.size(2400, 1400);
    browser.open(&big);
    browser.picture("graph-200-light.png", true);
    browser.scheme("dark");
    browser.picture("graph-200-dark.png", true);
}

/// The graph of two hundred tasks.
fn sample_svg() -> String {
    let run = sample::run(1, 200);
    let story = lustores_provision::report::Story::new(&run);
    let critical = lustores_provision::report::Critical::new(&story, &story.hosts[0]);
    let picture = lustores_provision::report::picture(&story.hosts[0], critical.as_ref());
    lustores_provision::graph::svg(&picture, "two hundred tasks")
}
