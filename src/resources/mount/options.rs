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
    /// KiB, of a tmpfs.
    size: Option<u64>,
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
                        found.size = kib(size);
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
        self.size = None;
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
        let size = self.size.map(|kib| format!("size={kib}k"));
        self.atime.clone().into_iter().chain(size)
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
            || word.strip_prefix("size=").is_some_and(|size| kib(size).is_some())
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

/// KiB in whole pages. Parts of the memory, `50%`, are not known here.
fn kib(size: &str) -> Option<u64> {
    let (number, unit) = match size.char_indices().last()? {
        (at, 'k' | 'K') => (&size[..at], 1 << 10),
        (at, 'm' | 'M') => (&size[..at], 1 << 20),
        (at, 'g' | 'G') => (&size[..at], 1 << 30),
        _ => (size, 1),
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(bytes.div_ceil(PAGE) * PAGE / 1024).filter(|kib| *kib > 0)
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
        assert_eq!(Options::read("size=50%"), plain);
        assert_eq!(Options::read("size=5000").shown(), "rw,size=8k");
    }
}
