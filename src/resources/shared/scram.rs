//! Passwords as PostgreSQL keeps them: SCRAM-SHA-256 (RFC 5802, RFC 7677).

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const METHOD: &str = "SCRAM-SHA-256";
/// More than anybody would wait for.
const MOST_ROUNDS: u32 = 10_000_000;

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// What the server keeps of a password. Of a password in ASCII: what clients do to others first is not done.
pub fn verifier(password: &[u8], salt: &[u8], rounds: u32) -> String {
    let mut salted = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut *salted);
    let stored = Sha256::digest(mac(&*salted, b"Client Key"));
    let server = mac(&*salted, b"Server Key");
    let [salt, stored, server] = [salt, &*stored, &*server].map(|bytes| STANDARD.encode(bytes));
    format!("{METHOD}${rounds}:{salt}${stored}:{server}")
}

/// Rounds and salt of a verifier; `None` for what is none.
pub fn parts(verifier: &str) -> Option<(u32, Vec<u8>)> {
    let (rounds, rest) = verifier.strip_prefix(METHOD)?.strip_prefix('$')?.split_once(':')?;
    let (salt, keys) = rest.split_once('$')?;
    let (stored, server) = keys.split_once(':')?;
    let is_key = |text: &str| STANDARD.decode(text).is_ok_and(|key| key.len() == 32);
    let rounds = rounds.parse().ok().filter(|rounds| (1..=MOST_ROUNDS).contains(rounds))?;
    let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?;
    (is_key(stored) && is_key(server)).then_some((rounds, salt))
}

/// Whether this is what the server keeps of that password.
pub fn fits(password: &[u8], kept: &str) -> bool {
    parts(kept).is_some_and(|(rounds, salt)| verifier(password, &salt, rounds) == kept)
}

/// A salt that no other role has, of this server or another: the server's own number goes into it, and the salt before, so that a
/// new password has a new one. It is no secret (the server tells it to whoever begins to log in), and says nothing of the password.
pub fn salt(system: &str, role: &str, before: Option<&str>) -> [u8; 16] {
    let before = before.and_then(parts).map(|(_, salt)| salt).unwrap_or_default();
    let mut digest = Sha256::new();
    for part in [b"provision scram", system.as_bytes(), role.as_bytes(), &before] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize()[..16].try_into().expect("a digest is longer")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PostgreSQL 15 made of the password below.
    const KEPT: &str = "SCRAM-SHA-256$4096:qpvnet6/nL2xy+xn7yHSww==$GWfPiMYsiFp3O1kBMRezkT7KBRnCqwjTOByFvdANP/w=:wW3ssXYI5/w1YrU+dW4CiVkNWBmQJG08gmTiTiVsXKo=";

    #[test]
    fn a_real_server_keeps_the_same() {
        assert!(fits(b"pencil $(x)' \\", KEPT));
        assert!(!fits(b"pencil", KEPT) && !fits(b"", KEPT));
        let (rounds, salt) = parts(KEPT).unwrap();
        assert_eq!((rounds, salt.len()), (4096, 16));
    }

    #[test]
    fn what_is_no_verifier_fits_nothing() {
        for text in ["", "md5aaaa", "SCRAM-SHA-256$4096:c2FsdA==$x:y", "SCRAM-SHA-256$0:c2FsdA==$x:y"] {
            assert!(parts(text).is_none() && !fits(b"x", text), "{text}");
        }
    }

    #[test]
    fn salts_differ() {
        let first = salt("7", "app", None);
        let kept = verifier(b"x", &first, 1);
        let all = [first, salt("8", "app", None), salt("7", "app2", None), salt("7", "app", Some(&kept))];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
    }
}
