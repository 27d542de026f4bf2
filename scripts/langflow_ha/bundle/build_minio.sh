#!/bin/sh
# Runs in a container of Debian 13: MinIO from its Go module, checked by the checksum database. Into /out/minio.
# -trimpath and no cgo: the same inputs give the same bytes.
set -eu
step() { printf 'step %s\n' "$*"; }

step "compiler"
apt-get install -y -q --no-install-recommends golang-go >/dev/null
export GOPATH=/go GOCACHE=/tmp/gocache CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS= GOOS=linux GOARCH=amd64
step "download and compile $MODULE@$VERSION with $(go env GOVERSION) (minutes)"
go install -trimpath -buildvcs=false -ldflags "$LDFLAGS" "$MODULE@$VERSION"
cp "$GOPATH/bin/minio" /out/minio
go env GOVERSION >/out/compiler
chown -R "$OWNER" /out
chmod -R u+w /go/pkg/mod 2>/dev/null || true
