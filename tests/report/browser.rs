//! A real Chromium without a window, spoken to over a pipe: lines of JSON that end in NUL, as DevTools does.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// What it takes, and then some: a test that hangs is one that has failed.
const LIMIT: Duration = Duration::from_secs(180);

pub struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    id: u64,
    session: Option<String>,
    /// What it said by itself.
    pub events: Vec<Value>,
    _folder: tempfile::TempDir,
    /// Ends the one who ends a browser that hangs.
    _watch: mpsc::Sender<()>,
}

impl Browser {
    /// One with an empty profile and a page of its own.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("lpr").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").args([path("in"), path("out")]).status().unwrap();
        assert!(made.success(), "no pipes");
        // It reads on 3 and writes on 4.
        let script = "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars \
            --disable-background-networking --user-data-dir=\"$1\" --remote-debugging-pipe about:blank 3<\"$2\" 4>\"$3\" 2>\"$4\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).args([path("profile"), path("in"), path("out"), path("said")]);
        command.env("HOME", folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let child = command.spawn().unwrap();
        let (watch, over) = mpsc::channel::<()>();
        let group = child.id();
        std::thread::spawn(move || {
            if over.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill(group);
            }
        });
        // Opening a pipe waits for the other end, in this order.
        let to = File::options().write(true).open(path("in")).unwrap();
        let from = BufReader::new(File::open(path("out")).unwrap());
        let mut browser =
            Self { child, to, from, id: 0, session: None, events: vec![], _folder: folder, _watch: watch };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", target);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_string());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.size(1280, 900);
        browser
    }

    /// The next thing that it says.
    fn read(&mut self) -> Value {
        let mut bytes = vec![];
        self.from.read_until(0, &mut bytes).unwrap();
        let said = || fs::read_to_string(self._folder.path().join("said")).unwrap_or_default();
        assert_eq!(
            bytes.pop(),
            Some(0),
            "chromium is gone (`tests/deps tests` installs it); it said:\n{}",
            said()
        );
        serde_json::from_slice(&bytes).unwrap()
    }

    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.id += 1;
        let mut message = json!({ "id": self.id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut answer = self.read();
            if answer["id"] == self.id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    pub fn size(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Shows a file, and waits until it is there; how long that took.
    pub fn open(&mut self, path: &Path) -> Duration {
        self.events.clear();
        let start = Instant::now();
        let url = format!("file://{}", path.display());
        let went = self.call("Page.navigate", json!({ "url": url }));
        assert!(went["errorText"].is_null(), "{went}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.read();
            self.events.push(event);
        }
        // Until what is built at once has been painted.
        self.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
        start.elapsed()
    }

    /// What an expression comes to.
    #[track_caller]
    pub fn eval(&mut self, script: &str) -> Value {
        let asked = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{script}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn until(&mut self, script: &str) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.eval(script) != json!(true) {
            assert!(Instant::now() < limit, "this does not come true: {script}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A key as a keyboard sends it: `j`, `/`, `Enter`, `ArrowRight`, `Tab`.
    pub fn key(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            letter => match letter.chars().next() {
                Some(c) if c.is_ascii_alphanumeric() => c.to_ascii_uppercase() as u32,
                // The codes of other letters are those of other keys.
                _ => 0,
            },
        };
        let text = match key {
            "Enter" => Some("\r"),
            letter if letter.chars().count() == 1 => Some(letter),
            _ => None,
        };
        let mut event = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        if let Some(text) = text {
            event["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", event);
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code }),
        );
    }

    pub fn write(&mut self, text: &str) {
        text.chars().for_each(|letter| self.key(&letter.to_string()));
    }

    /// Light or dark, as the system says it.
    pub fn scheme(&mut self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The page as a picture, where `REPORT_PICTURES` names a folder.
    pub fn picture(&mut self, name: &str, whole: bool) {
        let Some(folder) = std::env::var_os("REPORT_PICTURES") else { return };
        let shot = self.call("Page.captureScreenshot", json!({ "captureBeyondViewport": whole }));
        let bytes = BASE64.decode(shot["data"].as_str().unwrap()).unwrap();
        fs::write(Path::new(&folder).join(name), bytes).unwrap();
    }

    /// The page on paper.
    pub fn pdf(&mut self) -> Vec<u8> {
        let paper = json!({ "printBackground": true, "landscape": true });
        let pdf = self.call("Page.printToPDF", paper);
        BASE64.decode(pdf["data"].as_str().unwrap()).unwrap()
    }

    /// What went wrong in the page, and what it wanted from elsewhere.
    pub fn complaints(&self) -> Vec<String> {
        let is_bad = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Log.entryAdded") => true,
            Some("Runtime.consoleAPICalled") => true,
            Some("Network.requestWillBeSent") => {
                let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                !url.starts_with("file://") || event["params"]["type"] != "Document"
            }
            _ => false,
        };
        self.events.iter().filter(is_bad).map(Value::to_string).collect()
    }
}

fn kill(group: u32) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
}

impl Drop for Browser {
    fn drop(&mut self) {
        kill(self.child.id());
        let _ = self.child.wait();
    }
}
