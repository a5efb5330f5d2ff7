#!/bin/sh
# As in the official image: templates are filled from the environment; names that are not set there ($host) stay.
set -e
if [ "$1" = nginx ]; then
    names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p' | tr '\n' ' ')
    find /etc/nginx/templates -follow -type f -name '*.template' 2> /dev/null | sort | while read -r template; do
        out=/etc/nginx/conf.d/${template#/etc/nginx/templates/}
        out=${out%.template}
        mkdir -p "$(dirname "$out")"
        echo "running envsubst on $template to $out"
        envsubst "$names" < "$template" > "$out"
    done
fi
exec "$@"
