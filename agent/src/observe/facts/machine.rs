//! Processors, the maker, and what the machine runs in.

use super::tree::Tree;
use crate::wire::facts::{Cpu, Virtualization};
use std::collections::BTreeSet;

pub fn cpu(text: &str) -> Cpu {
    let (mut threads, mut model) = (0, "");
    let (mut sockets, mut cores) = (BTreeSet::new(), BTreeSet::new());
    let mut socket = "";
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.trim() {
            "processor" => threads += 1,
            "model name" | "Model" if model.is_empty() => model = value,
            "physical id" => socket = value,
            "core id" => {
                sockets.insert(socket);
                cores.insert((socket, value));
            }
            _ => {}
        }
    }
    let usable = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    // Other machines than PCs do not say what belongs together.
    let threads = if threads == 0 { usable } else { threads };
    let cores = if cores.is_empty() { threads } else { cores.len() as u32 };
    let sockets = (sockets.len() as u32).max(1);
    Cpu { model: model.to_string(), sockets, cores, threads, usable }
}

/// Maker and model, as the firmware says; those of a device tree where there is no DMI.
pub fn dmi(tree: &Tree) -> (String, String) {
    let product = tree.line("sys/class/dmi/id/product_name");
    let product = if product.is_empty() { tree.line("sys/firmware/devicetree/base/model") } else { product };
    (tree.line("sys/class/dmi/id/sys_vendor"), product)
}

pub fn virtualization(tree: &Tree, vendor: &str, product: &str, cpuinfo: &str) -> Virtualization {
    if let Some(kind) = container(tree) {
        return Virtualization { kind, container: true };
    }
    let kind = machine(tree, vendor, product, cpuinfo);
    Virtualization { kind: kind.to_string(), container: false }
}

/// By the marks that containers leave. The environment of process 1 is root's to read.
fn container(tree: &Tree) -> Option<String> {
    if tree.exists("proc/vz") && !tree.exists("proc/bc") {
        return Some("openvz".into());
    }
    let version = tree.line("proc/sys/kernel/osrelease").to_lowercase();
    if version.contains("microsoft")
        && (version.contains("wsl") || tree.exists("proc/sys/fs/binfmt_misc/WSLInterop"))
    {
        return Some("wsl".into());
    }
    let environment = tree.read("proc/1/environ");
    let variable = |name: &str| {
        environment
            .split('\0')
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('=').map(str::to_string))
    };
    // Written by systemd for everybody who may not read the environment.
    let told = Some(tree.line("run/systemd/container")).filter(|kind| !kind.is_empty());
    if let Some(kind) = told.or_else(|| variable("container")) {
        return Some(match kind.as_str() {
            "systemd-nspawn" => "nspawn".into(),
            "lxc" | "lxc-libvirt" => "lxc".into(),
            "oci" if tree.exists(".dockerenv") => "docker".into(),
            _ => kind,
        });
    }
    if tree.exists("run/secrets/kubernetes.io") || variable("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes".into());
    }
    if tree.exists("run/.containerenv") {
        return Some("podman".into());
    }
    tree.exists(".dockerenv").then(|| "docker".into())
}

fn machine(tree: &Tree, vendor: &str, product: &str, cpuinfo: &str) -> &'static str {
    let says = |word: &str| vendor.contains(word) || product.contains(word);
    let is_guest = || {
        let mut lines = cpuinfo.lines().filter(|line| line.starts_with("flags"));
        lines.next().is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
    };
    // QEMU alone emulates; with it the kernel's clock is KVM's.
    let kvm =
        || tree.read("sys/devices/system/clocksource/clocksource0/available_clocksource").contains("kvm");
    let known: &[(&[&str], &str)] = &[
        (&["VMware"], "vmware"),
        (&["VirtualBox", "innotek"], "virtualbox"),
        (&["Parallels"], "parallels"),
        (&["BHYVE"], "bhyve"),
        (&["Xen"], "xen"),
        (
            &["KVM", "Google", "OpenStack", "DigitalOcean", "Hetzner", "Amazon EC2", "Scaleway", "Alibaba"],
            "kvm",
        ),
    ];
    if let Some((_, kind)) = known.iter().find(|(words, _)| words.iter().any(|word| says(word))) {
        // Clouds rent out whole machines too.
        let is_metal = *kind == "kvm" && !cpuinfo.is_empty() && cpuinfo.contains("\nflags") && !is_guest();
        return if is_metal { "none" } else { kind };
    }
    if says("Microsoft") && product.contains("Virtual Machine") {
        return "hyperv";
    }
    if says("QEMU") || says("Bochs") || says("linux,dummy-virt") {
        return if kvm() { "kvm" } else { "qemu" };
    }
    if tree.line("sys/hypervisor/type") == "xen" {
        return "xen";
    }
    match is_guest() {
        true if kvm() => "kvm",
        true => "unknown",
        false => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn processors_are_counted_by_what_they_say() {
        let one = |processor: u32, socket: u32, core: u32| {
            format!(
                "processor\t: {processor}\nmodel name\t: EPYC\nphysical id\t: {socket}\ncore id\t\t: {core}\n\n"
            )
        };
        let all: String = (0..8).map(|n| one(n, n / 4, n % 2)).collect();
        let found = cpu(&all);
        assert_eq!((found.model.as_str(), found.sockets, found.cores, found.threads), ("EPYC", 2, 4, 8));
        let arm = cpu("processor\t: 0\nBogoMIPS\t: 38.40\n\nprocessor\t: 1\n\nModel\t\t: Raspberry Pi 4\n");
        assert_eq!((arm.model.as_str(), arm.sockets, arm.cores, arm.threads), ("Raspberry Pi 4", 1, 2, 2));
        assert!(cpu("").threads > 0);
    }

    #[test]
    fn where_it_runs_is_told_by_marks() {
        let kind = |files: &[(&str, &str)], vendor: &str, product: &str, cpuinfo: &str| {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let found = virtualization(&Tree::new(folder.path()), vendor, product, cpuinfo);
            format!("{} {}", found.kind, found.container)
        };
        let guest = "processor: 0\nflags\t: fpu hypervisor lm\n";
        let metal = "processor: 0\nflags\t: fpu lm\n";
        let clock = ("sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc\n");
        assert_eq!(kind(&[], "Dell Inc.", "PowerEdge", metal), "none false");
        assert_eq!(kind(&[], "QEMU", "Standard PC (Q35 + ICH9, 2009)", guest), "qemu false");
        assert_eq!(kind(&[clock], "QEMU", "Standard PC (Q35 + ICH9, 2009)", guest), "kvm false");
        assert_eq!(kind(&[], "Hetzner", "vServer", guest), "kvm false");
        assert_eq!(kind(&[], "Amazon EC2", "c5.metal", metal), "none false");
        assert_eq!(kind(&[], "Microsoft Corporation", "Virtual Machine", guest), "hyperv false");
        assert_eq!(kind(&[], "Microsoft Corporation", "Surface", metal), "none false");
        assert_eq!(kind(&[], "VMware, Inc.", "VMware7,1", guest), "vmware false");
        assert_eq!(kind(&[], "", "", guest), "unknown false");
        assert_eq!(kind(&[(".dockerenv", "")], "QEMU", "", guest), "docker true");
        assert_eq!(kind(&[("run/.containerenv", "")], "", "", guest), "podman true");
        assert_eq!(kind(&[("proc/1/environ", "PATH=/bin\0container=lxc\0")], "", "", guest), "lxc true");
        assert_eq!(kind(&[("run/systemd/container", "systemd-nspawn\n")], "", "", guest), "nspawn true");
    }
}
