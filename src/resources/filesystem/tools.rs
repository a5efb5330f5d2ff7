//! The programs of each filesystem.

use crate::{resource::Fault, resources::shared::unit::run};
use agent::wire::{Exec, Op};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Kind {
    Ext2,
    Ext3,
    Ext4,
    Xfs,
    Btrfs,
    Vfat,
    Swap,
}

impl Kind {
    /// As `blkid` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Vfat => "vfat",
            Self::Swap => "swap",
        }
    }

    /// What makes it.
    pub fn program(self) -> &'static str {
        match self {
            Self::Ext2 => "mkfs.ext2",
            Self::Ext3 => "mkfs.ext3",
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
            Self::Btrfs => "mkfs.btrfs",
            Self::Vfat => "mkfs.vfat",
            Self::Swap => "mkswap",
        }
    }

    pub fn package(self) -> &'static str {
        match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 => "e2fsprogs",
            Self::Xfs => "xfsprogs",
            Self::Btrfs => "btrfs-progs",
            Self::Vfat => "dosfstools",
            Self::Swap => "util-linux",
        }
    }

    pub fn grows(self) -> bool {
        matches!(self, Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Xfs | Self::Btrfs)
    }

    pub fn grows_mounted_only(self) -> bool {
        matches!(self, Self::Xfs | Self::Btrfs)
    }

    pub fn labels_unmounted_only(self) -> bool {
        matches!(self, Self::Xfs | Self::Vfat | Self::Swap)
    }

    /// # Errors
    /// A label that it cannot have.
    pub fn check_label(self, label: &str) -> Result<(), Fault> {
        let longest = match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 => 16,
            Self::Xfs => 12,
            Self::Btrfs => 255,
            Self::Vfat => 11,
            Self::Swap => 15,
        };
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        let fits_case =
            self != Self::Vfat || !label.chars().any(|c| c.is_ascii_lowercase() || ".:".contains(c));
        let fits = (1..=longest).contains(&label.len()) && label.chars().all(good) && !label.starts_with('-');
        if fits && fits_case {
            return Ok(());
        }
        let fault = Fault::new(format!("`{}` cannot be the label of {}", label.escape_debug(), self.name()));
        Err(fault.hint(match self {
            Self::Vfat => "at most 11 capital letters, digits, `_` and `-`".to_string(),
            _ => format!("at most {longest} letters, digits, `_`, `-`, `.` and `:`"),
        }))
    }

    /// # Errors
    /// A number that it cannot have.
    pub fn check_uuid(self, uuid: &str) -> Result<(), Fault> {
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        let hex = uuid.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        let (wanted, example): (&[usize], _) = match self {
            Self::Vfat => (&[4, 4], "1A2B-3C4D"),
            _ => (&[8, 4, 4, 4, 12], "123e4567-e89b-12d3-a456-426614174000"),
        };
        if hex && parts == wanted {
            return Ok(());
        }
        let fault = Fault::new(format!("`{}` cannot be the `uuid` of {}", uuid.escape_debug(), self.name()));
        Err(fault.hint(format!("e.g. `{example}`")))
    }

    /// Whether a word makes `mkfs` overwrite what it finds.
    pub fn is_force(self, word: &str) -> bool {
        let short = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        // Letters whose value may follow at once: what is behind them is no option.
        let valued = match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 => {
                return short.is_some_and(|letters| letters.contains('F'));
            }
            Self::Vfat => return false,
            Self::Xfs => "bcdilLmnprs",
            Self::Btrfs => "AbdLmlnsrROU",
            Self::Swap => "LpUveos",
        };
        let mut letters = short.unwrap_or_default().chars().take_while(|letter| !valued.contains(*letter));
        "--force".starts_with(word) && word.starts_with("--f") || letters.any(|letter| letter == 'f')
    }

    pub fn make(self, device: &str, label: Option<&str>, uuid: Option<&str>, opts: &[String]) -> Op {
        let mut argv = vec![self.program().to_string()];
        let mut add = |words: &[&str]| argv.extend(words.iter().map(ToString::to_string));
        if self.grows() {
            // Those of the others have no such option.
            add(&["-q"]);
        }
        if let Some(label) = label {
            add(&[if self == Self::Vfat { "-n" } else { "-L" }, label]);
        }
        match (self, uuid) {
            (_, None) => {}
            (Self::Xfs, Some(uuid)) => add(&["-m", &format!("uuid={uuid}")]),
            (Self::Vfat, Some(uuid)) => add(&["-i", &uuid.replace('-', "")]),
            (_, Some(uuid)) => add(&["-U", uuid]),
        }
        argv.extend(opts.iter().cloned());
        argv.push(device.into());
        // A large disk takes its time, and half a filesystem is none.
        let exec = Exec { survive: true, ..Exec::new(argv) };
        Op::Exec { exec, ok: vec![] }
    }

    pub fn set_label(self, device: &str, mounted: Option<&str>, label: &str) -> Op {
        match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 => run(["e2label", device, label]),
            Self::Xfs => run(["xfs_admin", "-L", label, device]),
            Self::Btrfs => run(["btrfs", "filesystem", "label", mounted.unwrap_or(device), label]),
            Self::Vfat => run(["fatlabel", device, label]),
            Self::Swap => run(["swaplabel", "-L", label, device]),
        }
    }

    pub fn grow(self, device: &str, mounted: Option<&str>, devid: Option<&str>) -> Vec<Op> {
        let place = mounted.unwrap_or(device);
        match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 => {
                // One that is not mounted grows only after a check, which ends with 1 when it has mended something.
                let exec = Exec::new(["e2fsck", "-f", "-p", device]);
                let check = mounted.is_none().then_some(Op::Exec { exec, ok: vec![0, 1] });
                check.into_iter().chain([run(["resize2fs", device])]).collect()
            }
            Self::Xfs => vec![run(["xfs_growfs", "-d", place])],
            Self::Btrfs => {
                // Of several devices, by default the first would grow.
                let size = devid.map_or("max".into(), |devid| format!("{devid}:max"));
                vec![run(["btrfs", "filesystem", "resize", &size, place])]
            }
            Self::Vfat | Self::Swap => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn words_that_force_are_known() {
        for (kind, word) in [
            (Kind::Ext2, "-F"),
            (Kind::Ext3, "-F"),
            (Kind::Ext4, "-F"),
            (Kind::Ext4, "-qF"),
            (Kind::Xfs, "-f"),
            (Kind::Btrfs, "--force"),
            (Kind::Btrfs, "--fo"),
            (Kind::Swap, "-f"),
        ] {
            assert!(kind.is_force(word), "{word}");
        }
        for (kind, word) in [
            (Kind::Ext4, "^FOO"),
            (Kind::Ext4, "-O"),
            (Kind::Vfat, "-F"),
            (Kind::Xfs, "--"),
            (Kind::Btrfs, "--features"),
        ] {
            assert!(!kind.is_force(word), "{word}");
        }
    }
}
