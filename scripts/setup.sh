#!/usr/bin/env bash
# Installs what is missing: scripts/setup.sh postgresql [chromium] [compiler] [alertmanager]. It does
# nothing where nothing is missing, says what it does where it may install, and
# says what to type where it may not.
set -euo pipefail

have_postgresql() {
  [ -n "${ERRATA_PG_BIN:-}" ] || command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ||
    ls /opt/homebrew/opt/postgresql*/bin/postgres /usr/local/opt/postgresql*/bin/postgres >/dev/null 2>&1
}
have_chromium() {
  [ -n "${ERRATA_CHROMIUM:-}" ] || command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1
}

# The race detector is built with a C compiler.
have_compiler() { command -v "${CC:-gcc}" >/dev/null 2>&1; }

# One test sends to a real Alertmanager, and says so where there is none.
have_alertmanager() { [ -n "${ERRATA_ALERTMANAGER:-}" ] || command -v prometheus-alertmanager >/dev/null 2>&1 || command -v alertmanager >/dev/null 2>&1; }

missing=()
wished=() # is installed where that is easy, and done without elsewhere
for want in "$@"; do
  case "$want" in
    postgresql) have_postgresql || missing+=(postgresql) ;;
    chromium) have_chromium || missing+=(chromium fonts-dejavu-core) ;;
    compiler) have_compiler || missing+=(gcc libc6-dev) ;;
    alertmanager) have_alertmanager || wished+=(prometheus-alertmanager) ;;
    *) echo "setup.sh: unknown: $want" >&2; exit 2 ;;
  esac
done
[ $((${#missing[@]} + ${#wished[@]})) -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  [ ${#missing[@]} -gt 0 ] || exit 0
  echo "Errata needs: ${missing[*]}. Install them with your system's package manager and try again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  elif [ ${#missing[@]} -eq 0 ]; then
    exit 0
  else
    echo "Errata needs: ${missing[*]}. Type:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

echo "Installing ${missing[*]} ${wished[*]} with apt-get …"
# Debian's package would otherwise make and start a server of its own.
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  if ! grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf; then
    echo 'create_main_cluster = false' | "${as_root[@]}" tee -a /etc/postgresql-common/createcluster.conf >/dev/null
  fi
fi
install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@" >/dev/null; }

"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
if [ ${#missing[@]} -gt 0 ]; then
  install "${missing[@]}"
  echo "Installed ${missing[*]}."
fi
if [ ${#wished[@]} -gt 0 ]; then
  # Its service is not wanted, only its program.
  ! command -v systemctl >/dev/null 2>&1 || "${as_root[@]}" systemctl mask prometheus-alertmanager.service >/dev/null 2>&1 || true
  if install "${wished[@]}"; then
    echo "Installed ${wished[*]}, as a masked service, for one test."
  else
    echo "${wished[*]} cannot be installed; the test that needs it says so."
  fi
fi
