# Whoever logs in is in a root folder that has nothing but busybox.
box=$BASE/box
mkdir -p "$box/bin" "$box/sbin" "$box/usr/bin" "$box/usr/sbin" "$box/proc" "$box/dev" "$box/etc" "$box/root" "$box/var/tmp" "$box/run" "$box/srv/work"
mkdir -m 1777 "$box/tmp"
cp "$(command -v busybox)" "$box/bin/busybox"
chroot "$box" /bin/busybox --install -s
echo root:x:0:0::/root:/bin/sh >"$box/etc/passwd"
echo root:x:0: >"$box/etc/group"
mount -t proc proc "$box/proc"
mount --rbind /dev "$box/dev"
printf '#!/bin/sh\nexec chroot %s /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n' "$box" >enter
chmod 0755 enter
cat >keys.conf <<CONF
PermitRootLogin yes
StrictModes no
AuthorizedKeysFile $BASE/key.pub
ForceCommand $BASE/enter
CONF
sed -i '/^PermitRootLogin/d' sshd_config
cat keys.conf >>sshd_config
