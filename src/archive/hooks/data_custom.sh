# shellcheck shell=bash
# The part data_custom: a directory, and the user, the service, the ports and the commands that belong to it.

staging=''
swapping=no
kept=''
stopped=''
made_parents=()
new_user=no
new_group=no

# --- what is there, and what may be done with it ---

# Sets target (source without a link at its end), state (absent, empty, same as in the archive, other), mounted, mounted_below;
# mark: how our own folder beside it is called; apart: for find, what does not belong to the tree.
look_at_target() {
  target=$source
  mounted=no
  mounted_below=''
  state=absent
  if [[ -L $target ]]; then
    target=$(readlink -f -- "$source") || true
    if [[ ! -d $target ]]; then
      refuse "$source is a symbolic link that leads to no directory. Nothing was changed." "Remove the link, then restore again."
    fi
  fi
  read -r mark _ <<<"$(cksum <<<"$target")"
  mark=.bm-hook-$mark
  apart=()
  if [[ ! -e $target ]]; then return 0; fi
  state=other
  if [[ ! -d $target ]]; then return 0; fi
  look_at_mounts
  if [[ $mounted == yes ]]; then apart=(\( -path ./lost+found -o -path "./$mark.*" \) -prune -o); fi
  if [[ -z $(cd -- "$target" && find . -mindepth 1 "${apart[@]}" -print -quit) ]]; then
    state=empty
  elif same_tree; then
    state=same
  fi
}

look_at_mounts() {
  local point
  while read -r _ _ _ _ point _; do
    # The kernel writes space, tab, newline and backslash as octal numbers, which printf understands.
    # shellcheck disable=SC2059
    printf -v point "${point//%/%%}"
    if [[ $point == "$target" ]]; then mounted=yes; fi
    if [[ $point == "$target"/* ]]; then mounted_below=$point; fi
  done </proc/self/mountinfo
}

# Names, types, owners, modes, link targets and contents are those of the archive. Times may differ.
same_tree() {
  dress "$payload" && cmp -s <(tree_facts "$target") <(tree_facts "$payload") &&
    cmp -s <(tree_sums "$target") <(tree_sums "$payload")
}
# What fails says its own folder, so that two failures are never taken for the same.
tree_facts() {
  # No path has `//` in it. The size of a directory depends on its history.
  (cd -- "$1" && find . "${apart[@]}" \( -type d -printf '%P//%U %G %m\0' -o -type f -printf '%P//f %U %G %m %s\0' \
    -o -type l -printf '%P//l %U %G %l\0' -o -printf '%P//%y %U %G %m\0' -exec stat --printf='%t %T\0' -- {} \; \) | sort -z) ||
    printf 'failed: %s' "$1"
}
tree_sums() {
  (cd -- "$1" && find . "${apart[@]}" -type f -print0 | sort -z | xargs -0r sha256sum --) || printf 'failed: %s' "$1"
}

check_request() {
  [[ $source == /?* && $source != */ && $source != *//* && $source/ != */../* && $source/ != */./* ]] ||
    refuse "The archive names no directory that could be restored ('$source'). Nothing was changed."
  [[ -d $payload && ! -L $payload ]] || refuse "$source is not in the archive. Nothing was changed."
  look_at_target
  if [[ $state != other ]]; then return 0; fi
  local what="$target exists and is not as in the archive"
  case $target in
    /bin | /boot | /dev | /dev/* | /etc | /home | /lib | /lib32 | /lib64 | /proc | /proc/* | /root | /run | /sbin | /sys | /sys/* | /tmp | /usr | \
      /usr/bin | /usr/lib | /usr/lib/* | /usr/local | /usr/sbin | /usr/share | /var | /var/cache | /var/lib | /var/lib/dpkg | /var/log | /var/mail | /var/tmp)
      refuse "$what. The system needs it: it is not replaced while it runs. Nothing was changed." \
        "Unpack the archive aside with tar and take from it what you need." ;;
  esac
  if [[ $(readlink -f -- "$work") == "$target"/* ]]; then
    refuse "$what. YunoHost's backups are below it: it cannot be moved away. Nothing was changed."
  fi
  if [[ -n $mounted_below ]]; then
    refuse "$what, and $mounted_below is mounted below it. Nothing was changed." "Unmount that, then restore again."
  fi
  if ! may_overwrite; then
    refuse "$what. Nothing was changed." \
      "Move it away and restore again. Or let it be moved aside to $target.before-restore-DATE, with this command as root:" \
      "$(overwrite_command)"
  fi
}

# Sets way: tar (everything is kept) or copy (of what YunoHost unpacked); refuses when there is no room.
choose_way() {
  local place=$target needed free
  while [[ ! -d $place ]]; do place=$(dirname -- "$place"); done
  # The tree will be a sibling of the target, or within it when something is mounted there.
  if [[ $mounted == no && $place == "$target" ]]; then place=$(dirname -- "$place"); fi
  needed=$(du -s -B1 -- "$payload" | cut -f1)
  needed=$((needed + needed / 20 + 16777216))
  free=$(df -B1 --output=avail -- "$place" | tail -n 1)
  rename=no
  if [[ $(stat -c %d -- "$place") == $(stat -c %d -- "$payload") ]]; then rename=yes; fi
  way=copy
  if [[ -n $original && $free -ge $needed ]]; then
    way=tar
  elif [[ $rename == no && $free -lt $needed ]]; then
    refuse "There is not enough room in $place: $free bytes are free, $needed are needed. Nothing was changed."
  fi
}

# --- the user and the groups ---

number_of() { getent "$1" "$2" | cut -d: -f3; }

# make_group NAME NUMBER: with that number if nobody has it; an empty number leaves it to the system.
make_group() {
  local name=$1 number=$2 options=()
  if getent group "$name" >/dev/null; then return 1; fi
  if [[ ! $number =~ ^[0-9]+$ ]] || [[ $number -lt 1000 ]]; then options+=(--system); fi
  if [[ $number =~ ^[0-9]+$ ]]; then
    if getent group "$number" >/dev/null; then
      say "The number $number of the group $name belongs to another group here: it gets another one."
    else
      options+=(--gid "$number")
    fi
  fi
  groupadd "${options[@]}" -- "$name" || refuse "The group $name could not be created. Nothing else was changed."
  done_now "group $name"
}

# What the saved server did not know is empty.
make_user() {
  local name number gecos home shell group group_number options=(--no-create-home) more
  if ! has user; then return 0; fi
  IFS=: read -r name _ number _ gecos home shell <<<"$(fact user)"
  IFS=: read -r group _ group_number _ <<<"$(fact group)"
  group=${group:-$name}
  [[ $name =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ && $group =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ && $number =~ ^[0-9]*$ ]] ||
    refuse "The archive names a user or a group that cannot be created ('$name', '$group'). Nothing was changed."
  if make_group "$group" "$group_number"; then new_group=$group_number:$(number_of group "$group"); fi
  if getent passwd "$name" >/dev/null; then
    if [[ -n $number && $(number_of passwd "$name") != "$number" ]]; then
      say "The user $name is here with the number $(number_of passwd "$name"), not $number as in the archive. Its files follow the name."
    fi
  else
    if [[ -z $number || $number -lt 1000 ]]; then options+=(--system); fi
    if [[ -n $number ]] && getent passwd "$number" >/dev/null; then
      say "The number $number of the user $name belongs to another user here: it gets another one."
    elif [[ -n $number ]]; then
      options+=(--uid "$number")
    fi
    if [[ -n $home ]]; then options+=(--home-dir "$home"); fi
    useradd "${options[@]}" --gid "$group" --shell "${shell:-/usr/sbin/nologin}" --comment "$gecos" -- "$name" ||
      refuse "The user $name could not be created. No file and no service was changed."
    new_user=$number:$(number_of passwd "$name")
    done_now "user $name"
  fi
  while IFS= read -r more; do
    if [[ ! $more =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]]; then continue; fi
    make_group "$more" '' || true
    if [[ " $(id -nG -- "$name") " != *" $more "* ]]; then
      usermod --append --groups "$more" -- "$name" || undone "The user $name is not in the group $more." "usermod -aG $more $name"
    fi
  done <<<"$(fact groups)"
}

# --- the files ---

# Owner and mode as the recipe wants them; fails when the owner is unknown.
dress() {
  if has owner; then chown -hR -- "$(fact owner)" "$1" 2>"$(said)" || return 1; fi
  if has mode; then chmod -- "$(fact mode)" "$1" || return 1; fi
}

# Directories above the target that are missing get the owner and mode that they had.
make_parents() {
  local path='' rest=${target#/} kept
  while [[ $rest == */* ]]; do
    path=$path/${rest%%/*}
    rest=${rest#*/}
    if [[ -d $path ]]; then continue; fi
    mkdir -- "$path"
    made_parents+=("$path")
    kept=$work/data/custom$path
    if [[ -d $kept ]]; then
      chown --reference="$kept" -- "$path"
      chmod --reference="$kept" -- "$path"
    fi
  done
}

# The whole tree, with its own name, in a folder that nobody else can enter; sets staging and tree.
unpack() {
  local place stale
  place=$(dirname -- "$target")
  if [[ $mounted == yes ]]; then place=$target; fi
  for stale in "$place/$mark".*; do rm -rf -- "$stale"; done
  staging=$(mktemp -d -- "$place/$mark.XXXXXX")
  tree=$staging/$(basename -- "$source")
  if [[ $way == tar ]]; then
    if unpack_original; then return 0; fi
    warn "tar could not unpack $original. What YunoHost unpacked is taken instead:"
    show_said
    rm -rf -- "$staging"
    mkdir -m 700 -- "$staging"
  fi
  if [[ $rename == yes ]]; then mv -T -- "$payload" "$tree"; else cp -a --sparse=auto -T -- "$payload" "$tree"; fi
  # What belonged to a user who was not here when YunoHost unpacked it has the old number.
  if [[ $new_user != no ]]; then follow_number -uid chown "$new_user"; fi
  if [[ $new_group != no ]]; then follow_number -gid chgrp "$new_group"; fi
  say "Extended attributes, ACLs and capabilities are not restored: only tar can, from the archive itself."
}

unpack_original() {
  local member=data/custom$source steps
  steps=${member//[!\/]/}
  # --no-unquote: a backslash in the name is a backslash. The last step of the name stays: it carries owner and mode.
  tar --extract --force-local --file="$original" --directory="$staging" --strip-components="${#steps}" --no-unquote --anchored \
    --no-wildcards --preserve-permissions --same-owner --xattrs --xattrs-include='*' --acls --delay-directory-restore \
    --warning=no-timestamp -- "$member" 2>"$(said)"
}

# follow_number -uid|-gid COMMAND OLD:NEW
follow_number() {
  if [[ -n ${3%:*} && ${3%:*} != "${3#*:}" ]]; then find "$tree" "$1" "${3%:*}" -exec "$2" -h -- "${3#*:}" {} +; fi
}

# A mount point cannot be renamed: what is in it is moved, but for our own folders and lost+found.
move_former() {
  find "$1" -mindepth 1 -maxdepth 1 ! -name "$mark.*" ! -name lost+found ! -name "${kept##*/}" -exec mv -t "$2" -- {} +
}
# Names in the new tree; only these are ever taken out of a mount point again.
move_new() {
  local name
  while IFS= read -r -d '' name; do
    if [[ ! -e $1/$name && ! -L $1/$name ]] || [[ $name == lost+found ]]; then continue; fi
    mv -T -- "$1/$name" "$2/$name" || return 1
  done <"$staging/names"
}

put_in_place() {
  # A crash must not leave names without their contents.
  sync -f -- "$staging"
  if [[ $mounted == yes ]]; then
    find "$tree" -mindepth 1 -maxdepth 1 -printf '%f\0' >"$staging/names"
    if [[ $state == other ]]; then
      kept=$(aside_name "$target/")
      mkdir -m 700 -- "$kept"
      swapping=out
      move_former "$target" "$kept"
    fi
    swapping=in
    move_new "$tree" "$target"
    chown --reference="$tree" -- "$target"
    chmod --reference="$tree" -- "$target"
    touch --reference="$tree" -- "$target"
  else
    if [[ $state == other ]]; then
      kept=$(aside_name "$target")
      swapping=in
      mv -T -- "$target" "$kept"
    fi
    mv -T -- "$tree" "$target"
  fi
  swapping=no
  made_parents=()
  rm -rf -- "$staging"
  staging=''
  sync -f -- "$target"
  done_now "$target"
  if [[ -n $kept ]]; then say "What was in $target before is in $kept. Delete that when you are sure that you do not need it."; fi
}

# Until the new tree is in its place everything goes back to where it was.
clean_up() {
  local i
  if [[ $swapping != no ]] && ! put_back; then
    warn "What was in $target is now in ${kept:-$target}: move it back by hand. What is new is in $staging."
  elif [[ -n $staging ]]; then
    rm -rf -- "$staging"
  fi
  for ((i = ${#made_parents[@]} - 1; i >= 0; i--)); do rmdir -- "${made_parents[i]}"; done
  if [[ -n $stopped ]]; then systemctl start -- "$stopped"; fi
}

put_back() {
  if [[ $mounted == yes ]]; then
    if [[ $swapping == in ]]; then mkdir -- "$staging/out" && move_new "$target" "$staging/out" || return 1; fi
    if [[ -n $kept ]]; then move_former "$kept" "$target" && rmdir -- "$kept"; fi
  elif [[ ( -e $kept || -L $kept ) && ! -e $target && ! -L $target ]]; then
    mv -T -- "$kept" "$target"
  fi
}

# Owners that nobody is called here: their files kept the numbers of the saved server.
say_strangers() {
  local numbers number unknown=()
  numbers=$(find "$tree" -printf "$2\n" | sort -u)
  while IFS= read -r number; do
    if ! getent "$1" "$number" >/dev/null; then unknown+=("$number"); fi
  done <<<"$numbers"
  if [[ ${#unknown[@]} -gt 0 ]]; then say "Files in $target belong to numbers that are no $3 here: ${unknown[*]:0:20}"; fi
}

restore_files() {
  if [[ $state == same ]]; then
    done_now "$target (it was already as in the archive)"
    return 0
  fi
  make_parents
  say "Unpacking $source..."
  unpack
  if ! dress "$tree"; then
    show_said 3
    undone "Owner or mode of $target could not be set." "chown -hR $(fact owner) ${target@Q}; chmod $(fact mode) ${target@Q}"
  fi
  say_strangers passwd %U user
  say_strangers group %G group
  if has service && systemctl is-active --quiet -- "$(fact service)" 2>/dev/null; then
    systemctl stop -- "$(fact service)"
    stopped=$(fact service)
  fi
  put_in_place
}

# --- the service, the ports, the commands ---

restore_service() {
  local service path kept
  stopped=''
  if ! has service; then return 0; fi
  service=$(fact service)
  path=$(fact unit-path)
  if [[ $path != /etc/systemd/system/* || ${path#/etc/systemd/system/} == */* ]]; then
    path=/etc/systemd/system/$service
  fi
  path=${BM_SYSTEM_ROOT:-}$path
  if has unit && ! cmp -s -- "$recipe/unit" "$path"; then
    if [[ -e $path || -L $path ]]; then
      kept=$(aside_name "$path")
      mv -T -- "$path" "$kept"
      say "The unit file that was here before is $kept."
    fi
    mkdir -p -- "$(dirname -- "$path")"
    cp -- "$recipe/unit" "$path.new"
    chmod 644 -- "$path.new"
    sync -- "$path.new"
    mv -T -- "$path.new" "$path"
    done_now "unit file $path"
  fi
  if ! systemctl daemon-reload; then
    undone "systemd did not read its unit files again." "systemctl daemon-reload"
  fi
  if [[ $(fact unit-enabled) == yes ]] && ! systemctl enable --quiet -- "$service"; then
    undone "The service $service does not start with the system." "systemctl enable $service"
  fi
  if systemctl restart -- "$service"; then
    done_now "service $service"
  else
    undone "The service $service did not start." "systemctl status $service; journalctl -u $service"
  fi
}

open_ports() {
  local port
  while IFS= read -r port; do
    if [[ ! $port =~ ^[0-9]{1,5}$ ]]; then continue; fi
    # YunoHost 12.1 opens ports, older ones allow them. A command within a hook does not wait for YunoHost's lock.
    if yunohost firewall open "$port" "BackupManager restore" -p tcp >"$(said)" 2>&1 ||
      yunohost firewall allow TCP "$port" >>"$(said)" 2>&1; then
      done_now "port $port (TCP) is open"
    else
      show_said 5
      undone "The port $port (TCP) could not be opened." "yunohost firewall open $port"
    fi
  done <<<"$(fact ports)"
}

# Commands that the admin wrote into the job. What they print goes to a file: a daemon that they start must hold nothing of ours.
run_commands() {
  local file number
  for file in "$recipe"/commands/*; do
    number=$(basename -- "$file")
    if (
      set +x
      unset BASH_XTRACEFD
      exec 7>&-
      if [[ $info_fd -gt 2 ]]; then exec {info_fd}>&-; fi
      exec sh "$file" >"$work/.said" 2>&1
    ); then
      done_now "command $number"
    else
      show_said
      undone "The command $number failed." "see it with: tar -xOf ${tar_file@Q} data/custom/.backupmanager/commands/$number"
    fi
  done
}

begin custom source "$@"
source=$(fact source)
payload=$work/data/custom$source
check_request
if [[ $state != same ]]; then choose_way; fi
make_user
restore_files
restore_service
open_ports
run_commands
finished=yes
