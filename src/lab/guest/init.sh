#!/bin/busybox sh
# The lab's initrd: load the few modules the root disk needs, mount it, go. With `lab.probe` on the kernel's
# command line it only says that this kernel runs here.
bb=/bin/busybox
$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
if $bb grep -q lab.probe /proc/cmdline; then
    echo lab-kernel-runs > /dev/ttyS0
    $bb poweroff -f
fi
for module in /modules/*; do $bb insmod "$module"; done
n=0
while [ ! -b /dev/vda ] && [ $n -lt 200 ]; do
    $bb usleep 20000
    n=$((n + 1))
done
$bb mount -t ext4 -o rw,noatime /dev/vda /new || exec $bb sh
$bb umount /proc
$bb mount --move /dev /new/dev
exec $bb switch_root /new /sbin/init
