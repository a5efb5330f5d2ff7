#!/bin/sh
# As in the official image: options alone are redis-server's, which does not run as root.
set -e
case $1 in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown -R 999:1000 /data
    exec labapp runas 999:1000 "$0" "$@"
fi
if [ "$1" = redis-server ]; then
    # The official image is built so that the network of containers may connect.
    exec "$@" --protected-mode no --bind '* -::*'
fi
exec "$@"
