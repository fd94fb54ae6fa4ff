# shellcheck shell=bash
# The part data_postgresql: a database, and the roles that it needs. It is loaded beside and takes its place only when it is whole.

fresh=''
unset PGUSER PGDATABASE PGSERVICE PGOPTIONS
# For statements that may hold secrets: no log of the server quotes them.
readonly quiet='-c standard_conforming_strings=on -c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1 -c log_error_verbosity=terse'

# Only the system's user postgres is let in without a password. The work folder is closed to it: files come by standard input.
as_postgres() { runuser -u postgres -- "$@"; }
# A database by its name, whatever characters are in it.
conninfo() {
  local name=${1//\\/\\\\}
  printf '%s' "dbname='${name//\'/\\\'}'"
}
# sql DATABASE [name=value...]: statements from standard input; the values are variables of psql. Prints bare values.
sql() {
  local database=$1 one settings=()
  shift
  for one in "$@"; do settings+=("--set=$one"); done
  as_postgres psql --no-psqlrc --no-password --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "${settings[@]}" \
    -d "$(conninfo "$database")"
}

clean_up() {
  if [[ -n $fresh ]]; then drop "$fresh"; fi
}
drop() { sql "$home" db="$1" <<<'DROP DATABASE IF EXISTS :"db";'; }

check_server() {
  # Work on a database is done from another one.
  home=postgres
  if [[ $database == postgres ]]; then home=template1; fi
  if ! command -v psql >/dev/null || ! command -v pg_restore >/dev/null; then
    refuse "PostgreSQL is not installed here. Nothing was changed." "Install it (apt install postgresql), then restore again."
  fi
  if [[ $home == postgres ]] && ! sql postgres <<<'SELECT;' 2>"$(said)"; then home=template1; fi
  if [[ $home == template1 ]] && ! sql template1 <<<'SELECT;' 2>"$(said)"; then
    show_said 3
    refuse "PostgreSQL does not answer. Nothing was changed." "Start it (systemctl start postgresql), then restore again."
  fi
  # Reads the beginning of the dump: enough to see that this pg_restore understands it.
  if ! as_postgres pg_restore --list <"$dump" >/dev/null 2>"$(said)"; then
    show_said 3
    refuse "pg_restore cannot read the dump. Nothing was changed." "It may be from a newer PostgreSQL than $(pg_restore --version)."
  fi
  need_room "$(unpacked_size)" "$(sql "$home" <<<"SHOW data_directory;")"
}

# Sets state: absent, empty or full.
look_at_database() {
  state=absent
  if [[ -z $(sql "$home" db="$database" <<<"SELECT 1 FROM pg_catalog.pg_database WHERE datname = :'db';") ]]; then return 0; fi
  state=full
  if [[ $(count_objects "$database") == 0 ]]; then state=empty; fi
}
count_objects() {
  sql "$1" <<'SQL'
WITH own AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT (SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM own))
  + (SELECT count(*) FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM own))
  + (SELECT count(*) FROM pg_catalog.pg_type WHERE typnamespace IN (SELECT oid FROM own))
  + (SELECT count(*) FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql')
  + (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata)
  + (SELECT count(*) - 1 FROM own);
SQL
}
count_tables() {
  sql "$1" <<'SQL'
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
  WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e');
SQL
}

refuse_full() {
  if [[ $state != full ]] || may_overwrite; then return 0; fi
  refuse "The database $database exists and is not as in the archive. The database was not changed." \
    "Drop or rename it and restore again. Or let it be renamed to ${database}_before_restore_..., with this command as root:" \
    "$(overwrite_command)"
}

# What psql is given is what BackupManager writes, line by line, and nothing else: no command of psql, no statement of others.
readonly sql_name='(U&)?("[^"]*")+( UESCAPE '"'!'"')?' sql_text="(U&)?('[^']*')+( UESCAPE '!')?" sql_comment='-- [A-Za-z][A-Za-z0-9 .,;:=_-]*'
readonly sql_set="$sql_name TO $sql_text(, $sql_text)*"
check_script() {
  local file=$recipe/$1 lines=$2 tag
  if ! has "$1"; then return 0; fi
  tag=$(sed -n 's/^DO \([$]bm[0-9]*[$]\)$/\1/p' -- "$file")
  # Also what another program cannot tell is a refusal: only a counted zero is none.
  if [[ $(LC_ALL=C tr -dc '\000-\011\013-\037\177\134' <"$file" | wc -c) == 0 && $tag != *$'\n'* ]] &&
    [[ $(grep -cavE "^($lines|)\$" -- "$file") == 0 ]] &&
    [[ -z $tag || $(grep -aF -e "$tag" -- "$file" | grep -cavxF -e "DO $tag" -e "$tag;") == 0 ]]; then
    return 0
  fi
  refuse "data/postgresql/.backupmanager/$1 holds statements that BackupManager does not write. Nothing was changed." \
    "Do not use this archive unless you know where it comes from."
}
check_scripts() {
  check_script roles.sql "$sql_comment|DO [\$]bm[0-9]*[\$]|DECLARE made pg_catalog[.]text\[\] := '[{][}]';|BEGIN|END IF;|END|[\$]bm[0-9]*[\$];|\
IF NOT EXISTS [(]SELECT FROM pg_catalog[.]pg_roles WHERE rolname = ${sql_text}[)] THEN|\
  CREATE ROLE $sql_name WITH (NO)?LOGIN (NO)?INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS( CONNECTION LIMIT [0-9]+)?( PASSWORD $sql_text)?( VALID UNTIL $sql_text)?;|\
  ALTER ROLE $sql_name SET $sql_set;|  made := pg_catalog[.]array_append[(]made, $sql_text::pg_catalog[.]text[)];|\
IF made && ARRAY\[$sql_text, $sql_text\]::pg_catalog[.]text\[\] THEN|  GRANT $sql_name TO $sql_name( WITH ADMIN OPTION)?;"
  check_script grants.sql "$sql_comment|REVOKE ALL ON DATABASE :\"db\" FROM (PUBLIC|$sql_name);|\
GRANT [A-Z]+ ON DATABASE :\"db\" TO (PUBLIC|$sql_name)( WITH GRANT OPTION)?;|\
ALTER (DATABASE :\"db\"|ROLE $sql_name IN DATABASE :\"db\") SET $sql_set;|ALTER DATABASE :\"db\" CONNECTION LIMIT [0-9]+;|\
COMMENT ON DATABASE :\"db\" IS $sql_text;"
}

# Only roles that are missing are made, none of them with rights over the server. The file holds their passwords' hashes: no
# message and no log of the server may quote it.
make_roles() {
  if has roles.sql && ! PGOPTIONS=$quiet sql "$home" VERBOSITY=sqlstate <"$recipe/roles.sql" 2>"$(said)"; then
    show_said 3
    refuse "The roles of $database could not be created. The database was not changed." \
      "They are: $(fact roles | tr '\n' ' ')" "Create them by hand, then restore again."
  fi
  if has roles-without-password; then
    say "The passwords of these roles are not in the archive: $(fact roles-without-password | tr '\n' ' ')"
  fi
}

is_tablespace() { [[ -n $(sql "$home" name="$1" <<<"SELECT 1 FROM pg_catalog.pg_tablespace WHERE spcname = :'name';") ]]; }

# create PROVIDER COLLATE CTYPE LOCALE: a new database, empty; fails quietly.
create() {
  local options="LC_COLLATE :'collate' LC_CTYPE :'ctype'" space
  space=$(fact tablespace)
  if [[ -n $space ]] && is_tablespace "$space"; then options+=' TABLESPACE :"space"'; fi
  case $1 in
    icu) options+=" LOCALE_PROVIDER icu ICU_LOCALE :'locale'" ;;
    builtin) options+=" LOCALE_PROVIDER builtin BUILTIN_LOCALE :'locale'" ;;
  esac
  sql "$home" db="$fresh" owner="$(fact owner)" encoding="$(fact encoding)" collate="$2" ctype="$3" locale="$4" space="$space" 2>"$(said)" \
    <<<"CREATE DATABASE :\"db\" OWNER :\"owner\" TEMPLATE template0 ENCODING :'encoding' $options;"
}

create_fresh() {
  local mark neutral=C.UTF-8
  read -r mark _ <<<"$(cksum <<<"$database")"
  fresh=bm_restore_$mark
  # A restore that was cut off may have left it.
  drop "$fresh" 2>"$(said)"
  if has collate && create "$(fact locale-provider)" "$(fact collate)" "$(fact ctype)" "$(fact locale)"; then return 0; fi
  if [[ $(fact encoding) != UTF8 ]]; then neutral=C; fi
  if ! create '' "$neutral" "$neutral" ''; then
    show_said 3
    refuse "No database could be created beside $database. The database was not changed."
  fi
  say "This server does not have the locale $(fact collate): $database gets $neutral, which sorts texts differently." \
    "Create the locale (dpkg-reconfigure locales), restart PostgreSQL and restore again if that matters."
}

load() {
  local options=(--exit-on-error --no-password) space found expected
  while IFS= read -r space; do
    if [[ -n $space ]] && ! is_tablespace "$space"; then
      say "The tablespace $space is not here: its tables go to the default one."
      options+=(--no-tablespaces)
    fi
  done <<<"$(fact tablespaces)"
  say "Loading $database..."
  # Event triggers of the database itself must not fire while it is being filled.
  PGOPTIONS='-c session_replication_role=replica' as_postgres pg_restore "${options[@]}" -d "$(conninfo "$fresh")" <"$dump" ||
    refuse "The dump could not be loaded. The database was not changed."
  found=$(count_tables "$fresh")
  expected=$(fact tables)
  if [[ -n $expected && $found != "$expected" ]]; then
    refuse "The dump gave $found tables; the archive says $expected. The database was not changed."
  fi
}

# The database holds exactly what the archive does.
same_database() { cmp -s <(text_of "$database" 2>/dev/null) <(text_of "$fresh" 2>/dev/null); }
text_of() {
  # The two lines about restricting have a random word in them.
  as_postgres pg_dump --no-password -d "$(conninfo "$1")" | sed '/^\\\(un\)\{0,1\}restrict /d' || printf 'failed: %s' "$1"
}

# Both renamings happen, or none. Whoever is connected to the database that goes away is disconnected.
swap() {
  local attempt
  aside=''
  sql "$fresh" <<<'ANALYZE;'
  if [[ $state == absent ]]; then
    sql "$home" fresh="$fresh" db="$database" <<<'ALTER DATABASE :"fresh" RENAME TO :"db";'
    return 0
  fi
  aside=$(cut_name "$database")_before_restore_$(date +%Y%m%d_%H%M%S)
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    if swap_now; then return 0; fi
    sleep "0.$attempt"
  done
  show_said 3
  refuse "The database $database is in use and could not be renamed. It was not changed." "Stop what uses it, then restore again."
}
swap_now() {
  sql "$home" fresh="$fresh" db="$database" aside="$aside" >/dev/null 2>"$(said)" <<'SQL'
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname IN (:'db', :'fresh');
BEGIN;
ALTER DATABASE :"db" RENAME TO :"aside";
ALTER DATABASE :"fresh" RENAME TO :"db";
COMMIT;
SQL
}
# PostgreSQL's names have 63 bytes.
cut_name() { printf '%s' "$1" | head -c 31 | iconv -c -f UTF-8 -t UTF-8 || true; }

restore_database() {
  make_roles
  create_fresh
  load
  if [[ $state == full ]] && same_database; then
    done_now "database $database (it was already as in the archive)"
    return 0
  fi
  refuse_full
  swap
  fresh=''
  done_now "database $database"
  if [[ $state == empty && $(count_objects "$aside") == 0 ]] && drop "$aside"; then return 0; fi
  if [[ $state != absent ]]; then
    say "The database that was there before is $aside. Drop it when you are sure that you do not need it."
  fi
}

begin postgresql database "$@"
database=$(fact database)
dump=$work/data/postgresql/$(fact dump)
[[ -n $database && -f $dump && ! -L $dump && $(fact dump) != */* ]] || refuse "The archive holds no dump of a database. Nothing was changed."
check_scripts
check_server
look_at_database
# Another number of tables is another database: there is no need to load anything to know it.
if [[ $state == full && $(count_tables "$database") != "$(fact tables)" ]]; then refuse_full; fi
restore_database
# Settings of a database may be secrets: no message quotes them.
if has grants.sql && ! PGOPTIONS=$quiet sql "$home" VERBOSITY=sqlstate db="$database" <"$recipe/grants.sql" 2>"$(said)"; then
  undone "Rights and settings of the database $database itself could not be set." \
    "tar -xOf ${tar_file@Q} data/postgresql/.backupmanager/grants.sql, then psql -v db=NAME"
fi
finished=yes
