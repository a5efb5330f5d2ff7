//! The whole story on real machines: two bare VMs become two running servers over SSH, stay as they are, and are mended.
//!
//! Three tests, of which the second one holds all of the first. Each goes in order, since a step starts from what the one before it
//! left. They need root, the programs of `tests/deps`, and the images in `LUSTORES_TEST_IMAGES` (`make test` and `make test-vms`
//! make them). `LUSTORES_E2E_KEEP=1` leaves the machines up, for a look at what failed; `LUSTORES_E2E_GO_ON=1` then begins with
//! the steps on running servers (as long as no secret was changed on them), `LUSTORES_E2E_GO_ON=lab1` with those on one of them
//! only, and `LUSTORES_E2E_STEPS=secret` takes only steps with that in their name. `LUSTORES_E2E_SUITE=bookworm` takes machines with
//! Debian 12.

mod canary;
mod first;
mod guest;
mod library;
mod line;
mod machine;
mod network;
mod outside;
mod plans;
mod program;
mod promise;
mod reboot;
mod snapshot;
mod stack;
mod steps;
mod story;

use line::Line;
use story::{LineStep, Story};

const EDITED: LineStep = ("one file edited by hand is mended, and only that", first::edited_file);
const SECRET: LineStep = ("one secret changed recreates its consumers only", first::changed_secret);
const REBOOT: LineStep = ("a reboot: healthy without help, and never open meanwhile", first::reboot);
const ARGUMENTS: LineStep = ("no process ever had a secret in its arguments", Line::end_watch);

/// From bare machines to running servers, what is most likely to happen to them, and where their secrets are.
#[test]
fn bare_vms_become_running_servers() {
    let mut story = Story::begin();
    if story.goes_on() {
        story.go_on();
    } else {
        boot(&mut story);
        become_servers(&mut story);
    }
    story.side_by_side([&[EDITED, SECRET, ARGUMENTS], &[ARGUMENTS, REBOOT]]);
    end(story, &[]);
}

/// All that and all else that may happen.
#[test]
#[ignore = "takes an hour where VMs are emulated: `make test-vms` runs it"]
fn whatever_happens_to_servers() {
    let mut story = Story::begin();
    if story.goes_on() {
        story.go_on();
    } else {
        boot(&mut story);
        story.step("an apply that is killed in the middle of an installation", steps::killed_apply);
        become_servers(&mut story);
    }
    if !Story::is_partial() {
        story.step("a saved plan is done as it is shown, or not at all", plans::saved);
        story.step(
            "the workflows: plan of a pull request, apply of the merge, drift at night",
            plans::workflows,
        );
    }
    story.side_by_side([
        &[
            EDITED,
            SECRET,
            ("the database's password is rotated", first::rotated_password),
            ARGUMENTS,
            REBOOT,
            ("what an operator stopped is shown and stays stopped", first::stopped_by_hand),
            (
                "each facet of services, units, packages, rules and projects is mended",
                machine::law_on_a_machine,
            ),
        ],
        &[
            ("compose reads the values of an env file as they are meant", machine::env_values_reach_compose),
            ("a firewall that locks us out goes back by itself", first::locked_out),
            ("an updated image, one that is never healthy, and the way back", stack::updated_image),
            ("TLS modes are switched in place", stack::switched_tls),
            ("the database's disk is not mounted", stack::disk_not_mounted),
            ARGUMENTS,
        ],
    ]);
    end(story, &[("back to bare", machine::reset)]);
}

/// What the single resource types promise, on a machine with systemd, apt and Docker.
#[test]
#[ignore = "takes an hour where VMs are emulated: `make test-vms` runs it"]
fn types_keep_their_law() {
    let mut story = Story::begin();
    if !story.goes_on() {
        story.step("a bare machine boots", steps::boot_one);
    }
    story.step("each type is converged, disturbed by hand, mended and undone", |story| {
        library::law(&story.program, &story.guests[0]);
    });
    story.step("a reboot in the middle of a run", |story| {
        reboot::reboot(&story.program, &story.guests[0]);
    });
    story.step(
        "who looks after the network changes hands, and a network that leads nowhere comes back",
        |story| {
            network::network(&story.program, &story.guests[0]);
        },
    );
    story.end();
}

type Step = (&'static str, fn(&mut Story));

fn boot(story: &mut Story) {
    story.step("two bare machines boot", steps::boot);
    story.step("--check on bare machines shows everything and changes nothing", steps::check_bare);
}

fn become_servers(story: &mut Story) {
    story.step("apply: both become running servers", steps::apply);
    story.step("from outside only 22, 80 and 443 can be reached", steps::scan);
    story.step("the same again changes nothing", steps::apply_again);
}

fn end(mut story: Story, more: &[Step]) {
    if !Story::is_partial() {
        story.step("no secret is anywhere but where it belongs", steps::no_secret_leaked);
        more.iter().for_each(|(name, work)| story.step(name, *work));
    }
    story.end();
}
