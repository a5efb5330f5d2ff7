//! The lab's stand-ins of the stack's own services, as one static program.
//!
//! `labapp app` and `labapp auth` answer HTTP on `PORT`; `/health` is good only when what the service needs is
//! really there. `labapp sleep` waits for SIGTERM. `labapp runas UID:GID PROGRAM..` is what `gosu` is in the
//! official images.

mod checks;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

#[derive(Clone, Copy)]
enum Role {
    App,
    Auth,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["app"] => until_told(|| serve(Role::App, "5000")),
        ["auth"] => until_told(|| serve(Role::Auth, "3001")),
        ["sleep"] => until_told(|| {
            loop {
                std::thread::park();
            }
        }),
        ["runas", who, program, rest @ ..] => run_as(who, program, rest),
        _ => {
            eprintln!("usage: labapp app | auth | sleep | runas UID:GID PROGRAM..");
            ExitCode::from(2)
        }
    }
}

/// Does `work` and ends well on SIGTERM: the first process of a container gets no signal that it does not handle.
fn until_told(work: fn() -> ExitCode) -> ExitCode {
    match Signals::new([SIGTERM, SIGINT]) {
        Ok(mut signals) => {
            std::thread::spawn(move || {
                signals.forever().next();
                println!("told to stop");
                std::process::exit(0);
            });
            work()
        }
        Err(error) => {
            eprintln!("labapp: cannot handle signals: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_as(who: &str, program: &str, rest: &[&str]) -> ExitCode {
    let ids = who.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    let Some((uid, gid)) = ids else {
        eprintln!("labapp: `{who}` is not UID:GID");
        return ExitCode::from(2);
    };
    let error = Command::new(program).args(rest).uid(uid).gid(gid).exec();
    eprintln!("labapp: cannot run {program}: {error}");
    ExitCode::from(126)
}

/// A variable of the environment; an empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn version() -> String {
    variable("LAB_VERSION").unwrap_or_else(|| "1".to_owned())
}

fn serve(role: Role, default_port: &str) -> ExitCode {
    let port = variable("PORT").unwrap_or_else(|| default_port.to_owned());
    let name = match role {
        Role::App => "app",
        Role::Auth => "auth",
    };
    let listener = match TcpListener::bind(format!("0.0.0.0:{port}")) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("{name}: cannot listen on port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if matches!(role, Role::App) {
        // The real app writes here; a folder it may not write to is a mistake worth seeing.
        match std::fs::write("/app/logs/app.log", format!("version {} started\n", version())) {
            Ok(()) => {}
            Err(error) => eprintln!("{name}: cannot write /app/logs/app.log: {error}"),
        }
    }
    println!("{name} version {} listens on port {port}", version());
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            // A client that went away is no concern of ours.
            let _ = answer(role, name, stream);
        });
    }
    ExitCode::SUCCESS
}

fn answer(role: Role, name: &str, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(64 * 1024));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut headers = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        headers += &line;
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or("/"));
    let (status, body) = match path {
        "/health" => match checks::health(role) {
            Ok(()) => ("200 OK", "ok\n".to_owned()),
            Err(problems) => ("503 Service Unavailable", format!("{}\n", problems.join("\n"))),
        },
        _ => ("200 OK", format!("{name} version {}\n{path}\n{headers}", version())),
    };
    if status != "200 OK" {
        eprintln!("{name}: {path}: {}", body.trim_end().replace('\n', "; "));
    }
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes())?;
    }
    Ok(())
}
