use super::*;
use agent::secret::Secret;
use proptest::prelude::*;

const SALT: [u8; 32] = [7; 32];

fn passwords(list: &[(Option<&str>, &str)]) -> Passwords {
    let one = |(label, text): &(Option<&str>, &str)| Password {
        label: label.map(str::to_owned),
        text: Secret::new(*text),
    };
    Passwords::new(list.iter().map(one).collect())
}

fn sealed(id: Option<&str>) -> String {
    encrypt(&Secret::new("db_password: hunter2\n"), &Secret::new("right"), id, SALT)
}

fn opened_with<'a>(passwords: &'a Passwords, sealed: &Sealed) -> Option<&'a str> {
    match passwords.open(sealed).unwrap().key {
        Some(Key::Password { password, .. }) => password.label.as_deref(),
        other => panic!("not by a password: {other:?}"),
    }
}

/// Opens a text whose body (before its outer hex) was changed.
fn open_changed(change: impl Fn(&str) -> String) -> Result<Secret, VaultError> {
    let text = sealed(None);
    let body: String = text.lines().skip(1).collect();
    let digit = |at: usize| u8::from_str_radix(&body[at..at + 2], 16).unwrap();
    let inner: String = (0..body.len()).step_by(2).map(|at| char::from(digit(at))).collect();
    let outer: String = change(&inner).bytes().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("$ANSIBLE_VAULT;1.1;AES256\n{outer}\n");
    Sealed::parse(&text)?.decrypt(&passwords(&[(None, "right")]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_was_encrypted_comes_back(
        plain in prop::collection::vec(any::<u8>(), 0..200),
        password in "\\PC{1,40}",
        id in prop::option::of("[a-z][a-z0-9_-]{0,12}"),
        salt: [u8; 32],
    ) {
        let text = encrypt(&Secret::new(plain.clone()), &Secret::new(password.as_str()), id.as_deref(), salt);
        prop_assert!(is_vault(text.as_bytes()));
        prop_assert!(text.lines().all(|line| line.len() <= 80) && text.ends_with('\n'));
        let vault = Sealed::parse(&text).unwrap();
        prop_assert_eq!(vault.id(), id.as_deref());
        // As it stands below `!vault |` in a file written elsewhere.
        let indented = text.lines().map(|line| format!("      {line}\r\n")).collect::<String>();
        prop_assert_eq!(&Sealed::parse(&indented).unwrap(), &vault);
        let opened = vault.decrypt(&passwords(&[(None, &password)])).unwrap();
        prop_assert_eq!(opened.expose(), &plain[..]);
    }

    #[test]
    fn no_damage_opens_as_something_else(at in 0_usize..2000, byte in any::<u8>()) {
        let mut bytes = sealed(Some("prod")).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(secret) = Sealed::parse(&text).and_then(|v| v.decrypt(&passwords(&[(None, "right")])))
        {
            prop_assert_eq!(secret.expose(), b"db_password: hunter2\n");
        }
    }

    #[test]
    fn cut_anywhere_it_is_an_error(keep in 0_usize..600) {
        let text = sealed(None);
        let keep = keep % (text.len() - 1);
        let opened = Sealed::parse(&text[..keep]).and_then(|v| v.decrypt(&passwords(&[(None, "right")])));
        prop_assert!(opened.is_err());
    }
}

#[test]
fn damage_is_told_apart_from_a_wrong_password() {
    let good = sealed(None);
    let body = good.split_once('\n').unwrap().1;
    let table = [
        ("", "not a vault: the text does not begin with `$ANSIBLE_VAULT;`"),
        ("db_password: hunter2\n", "not a vault: the text does not begin with `$ANSIBLE_VAULT;`"),
        ("$ANSIBLE_VAULT;1.1;AES256\n", "damaged vault: nothing follows the header"),
        ("$ANSIBLE_VAULT;1.1", "damaged vault: the header names no cipher"),
        ("$ANSIBLE_VAULT;1.0;AES\nabcd", "unknown vault version `1.0`"),
        ("$ANSIBLE_VAULT;2.0;AES256\nabcd", "unknown vault version `2.0`"),
        ("$ANSIBLE_VAULT;1.1;AES128\nabcd", "unknown vault cipher `AES128`"),
        (
            "$ANSIBLE_VAULT;1.1;AES256\nxyz0",
            "damaged vault: the body holds a character that is not hexadecimal",
        ),
        (
            "$ANSIBLE_VAULT;1.1;AES256\nabc",
            "damaged vault: the body has an odd number of hexadecimal digits: the end is missing",
        ),
        ("$ANSIBLE_VAULT;1.1;AES256\n3037", "damaged vault: it holds 1 of 3 parts: the end is missing"),
    ];
    for (text, message) in table {
        assert_eq!(Sealed::parse(text).unwrap_err().to_string(), message, "{text:?}");
    }
    type Change = fn(&str) -> String;
    let inner_table: [(&str, Change); 6] = [
        ("damaged vault: the salt is empty", |t| t.split_once('\n').map(|(_, t)| format!("\n{t}")).unwrap()),
        ("damaged vault: the salt holds a character that is not hexadecimal", |t| t.replacen("07", "0g", 1)),
        ("damaged vault: the end of the content is missing", |t| t[..t.len() - 2].into()),
        ("damaged vault: the content has an odd number of hexadecimal digits: the end is missing", |t| {
            t[..t.len() - 1].into()
        }),
        ("damaged vault: it holds 2 of 3 parts: the end is missing", |t| t[..t.rfind('\n').unwrap()].into()),
        ("wrong vault password", |t| t.replacen("07", "08", 1)),
    ];
    for (message, change) in inner_table {
        assert_eq!(open_changed(change).unwrap_err().to_string(), message);
    }
    let wrong = Sealed::parse(&good).unwrap().decrypt(&passwords(&[(None, "wrong")]));
    assert_eq!(wrong.unwrap_err(), VaultError::WrongPassword { id: None, tried: 1 });
    let none = Sealed::parse(&sealed(Some("prod"))).unwrap().decrypt(&Passwords::default());
    assert_eq!(none.unwrap_err().to_string(), "no vault password given for vault id `prod`");
    assert!(Sealed::parse(&format!("$ANSIBLE_VAULT;1.2;AES256;\n{body}")).unwrap().id().is_none());
}

#[test]
fn the_password_of_the_vault_id_is_tried_first_and_the_others_after_it() {
    let all = passwords(&[(None, "a"), (Some("prod"), "right"), (Some("dev"), "b")]);
    let opened = Sealed::parse(&sealed(Some("prod"))).unwrap();
    assert_eq!(opened_with(&all, &opened), Some("prod"));
    let elsewhere = passwords(&[(Some("prod"), "other"), (Some("dev"), "right")]);
    assert_eq!(opened_with(&elsewhere, &opened), Some("dev"));
}

#[test]
fn no_message_or_debug_shows_password_or_content() {
    let vault = Sealed::parse(&sealed(Some("prod"))).unwrap();
    let all = passwords(&[(Some("prod"), "right")]);
    let shown = format!("{all:?} {:?} {:?}", all.list(), all.open(&vault).unwrap());
    assert!(!shown.contains("right") && !shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("prod"), "{shown}");
}

#[test]
fn keys_are_derived_once_per_password_and_salt() {
    let all = passwords(&[(None, "right")]);
    let vault = Sealed::parse(&sealed(None)).unwrap();
    for _ in 0..5 {
        vault.decrypt(&all).unwrap();
    }
    assert_eq!(all.derived(), 1);
    let other = encrypt(&Secret::new("x"), &Secret::new("right"), None, [8; 32]);
    Sealed::parse(&other).unwrap().decrypt(&all).unwrap();
    assert_eq!(all.derived(), 2);
}

#[test]
fn random_text_uses_the_whole_set_and_only_it() {
    for (charset, size) in
        [(Charset::Alphanumeric, 62), (Charset::Hex, 16), (Charset::Digits, 10), (Charset::Symbols, 86)]
    {
        let text = random_text(5000, charset).unwrap();
        let seen: std::collections::BTreeSet<&u8> = text.expose().iter().collect();
        assert_eq!((text.expose().len(), seen.len()), (5000, size), "{charset:?}");
        assert!(seen.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\$`{}".contains(byte)));
    }
}
