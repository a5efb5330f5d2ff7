//! Against a real server, which breaks off when it is told to.

use super::*;
use crate::wire::{Algorithm, Attrs, Digest};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const BODY: &[u8] = b"0123456789abcdefghij\n";

/// What a server does with each request, in order.
#[derive(Clone, Copy)]
enum Turn {
    /// Says that all of it comes, and breaks off after so many bytes.
    BreakAt(usize),
    /// As asked: all of it, or from where the request says.
    Well,
    /// All of it, whatever is asked.
    NoRanges,
    Missing,
    /// To the server at that port, by another name of the machine.
    LedTo(u16),
}

/// The `Range` of a request, and its `X-Token` or `Authorization`.
type Asked = (Option<usize>, Option<String>);

struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

fn serve(turns: Vec<Turn>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/it", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(vec![]));
    let log = asked.clone();
    std::thread::spawn(move || {
        for turn in turns {
            let (stream, _) = listener.accept().unwrap();
            log.lock().unwrap().push(answer(stream, turn));
        }
    });
    Server { url, asked }
}

fn answer(mut stream: TcpStream, turn: Turn) -> Asked {
    let (mut from, mut token) = (None, None);
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
        for name in ["x-token: ", "authorization: "] {
            token = token.or(line.strip_prefix(name).map(String::from));
        }
    }
    let all = BODY.len();
    let (head, body) = match (turn, from) {
        (Turn::BreakAt(at), _) => (format!("200 OK\r\nContent-Length: {all}"), &BODY[..at]),
        (Turn::Well, Some(from)) => {
            let left = all - from;
            let range = format!("Content-Range: bytes {from}-{}/{all}", all - 1);
            (format!("206 Partial Content\r\nContent-Length: {left}\r\n{range}"), &BODY[from..])
        }
        (Turn::LedTo(port), _) => {
            (format!("302 Found\r\nContent-Length: 0\r\nLocation: http://localhost:{port}/it"), &BODY[..0])
        }
        (Turn::Missing, _) => ("404 Not Found\r\nContent-Length: 0".to_string(), &BODY[..0]),
        _ => (format!("200 OK\r\nContent-Length: {all}"), BODY),
    };
    let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    (from, token)
}

fn sum() -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    std::fs::write(&path, BODY).unwrap();
    digest(File::open(path).unwrap(), Algorithm::Sha256).unwrap()
}

fn wish(url: &str, path: &std::path::Path) -> Download {
    Download {
        url: url.into(),
        path: path.to_str().unwrap().into(),
        checksum: Digest { algorithm: Algorithm::Sha256, hex: sum() },
        headers: vec![("X-Token".into(), Content::new("hunter\"2\\", true))],
        env: vec![],
        attrs: Attrs { mode: Some(0o640), ..Attrs::default() },
        silence_s: 5,
        timeout_s: 20,
    }
}

fn fetch_it(wish: &Download) -> Result<(), String> {
    download(wish, &mut Names::default(), &mut |_| {}).map_err(|failed| failed.message)
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_cut_off_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    let server = serve(vec![Turn::BreakAt(8), Turn::Well]);
    let wish = wish(&server.url, &path);
    assert!(fetch_it(&wish).unwrap_err().contains("exited with 18"));
    assert!(!path.exists() && names(folder.path()).len() == 1, "the beginning is kept beside it");
    fetch_it(&wish).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), BODY);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(names(folder.path()), ["it"]);
    let asked = server.asked.lock().unwrap().clone();
    let token = Some("hunter\"2\\".to_string());
    assert_eq!(asked, [(None, token.clone()), (Some(8), token)]);
}

#[test]
fn a_server_that_cannot_go_on_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    let server = serve(vec![Turn::BreakAt(8), Turn::NoRanges, Turn::NoRanges]);
    let wish = wish(&server.url, &path);
    fetch_it(&wish).unwrap_err();
    fetch_it(&wish).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), BODY);
}

#[test]
fn what_was_begun_wrongly_is_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    let server = serve(vec![Turn::BreakAt(8), Turn::Well, Turn::Well]);
    let wish = wish(&server.url, &path);
    fetch_it(&wish).unwrap_err();
    let partial = folder.path().join(&names(folder.path())[0]);
    std::fs::write(&partial, "xxxxxxxx").unwrap();
    fetch_it(&wish).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), BODY);
    let from: Vec<_> = server.asked.lock().unwrap().iter().map(|(from, _)| *from).collect();
    assert_eq!(from, [None, Some(8), None]);
}

#[test]
fn the_wrong_content_never_takes_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    std::fs::write(&path, "old").unwrap();
    let server = serve(vec![Turn::Well, Turn::Missing]);
    let mut wish = wish(&server.url, &path);
    wish.checksum.hex = "0".repeat(64);
    assert!(fetch_it(&wish).unwrap_err().contains(&format!("another checksum: sha256:{}", sum())));
    assert_eq!(names(folder.path()), ["it"], "nothing of it is left");
    assert!(fetch_it(&wish).unwrap_err().contains("exited with 22"));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[test]
fn what_others_put_in_its_way_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    let server = serve(vec![Turn::BreakAt(8), Turn::Well]);
    let wish = wish(&server.url, &path);
    fetch_it(&wish).unwrap_err();
    let partial = folder.path().join(&names(folder.path())[0]);
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::remove_file(&partial).unwrap();
    std::os::unix::fs::symlink(other.path(), &partial).unwrap();
    fetch_it(&wish).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), BODY);
    assert_eq!(std::fs::read(other.path()).unwrap(), b"");
}

#[test]
fn wget_does_it_where_there_is_no_curl() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(vec![Turn::Well, Turn::Well]);
    let wish = wish(&server.url, &folder.path().join("it"));
    let out = std::fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(folder.path().join("out"))
        .unwrap();
    let fetched = |begun| run(&wish, wget(&wish, begun), &out, &mut |_| {}).map_err(|failed| failed.message);
    assert_eq!(fetched(0).unwrap().code, 0);
    out.set_len(8).unwrap();
    assert_eq!(fetched(8).unwrap().code, 0);
    assert_eq!(std::fs::read(folder.path().join("out")).unwrap(), BODY);
    let token = Some("hunter\"2\\".to_string());
    assert_eq!(*server.asked.lock().unwrap(), [(None, token.clone()), (Some(8), token)]);
}

#[test]
fn a_login_is_not_sent_to_another_host() {
    let folder = tempfile::tempdir().unwrap();
    let other = serve(vec![Turn::Well]);
    let port = other.url.split([':', '/']).nth(4).unwrap().parse().unwrap();
    let server = serve(vec![Turn::LedTo(port), Turn::LedTo(port)]);
    let mut wish = wish(&server.url, &folder.path().join("it"));
    wish.headers = vec![("Authorization".into(), Content::new("basic dTpw", true))];
    fetch_it(&wish).unwrap();
    let login = (None, Some("basic dtpw".to_string()));
    assert_eq!(*server.asked.lock().unwrap(), *std::slice::from_ref(&login));
    assert_eq!(*other.asked.lock().unwrap(), [(None, None)]);
    // What wget is told it would tell there as well: it does not go.
    let out = tempfile::tempfile().unwrap();
    let output = run(&wish, wget(&wish, 0), &out, &mut |_| {}).map_err(|failed| failed.message).unwrap();
    assert_ne!(output.code, 0);
    assert_eq!(*server.asked.lock().unwrap(), [login.clone(), login]);
    assert_eq!(other.asked.lock().unwrap().len(), 1);
}
