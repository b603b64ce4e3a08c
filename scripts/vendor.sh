#!/bin/sh
# Fetches the two documentation viewers that the service serves itself, so that its pages ask no
# other host for anything. Needs npm. To take newer ones: change the versions, run, look at /docs
# and /redoc in a browser, run the tests.
set -eu

SWAGGER_UI=5.35.0
REDOC=2.5.4

static=$(cd "$(dirname "$0")/../src/gatepost/web/static" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

unpack() { # <package> <version>: leaves its files in ./<package>; npm checks their integrity
    mkdir "$1"
    tar -xzf "$(npm pack --silent "$1@$2")" -C "$1" --strip-components 1
}

unpack swagger-ui-dist "$SWAGGER_UI"
for name in swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css LICENSE NOTICE; do
    cp "swagger-ui-dist/$name" "$static/swagger-ui/$name"
done

unpack redoc "$REDOC"
cp redoc/LICENSE "$static/redoc/LICENSE"
cp redoc/bundles/redoc.standalone.js.LICENSE.txt "$static/redoc/"
# Changed in two places: the picture in the footer would come from a host of its makers', and the
# source map is not here.
sed -e 's|https://cdn\.redoc\.ly/redoc/logo-mini\.svg|data:,|' -e '/^\/\/# sourceMappingURL=/d' \
    redoc/bundles/redoc.standalone.js >"$static/redoc/redoc.standalone.js"
if grep -q 'cdn\.redoc\.ly' "$static/redoc/redoc.standalone.js"; then
    echo "redoc asks its makers' host for something new: see to it in $0" >&2
    exit 1
fi

chmod 644 "$static"/swagger-ui/* "$static"/redoc/*
