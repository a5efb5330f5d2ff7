//! Those options of a mount that can be seen on it.

/// The options that the kernel shows in the same words for every filesystem, and what tmpfs shows of its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    read_only: bool,
    nosuid: bool,
    nodev: bool,
    noexec: bool,
    sync: bool,
    /// `noatime`, ...; `None`: nobody cares.
    atime: Option<String>,
    /// Of a tmpfs.
    size: Option<Size>,
    /// How many files a tmpfs takes; 0: any number.
    inodes: Option<u64>,
}

/// The size of a tmpfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Kib(u64),
    /// Of the host's memory, in percent.
    Share(u64),
}

impl Size {
    fn read(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(share) => share.parse().ok().map(Self::Share),
            None => kib(text).map(Self::Kib),
        }
    }

    fn word(self) -> String {
        match self {
            Self::Kib(kib) => format!("size={kib}k"),
            Self::Share(share) => format!("size={share}%"),
        }
    }

    /// Whether that many KiB are this size, on a host with so many of memory. Which of that the kernel counts may differ a little from one
    /// boot to the next, and on a VM that gives some back: a share is one to about half a percent of it.
    fn is(self, found: u64, memory: u64) -> bool {
        match self {
            Self::Kib(kib) => kib == found,
            Self::Share(share) => {
                let wanted = (memory / 4).saturating_mul(share).div_ceil(100) * 4;
                found.abs_diff(wanted) <= (wanted / 200).max(PAGE / 1024)
            }
        }
    }
}

/// Bytes of a page: what the size of a tmpfs is rounded up to.
const PAGE: u64 = 4096;

impl Options {
    /// From words with commas between them; of words that exclude each other the last counts.
    pub fn read(words: &str) -> Self {
        let mut found = Self {
            read_only: false,
            nosuid: false,
            nodev: false,
            noexec: false,
            sync: false,
            atime: None,
            size: None,
            inodes: None,
        };
        for word in words.split(',') {
            match word {
                "ro" => found.read_only = true,
                "rw" => found.read_only = false,
                "nosuid" => found.nosuid = true,
                "suid" => found.nosuid = false,
                "nodev" => found.nodev = true,
                "dev" => found.nodev = false,
                "noexec" => found.noexec = true,
                "exec" => found.noexec = false,
                "sync" => found.sync = true,
                "async" => found.sync = false,
                // Whom they allow to mount must not gain by it.
                "user" | "users" => (found.nosuid, found.nodev, found.noexec) = (true, true, true),
                "owner" | "group" => (found.nosuid, found.nodev) = (true, true),
                "noatime" | "relatime" | "strictatime" => found.atime = Some(word.into()),
                _ => {
                    if let Some(size) = word.strip_prefix("size=") {
                        found.size = Size::read(size);
                    } else if let Some(count) = word.strip_prefix("nr_inodes=") {
                        found.inodes = number(count);
                    }
                }
            }
        }
        found
    }

    /// As far as `wanted` names it: a size and an access time by default are anything.
    pub fn where_named(mut self, wanted: &Self) -> Self {
        self.atime = wanted.atime.as_ref().map(|_| self.atime.unwrap_or_else(|| "strictatime".into()));
        self.size = self.size.filter(|_| wanted.size.is_some());
        self.inodes = self.inodes.filter(|_| wanted.inodes.is_some());
        self
    }

    /// Of a tmpfs on a host with so many KiB of memory: what the kernel does not show is half of it, and a page of it for each file; and a
    /// size that is the share that is wanted is called that.
    pub fn of_memory(mut self, memory: Option<u64>, wanted: &Self) -> Self {
        let Some(memory) = memory else { return self };
        let half = memory / 4 / 2;
        if let Some(size) = wanted.size {
            let found = self.size.unwrap_or(Size::Kib(half * 4));
            let is_wanted = matches!(found, Size::Kib(kib) if size.is(kib, memory));
            self.size = Some(if is_wanted { size } else { found });
        }
        self.inodes = self.inodes.or(wanted.inodes.map(|_| half));
        self
    }

    /// Of a filesystem in a program: whose mounts are less trusted, the kernel or the helper adds what nobody asked for. It counts
    /// as far as the task says a word of it.
    pub fn less_added(mut self, asked: &Self, words: &str) -> Self {
        if !names(words, "suid") {
            self.nosuid = asked.nosuid;
        }
        if !names(words, "dev") {
            self.nodev = asked.nodev;
        }
        self
    }

    /// As [`Self::remount`], without what [`Self::less_added`] leaves as it is.
    pub fn remount_asked(&self, words: &str) -> String {
        let all = self.remount();
        let stays = |word: &&str| {
            let of = |name: &str| word.trim_start_matches("no") == name && !names(words, name);
            !of("suid") && !of("dev")
        };
        all.split(',').filter(stays).collect::<Vec<_>>().join(",")
    }

    /// Of what is no tmpfs.
    pub fn without_size(mut self) -> Self {
        (self.size, self.inodes) = (None, None);
        self
    }

    fn words(&self) -> [(&'static str, &'static str, bool); 5] {
        [
            ("ro", "rw", self.read_only),
            ("nosuid", "suid", self.nosuid),
            ("nodev", "dev", self.nodev),
            ("noexec", "exec", self.noexec),
            ("sync", "async", self.sync),
        ]
    }

    /// For a person: what differs from nothing, `rw` and `ro` always.
    pub fn shown(&self) -> String {
        let mut words: Vec<String> = vec![if self.read_only { "ro" } else { "rw" }.into()];
        words.extend(self.words()[1..].iter().filter(|(.., on)| *on).map(|(word, ..)| word.to_string()));
        words.extend(self.named());
        words.join(",")
    }

    /// For a mount that is there already: each by name, so that nothing stays as it was.
    pub fn remount(&self) -> String {
        let each = self.words().map(|(on, off, is_on)| if is_on { on } else { off }.to_string());
        each.into_iter().chain(self.named()).collect::<Vec<_>>().join(",")
    }

    fn named(&self) -> impl Iterator<Item = String> {
        let size = self.size.map(Size::word);
        let inodes = self.inodes.map(|count| format!("nr_inodes={count}"));
        self.atime.clone().into_iter().chain(size).chain(inodes)
    }
}

/// The words that [`Options`] does not know and the kernel or a helper of `mount` does.
pub fn unseen(words: &str) -> Vec<String> {
    let is_seen = |word: &str| {
        matches!(
            word.strip_prefix("no").unwrap_or(word),
            "suid" | "dev" | "exec" | "atime" | "user" | "users" | "owner" | "group" | "auto" | "fail"
        ) || matches!(
            word,
            "ro" | "rw" | "sync" | "async" | "relatime" | "strictatime" | "defaults" | "_netdev"
        ) || word.starts_with("x-")
            || word.starts_with("comment=")
            // Of a journal, which stays as it is until the next mount.
            || word.starts_with("data=")
            || word.strip_prefix("size=").is_some_and(|size| Size::read(size).is_some())
            || word.strip_prefix("nr_inodes=").is_some_and(|count| number(count).is_some())
    };
    words.split(',').filter(|word| !is_seen(word)).map(Into::into).collect()
}

/// Whether these words say something of `suid` or `dev`.
fn names(words: &str, name: &str) -> bool {
    let says = |word: &str| {
        word.strip_prefix("no").unwrap_or(word) == name
            || matches!(word, "user" | "users" | "owner" | "group")
    };
    words.split(',').any(says)
}

/// What a tmpfs is mounted with that cannot be set while it is, or that nobody can see: a note for each word that says so.
pub fn of_the_next_mount(words: &str, found: &str) -> Vec<String> {
    let note = |word: String| {
        let has = |word: &str| found.split(',').any(|one| one == word);
        let (key, value) = word.split_once('=').unwrap_or((&word, ""));
        // What the kernel shows nothing of, it has by default.
        let default = match key {
            "mode" => 0o1777,
            _ => 0,
        };
        let parse = |text: &str| match key {
            "mode" => u32::from_str_radix(text, 8).ok(),
            "uid" | "gid" => text.parse().ok(),
            _ => None,
        };
        let live = found.split(',').find_map(|one| one.strip_prefix(key)?.strip_prefix('='));
        match (parse(value), live.map_or(Some(default), parse)) {
            _ if has(&word) => None,
            (Some(wanted), Some(live)) if wanted == live => None,
            (Some(_), Some(live)) => {
                let live = if key == "mode" { format!("{live:o}") } else { live.to_string() };
                Some(format!(
                    "`{word}` takes effect when it is mounted next: it is mounted with `{key}={live}`"
                ))
            }
            _ => Some(format!("`{word}` is not compared with what is mounted")),
        }
    };
    unseen(words).into_iter().filter_map(note).collect()
}

/// A number with a unit of 1024, 1024² or 1024³.
fn number(text: &str) -> Option<u64> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// KiB in whole pages.
fn kib(size: &str) -> Option<u64> {
    Some(number(size)?.div_ceil(PAGE) * PAGE / 1024).filter(|kib| *kib > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asked_for_of_a_program_stays() {
        let seen = "rw,nosuid,nodev,relatime,user_id=0,group_id=0,allow_other";
        for (asked, shown, remount) in [
            ("defaults", "rw", "rw,exec,async"),
            ("suid", "rw,nosuid", "rw,suid,exec,async"),
            ("nosuid,ro", "rw,nosuid", "ro,nosuid,exec,async"),
            ("user", "rw,nosuid,nodev", "rw,nosuid,nodev,noexec,async"),
        ] {
            let wanted = Options::read(asked);
            let found = Options::read(seen).where_named(&wanted).less_added(&wanted, asked);
            assert_eq!(
                (found.shown().as_str(), wanted.remount_asked(asked).as_str()),
                (shown, remount),
                "{asked}"
            );
        }
    }

    #[test]
    fn what_is_wanted_and_what_is_shown_meet() {
        let wanted =
            Options::read("defaults,nosuid,noexec,exec,noatime,size=16M,mode=0755,x-systemd.automount");
        let live = "rw,nosuid,noatime,size=16384k,mode=755,inode64";
        assert_eq!(Options::read(live).where_named(&wanted), wanted);
        assert_eq!(wanted.shown(), "rw,nosuid,noatime,size=16384k");
        assert_eq!(wanted.remount(), "rw,nosuid,dev,exec,async,noatime,size=16384k");
        let plain = Options::read("defaults");
        assert_eq!(Options::read("rw,relatime,size=4k").where_named(&plain), plain);
        assert_eq!(Options::read("rw").where_named(&wanted).shown(), "rw,strictatime");
        assert_eq!(Options::read("user,exec").shown(), "rw,nosuid,nodev");
        assert_eq!(Options::read("size=50%").shown(), "rw,size=50%");
        assert_eq!(Options::read("size=5000").shown(), "rw,size=8k");
    }

    #[test]
    fn a_share_of_the_memory_is_what_the_kernel_makes_of_it() {
        // As a kernel with this much memory showed them; of half of it nothing, where that comes out even.
        const MEMORY: u64 = 24_684_092;
        for (wanted, live, is_same) in [
            ("size=25%", "rw,size=6171024k", true),
            ("size=33%", "rw,size=8145752k", true),
            ("size=10%", "rw,size=2468412k", true),
            ("size=25%", "rw,size=6190000k", true),
            ("size=50%", "rw", true),
            ("size=50%", "rw,size=12342048k", true),
            ("size=25%", "rw", false),
            ("size=25%", "rw,size=12342048k", false),
            ("size=26%", "rw,size=6171024k", false),
            ("size=12342044k", "rw", true),
            ("size=12342048k", "rw", false),
            ("nr_inodes=10k", "rw,nr_inodes=10240", true),
            ("nr_inodes=1m", "rw,nr_inodes=10240", false),
            ("nr_inodes=0", "rw,nr_inodes=0", true),
            ("nr_inodes=0", "rw", false),
            ("nr_inodes=3085511", "rw", true),
        ] {
            let options = Options::read(wanted);
            let found = Options::read(live).where_named(&options).of_memory(Some(MEMORY), &options);
            assert_eq!(found == options, is_same, "{wanted}: {live}");
        }
    }

    #[test]
    fn what_no_remount_changes_is_said() {
        let notes = |words: &str, found: &str| of_the_next_mount(words, found).join("; ");
        assert_eq!(notes("size=1m,mode=1777,uid=0,nosuid,noswap", "rw,noswap"), "");
        assert_eq!(notes("mode=0755,gid=5", "rw,mode=755,gid=5"), "");
        assert_eq!(
            notes("mode=0700,uid=5", "rw,mode=755"),
            "`mode=0700` takes effect when it is mounted next: it is mounted with `mode=755`; \
             `uid=5` takes effect when it is mounted next: it is mounted with `uid=0`"
        );
        assert_eq!(notes("uid=app", "rw"), "`uid=app` is not compared with what is mounted");
    }
}
