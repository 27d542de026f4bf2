#!/bin/sh
# Runs in a container of the target system: $PACKAGES and all that they need, as a signed flat repository, into /out/repository.
# Resolved as for a machine without any package, so that it serves every minimal installation.
set -eu
step() { printf 'step %s\n' "$*"; }

step "package lists"
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends apt-utils gpg gpg-agent >/dev/null
step "download"
mkdir -p /out/repository /tmp/archives/partial
: >/tmp/status
extra=$(find /in/extra -name '*.deb' 2>/dev/null || true)
# shellcheck disable=SC2086 # names of packages, and of files without spaces
apt-get install -y -q --no-install-recommends --download-only -o APT::Sandbox::User=root \
    -o Dir::State::status=/tmp/status -o Dir::Cache::archives=/tmp/archives $PACKAGES $extra >/dev/null
cd /out/repository
for file in /tmp/archives/*.deb $extra; do
    # Without the epoch, as in Debian's own pool: apt would decode the %3a of a file's name.
    cp "$file" "$(basename "$file" | sed 's/_[0-9]*%3a/_/')"
done
step "index and sign"
apt-ftparchive packages . >Packages
apt-ftparchive -o APT::FTPArchive::Release::Origin=langflow-ha -o APT::FTPArchive::Release::Label=langflow-ha release . >/tmp/Release
mv /tmp/Release Release
# The key lives as long as this container: what it vouches for is what the archive's own signature covers. It is made a day
# ago, because a site without a network may have clocks that are behind.
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
gpg="gpg --batch --quiet --pinentry-mode loopback --passphrase= --faked-system-time $(($(date +%s) - 86400))"
$gpg --quick-gen-key "langflow-ha packages" ed25519 sign never
$gpg --clearsign --output InRelease Release
$gpg --armor --export >key.asc
gpgconf --kill all
rm Release
chmod -R a+rX /out/repository
chown -R "$OWNER" /out
