#!/bin/sh
# Installs the packages of infra/debian.txt that this machine does not have; does nothing where it has all.
set -eu
missing=
for package in $(sed 's/#.*//' "$(dirname "$0")/debian.txt"); do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=none
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get on this machine. Install by its own means what these packages of Debian hold:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null; then
        echo "Packages are missing, and only root may install them: apt-get install$missing" >&2
        exit 1
    fi
fi
echo "Installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # one word a package
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $missing
