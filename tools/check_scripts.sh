#!/bin/sh
# Checks the scripts: each parses as POSIX sh (or bash, where it says so), and shellcheck, if it is there, has no objection.
# Usage: tools/check_scripts.sh
set -eu
cd "$(dirname "$0")/.."
set -- dev .ci/run tools/*.sh tests/*/*.sh

shell='sh'
if command -v dash > /dev/null; then shell='dash'; fi
for script in "$@"; do
    case $(head -n 1 "$script") in
    *bash) bash -n "$script" ;;
    *) "$shell" -n "$script" ;;
    esac
done
how="parsed by $shell"
if command -v shellcheck > /dev/null; then
    shellcheck "$@"
    how="$how, read by shellcheck"
fi
echo "scripts: $#, $how"
