#!/usr/bin/env bash
# Runs every fuzz target for a while: scripts/fuzz.sh 3s
set -euo pipefail
for_each="${1:-3s}"
go="${GO:-go}"
for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
  for target in $("$go" test -list '^Fuzz' "$dir" | grep '^Fuzz'); do
    echo "fuzz $dir $target"
    "$go" test -run '^$' -fuzz "^${target}\$" -fuzztime "$for_each" "$dir" >/tmp/errata-fuzz.$$ 2>&1 || { cat /tmp/errata-fuzz.$$; rm -f /tmp/errata-fuzz.$$; exit 1; }
    rm -f /tmp/errata-fuzz.$$
  done
done
