# shellcheck shell=bash
# The part data_mysql: a database of MariaDB or MySQL, and the accounts that have rights on it.

changed=no
kept=''
unfinished=''

# root is let in without a password by the socket, or by its own /root/.my.cnf.
find_programs() {
  local place=() packet=--max-allowed-packet=1G
  if [[ -n ${MYSQL_UNIX_PORT:-} ]]; then place=(--socket="$MYSQL_UNIX_PORT"); fi
  client=(mariadb)
  dumper=(mariadb-dump)
  if ! command -v mariadb >/dev/null; then client=(mysql); fi
  if ! command -v mariadb-dump >/dev/null; then dumper=(mysqldump); fi
  command -v "${client[0]}" >/dev/null || refuse "MariaDB is not installed here. Nothing was changed." \
    "Install it (apt install mariadb-server), then restore again."
  # Binary mode: nothing in a dump is taken for a command of the client.
  client+=("${place[@]}" --default-character-set=utf8mb4 --batch --skip-column-names --binary-mode --local-infile=0 "$packet")
  dumper+=("${place[@]}" --default-character-set=utf8mb4 --single-transaction --quick --hex-blob --no-tablespaces
    --skip-add-locks --skip-dump-date "$packet")
  if [[ ${dumper[0]} == mysqldump && $(mysqldump --version) != *MariaDB* ]]; then
    dumper+=(--loose-column-statistics=0 --loose-set-gtid-purged=OFF)
  fi
}

# sql [option...]: statements from standard input. The client repeats the statement that failed, which may be full of data: only
# the server's answer is shown.
sql() {
  if "${client[@]}" "$@" 2>"$(said)"; then return 0; fi
  grep -a '^ERROR' -- "$(said)" | cut -b 1-300 | iconv -c -f UTF-8 -t UTF-8 >&2 || true
  return 1
}
# A name, and a text, in SQL. The text is hexadecimal: no setting of the server gives it another meaning.
identifier() { printf "\`%s\`" "${1//\`/\`\`}"; }
literal() { printf '_utf8mb4 0x%s' "$(printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n')"; }

check_server() {
  if ! sql <<<'SELECT 1;' >/dev/null; then
    refuse "The server of the databases does not answer, or does not let root in. Nothing was changed." \
      "Start it (systemctl start mariadb), then restore again."
  fi
  tail -c 256 -- "$dump" | LC_ALL=C grep -qE '^-- Dump completed' || refuse "The dump of $database has no end: it is not whole. Nothing was changed."
  nothing_hidden
  need_room "$(unpacked_size)" "$(sql <<<'SELECT @@datadir;')"
}

# Behind two dashes and a control character the server sees a comment, and the client, which splits the dump into statements,
# does not; in some character sets they disagree about quotes. Rows may hold anything, but only the first part has rows.
nothing_hidden() {
  # Written so that the hook's log, which must be UTF-8, shows no such byte.
  local found signs='--[\x01-\x08\x0e-\x1f\x7f-\xc1\xca\xf5-\xff]|character_set_client *= *.?(big5|cp932|gbk|gb18030|sjis)'
  # All of them are counted: nobody stops reading before the end.
  found=$(LC_ALL=C awk '!done && (/^INSERT INTO / || (row && /^\(/)) { row = 1; next } /^-- Dump completed/ { done = 1 } { row = 0; print }' "$dump" | { LC_ALL=C grep -aciP -e "$signs" || [[ $? == 1 ]]; })
  [[ $found == 0 ]] || refuse "The dump of $database hides something: the server and its client would not read it in the same way. Nothing was changed."
}

# is COLUMN NAME: compares as the file system does, where Wiki is not wiki.
is() { printf '%s = %s AND CAST(%s AS BINARY) = CAST(%s AS BINARY)' "$1" "$2" "$1" "$2"; }

# Sets state: absent, empty or full; and how the database that is there is made.
look_at_database() {
  state=absent
  former=$(sql <<<"SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE $(is SCHEMA_NAME "$as_text");")
  if [[ -z $former ]]; then return 0; fi
  state=full
  if [[ $(sql <<<"SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE $(is TABLE_SCHEMA "$as_text"))
    + (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE $(is ROUTINE_SCHEMA "$as_text"))
    + (SELECT COUNT(*) FROM information_schema.EVENTS WHERE $(is EVENT_SCHEMA "$as_text"));") == 0 ]]; then state=empty; fi
}
count_tables() {
  sql <<<"SELECT COUNT(*) FROM information_schema.TABLES WHERE $(is TABLE_SCHEMA "$as_text") AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED');"
}

# The database as it is now, in the same four parts, with the same options, as the archive's dump: the same data give the same text.
dump_database() {
  local rows views=() broken=() kind name history=()
  # Counting rows opens each view: only then does the comment tell that one is broken.
  rows=$(sql <<<"SELECT IF(TABLE_COMMENT = 'VIEW', 'view', 'broken'), TABLE_NAME, COALESCE(TABLE_ROWS, 0) FROM information_schema.TABLES
    WHERE $(is TABLE_SCHEMA "$as_text") AND TABLE_TYPE = 'VIEW' ORDER BY TABLE_NAME;")
  while IFS=$'\t' read -r kind name _; do
    case $kind in
      view) views+=("$name") ;;
      broken) broken+=("--ignore-table=$database.$name") ;;
    esac
  done <<<"$rows"
  if [[ -n $(sql <<<"SELECT 1 FROM information_schema.TABLES WHERE $(is TABLE_SCHEMA "$as_text") AND TABLE_TYPE = 'SYSTEM VERSIONED' LIMIT 1;") ]] &&
    [[ $("${dumper[@]}" --help | grep -c -- --dump-history) -gt 0 ]]; then history=(--dump-history); fi
  "${dumper[@]}" --skip-triggers "${history[@]}" "${views[@]/#/--ignore-table=$database.}" "${broken[@]}" -- "$database"
  "${dumper[@]}" --no-data --no-create-info --triggers --routines "${broken[@]}" -- "$database"
  if [[ ${#views[@]} -gt 0 ]]; then "${dumper[@]}" --no-data --skip-triggers -- "$database" "${views[@]}"; fi
  "${dumper[@]}" --no-data --no-create-info --skip-triggers --events "${broken[@]}" -- "$database"
}

# The database holds exactly what the archive does. What differs only in how it is written is not recognised.
same_database() { cmp -s <(dump_database 2>/dev/null | plain || printf 'failed') <(plain <"$dump"); }
# Without what tells of program and server, and with the mode that the archive's dump is loaded in.
plain() {
  LC_ALL=C sed -e '/^\/\*M!999999/d' -e '/^-- \(MariaDB\|MySQL\) dump /d' -e '/^-- Host: /d' -e '/^-- Server version/d' \
    -e "/^\/\*!40101 SET @OLD_SQL_MODE=/s/,ALLOW_INVALID_DATES'/'/"
}

# Sets made: how the database is created. A collation that this server does not know gives way to the server's own.
choose_collation() {
  local charset collation
  charset=$(fact charset)
  collation=$(fact collation)
  made=''
  if [[ $charset =~ ^[A-Za-z0-9_]+$ && $collation =~ ^[A-Za-z0-9_]+$ ]] &&
    [[ -n $(sql <<<"SELECT 1 FROM information_schema.COLLATIONS WHERE COLLATION_NAME = '$collation' LIMIT 1;") ]]; then
    made="CHARACTER SET $charset COLLATE $collation"
  else
    say "This server does not know the collation $collation: $database gets the server's own."
  fi
}

load() { sql --database="$database" <"$1"; }

# The present state goes into a file first; it is loaded again if the new one fails.
save_present() {
  local folder
  folder=$(dirname -- "$(dirname -- "$work")")/before-restore
  [[ -d $folder ]] || mkdir -m 700 -- "$folder"
  need_room "$(sql <<<"SELECT COALESCE(SUM(DATA_LENGTH), 0) FROM information_schema.TABLES WHERE $(is TABLE_SCHEMA "$as_text");")" "$folder"
  kept=$(aside_name "$folder/$(fact dump)")
  say "Saving the present $database to $kept..."
  unfinished=$kept
  (umask 077 && dump_database >"$kept")
  tail -c 256 -- "$kept" | LC_ALL=C grep -qE '^-- Dump completed' || refuse "The present $database could not be saved. It was not changed."
  sync -- "$kept"
  unfinished=''
}

# drop_and_create HOW
anew() { sql <<<"SET SESSION foreign_key_checks = 0; DROP DATABASE IF EXISTS $as_name; CREATE DATABASE $as_name $1;"; }
as_former() {
  local charset collation
  read -r charset collation <<<"$former"
  printf 'CHARACTER SET %s COLLATE %s' "$charset" "$collation"
}

# What is half loaded goes, and what was there comes back.
clean_up() {
  if [[ -n $unfinished ]]; then rm -f -- "$unfinished"; fi
  if [[ $changed == no ]]; then return 0; fi
  case $state in
    absent) sql <<<"DROP DATABASE IF EXISTS $as_name;" ;;
    empty) anew "$(as_former)" ;;
    full)
      if anew "$(as_former)" && load "$kept"; then
        warn "The former $database was loaded again from $kept."
      else
        warn "The former $database is in $kept. Load it by hand: ${client[0]} --database=${database@Q} <${kept@Q}"
      fi ;;
  esac
}

# What was not there, or empty, a moment ago is to be replaced only if it still is.
still_so() {
  local before=$state
  look_at_database
  [[ $state == "$before" ]] || refuse "Somebody is using $database right now. It was not changed."
}

restore_database() {
  local found
  if [[ $state == full ]]; then
    if [[ $(count_tables) == "$(fact tables)" ]] && same_database; then
      done_now "database $database (it was already as in the archive)"
      return 0
    fi
    may_overwrite || refuse "The database $database exists and is not as in the archive. The database was not changed." \
      "Drop it and restore again. Or let it be saved to a file and replaced, with this command as root:" "$(overwrite_command)"
    save_present
  fi
  choose_collation
  still_so
  changed=yes
  anew "$made"
  say "Loading $database..."
  load "$dump" || refuse "The dump could not be loaded."
  found=$(count_tables)
  [[ -z $(fact tables) || $found == "$(fact tables)" ]] || refuse "The dump gave $found tables; the archive says $(fact tables)."
  changed=no
  done_now "database $database"
  if [[ -n $kept ]]; then say "The database that was there before is in $kept. Delete that when you are sure that you do not need it."; fi
}

# Makes the accounts that are missing and gives rights on this database. The file holds hashes of passwords: of what the
# server says only the numbers are shown.
restore_users() {
  if ! has users.sql; then return 0; fi
  if "${client[@]}" --force <"$recipe/users.sql" >"$(said)" 2>&1 && ! grep -aq '^ERROR' -- "$(said)"; then
    done_now "accounts: $(fact users | tr '\n' ' ')"
  else
    sed -n 's/^\(ERROR [0-9]* ([0-9A-Z]*) at line [0-9]*\).*$/  \1/p' -- "$(said)" | head -n 20 >&2
    undone "Some of the accounts with rights on $database could not be made: $(fact users | tr '\n' ' ')" \
      "tar -xOf ${tar_file@Q} data/mysql/.backupmanager/users.sql"
  fi
}

begin mysql database "$@"
database=$(fact database)
dump=$work/data/mysql/$(fact dump)
[[ -n $database && -f $dump && ! -L $dump && $(fact dump) != */* ]] || refuse "The archive holds no dump of a database. Nothing was changed."
case ${database,,} in mysql | sys | information_schema | performance_schema) refuse "$database belongs to the server itself. Nothing was changed." ;; esac
as_name=$(identifier "$database")
as_text=$(literal "$database")
find_programs
check_server
look_at_database
restore_database
restore_users
finished=yes
