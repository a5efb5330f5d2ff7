//! `command`: a program, without a shell.

use super::shared::{Act, CommandLine, Params, Words};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Observe, Resource, Seen},
};
use agent::wire::Op;

pub struct Command;

impl CommandLine for Words {
    fn argv(&self) -> Vec<String> {
        self.to_vec()
    }
}

impl Resource for Command {
    const NAME: &'static str = "command";
    const EXAMPLE: &'static str = "\
name: Make the Diffie-Hellman parameters
command:
  cmd: openssl dhparam -out /etc/ssl/dh.pem 2048
  creates: /etc/ssl/dh.pem
  touches: [/etc/ssl]
";
    const FREE: Option<&'static str> = Some("cmd");

    type Spec = Params<Words>;
    type State = Act;

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
}
