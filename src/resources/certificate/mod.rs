//! `certificate`: a TLS certificate and its private key.

mod make;
mod read;
mod spec;

use super::shared::{parent_there, secret_claim};
use crate::{
    model::{Address, Area, Claim, Footprint},
    resource::{
        Effect, Facet, Facets, Fault, Observe, Resource, Seen, SourceParam, State, Topic, Untold, file_query,
        shows_at_once,
    },
};
use agent::wire::{Kind, Op, Probe, Query};
use read::Certificate as Found;
use spec::Method;

pub use spec::Spec;

const DAY_S: u64 = 24 * 3600;

pub struct Certificate;

#[derive(Clone)]
pub struct CertificateState {
    facets: Facets,
    found: Option<Found>,
    /// The key is a link, as certbot makes them: it has no mode of its own.
    key_is_link: bool,
}

impl State for CertificateState {
    fn facets(&self) -> Facets {
        self.facets.clone()
    }
}

impl Resource for Certificate {
    const NAME: &'static str = "certificate";
    const TOPIC: Topic = Topic::Network;
    const FACETS: &'static [&'static str] = &[
        "certificate",
        "names",
        "validity",
        "key",
        "fingerprint",
        "chain",
        "private key",
        "key mode",
        "key owner",
        "key group",
    ];
    const UNTOLD: &'static [Untold] = &[Untold::Keys];
    const EXAMPLE: &'static str = "name: A certificate for the first start\ncertificate:\n  path: /etc/ssl/site/fullchain.pem\n  key: /etc/ssl/site/privkey.pem\n  \
        method: self_signed\n  names: [www.example.org, 192.0.2.10]\n";
    const SOURCES: &'static [SourceParam] = &[
        SourceParam { key: "content_src", folder: "files", render: false, into: "content" },
        SourceParam { key: "key_src", folder: "files", render: false, into: "key_content" },
    ];
    const CONTENT: &'static [&'static str] = &["names", "days", "renew_before", "content", "key_content"];
    type Spec = Spec;
    type State = CertificateState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.contradicts()?;
        shows_at_once::<Self>(spec)
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.path.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        use crate::model::Area::{Accounts, Packages};
        Footprint::writes([spec.path.area(), spec.key.area()]).and_reads([Packages, Accounts])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<CertificateState> {
        spec.check()?;
        // One that somebody else renews is kept to its end.
        let days = if spec.method == Method::SelfSigned { spec.renew_before } else { 0 };
        let (path, key) = (spec.path.to_string(), spec.key.to_string());
        let expires_within_s = u64::from(days) * DAY_S;
        let probe = Probe::Certificate { path: path.clone(), key: key.clone(), expires_within_s };
        seen.all([file_query(&path), file_query(&key), Query::Run(probe.clone())])?;
        let (there, key_there) = (seen.meta(&path)?, seen.meta(&key)?);
        for (file, meta) in [(&spec.path, &there), (&spec.key, &key_there)] {
            match meta.as_ref().map(|meta| &meta.kind) {
                None => parent_there(file, seen)?,
                Some(Kind::Folder | Kind::Other) => {
                    return Err(Fault::new(format!("{file} is not a file")).into());
                }
                Some(_) => {}
            }
        }
        let output = seen.run(probe)?;
        if output.code == 127 {
            seen.presume(&[Area::Packages], "there is no program `openssl` (package openssl)")?;
        }
        let found = (output.code == 0).then(|| read::certificate(&output)).flatten();
        let mut facets = Facets::new();
        let mut put = |name: &str, facet: Facet| facets.insert(name.to_string(), facet);
        if there.is_some() {
            let kind = found.as_ref().map_or("not a certificate", |found| &found.kind);
            if spec.supplied().is_none() {
                put("certificate", kind.into());
            }
            if let Some(found) = &found {
                if spec.supplied().is_some() {
                    put("fingerprint", found.fingerprint.as_str().into());
                } else {
                    put("names", found.names.join(", ").into());
                    put("validity", if found.ends { "ends soon or has ended" } else { "valid" }.into());
                    put("key", found.key.as_str().into());
                }
            }
        }
        let key_is_link = matches!(&key_there, Some(meta) if matches!(meta.kind, Kind::Link { .. }));
        if let Some(meta) = key_there.as_ref().filter(|_| !key_is_link) {
            let attrs = [
                ("mode", format!("{:04o}", meta.mode), true),
                ("owner", meta.owner.clone(), spec.owner.is_some()),
            ];
            let attrs = attrs.into_iter().chain([("group", meta.group.clone(), spec.group.is_some())]);
            for (name, value, _) in attrs.filter(|(_, _, named)| *named) {
                put(&format!("key {name}"), value.into());
            }
        }
        if spec.supplied().is_some() {
            let digest = |meta: &Option<agent::wire::Meta>| match meta.as_ref().map(|meta| &meta.kind) {
                Some(Kind::File { digest: Some(digest) }) => Some(digest.to_vec()),
                Some(_) => Some(vec![]),
                None => None,
            };
            digest(&there).map(|digest| put("chain", make::short(&digest).into()));
            digest(&key_there).map(|digest| put("private key", Facet::Secret(digest)));
        }
        Ok(CertificateState { facets, found, key_is_link })
    }

    fn desired(spec: &Spec, observed: &CertificateState) -> Result<CertificateState, Fault> {
        let mut facets = Facets::new();
        let mut put = |name: &str, facet: Facet| _ = facets.insert(name.to_string(), facet);
        if let Some((certificate, key)) = spec.supplied() {
            let fingerprint = read::fingerprint(certificate).unwrap_or_default();
            if let Some(same) = observed.found.as_ref().filter(|found| found.fingerprint == fingerprint) {
                spec.check_in_place(same)?;
            }
            put("fingerprint", fingerprint.into());
            put("chain", make::short(&certificate.digest()).into());
            put("private key", Facet::Secret(key.digest().to_vec()));
        } else if spec.method == Method::Keep
            && observed.found.as_ref().is_some_and(|found| spec.keeps(found))
        {
            let kept = observed.facets.iter().filter(|(name, _)| !name.starts_with("key "));
            facets.extend(kept.map(|(name, facet)| (name.clone(), facet.clone())));
        } else {
            put("certificate", read::SELF_SIGNED.into());
            put("names", read::sorted(&spec.names.0).join(", ").into());
            put("validity", "valid".into());
            put("key", "fits".into());
        }
        let stays = facets.iter().all(|(name, facet)| observed.facets.get(name) == Some(facet));
        if observed.key_is_link && stays {
            return Ok(CertificateState { facets, found: None, key_is_link: true });
        }
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                facets.insert(format!("key {name}"), value.into());
            }
        };
        put("mode", Some(format!("{:04o}", spec.key_mode.0)));
        put("owner", spec.owner.clone());
        put("group", spec.group.clone());
        Ok(CertificateState { facets, found: None, key_is_link: false })
    }

    fn ops(spec: &Spec, from: &CertificateState, to: &CertificateState) -> Vec<Op> {
        let (of_key, rest): (Vec<_>, Vec<_>) = to.facets.keys().partition(|name| name.starts_with("key "));
        let differs = |name: &&&String| from.facets.get(**name) != to.facets.get(**name);
        if rest.iter().any(|name| differs(&name)) {
            return match spec.supplied() {
                Some((certificate, key)) => {
                    make::supplied(&spec.path, &spec.key, certificate, key, &spec.names.0, spec.key_attrs())
                }
                None => vec![make::self_signed(
                    &spec.path,
                    &spec.key,
                    &spec.names.0,
                    spec.days,
                    &spec.key_attrs(),
                )],
            };
        }
        let attrs = of_key.iter().any(|name| differs(&name)).then(|| spec.key_attrs());
        attrs.map(|attrs| Op::SetAttrs { path: spec.key.to_string(), attrs }).into_iter().collect()
    }

    /// A private key is a secret wherever it comes from.
    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        // That of what a link leads to is somebody else's.
        if spec.method == Method::Keep
            && matches!(seen.meta(&spec.key)?.map(|meta| meta.kind), Some(Kind::Link { .. }))
        {
            return Ok(vec![]);
        }
        secret_claim(&spec.key, Some(spec.key_mode), seen)
    }

    fn effects(spec: &Spec, _: &CertificateState, _: &CertificateState, ops: &[Op]) -> Vec<Effect> {
        let made = spec.supplied().is_none() && ops.iter().any(|op| matches!(op, Op::Exec { .. }));
        let paths = [&spec.path, &spec.key].map(|path| Effect::Unknown(path.area()));
        if made { paths.into() } else { vec![] }
    }
}
