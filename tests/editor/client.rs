//! A small client of the language server, as an editor is one.

use serde_json::{Value as Json, json};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

/// Far more than it needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Editor {
    server: Child,
    stdin: ChildStdin,
    told: Receiver<Json>,
    number: u64,
    settings: Json,
    /// What was said of files, by their paths.
    diagnostics: HashMap<String, Vec<Json>>,
    answers: HashMap<u64, Json>,
}

impl Editor {
    /// Starts the server and gives it the settings, with the paths in them below `schemas`.
    pub fn new(mut settings: Json, schemas: &Path) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/editor/node_modules");
        let program = folder.join("yaml-language-server/bin/yaml-language-server");
        assert!(program.is_file(), "{} is not there: `tests/deps tests` installs it", program.display());
        let mut command = Command::new("node");
        command.arg(program).arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().expect("node is installed by `tests/deps tests`");
        let (sender, told) = channel();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let written = std::mem::take(settings["schemas"].as_object_mut().unwrap());
        for (file, patterns) in written {
            let file = schemas.join(Path::new(&file).file_name().unwrap());
            settings["schemas"][format!("file://{}", file.display())] = patterns;
        }
        // Nothing is fetched.
        settings["schemaStore"] = json!({"enable": false});
        for what in ["validate", "completion", "hover"] {
            settings[what] = true.into();
        }
        let stdin = server.stdin.take().unwrap();
        let (diagnostics, answers) = (HashMap::new(), HashMap::new());
        let mut editor = Self { server, stdin, told, number: 0, settings, diagnostics, answers };
        let capabilities = json!({
            "workspace": {"configuration": true, "didChangeConfiguration": {"dynamicRegistration": true}},
            "textDocument": {"completion": {}, "hover": {}},
        });
        let root = json!({"processId": std::process::id(), "rootUri": "file:///project", "capabilities": capabilities});
        editor.ask("initialize", root);
        editor.notify("initialized", json!({}));
        let settings = json!({"settings": {"yaml": editor.settings}});
        editor.notify("workspace/didChangeConfiguration", settings);
        editor.wait_for_the_settings();
        editor
    }

    /// It fetches them by itself, and says nothing when it has them: until then no schema counts.
    fn wait_for_the_settings(&mut self) {
        let begun = Instant::now();
        for number in 0.. {
            let path = format!("/project/playbooks/first{number}.yml");
            self.open(&path, "- taks: []\n");
            if !self.diagnostics(&path).is_empty() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the language server takes no schemas");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Opens a file, whether it is there or not.
    pub fn open(&mut self, path: &str, text: &str) {
        let document =
            json!({"uri": format!("file://{path}"), "languageId": "yaml", "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// What it says of an open file: lines, counted from 1, and messages.
    pub fn diagnostics(&mut self, path: &str) -> Vec<(u64, String)> {
        let found = self.until(path, |editor| editor.diagnostics.get(path).cloned());
        let line = |one: &Json| one["range"]["start"]["line"].as_u64().unwrap() + 1;
        found.iter().map(|one| (line(one), one["message"].as_str().unwrap().to_owned())).collect()
    }

    /// What it offers at a place, which is counted from 0.
    pub fn offered(&mut self, path: &str, (line, character): (usize, usize)) -> Vec<String> {
        let answer = self.at("textDocument/completion", path, (line, character));
        let items = answer["items"].as_array().or(answer.as_array()).cloned().unwrap_or_default();
        items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }

    /// What it shows of what stands there.
    pub fn shown(&mut self, path: &str, place: (usize, usize)) -> String {
        self.at("textDocument/hover", path, place)["contents"]["value"].as_str().unwrap_or_default().into()
    }

    fn at(&mut self, method: &str, path: &str, (line, character): (usize, usize)) -> Json {
        let document = json!({"uri": format!("file://{path}")});
        self.ask(
            method,
            json!({"textDocument": document, "position": {"line": line, "character": character}}),
        )
    }

    fn ask(&mut self, method: &str, params: Json) -> Json {
        self.number += 1;
        let id = self.number;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.until(method, |editor| editor.answers.remove(&id))
    }

    fn notify(&mut self, method: &str, params: Json) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn send(&mut self, message: &Json) {
        let text = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.stdin.flush().unwrap();
    }

    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            let message = self.told.recv_timeout(end.saturating_duration_since(Instant::now()));
            let message = message.unwrap_or_else(|error| panic!("the language server: {what}: {error}"));
            self.take(message);
        }
    }

    fn take(&mut self, message: Json) {
        let id = &message["id"];
        match message["method"].as_str() {
            Some("workspace/configuration") => {
                let items = message["params"]["items"].as_array().unwrap();
                let of =
                    |item: &Json| if item["section"] == "yaml" { self.settings.clone() } else { json!({}) };
                let result: Vec<Json> = items.iter().map(of).collect();
                self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
            }
            Some("textDocument/publishDiagnostics") => {
                let uri = message["params"]["uri"].as_str().unwrap();
                let path = uri.strip_prefix("file://").unwrap_or(uri).to_owned();
                let found = message["params"]["diagnostics"].as_array().unwrap().clone();
                self.diagnostics.insert(path, found);
            }
            Some(_) if !id.is_null() => self.send(&json!({"jsonrpc": "2.0", "id": id, "result": null})),
            Some(_) => {}
            None => _ = self.answers.insert(id.as_u64().unwrap(), message["result"].clone()),
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The settings that a page of the documentation gives for VS Code, which are the server's own.
pub fn settings() -> Json {
    let page: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/editor.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = page.split_once("```json\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    let flat: Json = serde_json::from_str(block).unwrap();
    let names = flat.as_object().unwrap().iter();
    Json::Object(
        names.map(|(name, value)| (name.strip_prefix("yaml.").unwrap().to_owned(), value.clone())).collect(),
    )
}

/// One message; none at the end.
fn read(from: &mut impl BufRead) -> Option<Json> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => {
                let (name, value) = header.split_once(':')?;
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().ok();
                }
            }
        }
    }
    let mut body = vec![0; length?];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
