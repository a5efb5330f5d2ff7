# Turns a minimal Debian into a lab guest. Runs once, in the image, as root. $LAB_KEY: who may log in.
set -eu

useradd --create-home --shell /bin/bash deploy
# Debian already has a group `operator`.
useradd --create-home --shell /bin/bash --gid operator --groups sudo operator
echo operator:lab-password | chpasswd
echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy
chmod 440 /etc/sudoers.d/deploy
for user in root deploy operator; do
    home=$(getent passwd "$user" | cut -d: -f6)
    group=$(id -gn "$user")
    install -d -m 700 -o "$user" -g "$group" "$home/.ssh"
    echo "$LAB_KEY" > "$home/.ssh/authorized_keys"
    chown "$user:$group" "$home/.ssh/authorized_keys"
    chmod 600 "$home/.ssh/authorized_keys"
done

# Tests knock often, and a slow guest finds many knocks waiting at once.
echo MaxStartups 100 > /etc/ssh/sshd_config.d/lab.conf
if dpkg --compare-versions "$(dpkg-query -W -f '${Version}' openssh-server)" ge 1:9.8; then
    echo PerSourcePenalties no >> /etc/ssh/sshd_config.d/lab.conf
fi

echo lab > /etc/hostname
echo '127.0.0.1 localhost lab' > /etc/hosts
rm -f /etc/resolv.conf
echo 'nameserver 10.0.2.3' > /etc/resolv.conf
echo '/dev/vda / ext4 rw,noatime 0 0' > /etc/fstab
: > /etc/machine-id
echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/lab

# First interface: QEMU's user network. The LAN interface is lab-identity's.
mkdir -p /etc/systemd/network
cat > /etc/systemd/network/10-user.network <<END
[Match]
MACAddress=52:54:00:00:00:01
[Network]
DHCP=ipv4
IPv6AcceptRA=no
LinkLocalAddressing=no
END
cat > /etc/systemd/system/lab-identity.service <<END
[Unit]
Description=Name and LAN address of this lab guest
DefaultDependencies=no
After=systemd-udev-trigger.service systemd-udevd.service systemd-remount-fs.service
Before=ssh.service network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-identity
[Install]
WantedBy=multi-user.target
END
systemctl -q enable systemd-networkd lab-identity ssh
# What would wait for nothing, or wake up in the middle of a measurement.
systemctl -q mask systemd-networkd-wait-online.service systemd-timesyncd.service systemd-firstboot.service \
    getty@tty1.service apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service e2scrub_all.timer \
    fstrim.timer dpkg-db-backup.timer logrotate.timer man-db.timer
# The lab boots with an initrd of its own: making another one after each installed package takes minutes without hardware support.
[ ! -d /etc/initramfs-tools ] || echo 'update_initramfs=no' > /etc/initramfs-tools/update-initramfs.conf
