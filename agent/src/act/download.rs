//! Fetches a file with curl or wget: beside its place, on from where an earlier try stopped, checked before it takes its place.

use super::file::{Temporary, give, wanted};
use super::http::option;
use super::walk::{Place, is_temporary, place, temporary_for};
use super::{Failed, ended};
use crate::child::{self, Failure, Streams, which};
use crate::observe::Names;
use crate::observe::probe::transfer::digest;
use crate::reason;
use crate::secret::Content;
use crate::wire::{Download, Exec, Output};
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// What curl says when a server does not go on in the middle.
const NO_RANGES: [i32; 2] = [33, 36];

pub(super) fn download(
    wish: &Download,
    names: &mut Names,
    progress: &mut dyn FnMut(Content),
) -> Result<(), Failed> {
    let path = &wish.path;
    let failed = |why: String| format!("cannot write {path}: {why}");
    let place = place(path).map_err(failed)?;
    let attrs = wanted(&place, &wish.attrs, names).map_err(failed)?;
    // The same for the same source and content: what a later try finds is the beginning of what it wants.
    let source = blake3::hash(format!("{}\n{}", wish.url, wish.checksum.hex).as_bytes());
    let mark = u64::from_le_bytes(source.as_bytes()[..8].try_into().expect("eight bytes"));
    let mut temp = Temporary { place: &place, name: temporary_for(&place.name, mark), kept: true };
    clear(&place, &temp.name);
    let mut file = partial(&temp).map_err(|error| failed(reason(error)))?;
    let had = file.metadata().map_or(0, |meta| meta.len());
    if had > 0 {
        progress(Content::Clear(format!("{had} bytes of it are here from an earlier try").into()));
    }
    let mut found = fetch(wish, &mut file, progress)?;
    if found != wish.checksum.hex && had > 0 {
        // What was there may have been the beginning of something else.
        file.set_len(0).map_err(|error| failed(reason(error)))?;
        found = fetch(wish, &mut file, progress)?;
    }
    if found != wish.checksum.hex {
        temp.kept = false;
        let name = wish.checksum.algorithm.name();
        let message = format!("what {} sends has another checksum: {name}:{found}", wish.url);
        return Err(message.into());
    }
    give(&file, attrs).map_err(|error| format!("cannot give {path} to its owner: {}", reason(error)))?;
    rustix::fs::fsync(&file).map_err(|error| failed(reason(error)))?;
    temp.take_its_place().map_err(|error| failed(reason(error)))?;
    Ok(())
}

/// The rest of the file, if any is missing, and the digest of it all.
fn fetch(wish: &Download, file: &mut File, progress: &mut dyn FnMut(Content)) -> Result<String, Failed> {
    let sum = |file: &mut File| {
        let whole = file.seek(SeekFrom::Start(0)).and_then(|_| file.try_clone()).map_err(reason);
        whole.and_then(|whole| digest(whole, wish.checksum.algorithm))
    };
    // It may be whole already: cut off between the last byte and the rename.
    let begun = file.metadata().map_or(0, |meta| meta.len());
    if begun > 0 {
        let found = sum(file)?;
        if found == wish.checksum.hex {
            return Ok(found);
        }
    }
    let mut output = run(wish, command(wish, begun)?, file, progress)?;
    let said = String::from_utf8_lossy(output.stderr.bytes()).into_owned();
    // 416: what is here is longer than what there is to fetch.
    if begun > 0 && (NO_RANGES.contains(&output.code) || output.code != 0 && said.contains(" 416")) {
        file.set_len(0).map_err(reason)?;
        output = run(wish, command(wish, 0)?, file, progress)?;
    }
    if output.code != 0 {
        let mut failed = ended(if which("curl").is_some() { "curl" } else { "wget" }, output);
        failed.message = format!("cannot fetch {}: {}", wish.url, failed.message);
        if failed.message.contains("redirections exceeded") && is_bound(wish) {
            failed.message +=
                "; wget may not be sent elsewhere with headers or from HTTPS, and curl may (`package: curl`)";
        }
        return Err(failed);
    }
    Ok(sum(file)?)
}

fn command(wish: &Download, begun: u64) -> Result<Command, String> {
    if which("curl").is_some() { curl(wish, begun) } else { Ok(wget(wish, begun)) }
}

fn run(
    wish: &Download,
    (argv, config): Command,
    file: &File,
    progress: &mut dyn FnMut(Content),
) -> Result<Output, Failed> {
    let exec = Exec {
        // Headers may be secret: everything that can be is told on stdin.
        stdin: Some(Content::new(config, true)),
        env: wish.env.clone(),
        timeout_s: wish.timeout_s,
        ..Exec::new(argv)
    };
    // Opened for appending: what is written goes behind what is there.
    let streams = Streams { stdin: None, stdout: Some(file.try_clone().map_err(reason)?) };
    match child::run_on(&exec, streams, progress) {
        Err(Failure::Missing(_)) => Err("the host has neither curl nor wget".to_string().into()),
        result => result.map_err(|failure| failure.message().into()),
    }
}

/// The command, and what it is told on stdin.
type Command = (Vec<String>, Vec<u8>);

fn curl(wish: &Download, begun: u64) -> Result<Command, String> {
    let mut config = b"silent\nshow-error\nfail\ngloboff\nlocation\n".to_vec();
    // What was asked for over TLS, perhaps with a password, is not fetched in clear.
    let later = if wish.url.starts_with("https:") { "=https" } else { "=http,https" };
    let silence = wish.silence_s.max(1).to_string();
    for (name, value) in [
        ("proto", "=http,https"),
        ("proto-redir", later),
        ("max-redirs", "10"),
        ("connect-timeout", &silence),
        ("speed-limit", "1"),
        ("speed-time", &silence),
        ("url", &wish.url),
    ] {
        option(&mut config, name, value.as_bytes())?;
    }
    if begun > 0 {
        option(&mut config, "continue-at", begun.to_string().as_bytes())?;
    }
    for (name, value) in &wish.headers {
        option(&mut config, "header", &[name.as_bytes(), b": ", value.bytes()].concat())?;
    }
    Ok((["curl", "-q", "--config", "-"].map(String::from).into(), config))
}

/// Whether wget must not follow redirects.
fn is_bound(wish: &Download) -> bool {
    !wish.headers.is_empty() || wish.url.starts_with("https:")
}

fn wget(wish: &Download, begun: u64) -> Command {
    let mut config = vec![];
    for (name, value) in &wish.headers {
        config.extend([b"header = ", name.as_bytes(), b": ", value.bytes(), b"\n"].concat());
    }
    let timeout = format!("--timeout={}", wish.silence_s.max(1));
    // wget takes the headers along to whichever server it is sent to, and from TLS to none.
    let redirects = format!("--max-redirect={}", if is_bound(wish) { 0 } else { 10 });
    let mut argv: Vec<String> = ["wget", "--config=/dev/stdin", "--no-verbose", "--no-hsts", "--tries=1"]
        .into_iter()
        .chain([redirects.as_str(), &timeout, "--output-document=-"])
        .map(String::from)
        .collect();
    if begun > 0 {
        argv.push(format!("--start-pos={begun}"));
    }
    argv.extend(["--".into(), wish.url.clone()]);
    (argv, config)
}

/// Opens what an earlier try left, or a new file. What is not plainly ours is not gone on with.
fn partial(temp: &Temporary) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let (folder, name) = (&temp.place.folder, &temp.name);
    if let Ok(found) = rustix::fs::openat(folder, name, flags, Mode::empty()) {
        let file = File::from(found);
        let own = rustix::process::geteuid().as_raw();
        let is_ours = |meta: std::fs::Metadata| {
            meta.is_file() && meta.uid() == own && meta.nlink() == 1 && meta.mode() & 0o7077 == 0
        };
        if file.metadata().is_ok_and(is_ours) {
            return Ok(file);
        }
    }
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let private = Mode::RUSR | Mode::WUSR;
    rustix::fs::openat(folder, name, flags | OFlags::CREATE | OFlags::EXCL, private).map(File::from)
}

/// Removes what tries for other sources left beside the place.
fn clear(place: &Place, own: &OsStr) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::openat(&place.folder, ".", flags, Mode::empty()) else { return };
    for entry in Dir::read_from(&folder).into_iter().flatten().flatten() {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != own && is_temporary(name, &place.name) {
            let _ = rustix::fs::unlinkat(&folder, name, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests;
