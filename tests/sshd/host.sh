# The host of a test: private mounts over the real system, so that accounts, sudoers and caches are the test's own.
# host.sh BASE PORT
set -eu
BASE=$1 PORT=$2
cd "$BASE"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 755 /run/sshd
mkdir -p etc cache
# A file that the machine may not have can only stand in a copy of the folder.
if [ "${DOAS-}" = yes ]; then
    cp -a /etc whole-etc
    cp doas.conf whole-etc/doas.conf
    chown 0:0 whole-etc/doas.conf
    chmod 0400 whole-etc/doas.conf
    mount --bind whole-etc /etc
fi
{ cat /etc/passwd; cat users; } >etc/passwd
{ cat /etc/shadow; cat shadow; } >etc/shadow
{ cat /etc/group; echo "lptest:x:47000:"; } >etc/group
chmod 600 etc/shadow
chmod 440 sudoers
for file in passwd shadow group; do mount --bind "etc/$file" "/etc/$file"; done
mount --bind sudoers /etc/sudoers
mount --bind cache /var/cache
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
# The agent's journal and lease; sudo keeps its own things there too.
mount -t tmpfs -o mode=755 tmpfs /var/lib
while IFS=: read -r name _ uid _ _ home _; do
    mkdir -p "$home/.ssh"
    cp key.pub "$home/.ssh/authorized_keys"
    case $name in
    noexec) mkdir -p "$home/.cache"; mount -t tmpfs -o noexec tmpfs "$home/.cache" ;;
    small) mkdir -p "$home/.cache"; mount -t tmpfs -o size=100k tmpfs "$home/.cache" ;;
    nowhere)
        mkdir -p "$home/.cache"; mount -t tmpfs -o noexec tmpfs "$home/.cache"
        mkdir "/var/tmp/provision-agent-$uid" "/dev/shm/provision-agent-$uid"
        ;;
    esac
    chown -R "$uid:47000" "$home"
    chmod 700 "$home" "$home/.ssh"
done <users
cat >sshd_config <<CONF
Port $PORT
ListenAddress 127.0.0.1
HostKey $BASE/host_key
PidFile none
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
MaxStartups $MAX_STARTUPS
LogLevel $LOG_LEVEL
CONF
sshd=$(command -v sshd || echo /usr/sbin/sshd)
# OpenSSH 9.8 and newer would otherwise penalise many short connections.
if "$sshd" -t -f sshd_config -o 'PerSourcePenalties no' 2>/dev/null; then
    echo "PerSourcePenalties no" >>sshd_config
fi
if [ "${NO_SUDO-}" = yes ]; then
    mkdir -p bin
    ln -sf /usr/bin/* bin/
    rm bin/sudo bin/doas
    echo "SetEnv PATH=$BASE/bin" >>sshd_config
fi
. "$BASE/platform.sh"
exec "$sshd" -D -e -f "$BASE/sshd_config"
