#!/bin/sh
# lab-identity [NUMBER]: name and LAN address of this guest. Without NUMBER (at boot) it is read from the LAN
# interface's hardware address; with NUMBER (in a machine woken from the frozen state) that is set first.
set -eu
# At boot the driver may come later than this does.
tries=0
while [ -z "${lan:-}" ] && [ $tries -lt 150 ]; do
    [ $tries -eq 0 ] || sleep 0.2
    tries=$((tries + 1))
    for path in /sys/class/net/*; do
        case $(cat "$path/address") in 52:54:00:01:00:*) lan=${path##*/} ;; esac
    done
done
[ -n "${lan:-}" ] || exit 0
if [ $# -gt 0 ]; then
    ip link set "$lan" down
    ip addr flush dev "$lan"
    ip link set "$lan" address "52:54:00:01:00:$(printf %02x "$1")"
fi
address=$(cat "/sys/class/net/$lan/address")
number=$((0x${address##*:}))
[ "$number" -gt 0 ] || exit 0
ip link set "$lan" up
ip addr replace "10.77.0.$((10 + number))/24" dev "$lan"
hostname "lab$number"
echo "lab$number" > /etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 lab%s\n::1 localhost ip6-localhost\n' "$number" > /etc/hosts
