use super::*;
use crate::{
    event::{Failure, PlannedTask},
    model::{Diff, FacetDiff, Shown, TaskId},
};
use agent::secret::Secret;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn change(mode: &str) -> Verdict {
    let facet = FacetDiff {
        facet: "mode".into(),
        before: Shown::Scalar("0644".into()),
        after: Shown::Scalar(mode.into()),
    };
    Verdict::Change { diff: Diff { facets: vec![facet] } }
}

fn started(hosts: Vec<String>) -> Event {
    let about = crate::event::About::default();
    Event::RunStarted { schema: 1, run: "r".into(), check: true, hosts, about }
}

fn planned(verdict: Verdict) -> Vec<PlannedTask> {
    let (name, resource, place) = ("base : motd".into(), "file".into(), "site.yml:3:5".into());
    vec![PlannedTask {
        task: TaskId(0),
        name,
        resource,
        place,
        verdict,
        notes: vec![],
        after: vec![],
        exposes: None,
        if_fails: vec![],
    }]
}

fn show(format: Format, events: Vec<Event>) -> String {
    let buffer = Buffer::default();
    let reporter =
        Reporter::new(format, false, Redactor::new(&[Secret::new("hunter2")]), Box::new(buffer.clone()));
    events.into_iter().for_each(|e| reporter.show(e));
    let bytes = buffer.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn hosts_that_agree_share_one_diff() {
    let hosts = vec!["a".to_string(), "b".into(), "c".into()];
    let text = show(
        Format::Plain,
        vec![
            started(hosts),
            Event::HostPlanned { host: "a".into(), tasks: planned(change("0600")) },
            Event::HostPlanned { host: "c".into(), tasks: planned(change("0640")) },
            Event::HostPlanned { host: "b".into(), tasks: planned(change("0600")) },
            Event::PlanComplete { changes: 3, deferred: 0 },
        ],
    );
    assert_eq!(text.matches("mode: 0644 -> 0600").count(), 1, "{text}");
    assert!(text.contains("~ base : motd  [a, b] site.yml:3:5"), "{text}");
    assert!(text.contains("~ base : motd  [c] site.yml:3:5"), "{text}");
}

#[test]
fn hosts_agree_though_a_loop_before_is_longer_on_one() {
    let tasks = |items: &[&str], last: &str| {
        let mut tasks: Vec<PlannedTask> = vec![];
        for item in items {
            let mut task = planned(change("0600")).remove(0);
            (task.name, task.place) = (format!("conf ({item})"), "site.yml:5:5".into());
            tasks.push(task);
        }
        let mut motd = planned(change(last)).remove(0);
        motd.place = "site.yml:9:5".into();
        tasks.push(motd);
        for (id, task) in tasks.iter_mut().enumerate() {
            task.task = TaskId(id as u32);
        }
        tasks
    };
    let events =
        [("a", tasks(&["x"], "0644")), ("b", tasks(&["x", "y", "z"], "0644")), ("c", tasks(&["z"], "0640"))];
    let events = events.map(|(host, tasks)| Event::HostPlanned { host: host.into(), tasks });
    let text = show(
        Format::Plain,
        [events.to_vec(), vec![Event::PlanComplete { changes: 8, deferred: 0 }]].concat(),
    );
    let heads: Vec<_> = text.lines().filter(|line| line.starts_with('~')).collect();
    let expected = [
        "~ conf (x)  [a, b] site.yml:5:5",
        "~ conf (y)  [b] site.yml:5:5",
        "~ conf (z)  [b, c] site.yml:5:5",
        "~ base : motd  [a, b] site.yml:9:5",
        "~ base : motd  [c] site.yml:9:5",
    ];
    assert_eq!(heads, expected, "{text}");
}

#[test]
fn a_note_is_shown_though_nothing_is_to_do() {
    let quiet = planned(Verdict::Unchanged);
    let mut noted = quiet.clone();
    noted[0].notes = vec!["service db is left as it is: stopped by an operator".into()];
    let show = |tasks| {
        let planned = Event::HostPlanned { host: "a".into(), tasks };
        show(Format::Plain, vec![planned, Event::PlanComplete { changes: 0, deferred: 0 }])
    };
    let text = show(noted);
    let wanted =
        "= base : motd  [a] site.yml:3:5\n    ! service db is left as it is: stopped by an operator\n";
    assert!(text.contains(wanted), "{text}");
    assert!(!show(quiet).contains("base : motd"), "{text}");
}

#[test]
fn nothing_secret_leaves_whatever_the_format() {
    let output =
        || Event::TaskOutput { host: "a".into(), task: TaskId(0), line: "the password is hunter2".into() };
    for format in [Format::Plain, Format::Json] {
        let text = show(format, vec![output()]);
        assert!(!text.contains("hunter2") && text.contains("[secret]"), "{text}");
    }
}

#[test]
fn a_failure_shows_host_task_place_output_and_hint() {
    let failure = Failure {
        message: "the command failed with exit code 3".into(),
        causes: vec!["step 2 of 2".into()],
        hint: Some("look at the log".into()),
        exit: 40,
        place: Some("site.yml:9:5".into()),
        excerpt: Some(" --> site.yml:9:5\n  |\n9 | x: hunter2\n  | ^\n".into()),
        output: vec!["boom".into()],
        more: vec![],
    };
    let other = Failure { message: "another one".into(), output: vec![], ..failure.clone() };
    let event = |host: &str| Event::TaskFinished {
        host: host.into(),
        task: TaskId(0),
        name: "x".into(),
        status: Status::Failed,
        diff: None,
        failure: Some(Failure { more: vec![other.clone()], ..failure.clone() }),
        millis: 5,
    };
    let text = show(Format::Plain, vec![event("a"), event("b")]);
    let head = "x: the command failed with exit code 3 (site.yml:9:5)\n";
    let excerpt = " --> site.yml:9:5\n  |\n9 | x: [secret]\n  | ^\n";
    let rest = "  cause: step 2 of 2\n  it printed:\n    | boom\n  hint: look at the log\n";
    let more = "x: another one (site.yml:9:5)\n  cause: step 2 of 2\n  hint: look at the log\n";
    let wanted =
        format!("error: a: {head}{excerpt}{rest}error: a: {more}error: b: {head}{rest}error: b: {more}");
    assert_eq!(text, wanted);
    let json = show(Format::Json, vec![event("a")]);
    assert!(
        json.contains("9 | x: [secret]") && json.contains("\"more\":[{\"message\":\"another one\""),
        "{json}"
    );
}
