#!/bin/sh
# Runs in a container of the target system: every wheel of the lock, checked by hash, into /out/wheels.
# /in/lock.txt and /in/build.txt are hash-locked; nothing else is taken from the index.
set -eu
step() { printf 'step %s\n' "$*"; }

step "Python $(python3 -c 'import platform; print(platform.python_version())')"
apt-get install -y -q --no-install-recommends python3-venv >/dev/null
python3 -m venv /build
pip="/build/bin/python -m pip --disable-pip-version-check --quiet"
step "build tools"
$pip install --no-deps --require-hashes --only-binary :all: -r /in/build.txt
mkdir -p /out/wheels
step "download"
# --no-build-isolation: a source package must not pull build tools that no hash covers.
$pip download --no-deps --require-hashes --no-build-isolation --dest /out/wheels -r /in/lock.txt
SOURCE_DATE_EPOCH=1704067200
export SOURCE_DATE_EPOCH
for archive in /out/wheels/*.tar.gz /out/wheels/*.zip; do
    [ -e "$archive" ] || continue
    step "build $(basename "$archive")"
    $pip wheel --no-deps --no-index --no-build-isolation --no-cache-dir --wheel-dir /out/wheels "$archive"
    rm "$archive"
done
cp /build/bin/uv /out/uv
chown -R "$OWNER" /out
