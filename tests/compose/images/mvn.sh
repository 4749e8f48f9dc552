#!/bin/sh
# `mvn … -DoutputDirectory=FOLDER -Dartifact=GROUP:NAME:VERSION:jar`, of what `lagoa stack` has fetched.
set -eu
for word; do
    case $word in
        -Dartifact=*) artifact=${word#*=} ;;
        -DoutputDirectory=*) folder=${word#*=} ;;
    esac
done
name=${artifact#*:}
cp "/fetched/$(echo "${name%:*}" | tr : -).${name##*:}" "$folder"
