//! The whole story on real machines: two bare VMs become two running servers over SSH, stay as they are, and are mended.
//!
//! One test, in order, since each step starts from what the one before it left. It needs root, the programs of
//! `tests/deps`, and the images in `LUSTORES_TEST_IMAGES` (`make test-vms` makes them). `LUSTORES_E2E_KEEP=1` leaves the
//! machines up, for a look at what failed; `LUSTORES_E2E_GO_ON=1` then begins with the steps on
//! running servers (as long as no secret was changed on them), `LUSTORES_E2E_GO_ON=lab1` with those on one of them only, and
//! `LUSTORES_E2E_STEPS=secret` takes only steps with that in their name.

mod canary;
mod first;
mod guest;
mod line;
mod machine;
mod outside;
mod program;
mod snapshot;
mod stack;
mod steps;
mod story;

use story::Story;

#[test]
fn bare_vms_become_running_servers() {
    let mut story = Story::begin();
    if story.goes_on() {
        story.go_on();
    } else {
        first_steps(&mut story);
    }
    second_steps(story);
}

/// From bare machines to running servers.
fn first_steps(story: &mut Story) {
    story.step("two bare machines boot", steps::boot);
    story.step("--check on bare machines shows everything and changes nothing", steps::check_bare);
    story.step("an apply that is killed in the middle of an installation", steps::killed_apply);
    story.step("apply: both become running servers", steps::apply);
    story.step("from outside only 22, 80 and 443 can be reached", steps::scan);
    story.step("the same again changes nothing", steps::apply_again);
}

/// What happens to running servers.
fn second_steps(mut story: Story) {
    story.side_by_side([
        &[
            ("one file edited by hand is mended, and only that", first::edited_file),
            ("one secret changed recreates its consumers only", first::changed_secret),
            ("the database's password is rotated", first::rotated_password),
            ("a reboot: healthy without help, and never open meanwhile", first::reboot),
            ("what an operator stopped is shown and stays stopped", first::stopped_by_hand),
            (
                "each facet of services, units, packages, rules and projects is mended",
                machine::law_on_a_machine,
            ),
        ],
        &[
            ("compose reads the values of an env file as they are meant", machine::env_values_reach_compose),
            ("a firewall that locks us out goes back by itself", first::locked_out),
            ("an updated image, and the way back", stack::updated_image),
            ("an image that is never healthy", stack::broken_image),
            ("TLS modes are switched in place", stack::switched_tls),
            ("the database's disk is not mounted", stack::disk_not_mounted),
        ],
    ]);
    if Story::is_partial() {
        return story.end();
    }
    story.step("no secret is anywhere but where it belongs", steps::no_secret_leaked);
    story.step("back to bare", machine::reset);
    story.end();
}
