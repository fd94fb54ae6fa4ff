#!/usr/bin/env bash
# Restores one part of this archive; `yunohost backup restore NAME --system PART` runs it. BackupManager wrote the archive and
# is not needed here: this is bash with what every Debian has, and it reads what to do from small files in the folder
# .backupmanager beside the data.
#   $1                         folder that YunoHost unpacked the part into; its last step is the name of the archive
#   BM_RESTORE_OVERWRITE=yes   what stands in the way may be replaced; it is kept aside, and it is told where
#   BM_RESTORE_DAMAGED=yes     go on although the archive is not the one that was made
#   MYSQL_UNIX_PORT, PGHOST, PGPORT   a database server that is not in its usual place
#   BM_SYSTEM_ROOT             for tests: put in front of the path of a systemd unit
# YunoHost runs it as `bash -x` and logs each command with its arguments, so what may be secret is only read from files. What it
# prints must be UTF-8, or YunoHost stops reading. It may run again: what is there already is recognised.
# `return` always has its value: in a trap a bare one would give that of the command before the trap.
set -eu -o pipefail
shopt -s inherit_errexit nullglob
# YunoHost's own umask may be 0.
umask 022
export LC_ALL=C.UTF-8 HOME="${HOME:-/root}"
cd /
exec </dev/null

known_format=2
info_fd=1
if [[ ${YNH_STDINFO:-} =~ ^[0-9]+$ ]] && { : >&"$YNH_STDINFO"; } 2>/dev/null; then info_fd=$YNH_STDINFO; fi
finished=no
refused=no
restored=()
by_hand=()

# To the user, as information.
say() { printf '%s\n' "$*" >&"$info_fd"; }
# To the user, as a warning.
warn() { printf '%s\n' "$*" >&2; }
# Ends the restore because it must not, or cannot, be done as things are.
refuse() {
  local line
  for line in "$@"; do warn "$line"; done
  refused=yes
  exit 1
}
# For the summary: what is done.
done_now() { restored+=("$1"); }
# For the summary: what could not be done, and how to do it by hand. The rest goes on; the restore ends as failed.
undone() {
  warn "$1"
  by_hand+=("$1 By hand: $2")
}

has() { [[ -f $recipe/$1 ]]; }
# One fact of the recipe; empty when it does not apply.
fact() { if has "$1"; then printf '%s' "$(<"$recipe/$1")"; fi; }
# Where a command may have said what is not UTF-8, or something secret, it says it into this file.
said() { printf '%s' "$work/.said"; }
# The last lines of that file, as warnings.
show_said() {
  local line lines
  # Some versions of iconv call it a failure when they had to leave something out.
  lines=$(tail -n "${1:-20}" -- "$(said)" | tr -d '\0' | iconv -c -f UTF-8 -t UTF-8) || true
  while IFS= read -r line; do warn "  $line"; done <<<"$lines"
}

# A part says it anew: removes what is unfinished, puts back what was moved away.
# shellcheck disable=SC2317
clean_up() { :; }

at_exit() {
  local status=$? line
  trap - EXIT
  set +e
  clean_up
  if [[ $status -eq 0 && ${#by_hand[@]} -gt 0 ]]; then status=1; fi
  if [[ $finished == yes ]]; then
    for line in "${restored[@]}"; do say "Restored: $line"; done
    for line in "${by_hand[@]}"; do warn "Not done: $line"; done
    if [[ $status -eq 0 ]]; then say "Everything of $archive is restored."; fi
  elif [[ $refused == no ]]; then
    warn "The restore stopped before its end. The lines above, and YunoHost's log of this operation, say where."
  fi
  # YunoHost keeps the hook and would use it for other archives too: each archive is to bring its own.
  if [[ -n ${installed:-} ]]; then rm -f -- "$installed"; fi
  exit "$status"
}

# An older archive may have left its hook: this archive is restored by the one that it brings.
hand_over() {
  local own trace=()
  if [[ $- == *x* ]]; then trace=(-x); fi
  for own in "$work"/hooks/restore/*-"data_$kind"; do
    if [[ -z $installed || ! -f $own ]] || cmp -s -- "$own" "$installed"; then continue; fi
    rm -f -- "$installed"
    trap - EXIT
    # shellcheck disable=SC2093
    exec /bin/bash "${trace[@]}" "$own" "$work"
  done
}

# Member $2 of the tar $1 is the file that YunoHost unpacked.
same_member() {
  [[ -f $work/$2 ]] || return 1
  (
    set +o pipefail
    tar --extract --to-stdout --force-local --file="$1" --occurrence=1 --no-unquote -- "$2" 2>/dev/null |
      cmp -s - "$work/$2"
  )
}

# The archive itself, where it can be found: it keeps more than YunoHost unpacks, and a checksum. Sets `original`.
find_original() {
  local folder name file
  original=''
  folder=$(dirname -- "$(dirname -- "$work")")/archives
  name=${archive%.gz}
  name=${name%.tar}
  for file in "$folder/$archive.tar" "$folder/$archive.tar.gz" "$folder/$name.tar" "$folder/$name.tar.gz"; do
    if [[ ! -f $file || ! -r $file ]]; then continue; fi
    if same_member "$file" info.json && same_member "$file" "data/$kind/.backupmanager/$1"; then
      original=$(readlink -f -- "$file")
      return 0
    fi
  done
}

plain_original() {
  if [[ $(head -c 2 -- "$original" | od -An -tx1) == ' 1f 8b' ]]; then gzip -dc -- "$original"; else cat -- "$original"; fi
}

# Compares the archive with the SHA-256 that its last member holds of everything before it.
check_original() {
  local told expected='' bytes='' actual why=''
  if [[ -z $original ]]; then
    say "The archive itself is not in YunoHost's folder, so its checksum could not be compared."
    return 0
  fi
  say "Reading $original to compare its checksum..."
  told=$(tar --extract --to-stdout --force-local --file="$original" -- backup_info.json 2>/dev/null |
    sed -n 's/^  "sha256\(_bytes\)\{0,1\}": "\{0,1\}\([0-9a-f]\{1,64\}\)"\{0,1\},\{0,1\}$/\2/p') || true
  { read -r expected && read -r bytes; } <<<"$told" || true
  if [[ ! $expected =~ ^[0-9a-f]{64}$ || ! $bytes =~ ^[0-9]+$ ]]; then
    why="its last member, backup_info.json, is missing or unreadable: the archive was cut short, damaged, or packed anew"
  else
    actual=$(set +o pipefail && plain_original 2>/dev/null | head -c "$bytes" | sha256sum)
    if [[ ${actual%% *} != "$expected" ]]; then
      why="the SHA-256 of its first $bytes bytes is ${actual%% *}, and was $expected when it was made"
    fi
  fi
  if [[ -z $why ]]; then
    say "The archive is whole: its SHA-256 is as it was when it was made."
  elif [[ ${BM_RESTORE_DAMAGED:-} == yes ]]; then
    warn "$original is damaged ($why). BM_RESTORE_DAMAGED=yes: it is restored all the same."
  else
    refuse "$original is damaged: $why. Nothing was changed." \
      "Take another copy of it if there is one. To restore what can be read of this one, put BM_RESTORE_DAMAGED=yes in front of the command, as root:" \
      "  BM_RESTORE_DAMAGED=yes yunohost backup restore $archive --system data_$kind --force"
  fi
}

# begin KIND IDENTITY WORK: checks what there is to restore. IDENTITY: the recipe's file that tells what was saved.
begin() {
  kind=$1
  work=${3:-}
  installed=''
  case $0 in /*/hooks.d/restore/*) installed=$0 ;; esac
  trap at_exit EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  [[ $work == /* && -d $work/data/$kind ]] || refuse "usage: bash $0 FOLDER, with data/$kind of an archive in it"
  archive=$(basename -- "$work")
  hand_over
  recipe=$work/data/$kind/.backupmanager
  local format
  format=$(fact format)
  [[ $format =~ ^[0-9]{1,9}$ ]] || refuse "The archive $archive does not say how it is to be restored (data/$kind/.backupmanager/format). Nothing was changed."
  if [[ $format -gt $known_format ]]; then
    refuse "The archive $archive has format $format; this script knows the formats up to $known_format. Nothing was changed." \
      "A newer BackupManager can restore it, and so can tar by hand."
  fi
  (umask 077 && : >"$(said)")
  find_original "$2"
  check_original
  # For what is to be done by hand.
  # shellcheck disable=SC2034
  tar_file=${original:-$archive.tar}
}

# How to run it again so that it may replace what is there.
overwrite_command() { printf '%s' "  BM_RESTORE_OVERWRITE=yes yunohost backup restore $archive --system data_$kind --force"; }
may_overwrite() { [[ ${BM_RESTORE_OVERWRITE:-} == yes ]]; }
# A name for what is kept aside: $1 and the time, not taken yet.
aside_name() {
  local base name n=1
  base=$1.before-restore-$(date +%Y%m%d-%H%M%S)
  name=$base
  while [[ -e $name || -L $name ]]; do
    n=$((n + 1))
    name=$base-$n
  done
  printf '%s' "$name"
}
# Bytes that the archive takes unpacked, as its info.json says; 0 when it does not say.
unpacked_size() {
  local size
  size=$(sed -n 's/^.*[{,] *"size": *\([0-9]\{1,15\}\).*$/\1/p' -- "$work/info.json" | head -n 1)
  printf '%s' "${size:-0}"
}
# Refuses when there is less room than $1 bytes and a margin where the folder $2 is.
need_room() {
  local needed free
  if [[ ! -d $2 ]]; then return 0; fi
  needed=$(($1 + $1 / 20 + 16777216))
  free=$(df -B1 --output=avail -- "$2" | tail -n 1)
  if [[ $free -lt $needed ]]; then refuse "There is not enough room in $2: $free bytes are free, $needed are needed. Nothing was changed."; fi
}
