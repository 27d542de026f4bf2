#!/bin/sh
# Runs in a container of the controller's system: every wheel of its lock, checked by hash, into /out/wheels.
# In a container because the lock has markers that look at the exact Python.
set -eu
printf 'step %s\n' "wheels for $(python3 -V)"
apt-get install -y -q --no-install-recommends python3-venv >/dev/null
python3 -m venv /build
mkdir -p /out/wheels
/build/bin/python -m pip --disable-pip-version-check --quiet download --no-deps --require-hashes --only-binary :all: \
    --dest /out/wheels -r /in/lock.txt
chown -R "$OWNER" /out
