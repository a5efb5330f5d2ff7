//! Devices by their several names.

use crate::model::Area;

/// Of what a filesystem is on: a device by the kernel's name, or a file, is itself; a label, a number, or a name that somebody gave
/// (`/dev/disk/by-id/...`, `/dev/mapper/...`) may be any device; what is no path is nothing on the host.
pub fn area(source: &str) -> Option<Area> {
    if !source.starts_with('/') {
        let tags = ["UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID="];
        return tags.iter().any(|tag| source.starts_with(tag)).then(|| Area::Path("/dev".into()));
    }
    if source.starts_with("//") {
        return None;
    }
    let is_alias = |name: &str| name.contains('/') || matches!(name, "root" | "cdrom");
    let path = if source.strip_prefix("/dev/").is_some_and(is_alias) { "/dev" } else { source };
    Some(Area::Path(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_of_one_device_overlap() {
        for (source, expected) in [
            ("/dev/vdb1", Some("/dev/vdb1")),
            ("/dev/dm-0", Some("/dev/dm-0")),
            ("/srv/a.img", Some("/srv/a.img")),
            ("/dev/disk/by-id/ata-1", Some("/dev")),
            ("/dev/mapper/vg-data", Some("/dev")),
            ("/dev/vg/data", Some("/dev")),
            ("LABEL=data", Some("/dev")),
            ("UUID=1-2", Some("/dev")),
            ("host:/export", None),
            ("//host/share", None),
            ("tmpfs", None),
        ] {
            assert_eq!(area(source), expected.map(|path| Area::Path(path.into())), "{source}");
        }
    }
}
