//! `http`: a request that must be answered as wanted.

mod body;
mod multipart;

use self::body::Format;
use super::shared::{
    Act, HostPath, OneOrMany, entries,
    url::{self, check_url, is_token},
};
use crate::{
    model::{Address, Area, Footprint, Origin},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic, Untold},
    yaml::{Map, Node, Text, Tree, Value},
};
use agent::{
    secret::Content,
    wire::{self, Follow, Op, Output, Until, Wait},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Http;

/// Waits until an HTTP(S) request is answered as wanted.
///
/// One that may be made twice with no other outcome is made again until then: `GET`, `HEAD`, `OPTIONS`, `TRACE`, `PUT` and `DELETE`. Any
/// other, such as `POST`, is sent once, and again only as long as no connection comes about; `repeat` says otherwise.
///
/// The request is made from where the task runs; `delegate_to` makes that another host. `status` and `contains` say what the answer must
/// be; one that is registered can be looked at, also one that was not as wanted: `register: answer` and `ignore_errors`, or
/// `until: eq answer.json.state "ready"`. An answer to a request with a secret in it is secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The address that is asked: `http://` or `https://`.
    url: String,
    /// The method of the request.
    #[serde(default = "get")]
    method: String,
    /// Headers of the request. A secret may stand here. Default: none.
    #[serde(default)]
    headers: IndexMap<String, Text>,
    /// The body of the request. The place for a secret. Default: none.
    body: Option<Tree>,
    /// How `body` is written. With `json` and `form-urlencoded` it is a mapping or a list, or a text that is written so already, and
    /// `Content-Type` is set unless it is among the `headers`; with `form-multipart` it is a mapping of texts, or of what files would be, with
    /// `content`, `filename` and `mime_type`. Default: `raw`.
    #[serde(default)]
    body_format: Format,
    /// The name of a login, which is sent with the first request (basic authentication). Default: none.
    url_username: Option<Text>,
    /// The password of the login. Always secret, and so is the answer. Default: an empty one.
    url_password: Option<Text>,
    /// Which redirects are followed: of `GET` and `HEAD` alone (`safe`), or `all`; after 301 a `POST`, and after 302 and 303 any request
    /// but `HEAD`, goes on as a `GET` without body. None leads from HTTPS to HTTP. To another host neither the login is sent, nor
    /// `Authorization`, `Cookie` and what is secret. Default: `none`.
    #[serde(default)]
    follow_redirects: Redirects,
    /// The status wanted, or a list of them.
    #[serde(default = "ok")]
    status: OneOrMany<u16>,
    /// A text that the answer must hold. Default: any.
    contains: Option<String>,
    /// Registers the body of the answer, of up to 1 MiB: `answer.content`.
    #[serde(default)]
    return_content: bool,
    /// A PEM file with the authority to trust, where the task runs. Default: those that the system trusts.
    ca: Option<HostPath>,
    /// Does not check the certificate.
    #[serde(default)]
    insecure: bool,
    /// The address to connect to instead of the one that the name in `url` resolves to: `HOST` or `HOST:PORT`. Default: that one.
    connect_to: Option<String>,
    /// Whether the request is made again when it is answered otherwise, or not at all: the server may have got it. Default: `true` for
    /// `GET`, `HEAD`, `OPTIONS`, `TRACE`, `PUT` and `DELETE`, else `false`.
    repeat: Option<bool>,
    /// Seconds to keep trying in all.
    #[serde(default = "timeout")]
    timeout: u32,
    /// Seconds for one request.
    #[serde(default = "request_timeout")]
    request_timeout: u32,
    /// Milliseconds between two tries.
    #[serde(default = "interval")]
    interval_ms: u32,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Redirects {
    #[default]
    None,
    Safe,
    All,
}

impl Spec {
    /// The headers that are sent, with those that other parameters stand for; `kind`: the type of the body.
    fn headers(&self, kind: Option<String>) -> Result<Vec<(String, Content)>, Fault> {
        let mut all = url::headers(&self.headers, self.url_username.as_ref(), self.url_password.as_ref())?;
        let is_given = self.headers.keys().any(|given| given.eq_ignore_ascii_case("Content-Type"));
        if is_given && self.body_format == Format::FormMultipart {
            let fault = Fault::new("`form-multipart` and the header `Content-Type` are two types");
            return Err(fault.hint("leave the header out: it says where parts begin"));
        }
        all.extend(kind.filter(|_| !is_given).map(|kind| ("Content-Type".into(), kind.as_str().into())));
        Ok(all)
    }

    fn request(&self) -> Result<wire::Http, Fault> {
        let method = self.method.to_uppercase();
        let body = self.body.as_ref().map(|body| self.body_format.write(body)).transpose()?;
        let (body, kind) = body.map_or((None, None), |(body, kind)| (Some(body), kind));
        Ok(wire::Http {
            url: self.url.clone(),
            repeat: self.repeat.unwrap_or(IDEMPOTENT.contains(&method.as_str())),
            method,
            connect_to: self.connect_to.clone(),
            headers: self.headers(kind)?,
            body,
            status: self.status.0.clone(),
            contains: self.contains.clone(),
            content: self.return_content,
            follow: match self.follow_redirects {
                Redirects::None => Follow::None,
                Redirects::Safe => Follow::Safe,
                Redirects::All => Follow::All,
            },
            ca: self.ca.as_ref().map(HostPath::to_string),
            insecure: self.insecure,
            timeout_s: self.request_timeout,
        })
    }
}

/// The methods that RFC 9110 calls idempotent.
const IDEMPOTENT: [&str; 6] = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];

fn get() -> String {
    "GET".into()
}

fn ok() -> OneOrMany<u16> {
    OneOrMany(vec![200])
}

fn timeout() -> u32 {
    30
}

fn request_timeout() -> u32 {
    10
}

fn interval() -> u32 {
    1000
}

impl Resource for Http {
    const NAME: &'static str = "http";
    const TOPIC: Topic = Topic::Network;
    const FACETS: &'static [&'static str] = &["until"];
    const UNTOLD: &'static [Untold] = &[Untold::Result];
    const MANNER: Manner = Manner::Checks;
    const EXAMPLE: &'static str = "\
name: The site answers
http:
  url: https://app.example/health
  status: [200, 204]
  timeout: 60
";
    const FREE: Option<&'static str> = Some("url");
    const RESULT: &'static [(&'static str, &'static str)] = &[
        ("status", "the status of the answer, -1 where there was none"),
        ("json", "the body of the answer, where it is JSON of up to 1 MiB"),
        ("content", "with `return_content`: the body of the answer"),
    ];
    const CONTENT: &'static [&'static str] = &[
        "url",
        "method",
        "headers",
        "body",
        "url_username",
        "url_password",
        "status",
        "contains",
        "connect_to",
    ];

    type Spec = Spec;
    type State = Act;

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(_: &Spec) -> Footprint {
        // In its place in the file: after all that writes before it, before all that writes after it.
        Footprint::reads([Area::Everything])
    }

    fn observe(_: &Spec, _: &Seen) -> Observe<Act> {
        Ok(Act::default())
    }

    fn desired(spec: &Spec, _: &Act) -> Result<Act, Fault> {
        check_url(&spec.url)?;
        if !is_token(&spec.method) {
            let fault = Fault::new(format!("`{}` is no method", spec.method.escape_debug()));
            return Err(fault.hint("one word of capital letters, such as `GET` or `POST`"));
        }
        spec.request()?;
        let status: Vec<_> = spec.status.0.iter().map(ToString::to_string).collect();
        let what = format!("{} {} answers {}", spec.method, spec.url, status.join(" or "));
        Ok(Act::new("until", what))
    }

    fn ops(spec: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        let wait = |request| Wait {
            until: Until::Http(request),
            timeout_s: spec.timeout,
            interval_ms: spec.interval_ms,
        };
        spec.request().map(|request| Op::Wait(wait(request))).into_iter().collect()
    }

    fn told(spec: &Spec, output: Option<&Output>) -> Option<Map> {
        let content = spec.return_content.then_some("content");
        let Some(output) = output else {
            let unknown = || Value::Unknown(format!("what {} answers", spec.url).into());
            return Some(entries(
                ["status", "json"].into_iter().chain(content).map(|name| (name, unknown())),
            ));
        };
        let body = output.stdout.bytes();
        let json =
            serde_json::from_slice(body).ok().map(|json| Node::from_json(&json, &Origin::named("an answer")));
        let content = content.map(|name| (name, Value::str(String::from_utf8_lossy(body))));
        let json = json.map(|json| ("json", json.value));
        let mut told = entries(json.into_iter().chain(content));
        if output.stdout.is_secret() {
            told.values_mut().for_each(|entry| entry.node.taint());
        }
        told.extend(entries([("status", Value::Int(output.code.into()))]));
        Some(told)
    }

    fn acts(_: &Spec) -> bool {
        true
    }

    fn counts_as_change(_: &Spec) -> bool {
        false
    }
}
