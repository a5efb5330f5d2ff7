use super::*;
use crate::vault::{Password, encrypt};

fn passwords() -> Passwords {
    let one = |label: Option<&str>, text: &str| Password {
        label: label.map(str::to_owned),
        text: Secret::new(text),
    };
    Passwords::new(vec![one(None, "right"), one(Some("prod"), "other")])
}

fn sealed(plain: &str, id: Option<&str>, indent: usize) -> String {
    let password = if id.is_some() { "other" } else { "right" };
    let text = encrypt(&Secret::new(plain), &Secret::new(password), id, [plain.len() as u8; 32]);
    text.lines().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

fn read<'p>(text: &str, passwords: &'p Passwords) -> Inline<'p> {
    Inline::read(Path::new("v.yml"), text, passwords, false).unwrap()
}

fn shown(inline: &Inline) -> String {
    String::from_utf8(inline.shown().expose().to_vec()).unwrap()
}

/// A file with values in all the ways in which they stand in files.
fn file() -> String {
    format!(
        "# first\na: !vault |\n{}b: 1 # clear\nlist:\n  - name: !vault | # why\n{}    other: x\n\n  - !vault |-\n{}deep:\n  er: !vault |\n{}\n# last\n\
         odd: !vault |\n{}text: |\n  a: !vault |\n    no value\n",
        sealed("hunter2", None, 10),
        sealed("two\n\nlines\n", Some("prod"), 6),
        sealed("  indented: {x}", None, 4),
        sealed("", None, 4),
        sealed("control \u{1} and end\n\n", None, 2),
    )
}

#[test]
fn values_are_shown_in_plain_and_come_back_byte_for_byte() {
    let (text, passwords) = (file(), passwords());
    let inline = read(&text, &passwords);
    let plain = shown(&inline);
    assert_eq!(
        plain,
        "# first\na: !plain |-\n          hunter2\nb: 1 # clear\nlist:\n  - name: !plain | # why\n      two\n\n      lines\n    other: x\n\n  \
         - !plain \"  indented: {x}\"\ndeep:\n  er: !plain \"\"\n\n# last\nodd: !plain \"control \\u0001 and end\\n\\n\"\ntext: |\n  a: !vault |\n    no value\n"
    );
    assert_eq!(inline.locked(&inline.shown(), None).unwrap(), text);
}

#[test]
fn only_what_was_changed_is_locked_anew_with_the_key_it_had() {
    let (text, passwords) = (file(), passwords());
    let inline = read(&text, &passwords);
    let edited = shown(&inline)
        .replace("      lines\n", "      LINES\n")
        .replace(
            "b: 1 # clear\n",
            "b: 2\nnew: !plain abc # note\nnumber: !plain 0123\nflow: {x: !plain 'it''s', y: 2}\n",
        )
        .replace("deep:\n  er:", "deeper:\n    renamed:");
    let key = Key::of(&passwords.list()[0]);
    let locked = inline.locked(&Secret::new(edited.as_str()), Some(&key)).unwrap();
    assert!(!locked.contains("abc") && !locked.contains("LINES") && !locked.contains("!plain"), "{locked}");
    for kept in [&sealed("hunter2", None, 10), &sealed("  indented: {x}", None, 4)] {
        assert!(locked.contains(kept.as_str()), "{locked}");
    }
    // At another depth, the same ciphertext.
    assert!(locked.contains(sealed("", None, 6).trim()), "{locked}");
    assert!(locked.contains("new: !vault | # note\n  $ANSIBLE_VAULT;1.1;AES256\n  "), "{locked}");
    assert!(locked.contains("  - name: !vault | # why\n      $ANSIBLE_VAULT;1.2;AES256;prod\n"), "{locked}");
    let again = read(&locked, &passwords);
    let wanted = edited
        .replace("'it''s'", "\"it's\"")
        .replace(" abc # note", " |- # note\n  abc")
        .replace(" 0123", " |-\n  0123");
    assert_eq!(shown(&again), wanted);
}

#[test]
fn a_copy_gets_a_ciphertext_of_its_own() {
    let (text, passwords) = (format!("a: !vault |\n{}", sealed("x", None, 2)), passwords());
    let inline = read(&text, &passwords);
    let edited = "a: !plain |-\n  x\nb: !plain |-\n  x\n";
    let locked = inline.locked(&Secret::new(edited), inline.key().as_ref()).unwrap();
    assert!(locked.starts_with(&text), "{locked}");
    assert_eq!(locked.matches(sealed("x", None, 2).lines().last().unwrap()).count(), 1, "{locked}");
    assert_eq!(shown(&read(&locked, &passwords)), edited);
}

#[test]
fn what_cannot_be_locked_where_it_stands_is_an_error_and_shows_nothing() {
    let passwords = passwords();
    let inline = read("a: 1\n", &passwords);
    let key = Key::of(&passwords.list()[0]);
    for (edited, wanted) in [
        ("a: [\n  !plain hunter2\n]\n", "cannot be encrypted where it is"),
        ("a: !plain |2\n    hunter2\n", "cannot be encrypted where it is"),
        ("a: !plain \"hunter2\n  hunter2\"\n", "cannot be encrypted where it is"),
        ("a: !plain [hunter2]\n", "expected a text after `!plain`"),
        ("a: !plain {b: hunter2\n", "invalid YAML"),
    ] {
        let errors = inline.locked(&Secret::new(edited), Some(&key)).unwrap_err();
        let text: String = errors.0.iter().map(|error| crate::diag::render(error, false)).collect();
        assert!(text.contains(wanted) && !text.contains("hunter2"), "{edited}: {text}");
    }
    let errors = inline.locked(&Secret::new("a: !plain x\n"), None).unwrap_err();
    assert!(errors.0[0].message.contains("nothing says what locks the new value of `a`"), "{errors:?}");
}

#[test]
fn values_under_other_ids_may_be_left_out() {
    let passwords = passwords();
    let other = encrypt(&Secret::new("y"), &Secret::new("unknown"), Some("dev"), [1; 32]);
    let other: String = other.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("a: !vault |\n{}b: !vault |\n{other}", sealed("x", Some("prod"), 2));
    assert!(Inline::read(Path::new("v.yml"), &text, &passwords, false).is_err());
    let inline = Inline::read(Path::new("v.yml"), &text, &passwords, true).unwrap();
    let new = Password { label: Some("new".into()), text: Secret::new("new") };
    let locked = inline.relocked(|_, plain, _| Key::of(&new).seal(plain).map(Some)).unwrap();
    assert!(
        locked.ends_with(&format!("b: !vault |\n{other}"))
            && locked.contains("a: !vault |\n  $ANSIBLE_VAULT;1.2;AES256;new\n"),
        "{locked}"
    );
    let wrong = format!("b: !vault |\n{}", sealed("x", Some("prod"), 2).replace("31", "32"));
    assert!(
        Inline::read(Path::new("v.yml"), &wrong, &passwords, true).is_err(),
        "not under another id, but damaged"
    );
}
