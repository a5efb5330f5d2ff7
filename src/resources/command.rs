//! `command`: a program, without a shell.

use super::shared::{Act, CommandLine, GUARDS, LOOKS, Params, Words};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, Topic, Untold, shows_at_once},
};
use agent::wire::{Op, Query};

pub struct Command;

impl CommandLine for Words {
    fn argv(&self) -> Vec<String> {
        self.to_vec()
    }
}

impl Resource for Command {
    const NAME: &'static str = "command";
    const TOPIC: Topic = Topic::Flow;
    const FACETS: &'static [&'static str] = &["run"];
    const UNTOLD: &'static [Untold] = &[Untold::Anything, Untold::Result];
    const MANNER: Manner = Manner::Acts { unless: GUARDS, besides: LOOKS };
    const EXAMPLE: &'static str = "\
name: Make the Diffie-Hellman parameters
command:
  cmd: openssl dhparam -out /etc/ssl/dh.pem 2048
  creates: /etc/ssl/dh.pem
  touches: [/etc/ssl]
";
    const FREE: Option<&'static str> = Some("cmd");
    const CONTENT: &'static [&'static str] = &["cmd", "argv", "stdin", "env", "unless", "onlyif", "timeout"];

    type Spec = Params<Words>;
    type State = Act;

    fn check(spec: &Self::Spec) -> Result<(), Fault> {
        if spec.executable.is_some() {
            let fault = Fault::new("`executable` is for `shell`: a command runs without one");
            return Err(fault.hint("write `shell` in place of `command`, or leave it out"));
        }
        spec.check()?;
        shows_at_once::<Self>(spec)
    }

    fn address(_: &Self::Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Self::Spec) -> Footprint {
        spec.footprint()
    }

    fn observe(spec: &Self::Spec, seen: &Seen) -> Observe<Act> {
        spec.observe(seen)
    }

    fn desired(spec: &Self::Spec, _: &Act) -> Result<Act, Fault> {
        spec.desired()
    }

    fn ops(spec: &Self::Spec, from: &Act, _: &Act) -> Vec<Op> {
        spec.ops(from)
    }

    fn acts(spec: &Self::Spec) -> bool {
        spec.acts()
    }

    fn counts_as_change(spec: &Self::Spec) -> bool {
        spec.changes
    }

    fn is_command(_: &Self::Spec) -> bool {
        true
    }

    fn look(spec: &Self::Spec) -> Option<Query> {
        spec.look()
    }

    fn runs(spec: &Self::Spec) -> Option<Op> {
        spec.runs()
    }

    fn job(spec: &Self::Spec) -> Option<String> {
        spec.job()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Area, Source},
        yaml,
    };
    use std::sync::Arc;

    fn read(text: &str) -> Params<Words> {
        let source = Arc::new(Source { path: "t.yml".into(), text: text.into(), secret: false });
        yaml::from_node(&yaml::parse(&source).unwrap()).unwrap()
    }

    #[test]
    fn what_is_declared_is_the_footprint_and_what_is_not_is_everything() {
        let path = |path: &str| Area::Path(path.into());
        let unknown = read("cmd: a");
        assert_eq!(Command::footprint(&unknown), Footprint::everything());
        assert!(Command::acts(&unknown) && Command::counts_as_change(&unknown));
        let looks = read("{cmd: a, changes: false}");
        assert_eq!(Command::footprint(&looks), Footprint::reads([Area::Everything]));
        assert!(!Command::acts(&looks) && !Command::counts_as_change(&looks));
        let declared = read("{cmd: a, touches: [docker], reads: [packages], creates: /x}");
        let expected = Footprint::writes([Area::Docker, path("/x")]).and_reads([Area::Packages, path("/x")]);
        assert_eq!(Command::footprint(&declared), expected);
        assert!(!Command::acts(&declared));
        assert_eq!(Command::footprint(&read("{cmd: a, touches: [nothing]}")), Footprint::default());
    }
}
