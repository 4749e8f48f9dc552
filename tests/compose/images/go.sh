#!/bin/sh
# `go build … -o /out/NAME PACKAGE`, by the program that `lagoa stack` has built of that package.
set -eu
while [ "$1" != -o ]; do shift; done
mkdir -p "$(dirname "$2")"
cp "/built/$(basename "$2")" "$2"
