# What the stand-ins share. Sourced with the program's name and its arguments.
set -eu
: "${FAKE_MACHINE:?}"
passwd="$FAKE_MACHINE/etc/passwd"
group="$FAKE_MACHINE/etc/group"
units="$FAKE_MACHINE/units"
mkdir -p "$units"

called() { printf '%s\n' "$*" >>"$FAKE_MACHINE/calls"; }

fail_if_told() {
  if [ -e "$FAKE_MACHINE/fail/$1" ]; then
    echo "$1: told to fail" >&2
    exit 1
  fi
}

has() { grep -q "^$2:" "$1"; }
free_id() { awk -F: -v from="$2" '$3 >= from { taken[$3] = 1 } END { while (from in taken) from++; print from }' "$1"; }
