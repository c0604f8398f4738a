#!/usr/bin/env bash
# Proves the README's two commands in a bare Debian root file system.
#
#   tests/bare_root.sh [FOLDER [SUITE [USER]]]   (root; needs debootstrap; FOLDER is kept, and reused if it is there)
#
# The bare system gets this machine's package sources, proxies, resolver and certificates, and a clone of HEAD;
# nothing else. Then: ./run demo --no-serve, ./run demo --no-serve again, ./run test. With USER, a user of that name
# who may use sudo types them instead of root; that costs the bare system the packages sudo and adduser.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "run as root: debootstrap and chroot need it" >&2; exit 1; }
repository=$(cd "$(dirname "$0")/.." && pwd)
root=${1:-/var/tmp/cim-bare-root}
suite=${2:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
user=${3:-root}

unmount() { for place in dev/shm dev proc sys; do mountpoint -q "$root/$place" && umount -l "$root/$place"; done; return 0; }
trap unmount EXIT

if [ ! -e "$root/etc/debian_version" ]; then
  mirror=$(awk '/^(deb |URIs:)/ { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }' \
    $(find /etc/apt -name '*.list' -o -name '*.sources' | sort))
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >/dev/null
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
for path in etc/apt/sources.list etc/apt/sources.list.d etc/apt/apt.conf.d etc/pip.conf etc/npmrc root/.npmrc \
  root/.config/pip; do
  [ -e "/$path" ] || continue
  mkdir -p "$root/$(dirname "$path")"
  rm -rf "${root:?}/$path"
  cp -rL "/$path" "$root/$path"
done
[ -d /etc/apt/keyrings ] && cp -rL /etc/apt/keyrings "$root/etc/apt/" || true
cp -rL /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null || true
[ -d /usr/share/keyrings ] && cp -rLn /usr/share/keyrings "$root/usr/share/" || true
# After ca-certificates is in, so that its own bundle does not win over this machine's.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$root/dev/shm"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys" 2>/dev/null || true
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"

rm -rf "$root/srv/cim"
git clone -q "$repository" "$root/srv/cim"
rm -rf "$root/srv/cim/.git/config"  # names this machine's path

in_root() { # $1: a user of the bare system, $2: what he types
  local home=/root
  [ "$1" = root ] || home=/home/$1
  env -i HOME="$home" USER="$1" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    chroot --userspec="$1" "$root" /bin/bash -c "$2"
}

if [ "$user" != root ]; then
  in_root root "apt-get update -qq && apt-get install -y -qq --no-install-recommends sudo adduser" >/dev/null
  in_root root "id $user >/dev/null 2>&1 || adduser --disabled-password --gecos '' $user >/dev/null"
  echo "$user ALL=(ALL) NOPASSWD: ALL" > "$root/etc/sudoers.d/$user"
  for path in .npmrc .config/pip; do
    [ -e "$root/root/$path" ] || continue
    mkdir -p "$root/home/$user/$(dirname "$path")"
    cp -rL "$root/root/$path" "$root/home/$user/$path"
  done
  in_root root "chown -R $user: /srv/cim /home/$user"
fi

inside() {
  local began=$SECONDS status=0
  in_root "$user" "cd /srv/cim && $1" || status=$?
  echo "[bare root] $1: status $status after $((SECONDS - began)) s"
  return $status
}
inside "./run demo --no-serve"
inside "./run demo --no-serve"
inside "./run test"
