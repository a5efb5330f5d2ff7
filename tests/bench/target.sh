#!/bin/sh
# One host of the bench: a real sshd, with a private view of the file system. `/srv` is what the playbook works on; the
# home, the agent's cache and its state are the host's own. Everything else is this machine's.
# target.sh DIR PORT
set -eu
DIR=$1 PORT=$2
mount --bind "$DIR/root" /srv
mount --bind "$DIR/home" /root
mount --bind "$DIR/cache" /var/cache
mount --bind "$DIR/lib" /var/lib
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 755 /run/sshd
cp "$DIR/../host" /run/sshd/host_key
chmod 600 /run/sshd/host_key
cat >/run/sshd/sshd_config <<CONF
Port $PORT
ListenAddress 127.0.0.1
HostKey /run/sshd/host_key
PidFile none
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 1000:30:2000
LogLevel ERROR
CONF
sshd=$(PATH=$PATH:/usr/sbin command -v sshd)
# OpenSSH 9.8 and newer would otherwise penalise many short connections.
if "$sshd" -t -f /run/sshd/sshd_config -o 'PerSourcePenalties no' 2>/dev/null; then
    echo "PerSourcePenalties no" >>/run/sshd/sshd_config
fi
cd /
exec "$sshd" -D -e -f /run/sshd/sshd_config
