#!/bin/sh
# Runs in a container of Debian 13: the S3 server from its Go module, checked by the checksum database. Into /out/versitygw.
set -eu
step() { printf 'step %s\n' "$*"; }

step "compiler"
apt-get install -y -q --no-install-recommends golang-go >/dev/null
export GOPATH=/go GOCACHE=/tmp/gocache CGO_ENABLED=0 GOTOOLCHAIN=go1.27.3 GOFLAGS= GOOS=linux GOARCH=amd64
step "download and compile $MODULE@$VERSION with $(go env GOVERSION) (minutes)"
go install -trimpath -buildvcs=false -ldflags "-s -w" "$MODULE/cmd/versitygw@$VERSION"
cp "$GOPATH/bin/versitygw" /out/versitygw
chown "$OWNER" /out/versitygw
chmod -R u+w /go/pkg/mod 2>/dev/null || true
