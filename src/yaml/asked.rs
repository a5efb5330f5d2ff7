//! Values that a program on the controller prints: `!secret {command: [op, read, "op://..."]}`.
//!
//! The room that reads a file makes a [`Question`] of each; rendering asks it. As long as nobody gave the means to run programs, and
//! that is always so where nothing but files is looked at, an answer is not known yet.

use super::{Node, Value};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
};
use agent::secret::Secret;
use indexmap::IndexMap;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

const TAG: &str = "!secret";
const KEYS: [&str; 2] = ["command", "timeout"];
/// Seconds: long enough for one who is asked for a fingerprint.
const TIMEOUT: u64 = 30;
const LONGEST: u64 = 3600;
/// As many programs run at a time at most.
const TOGETHER: usize = 4;

/// Runs a program (the first word) with arguments, for so many seconds at most, and gives what it printed on stdout.
pub type Ask = dyn Fn(&[String], u64) -> Result<Secret, Diagnostic> + Send + Sync;
/// Does what may take long: runs a program, or waits for another thread that runs it.
pub type Wait = fn(&mut dyn FnMut());

/// What all programs of a run said: each distinct command runs once.
#[derive(Default)]
pub struct Programs {
    known: Mutex<IndexMap<Vec<String>, Arc<Asked>>>,
    ask: OnceLock<Means>,
}

/// How programs are run, and waited for.
struct Means {
    ask: Box<Ask>,
    wait: Wait,
}

/// One command.
struct Asked {
    /// Where it was wanted first.
    origin: Origin,
    /// In seconds; the longest that was given.
    timeout: AtomicU64,
    answer: OnceLock<Result<Secret, Diagnostic>>,
}

/// A value as it is written: a command whose words may be templates.
#[derive(Debug)]
pub struct Question {
    pub argv: Vec<Node>,
    timeout: u64,
    /// Where the file is that it is written in: a program named by a relative path is looked for there.
    folder: PathBuf,
    programs: Arc<Programs>,
}

impl Question {
    /// What the program printed, without the last line end; `None` as long as no program may run.
    ///
    /// # Errors
    /// When the program fails, prints nothing, or no UTF-8.
    pub fn answer(&self, mut argv: Vec<String>, origin: &Origin) -> Result<Option<Secret>, Diagnostic> {
        if let Some(program) = argv.first_mut().filter(|word| word.contains('/') && !word.starts_with('/')) {
            *program = self.folder.join(&program).display().to_string();
        }
        let asked = {
            let mut known = self.programs.known();
            let new = || Asked::new(origin.clone(), self.timeout);
            known.entry(argv.clone()).or_insert_with(|| Arc::new(new())).clone()
        };
        asked.timeout.fetch_max(self.timeout, Ordering::Relaxed);
        self.programs.ask.get().map(|ask| asked.answer(&argv, ask)).transpose()
    }

    /// The marks of the command for [`Node::digest`].
    pub(super) fn feed(&self, hasher: &mut blake3::Hasher) {
        self.argv.iter().for_each(|word| word.feed(hasher));
        hasher.update(self.folder.as_os_str().as_encoded_bytes());
    }
}

impl Asked {
    fn new(origin: Origin, timeout: u64) -> Self {
        Self { origin, timeout: AtomicU64::new(timeout), answer: OnceLock::new() }
    }

    fn answer(&self, argv: &[String], means: &Means) -> Result<Secret, Diagnostic> {
        if let Some(answer) = self.answer.get() {
            return answer.clone();
        }
        let run = || {
            let printed = (means.ask)(argv, self.timeout.load(Ordering::Relaxed));
            printed.and_then(|printed| self.checked(&argv[0], &printed)).map_err(|e| e.at(&self.origin))
        };
        // Whoever wants an answer that another thread asks for, waits for as long.
        (means.wait)(&mut || _ = self.answer.get_or_init(&run));
        self.answer.get_or_init(&run).clone()
    }

    fn checked(&self, program: &str, printed: &Secret) -> Result<Secret, Diagnostic> {
        let bytes = printed.expose();
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if text.is_empty() {
            let error = Diagnostic::error(format!("`{program}` printed nothing, and so no secret"));
            return Err(error.hint("it must print the secret on stdout"));
        }
        match std::str::from_utf8(text) {
            Ok(_) => Ok(Secret::new(text)),
            Err(_) => Err(Diagnostic::error(format!("what `{program}` printed is not UTF-8"))
                .hint("let it print the secret as base64, and use `b64_decode`")),
        }
    }
}

impl Programs {
    fn known(&self) -> std::sync::MutexGuard<'_, IndexMap<Vec<String>, Arc<Asked>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether programs may run by now.
    pub fn may_run(&self) -> bool {
        self.ask.get().is_some()
    }

    /// Whether any command was wanted so far.
    pub fn any(&self) -> bool {
        !self.known().is_empty()
    }

    /// Runs every command that was wanted so far, several at a time, and from now on each further one when it is wanted.
    ///
    /// Whatever takes its time is done by `wait`.
    ///
    /// # Errors
    /// All that failed.
    pub fn ask(&self, ask: Box<Ask>, wait: Wait) -> Result<(), Diagnostics> {
        let ask = self.ask.get_or_init(|| Means { ask, wait });
        let wanted: Vec<_> = self.known().iter().map(|(argv, asked)| (argv.clone(), asked.clone())).collect();
        let mut errors = Diagnostics::default();
        // Of each program the first command alone: it may have to be unlocked by hand.
        let mut seen = HashSet::new();
        let (first, more): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(argv, _)| seen.insert(argv[0].clone()));
        for (argv, asked) in first {
            errors.take(asked.answer(&argv, ask));
        }
        // What one program cannot do at all, it need not try again.
        if errors.has_errors() {
            return Err(errors);
        }
        for some in more.chunks(TOGETHER) {
            let answers: Vec<_> = std::thread::scope(|scope| {
                let running: Vec<_> =
                    some.iter().map(|(argv, asked)| scope.spawn(|| asked.answer(argv, ask))).collect();
                running.into_iter().map(|one| one.join().expect("it does not panic")).collect()
            });
            answers.into_iter().for_each(|answer| drop(errors.take(answer)));
        }
        errors.into_result(())
    }

    /// All that was answered so far.
    pub fn answers(&self) -> Vec<Secret> {
        let known = self.known();
        known.values().filter_map(|asked| asked.answer.get()?.as_ref().ok().cloned()).collect()
    }

    /// Makes a question of every `!secret` inside.
    pub fn adopt(self: &Arc<Self>, node: &mut Node, errors: &mut Diagnostics) {
        if node.tag.as_deref() == Some(TAG) {
            if let Some(question) = errors.take(self.question(node)) {
                node.value = Value::Asked(Arc::new(question));
                node.tag = None;
            }
            node.taint();
            return;
        }
        match &mut node.value {
            Value::Seq(items) => items.iter_mut().for_each(|item| self.adopt(item, errors)),
            Value::Map(map) => map.values_mut().for_each(|entry| self.adopt(&mut entry.node, errors)),
            _ => {}
        }
    }

    fn question(self: &Arc<Self>, node: &Node) -> Result<Question, Diagnostic> {
        const USAGE: &str = "write `!secret {command: [op, read, \"op://vault/item/field\"]}`";
        let map = node.expect_map("a mapping with `command`").map_err(|error| error.hint(USAGE))?;
        if let Some((key, entry)) = map.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            let error = Diagnostic::error(format!("unknown key `{key}` of a `!secret`")).at(&entry.key);
            return Err(error.hint("it has `command` and, perhaps, `timeout`").suggest(key, KEYS));
        }
        let command = map
            .get("command")
            .ok_or_else(|| Diagnostic::error("a `!secret` without `command`").at(&node.origin).hint(USAGE))?;
        let no_shell = "there is no shell: name the program and each argument as an item of its own";
        let argv = command.node.expect_seq("a list: the program and its arguments");
        let argv = argv.map_err(|error| error.hint(no_shell))?;
        if argv.is_empty() || argv[0].as_str().is_some_and(|program| program.trim().is_empty()) {
            return Err(Diagnostic::error("no program is named").at(&command.node.origin).hint(USAGE));
        }
        for word in argv {
            if matches!(word.value, Value::Seq(_) | Value::Map(_) | Value::Null) {
                return Err(word.expected("a string"));
            }
        }
        let timeout = match map.get("timeout").map(|entry| (&entry.node.value, &entry.node)) {
            None => TIMEOUT,
            Some((Value::Int(seconds), _)) if (1..=LONGEST as i64).contains(seconds) => *seconds as u64,
            Some((_, node)) => {
                return Err(
                    Diagnostic::error(format!("expected seconds from 1 to {LONGEST}")).at(&node.origin)
                );
            }
        };
        let folder = node.origin.source.path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Question { argv: argv.to_vec(), timeout, folder, programs: self.clone() })
    }
}

impl std::fmt::Debug for Programs {
    /// The programs, not what they were asked and said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.known().keys().map(|argv| &argv[0])).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;
    use std::sync::atomic::AtomicUsize;

    fn adopt(text: &str) -> (Node, Arc<Programs>, Diagnostics) {
        let source = Source { path: "vars/t.yml".into(), text: text.into(), secret: false };
        let mut node = super::super::parse(&Arc::new(source)).unwrap();
        let (programs, mut errors) = (Arc::new(Programs::default()), Diagnostics::default());
        programs.adopt(&mut node, &mut errors);
        (node, programs, errors)
    }

    fn question(node: &Node) -> Arc<Question> {
        match &node.value {
            Value::Asked(question) => question.clone(),
            _ => panic!("no question: {node:?}"),
        }
    }

    fn argv(question: &Question) -> Vec<String> {
        question.argv.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_distinct_command_runs_once_and_not_before_it_may() {
        let (node, programs, errors) = adopt(
            "a: !secret {command: [op, read, x]}\nb:\n- !secret\n  command: [op, read, x]\n  timeout: 90\n\
             c: !secret {command: [op, read, y]}\nd: !secret {command: [./own, z]}\n",
        );
        assert!(errors.0.is_empty(), "{errors:?}");
        let all = ["a", "c", "d"].map(|key| node.get(key).unwrap());
        let all = [&[all[0], &node.get("b").unwrap().as_seq().unwrap()[0]], &all[1..]].concat();
        assert!(all.iter().all(|node| node.secret && node.tag.is_none()));
        assert!(!programs.any());
        for node in &all {
            let question = question(node);
            assert_eq!(question.answer(argv(&question), &node.origin).unwrap(), None);
        }
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let ask = move |argv: &[String], timeout: u64| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Secret::new(format!("{} {timeout}\n\n", argv.join(" "))))
        };
        programs.ask(Box::new(ask), |work| work()).unwrap();
        let said = |node: &Node| {
            let question = question(node);
            let answer = question.answer(argv(&question), &node.origin).unwrap().unwrap();
            String::from_utf8(answer.expose().to_vec()).unwrap()
        };
        let said: Vec<String> = all.iter().map(|node| said(node)).collect();
        assert_eq!(said, ["op read x 90\n", "op read x 90\n", "op read y 30\n", "vars/./own z 30\n"]);
        assert_eq!((runs.load(Ordering::Relaxed), programs.answers().len()), (3, 3));
    }

    #[test]
    fn an_answer_that_is_no_text_is_an_error_that_shows_nothing_of_it() {
        let answers: [(&[u8], _); 2] = [(b"\n", "printed nothing"), (b"hunter2\xff\n", "not UTF-8")];
        for (printed, wanted) in answers {
            let printed = Secret::new(printed);
            let (node, programs, _) = adopt("a:\n  b: !secret {command: [op]}\n");
            let node = node.get("a").unwrap().get("b").unwrap();
            let question = question(node);
            question.answer(argv(&question), &node.origin).unwrap();
            let errors = programs.ask(Box::new(move |_, _| Ok(printed.clone())), |work| work()).unwrap_err();
            let text = crate::diag::render(&errors.0[0], false);
            assert!(text.contains(wanted) && text.contains("vars/t.yml:2:14"), "{text}");
            assert!(!text.contains("hunter2") && programs.answers().is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for (text, wanted) in [
            ("a: !secret hunter2\n", "expected a mapping with `command`"),
            ("a: !secret {comand: [x]}\n", "did you mean `command`?"),
            ("a: !secret {timeout: 3}\n", "without `command`"),
            ("a: !secret {command: op read x}\n", "there is no shell"),
            ("a: !secret {command: []}\n", "no program is named"),
            ("a: !secret {command: [op, [x]]}\n", "expected a string"),
            ("a: !secret {command: [op], timeout: 0}\n", "seconds from 1 to 3600"),
        ] {
            let (node, _, errors) = adopt(text);
            let shown: String = errors.0.iter().map(|error| crate::diag::render(error, false)).collect();
            assert!(shown.contains(wanted) && shown.contains("vars/t.yml:1:"), "{text}: {shown}");
            assert!(node.get("a").unwrap().secret);
        }
    }
}
