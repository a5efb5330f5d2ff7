//! `docker_login`: the credentials that docker keeps for a registry.

use super::shared::{HostPath, READ_LIMIT, account::Wanted, docker};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold, file_query},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Attrs, Exec, Kind, Op, Output, Query},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What docker calls its own registry.
const HUB: &str = "https://index.docker.io/v1/";

pub struct DockerLogin;

/// Logs in to a registry, or out of it.
///
/// The registry is asked only when the credentials that docker keeps are other ones; one that does not take them leaves what was kept
/// as it is. They stand in `config.json`, which is closed to others:
/// where a helper keeps them (`credsStore`), nobody can compare them, and the task says so.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// `registry.example`, `registry.example:5000`. Default: Docker Hub.
    registry: Option<String>,
    /// The account at the registry. A login needs it.
    username: Option<String>,
    /// Given to docker on its standard input. Needed for a login.
    password: Option<Text>,
    /// The folder of docker's `config.json`: that of the account which pulls. The task is to be done as that account (`become_user`): what
    /// root writes there it cannot read.
    #[serde(default = "of_root")]
    config: HostPath,
    /// `present` (default) or `absent`: logged out.
    #[serde(default)]
    state: Wanted,
}

fn of_root() -> HostPath {
    HostPath::new("/root/.docker").expect("an absolute path")
}

impl Spec {
    fn file(&self) -> String {
        format!("{}/config.json", self.config)
    }

    /// As it is named on docker's command line; `None`: Docker Hub.
    fn registry(&self) -> Option<&str> {
        let name = self.registry.as_deref()?;
        let name = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
        let name = name.trim_end_matches('/');
        let hub = ["docker.io", "index.docker.io", "registry-1.docker.io", "index.docker.io/v1"];
        (!hub.contains(&name)).then_some(name)
    }

    /// As it is named in docker's file.
    fn key(&self) -> &str {
        self.registry().unwrap_or(HUB)
    }

    fn check(&self) -> Result<(), Fault> {
        if let Some(name) = self.registry() {
            let good = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
            if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') || !name.chars().all(good) {
                let fault = Fault::new(format!("`{}` is no registry", name.escape_debug()));
                return Err(
                    fault.hint("its name, with a port if need be, and no path: `registry.example:5000`")
                );
            }
        }
        if self.state == Wanted::Absent {
            return Ok(());
        }
        match &self.username {
            None => {
                return Err(Fault::new("`username` is missing").hint("a login needs a name and a password"));
            }
            Some(name) if name.is_empty() || name.contains([':', '\n', '\0']) => {
                let fault = Fault::new(format!("`{}` cannot be a name to log in with", name.escape_debug()));
                return Err(fault.hint("it holds neither a colon nor a line break"));
            }
            Some(_) => {}
        }
        match self.password.as_ref().map(Text::bytes) {
            None | Some([]) => {
                Err(Fault::new("`password` is missing").hint("a login needs a name and a password"))
            }
            Some(bytes) if bytes.contains(&b'\n') || bytes.contains(&b'\r') || bytes.contains(&0) => {
                Err(Fault::new("`password` holds a line break")
                    .hint("docker reads one line: `trim` takes it off"))
            }
            Some(_) => Ok(()),
        }
    }
}

#[derive(Clone, Default)]
pub struct LoginState {
    username: Option<String>,
    password: Option<Vec<u8>>,
    /// Of the file that they are in.
    mode: Option<u32>,
}

impl State for LoginState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(username) = &self.username {
            facets.insert("login".into(), username.as_str().into());
        }
        if let Some(password) = &self.password {
            facets.insert("password".into(), Facet::Secret(password.clone()));
        }
        if let Some(mode) = self.mode {
            facets.insert("mode".into(), format!("{mode:04o}").into());
        }
        facets
    }
}

/// Name and password of an entry.
fn kept(entry: &Value) -> LoginState {
    let auth = entry["auth"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let Some(colon) = auth.iter().position(|byte| *byte == b':') else {
        return LoginState { username: Some(String::new()), ..LoginState::default() };
    };
    // Docker ends what it keeps with NULs, in some versions.
    let end = auth.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1).max(colon + 1);
    let username = String::from_utf8_lossy(&auth[..colon]).into_owned();
    LoginState { username: Some(username), password: Some(auth[colon + 1..end].to_vec()), mode: None }
}

impl Resource for DockerLogin {
    const NAME: &'static str = "docker_login";
    const TOPIC: Topic = Topic::Docker;
    const FACETS: &'static [&'static str] = &["login", "password", "mode"];
    const UNTOLD: &'static [Untold] = &[Untold::Home];
    const EXAMPLE: &'static str = "\
name: The host may pull our images
docker_login:
  registry: registry.example
  username: puller
  password: \"{{registry_password}}\"
";
    const CONTENT: &'static [&'static str] = &["registry", "username", "password"];
    type Spec = Spec;
    type State = LoginState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("docker_login:{}:{}", spec.config, spec.key())))
    }

    fn footprint(spec: &Spec) -> Footprint {
        // Docker itself is needed, and not changed: what is pulled afterwards comes after it.
        Footprint::writes([Area::Path(spec.file()), Area::Docker]).and_reads([Area::Packages])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<LoginState> {
        spec.check()?;
        seen.each([
            file_query(&spec.file()),
            Query::Read { path: spec.file(), limit: READ_LIMIT, secret: true },
        ])?;
        let Some(content) = seen.content(&spec.file(), READ_LIMIT, true)? else {
            return Ok(LoginState::default());
        };
        if content.bytes().trim_ascii().is_empty() {
            return Ok(LoginState::default());
        }
        let config: Value = serde_json::from_slice(content.bytes()).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Fault::new(format!("{} is not JSON ({place})", spec.file())).hint("mend it by hand, or remove it")
        })?;
        let key = spec.key();
        let helper = config["credHelpers"][key].as_str().or_else(|| config["credsStore"].as_str());
        if let Some(helper) = helper.filter(|name| !name.is_empty()) {
            let what = format!("{} leaves the credentials for {key} to the helper `{helper}`", spec.file());
            let hint = "what it keeps cannot be compared: name another folder as `config`, or use the helper's own program";
            return Err(Fault::new(what).hint(hint).into());
        }
        let entry = &config["auths"][key];
        if entry["identitytoken"].as_str().is_some_and(|token| !token.is_empty())
            && spec.state == Wanted::Present
        {
            let what =
                format!("{key} has given a token for the password, which {} keeps instead", spec.file());
            return Err(Fault::new(what)
                .hint("what it stands for cannot be compared: log in by hand")
                .into());
        }
        let meta = seen.meta(&spec.file())?;
        // What a link leads to is somebody else's.
        let mode = meta.filter(|meta| matches!(meta.kind, Kind::File { .. })).map(|meta| meta.mode);
        let kept = if entry.is_object() { kept(entry) } else { LoginState::default() };
        Ok(LoginState { mode: mode.filter(|_| spec.state == Wanted::Present), ..kept })
    }

    fn desired(spec: &Spec, from: &LoginState) -> Result<LoginState, Fault> {
        if spec.state == Wanted::Absent {
            return Ok(LoginState::default());
        }
        let password = spec.password.as_ref().map(|text| text.bytes().to_vec());
        Ok(LoginState {
            username: spec.username.clone(),
            password,
            mode: from.mode.map(|mode| mode & !0o007),
        })
    }

    fn ops(spec: &Spec, from: &LoginState, to: &LoginState) -> Vec<Op> {
        let closed = to.mode.filter(|mode| from.mode != Some(*mode)).map(|mode| Op::SetAttrs {
            path: spec.file(),
            attrs: Attrs { mode: Some(mode), ..Attrs::default() },
        });
        if (&from.username, &from.password) == (&to.username, &to.password) {
            return closed.into_iter().collect();
        }
        let folder = spec.config.to_string();
        let mut args = vec!["--config", &folder];
        match (&to.username, &spec.password) {
            (Some(username), Some(password)) => {
                // In one word: it may begin with a dash.
                let username = format!("--username={username}");
                args.extend(["login", &username, "--password-stdin"]);
                args.extend(spec.registry());
                let stdin = Some(Content::new(password.bytes(), true));
                let argv = ["docker"].into_iter().chain(args);
                let login = Op::Exec { exec: Exec { stdin, ..Exec::new(argv) }, ok: vec![] };
                closed.into_iter().chain([login]).collect()
            }
            _ => {
                args.push("logout");
                args.extend(spec.registry());
                vec![docker::docker(args)]
            }
        }
    }

    fn remedy(_: &Spec, output: &Output) -> Option<String> {
        let said = String::from_utf8_lossy(output.stderr.bytes()).to_lowercase();
        let refused = ["401 unauthorized", "unauthorized:", "incorrect username or password"];
        if refused.iter().any(|words| said.contains(words)) {
            return Some("the registry does not take this `username` with this `password`".into());
        }
        docker::remedy(output)
    }

    fn effects(spec: &Spec, _: &LoginState, _: &LoginState, ops: &[Op]) -> Vec<Effect> {
        // The daemon holds what it held.
        let is_written = ops.iter().any(|op| matches!(op, Op::Exec { .. }));
        is_written.then(|| Effect::Unknown(Area::Path(spec.file()))).into_iter().collect()
    }
}
