use crate::harness::*;
use agent::secret::{Content, Secret};
use agent::wire::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

fn session() -> (tempfile::TempDir, Agent) {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::open(&folder.path().join("state"), Session::ReadWrite, "run-1");
    (folder, agent)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(output.stdout.bytes()).into_owned()
}

#[test]
fn a_command_gets_stdin_a_clean_environment_and_streams_its_lines() {
    let (_folder, mut agent) = session();
    let mut exec = shell("cat; echo $A; env | grep -c .; echo oops >&2; exit 3");
    exec.stdin = Some("from stdin\n".into());
    exec.env = vec![("A".into(), "value".into())];
    let outputs = agent.done(Op::Exec { exec, ok: vec![0, 3] });
    // PATH, LANG, HOME, A, PWD and what the shell itself sets.
    let text = stdout(&outputs[0]);
    assert!(text.starts_with("from stdin\nvalue\n"), "{text}");
    assert!(text.trim().lines().last().unwrap().parse::<u32>().unwrap() <= 7, "{text}");
    assert_eq!((outputs[0].code, outputs[0].stderr.bytes()), (3, &b"oops\n"[..]));
    assert!(agent.progress.concat().contains("from stdin"), "{:?}", agent.progress);
}

#[test]
fn failures_of_commands_are_told() {
    let (_folder, mut agent) = session();
    let missing = Op::Exec { exec: Exec::new(["no-such-program"]), ok: vec![] };
    assert_eq!(agent.fails(missing), "program `no-such-program` not found");
    let Response::OpFailed { index, message, output } =
        agent.ask(change(vec![exec("true"), exec("echo bad; exit 9")]))
    else {
        panic!()
    };
    assert_eq!((index, message.as_str()), (1, "`sh` exited with 9"));
    assert_eq!(stdout(&output.unwrap()), "bad\n");
    let answer = agent.observe(Query::Test(Exec::new(["no-such-program"])));
    assert!(matches!(answer, Answer::Output(Output { code: 127, .. })));
}

#[test]
fn a_program_is_looked_for_in_the_folder_to_run_in() {
    let (folder, mut agent) = session();
    let here = folder.path().join("here");
    std::fs::create_dir_all(here.join("in")).unwrap();
    std::os::unix::fs::symlink("/bin/pwd", here.join("in/it")).unwrap();
    let here = here.display().to_string();
    for program in ["in/it", "./in/it", "in/../in//it"] {
        let exec = Exec { cwd: Some(here.clone()), ..Exec::new([program]) };
        let Answer::Output(output) = agent.observe(Query::Test(exec)) else { panic!() };
        assert_eq!((output.code, stdout(&output)), (0, format!("{here}\n")), "{program}");
        let elsewhere = Op::Exec { exec: Exec::new([program]), ok: vec![] };
        assert_eq!(agent.fails(elsewhere), format!("program `{program}` not found"));
    }
}

#[test]
fn a_command_out_of_time_is_ended_with_its_group() {
    let (folder, mut agent) = session();
    let pid_file = folder.path().join("pid");
    let mut exec = shell(&format!("sleep 300 & echo $! > {}; wait", pid_file.display()));
    exec.timeout_s = 1;
    let Response::OpFailed { message, output, .. } = agent.act(Op::Exec { exec, ok: vec![] }) else {
        panic!()
    };
    assert_eq!((message.as_str(), output.unwrap().code), ("`sh` ran out of time", 124));
    let pid = std::fs::read_to_string(pid_file).unwrap();
    eventually("the end of the grandchild", || !alive(pid.trim()));
}

#[test]
fn much_output_is_bounded_and_a_daemon_left_behind_is_not_waited_for() {
    let (_folder, mut agent) = session();
    let output = agent.done(exec("head -c 6000000 /dev/zero")).remove(0);
    assert!(output.stdout.bytes().len() < (4 << 20) + 100);
    assert!(stdout(&output).ends_with("[1805696 more bytes of output were dropped]\n"));
    let output = agent.done(exec("sleep 1000 & echo $!")).remove(0);
    assert!(alive(stdout(&output).trim()), "it was waited for, or ended");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(stdout(&output).trim().parse().unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
}

#[test]
fn children_and_grandchildren_end_with_the_session_but_survivors_live() {
    let (folder, mut agent) = session();
    let pids = folder.path().join("pids");
    let script = format!("sleep 300 & echo $! >> {0}; echo $$ >> {0}; wait", pids.display());
    agent.send(change(vec![exec(&script)]));
    let late = folder.path().join("late");
    let mut survivor =
        shell(&format!("touch {0}.begun; sleep 1; echo out; echo err >&2; touch {0}", late.display()));
    survivor.survive = true;
    agent.send(change(vec![Op::Exec { exec: survivor, ok: vec![] }]));
    let read = || std::fs::read_to_string(&pids).unwrap_or_default();
    eventually("the start", || read().lines().count() == 2);
    eventually("the survivor's start", || folder.path().join("late.begun").exists());
    assert!(agent.hang_up().success());
    for pid in read().lines() {
        eventually("the end of the children", || !alive(pid));
    }
    eventually("the survivor's end", || late.exists());
}

#[test]
fn a_survivor_is_heard_and_gets_its_exit_code() {
    let (_folder, mut agent) = session();
    let mut exec = shell("cat; echo err >&2; exit 4");
    exec.stdin = Some("in\n".into());
    exec.survive = true;
    let output = agent.done(Op::Exec { exec, ok: vec![4] }).remove(0);
    assert_eq!((stdout(&output).as_str(), output.stderr.bytes(), output.code), ("in\n", &b"err\n"[..], 4));
}

#[test]
fn silence_ends_the_agent_and_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let mut agent = Agent::start(&folder.path().join("state"));
    assert_eq!(agent.ask(open(Session::ReadWrite, "r", 1)), Response::Opened);
    agent.send(change(vec![exec(&format!("echo $$ > {}; sleep 300", pid_file.display()))]));
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(agent.ask(Request::Ping), Response::Pong);
    }
    eventually("the agent's end", || !alive(&agent.pid().to_string()));
    let pid = std::fs::read_to_string(pid_file).unwrap();
    eventually("the child's end", || !alive(pid.trim()));
}

#[test]
fn secrets_are_neither_in_the_journal_nor_in_any_argv() {
    let (folder, mut agent) = session();
    let secret = "hunter2-canary";
    let content = || Content::Secret(Secret::new(secret));
    let path = folder.path().join("s");
    let mut exec = shell("cat > /dev/null; sleep 0.5");
    (exec.stdin, exec.secret) = (Some(content()), true);
    exec.env = vec![("S".into(), content())];
    let write = Op::WriteFile { path: text(&path), content: content(), attrs: Attrs::default(), check: None };
    let http = Http {
        url: "http://127.0.0.1:1/".into(),
        method: "POST".into(),
        connect_to: None,
        headers: vec![("authorization".into(), content())],
        body: Some(content()),
        status: vec![],
        contains: None,
        content: false,
        follow: agent::wire::Follow::None,
        repeat: true,
        ca: None,
        insecure: false,
        timeout_s: 1,
    };
    let wait = Op::Wait(Wait { until: Until::Http(http), timeout_s: 1, interval_ms: 50 });
    let id = agent.send(change(vec![write, Op::Exec { exec, ok: vec![] }, wait]));
    let answered = AtomicBool::new(false);
    let answer = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut rounds = 0;
            while !answered.load(Relaxed) || rounds == 0 {
                for process in std::fs::read_dir("/proc").unwrap().flatten() {
                    let argv = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                    assert!(!String::from_utf8_lossy(&argv).contains(secret));
                }
                rounds += 1;
            }
        });
        let answer = agent.answer(id);
        answered.store(true, Relaxed);
        looks.join().unwrap();
        answer
    });
    let Response::OpFailed { index: 2, message, .. } = answer else { panic!() };
    assert!(
        message.starts_with("ran out of time after 1 s waiting for http://127.0.0.1:1/ to answer"),
        "{message}"
    );
    assert!(!message.contains(secret));
    let journal = std::fs::read_to_string(folder.path().join("state/runs/run-1/journal")).unwrap();
    assert!(!journal.contains(secret));
    assert!(journal.contains(r#""task":"web : a task","ops":[{"op":"write_file","what":""#), "{journal}");
    assert!(journal.lines().last().unwrap().contains(r#""state":"failed","op":2"#), "{journal}");
}

#[test]
fn waiting_ends_when_it_comes_true_and_says_why_it_did_not() {
    let (folder, mut agent) = session();
    let path = folder.path().join("flag");
    let wait = |until| Op::Wait(Wait { until, timeout_s: 5, interval_ms: 50 });
    let id = agent.send(change(vec![wait(Until::PathExists { path: text(&path) })]));
    std::thread::sleep(Duration::from_millis(200));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(agent.answer(id), Response::Applied { .. }));
    let until = Until::Succeeds(shell("echo not yet; false"));
    let wait = Op::Wait(Wait { until, timeout_s: 1, interval_ms: 100 });
    let Response::OpFailed { message, output, .. } = agent.act(wait) else { panic!() };
    assert_eq!(message, "ran out of time after 1 s waiting for `sh` to succeed: it exits with 1");
    assert_eq!(stdout(&output.unwrap()), "not yet\n");
}

#[test]
fn http_is_asked_with_what_was_given() {
    use std::io::{Read, Write};
    assert!(agent::child::which("curl").is_some(), "there is no curl: tests/deps installs it");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains("the \"body\"") {
            let n = stream.read(&mut buffer).unwrap();
            text += &String::from_utf8_lossy(&buffer[..n]);
        }
        stream.write_all(b"HTTP/1.1 418 No\r\ncontent-length: 6\r\n\r\nteapot").unwrap();
        text
    });
    let (_folder, mut agent) = session();
    let request = Http {
        url: format!("http://example.test:{port}/health?a=[1]"),
        method: "PUT".into(),
        connect_to: Some("127.0.0.1".into()),
        headers: vec![("X-Token".into(), "a\\b\"c".into())],
        body: Some("the \"body\"".into()),
        status: vec![418],
        contains: Some("tea".into()),
        content: true,
        follow: agent::wire::Follow::None,
        repeat: true,
        ca: None,
        insecure: false,
        timeout_s: 5,
    };
    let wait = Op::Wait(Wait { until: Until::Http(request), timeout_s: 5, interval_ms: 100 });
    let Response::Applied { outputs, .. } = agent.act(wait) else { panic!() };
    assert_eq!((outputs[0].code, stdout(&outputs[0]).as_str()), (418, "teapot"));
    let text = server.join().unwrap();
    assert!(text.starts_with("PUT /health?a=[1] HTTP/1.1\r\n"), "{text}");
    assert!(
        text.contains("X-Token: a\\b\"c\r\n") && text.contains(&format!("Host: example.test:{port}\r\n")),
        "{text}"
    );
}

/// A body is kept up to 4 MiB; the status comes after it.
#[test]
fn the_status_of_a_long_answer_is_known() {
    use std::io::{Read, Write};
    if agent::child::which("curl").is_none() {
        println!("skipped: there is no curl here");
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for status in ["200 OK", "503 Busy", "503 Busy"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).unwrap();
            let body = "xxxxxxxxxxxxxxx\n".repeat(5 << 16);
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).unwrap();
        }
    });
    let (_folder, mut agent) = session();
    let request = Http {
        url: format!("http://127.0.0.1:{port}/"),
        method: "GET".into(),
        connect_to: None,
        headers: vec![],
        body: None,
        status: vec![],
        contains: Some("xxx".into()),
        content: false,
        follow: agent::wire::Follow::None,
        repeat: true,
        ca: None,
        insecure: false,
        timeout_s: 60,
    };
    let wait = |timeout_s| Op::Wait(Wait { until: Until::Http(request.clone()), timeout_s, interval_ms: 50 });
    agent.done(wait(60));
    let message = agent.fails(wait(0));
    println!("{message} {:?}", agent.progress);
    server.join().unwrap();
    assert!(message.contains("it is answered with status 503"), "{message} {:?}", agent.progress);
}

/// What the server may have got is not sent again; what it cannot have got is.
#[test]
fn what_must_not_be_done_twice_is_sent_once() {
    use std::io::{Read, Write};
    assert!(agent::child::which("curl").is_some(), "there is no curl: tests/deps installs it");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = requests.clone();
    let serve = move |listener: std::net::TcpListener| {
        while let Ok((mut stream, _)) = listener.accept() {
            let (mut request, mut buffer) = (vec![], [0; 4096]);
            while !request.ends_with(b"pay") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            let status = match counted.fetch_add(1, Relaxed) {
                0 | 2 => "503 Busy",
                // It hangs up without a word.
                1 => continue,
                _ => "200 OK",
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    };
    let request = |port| Http {
        url: format!("http://127.0.0.1:{port}/"),
        method: "POST".into(),
        connect_to: None,
        headers: vec![],
        body: Some("pay".into()),
        status: vec![200],
        contains: None,
        content: false,
        follow: agent::wire::Follow::None,
        repeat: false,
        ca: None,
        insecure: false,
        timeout_s: 5,
    };
    let wait = |request| Op::Wait(Wait { until: Until::Http(request), timeout_s: 60, interval_ms: 50 });
    let (_folder, mut agent) = session();
    let server = serve.clone();
    std::thread::spawn(move || server(listener));
    let message = agent.fails(wait(request(port)));
    assert_eq!(
        message,
        format!(
            "it is in vain to wait for http://127.0.0.1:{port}/ to answer: it is answered with status 503, and POST is not sent again"
        )
    );
    let message = agent.fails(wait(request(port)));
    assert!(message.ends_with(", and POST is not sent again"), "{message}");
    assert_eq!(requests.load(Relaxed), 2);
    // Asked for, it is sent until it is taken.
    agent.done(wait(Http { repeat: true, ..request(port) }));
    assert_eq!(requests.load(Relaxed), 4);
    // Nothing listens yet: nothing was sent.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    requests.store(0, Relaxed);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        serve(std::net::TcpListener::bind(("127.0.0.1", free)).unwrap());
    });
    let message = agent.fails(wait(request(free)));
    assert!(message.ends_with("it is answered with status 503, and POST is not sent again"), "{message}");
    assert_eq!(requests.load(Relaxed), 1);
}
