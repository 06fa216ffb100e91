#!/usr/bin/env bash
# Runs every fuzz target for a while: scripts/fuzz.sh 3s
set -euo pipefail
for_each="${1:-3s}"
go="${GO:-go}"
out="$(mktemp)"
trap 'rm -f "$out"' EXIT

fuzz() { "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "$for_each" "$1" >"$out" 2>&1; }

# Before Go 1.27 a target may fail as its time ends, with no input to blame:
# https://go.dev/issue/75804. That, and nothing else, is worth another try. A
# failing input, a panic or a hang says more than this one line.
ran_out() {
  grep -qx ' *context deadline exceeded' "$out" && ! grep -qE 'Failing input|panic|hung or terminated|DATA RACE' "$out"
}

for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
  for target in $("$go" test -list '^Fuzz' "$dir" | grep '^Fuzz'); do
    echo "fuzz $dir $target"
    for try in 1 2 3; do
      fuzz "$dir" "$target" && break
      if [ "$try" = 3 ] || ! ran_out; then
        cat "$out"
        exit 1
      fi
      echo "fuzz $dir $target: out of time with nothing found (go.dev/issue/75804), again"
    done
  done
done
