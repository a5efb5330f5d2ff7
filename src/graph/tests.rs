use super::*;

fn node(writes: &[&str], reads: &[&str]) -> Node {
    let path = |p: &&str| if *p == "*" { Area::Everything } else { Area::Path((*p).into()) };
    let footprint =
        Footprint { reads: reads.iter().map(path).collect(), writes: writes.iter().map(path).collect() };
    Node { footprint, ..Node::default() }
}

fn result(reads: &[&str], registers: Option<(&str, usize)>) -> Node {
    let reads = reads.iter().map(ToString::to_string).collect();
    Node {
        reads,
        registers: registers.into_iter().map(|(name, by)| (name.into(), by)).collect(),
        ..Node::default()
    }
}

fn edges(nodes: &[Node]) -> Vec<(u32, u32)> {
    let graph = TaskGraph::build(nodes).unwrap();
    let mut edges: Vec<_> = (0..nodes.len() as u32)
        .flat_map(|t| graph.before(TaskId(t)).map(move |(b, _)| (b.0, t)).collect::<Vec<_>>())
        .collect();
    edges.sort_unstable();
    edges
}

#[test]
fn folders_come_before_what_is_in_them_and_siblings_run_in_parallel() {
    let nodes = [
        node(&["/a"], &[]),
        node(&["/a/b"], &[]),
        node(&["/a/c"], &[]),
        node(&["/ab"], &[]),
        node(&[], &["/a"]),
    ];
    assert_eq!(edges(&nodes), [(0, 1), (0, 2), (0, 4), (1, 4), (2, 4)]);
}

#[test]
fn readers_share_and_a_later_writer_waits_for_them() {
    let nodes =
        [node(&["/a"], &[]), node(&[], &["/a"]), node(&[], &["/a"]), node(&["/a"], &[]), node(&[], &["/a"])];
    assert_eq!(edges(&nodes), [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (3, 4)]);
}

#[test]
fn a_command_without_footprint_is_a_barrier() {
    let nodes =
        [node(&["/a"], &[]), node(&[], &["/b"]), node(&["*"], &[]), node(&["/a"], &[]), node(&["*"], &[])];
    assert_eq!(edges(&nodes), [(0, 2), (1, 2), (2, 3), (2, 4), (3, 4)]);
}

#[test]
fn a_file_waits_for_who_makes_its_folder_on_the_way() {
    let folder = |path: &str| {
        let footprint = Footprint::writes([Area::Path(path.into())]).and_folders_above(path);
        Node { footprint, ..Node::default() }
    };
    // Folders do not wait for each other; a file waits for those below its own folder only.
    let nodes = [folder("/a/b/c"), folder("/a/b/d"), node(&["/a/b/x"], &[]), node(&["/a/x/y"], &[])];
    assert_eq!(edges(&nodes), [(0, 2), (1, 2)]);
    // Where the folder has a task of its own, that is enough.
    let nodes = [node(&["/a/b"], &[]), folder("/a/b/c"), node(&["/a/b/x"], &[])];
    assert_eq!(edges(&nodes), [(0, 1), (0, 2)]);
    // Many of them do not become many edges.
    let nodes: Vec<_> = (0..4000)
        .map(|n| if n % 2 == 0 { folder(&format!("/a/{n}")) } else { node(&[&format!("/a/{n}")], &[]) })
        .collect();
    assert!(edges(&nodes).len() < 17 * nodes.len());
}

#[test]
fn a_cycle_is_told_with_its_reasons() {
    let mut nodes = [node(&["/a"], &[]), node(&[], &["/a"])];
    nodes[0].needs.push(TaskId(1));
    let cycle = TaskGraph::build(&nodes).unwrap_err();
    let area = Area::Path("/a".into());
    assert_eq!(cycle, Cycle(vec![(TaskId(0), Why::Footprint(area)), (TaskId(1), Why::Declared)]));
}

#[test]
fn who_reads_a_result_waits_for_who_registers_it() {
    let nodes = [
        result(&[], Some(("r", 0))),
        result(&["r"], None),
        // A loop that registers the name anew: its items do not wait for each other.
        result(&["r"], Some(("r", 2))),
        result(&["r"], Some(("r", 2))),
        result(&["r"], None),
        result(&["other"], None),
    ];
    assert_eq!(edges(&nodes), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]);
    let graph = TaskGraph::build(&nodes).unwrap();
    let why: Vec<_> = graph.before(TaskId(3)).map(|(before, why)| (before.0, why.to_string())).collect();
    assert!(
        why.contains(&(0, "result `r`".into())) && why.contains(&(1, "result `r` is replaced".into())),
        "{why:?}"
    );
}

#[test]
fn a_result_is_a_reason_beside_others() {
    let area = node(&["/a"], &[]).footprint;
    let nodes = [
        Node { footprint: area.clone(), ..result(&[], Some(("r", 0))) },
        Node { footprint: area.clone(), ..result(&["r"], None) },
    ];
    let graph = TaskGraph::build(&nodes).unwrap();
    let mut why: Vec<_> = graph.before(TaskId(1)).map(|(_, why)| why.clone()).collect();
    why.sort_by_key(ToString::to_string);
    assert_eq!(why, [Why::Footprint(area.writes[0].clone()), Why::Result("r".into())]);
    assert_eq!(graph.order(), [TaskId(0), TaskId(1)]);
}

#[test]
fn needs_on_a_later_task_is_honoured() {
    let mut nodes = [node(&["/a"], &[]), node(&["/b"], &[])];
    nodes[0].needs.push(TaskId(1));
    assert_eq!(TaskGraph::build(&nodes).unwrap().order(), [TaskId(1), TaskId(0)]);
}

#[test]
fn a_look_from_outside_comes_after_what_changes_what_answers() {
    let on = |machine, writes: &[Area], reads: &[Area]| {
        let footprint = Footprint { reads: reads.to_vec(), writes: writes.to_vec() };
        Node { footprint, machine, ..node(&[], &[]) }
    };
    let unit = |name: &str| Area::Unit(name.into());
    let nodes = [
        on(0, &[unit("a.service")], &[]),
        on(0, &[Area::Firewall], &[]),
        on(0, &[Area::Path("/a".into())], &[]),
        on(1, &[], &[Area::Network]),
        on(0, &[], &[Area::Network]),
        on(0, &[Area::Compose("shop".into())], &[]),
        on(1, &[], &[Area::Network]),
    ];
    // Neither changes nor looks wait for each other; a later change waits for the looks, and is waited for.
    // The file is behind the unit, and before the project, for what they find.
    let expected = [(0, 2), (0, 3), (0, 4), (0, 6), (1, 3), (1, 4), (1, 6), (2, 5), (3, 5), (4, 5), (5, 6)];
    assert_eq!(edges(&nodes), expected);
    let graph = TaskGraph::build(&nodes).unwrap();
    let why = |task, before| {
        let found = graph.before(TaskId(task)).find(|(id, _)| *id == TaskId(before));
        found.map(|(_, why)| why.clone())
    };
    assert_eq!(why(3, 1), Some(Why::Footprint(Area::Firewall)));
    assert_eq!(why(5, 4), Some(Why::Order(Area::Network)));
}

#[test]
fn a_look_from_outside_waits_also_behind_a_look_at_everything() {
    let on = |machine, writes: &[Area], reads: &[Area]| {
        let footprint = Footprint { reads: reads.to_vec(), writes: writes.to_vec() };
        Node { footprint, machine, ..node(&[], &[]) }
    };
    let nodes = [
        on(0, &[Area::Compose("shop".into())], &[]),
        on(0, &[], &[Area::Everything]),
        on(1, &[], &[Area::Network]),
        on(1, &[], &[Area::Everything]),
    ];
    let found = edges(&nodes);
    assert!(found.contains(&(0, 1)) && found.contains(&(1, 2)) && found.contains(&(1, 3)), "{found:?}");
}

/// `a` is the unit `a`, what begins with a slash a path.
fn writes(areas: &[&str]) -> Node {
    let area = |text: &&str| match *text {
        "accounts" => Area::Accounts,
        "packages" => Area::Packages,
        path if path.starts_with('/') => Area::Path(path.into()),
        unit => Area::Unit(unit.into()),
    };
    Node { footprint: Footprint::writes(areas.iter().map(area)), ..Node::default() }
}

#[test]
fn what_starts_comes_behind_what_it_may_find_and_before_what_is_written_later() {
    let nodes = [
        writes(&["/etc/chrony/chrony.conf"]),
        writes(&["accounts"]),
        writes(&["packages"]),
        writes(&["chrony.service"]),
        writes(&["/srv/app"]),
        writes(&["nginx.service"]),
        writes(&["cron.service"]),
        writes(&["/srv/app/x"]),
    ];
    // Neither those who write nor those who start wait for each other.
    let expected = [
        [(0, 3), (0, 5), (0, 6)].as_slice(),
        &[(1, 3), (1, 5), (1, 6), (3, 4), (4, 5), (4, 6)],
        &[(4, 7), (5, 7), (6, 7)],
    ]
    .concat();
    assert_eq!(edges(&nodes), expected);
    let graph = TaskGraph::build(&nodes).unwrap();
    let why = |task, before| {
        let found = graph.before(TaskId(task)).find(|(id, _)| *id == TaskId(before));
        found.map(|(_, why)| why.clone()).unwrap()
    };
    let path = |path: &str| Area::Path(path.into());
    assert_eq!(why(3, 0), Why::Start(path("/etc/chrony/chrony.conf")));
    assert!(!why(3, 0).may_show() && !why(3, 0).is_order_only());
    assert_eq!(why(3, 0).to_string(), "/etc/chrony/chrony.conf before what starts");
    assert_eq!(why(4, 3), Why::Order(path("/srv/app")));
    // A unit that is written and started comes behind those before it, and each other machine has its own.
    let other = Node { machine: 1, ..writes(&["/etc/z"]) };
    let nodes =
        [writes(&["/a/x", "x.service"]), other, writes(&["/a/y", "y.service"]), writes(&["z.service"])];
    assert_eq!(edges(&nodes), [(0, 2), (0, 3), (2, 3)]);
    let graph = TaskGraph::build(&nodes).unwrap();
    assert!(graph.before(TaskId(2)).all(|(_, why)| *why == Why::Start(path("/a/x"))));
}

#[test]
fn what_starts_makes_no_cycle_of_needs_on_a_later_task() {
    // Written into what runs already: it needs it.
    let mut nodes = [writes(&["/srv/token"]), writes(&["app.service"]), writes(&["/srv/x"])];
    nodes[0].needs.push(TaskId(1));
    assert_eq!(edges(&nodes), [(1, 0), (1, 2)]);
    // Starts behind what is written later; and another way round through one that starts between.
    let mut nodes = [writes(&["app.service"]), writes(&["/srv/token"])];
    nodes[0].needs.push(TaskId(1));
    assert_eq!(edges(&nodes), [(1, 0)]);
    let mut nodes =
        [writes(&["/srv/token"]), writes(&["a.service"]), writes(&["/srv/x"]), writes(&["b.service"])];
    nodes[0].needs.push(TaskId(3));
    assert_eq!(TaskGraph::build(&nodes).unwrap().order(), [TaskId(1), TaskId(2), TaskId(3), TaskId(0)]);
    // One that `needs` makes is told by what it says, not by what starts.
    nodes[3].needs.push(TaskId(0));
    let cycle = TaskGraph::build(&nodes).unwrap_err();
    assert_eq!(cycle, Cycle(vec![(TaskId(0), Why::Declared), (TaskId(3), Why::Declared)]));
}

#[test]
fn mounts_and_the_packet_filter_start_nothing() {
    let mut filter = writes(&["nftables.service"]);
    filter.footprint.writes.push(Area::Firewall);
    let nodes = [writes(&["/etc/x"]), filter, writes(&["srv-db.mount"]), writes(&["/etc/y"])];
    assert!(edges(&nodes).is_empty());
}

#[test]
fn a_dependence_or_a_declared_need_is_more_than_what_a_start_finds() {
    let mut nodes = [writes(&["/etc/x"]), writes(&["x.service"]), writes(&["y.service"])];
    nodes[1].footprint.reads.push(Area::Path("/etc/x".into()));
    nodes[2].needs.push(TaskId(0));
    let graph = TaskGraph::build(&nodes).unwrap();
    let why = |task| graph.before(TaskId(task)).next().unwrap().1.clone();
    assert_eq!((why(1), why(2)), (Why::Footprint(Area::Path("/etc/x".into())), Why::Declared));
}

#[test]
fn many_who_write_and_start_have_few_edges() {
    let write = |n: usize| writes(&[&format!("/srv/{n}")]);
    let start = |n: usize| writes(&[&format!("{n}.service")]);
    let by_turns: Vec<_> = (0..1000).map(|n| if n % 2 == 0 { write(n) } else { start(n) }).collect();
    let at_first: Vec<_> = (0..1000).map(|n| if n < 500 { write(n) } else { start(n) }).collect();
    for nodes in [by_turns, at_first] {
        let graph = TaskGraph::build(&nodes).unwrap();
        let count: usize = (0..nodes.len() as u32).map(|task| graph.before(TaskId(task)).count()).sum();
        assert!(count < 130 * nodes.len(), "{count}");
    }
}

#[test]
fn ten_thousand_tasks_have_few_edges() {
    let nodes: Vec<_> =
        (0..10_000).map(|i| node(&[&format!("/srv/{}/{}", i % 100, i / 100)], &["/srv"])).collect();
    let nodes: Vec<_> = nodes
        .into_iter()
        .map(|mut n| {
            n.footprint.reads.clear();
            n
        })
        .collect();
    assert_eq!(TaskGraph::build(&nodes).unwrap().order().len(), 10_000);
}
