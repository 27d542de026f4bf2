#!/bin/sh
# Runs in a container of Debian 13: a program from its Go module, checked by the checksum database. Into /out/program.
# -trimpath and no cgo: the same inputs give the same bytes.
set -eu
step() { printf 'step %s\n' "$*"; }

step "compiler"
apt-get install -y -q --no-install-recommends golang-go >/dev/null
# Another TOOLCHAIN than the distribution's comes as a Go module too, checked the same way.
export GOPATH=/go GOCACHE=/tmp/gocache CGO_ENABLED=0 GOTOOLCHAIN="$TOOLCHAIN" GOFLAGS= GOOS=linux GOARCH=amd64
if [ -d /in/module ]; then
    # Of the kit itself: its go.sum vouches for what it is made of.
    step "download and compile version $VERSION with $(go env GOVERSION) (minutes)"
    cd /in/module
    go build -mod=readonly -trimpath -buildvcs=false -ldflags "$LDFLAGS" -o /out/program "$PACKAGE"
else
    step "download and compile $PACKAGE@$VERSION with $(go env GOVERSION) (minutes)"
    GOBIN=/tmp/bin go install -trimpath -buildvcs=false -ldflags "$LDFLAGS" "$PACKAGE@$VERSION"
    mv /tmp/bin/* /out/program
fi
go env GOVERSION >/out/compiler
chown -R "$OWNER" /out
chmod -R u+w /go/pkg/mod 2>/dev/null || true
