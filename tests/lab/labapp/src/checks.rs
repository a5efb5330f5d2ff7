//! What a service needs to be healthy, really asked.

use crate::{Role, variable};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// # Errors
/// Everything that is wrong, a line each. No secret value among them.
pub fn health(role: Role) -> Result<(), Vec<String>> {
    let mut problems = vec![];
    if variable("LAB_BROKEN").is_some() {
        problems.push("this version is broken".to_owned());
    }
    let needed: &[&str] = match role {
        Role::App => &["SESSION_SECRET", "JWT_SECRET"],
        Role::Auth => &["JWT_SECRET"],
    };
    for name in needed {
        if variable(name).is_none() {
            problems.push(format!("{name} is not set"));
        }
    }
    if matches!(role, Role::App) {
        problems.extend(database().err().map(|problem| format!("database: {problem}")));
        problems.extend(redis().err().map(|problem| format!("redis: {problem}")));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn database() -> Result<(), String> {
    let url = variable("DATABASE_URL").ok_or("DATABASE_URL is not set")?;
    // The parser's own message may quote parts of the URL, and so of the password.
    let mut config: postgres::Config = url.parse().map_err(|_| "DATABASE_URL is no PostgreSQL URL")?;
    config.connect_timeout(PATIENCE);
    let mut client = config.connect(postgres::NoTls).map_err(|error| {
        error
            .as_db_error()
            .map_or_else(|| "cannot connect".to_owned(), |refusal| refusal.message().to_owned())
    })?;
    client.query_one("select 1", &[]).map(drop).map_err(|_| "does not answer a query".to_owned())
}

fn redis() -> Result<(), String> {
    let url = variable("REDIS_URL").unwrap_or_else(|| "redis://redis:6379".to_owned());
    let place = url.trim_start_matches("redis://").split('/').next().unwrap_or_default();
    let place = place.rsplit('@').next().unwrap_or_default();
    let ask = || -> std::io::Result<Vec<u8>> {
        let address = place.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = vec![0; 7];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    match ask() {
        Ok(answer) if answer == b"+PONG\r\n" => Ok(()),
        Ok(answer) => Err(format!("answers {:?}", String::from_utf8_lossy(&answer))),
        Err(error) => Err(error.to_string()),
    }
}
