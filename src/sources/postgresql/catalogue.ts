// What the catalogues of a server say about one database: everything a restore must know that no dump holds.
import { z } from 'zod'

const privilege = z.object({ grantee: z.string().nullable(), privilege: z.string(), grantable: z.boolean() })
const setting = z.object({ role: z.string().nullable(), config: z.array(z.string()) })
const role = z.object({
  name: z.string(),
  /** The superuser that every server is born with. */
  first: z.boolean(),
  login: z.boolean(),
  inherit: z.boolean(),
  connections: z.number(),
  validUntil: z.string().nullable(),
  config: z.array(z.string()).nullable(),
})
const membership = z.object({ role: z.string(), member: z.string(), admin: z.boolean() })

const databaseRow = z.object({
  datname: z.string(),
  datcollate: z.string().nullable(),
  datctype: z.string().nullable(),
  datconnlimit: z.number(),
  datlocprovider: z.string().optional(),
  /** PostgreSQL 15 and 16. */
  daticulocale: z.string().nullish(),
  /** Since 17. */
  datlocale: z.string().nullish(),
})

export const databaseFacts = z.object({
  snapshot: z.string(),
  server: z.object({ version: z.string(), number: z.number(), superuser: z.boolean() }),
  database: databaseRow,
  owner: z.string(),
  encoding: z.string(),
  tablespace: z.string(),
  comment: z.string().nullable(),
  bytes: z.number(),
  tables: z.number(),
  tablespaces: z.array(z.string()),
  /** Null: nobody ever changed the default. Grantee null: everybody. */
  acl: z.array(privilege).nullable(),
  settings: z.array(setting),
  roles: z.array(role),
  memberships: z.array(membership),
})
export type DatabaseFacts = z.output<typeof databaseFacts>
export type RoleFacts = z.output<typeof role>

/** Tables that a dump of the whole database holds, partitions and partitioned tables included. */
export const dumpedTables = `pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
    WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e')`

const here = '(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())'

/** The bootstrap superuser's objects are recorded nowhere: they are looked for. */
const ownedByFirst = [
  ['pg_class', 'relowner'],
  ['pg_proc', 'proowner'],
  ['pg_namespace', 'nspowner'],
  ['pg_type', 'typowner'],
  ['pg_operator', 'oprowner'],
  ['pg_collation', 'collowner'],
  ['pg_conversion', 'conowner'],
  ['pg_largeobject_metadata', 'lomowner'],
  ['pg_foreign_server', 'srvowner'],
  ['pg_event_trigger', 'evtowner'],
  ['pg_publication', 'pubowner'],
  ['pg_ts_config', 'cfgowner'],
]
  .map(([table, owner]) => `EXISTS (SELECT FROM pg_catalog.${table} WHERE ${owner} = 10 AND oid >= 16384)`)
  .join(' OR ')

/**
 * Roles that the database needs: its owner, owners and grantees of what is in it, roles with settings for it, and
 * whoever is a member of one of these, in the order in which they were made. Members of superusers and the system's own roles are not of this database.
 */
const neededRoles = `WITH RECURSIVE needed (id) AS (
  SELECT datdba FROM pg_catalog.pg_database WHERE oid = ${here}
  UNION SELECT refobjid FROM pg_catalog.pg_shdepend
    WHERE refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
    AND (dbid = ${here} OR (classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND objid = ${here}))
  UNION SELECT setrole FROM pg_catalog.pg_db_role_setting WHERE setdatabase = ${here} AND setrole <> 0
  UNION SELECT 10::pg_catalog.oid WHERE ${ownedByFirst}
  UNION SELECT m.member FROM needed JOIN pg_catalog.pg_roles r ON r.oid = needed.id AND NOT r.rolsuper
    JOIN pg_catalog.pg_auth_members m ON m.roleid = r.oid
    JOIN pg_catalog.pg_roles one ON one.oid = m.member AND NOT one.rolsuper
), roles AS (
  SELECT r.* FROM pg_catalog.pg_roles r JOIN needed ON needed.id = r.oid WHERE r.rolname !~ '^pg_'
)`

const list = (query: string): string => `(SELECT coalesce(jsonb_agg(to_jsonb(q)), '[]') FROM (${query}) q)`

/** One JSON object, for {@link databaseFacts}; also exports the snapshot in which all of it is true. */
export const databaseFactsQuery = `${neededRoles}
SELECT jsonb_build_object(
  'snapshot', pg_export_snapshot(),
  'server', jsonb_build_object('version', current_setting('server_version'),
    'number', current_setting('server_version_num')::int,
    'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)),
  'database', (SELECT to_jsonb(d) - 'datacl' FROM pg_database d WHERE d.oid = ${here}),
  'owner', (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE oid = ${here}),
  'encoding', getdatabaseencoding(),
  'tablespace', (SELECT t.spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.oid = ${here}),
  'comment', shobj_description(${here}, 'pg_database'),
  'bytes', pg_database_size(${here}),
  'tables', (SELECT count(*) FROM ${dumpedTables}),
  'tablespaces', (SELECT coalesce(jsonb_agg(DISTINCT t.spcname), '[]') FROM pg_tablespace t JOIN pg_class c ON c.reltablespace = t.oid
    WHERE t.spcname NOT IN ('pg_default', 'pg_global')),
  'acl', (SELECT CASE WHEN d.datacl IS NULL THEN NULL ELSE ${list(
    'SELECT g.rolname AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable FROM aclexplode(d.datacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee',
  )} END FROM pg_database d WHERE d.oid = ${here}),
  'settings', ${list(
    `SELECT r.rolname AS role, s.setconfig AS config FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
    WHERE s.setdatabase = ${here} ORDER BY r.rolname NULLS FIRST`,
  )},
  'roles', ${list(
    `SELECT rolname AS name, oid = 10 AS first, rolcanlogin AS login, rolinherit AS inherit, rolconnlimit AS connections,
    rolvaliduntil AS "validUntil", rolconfig AS config FROM roles ORDER BY oid`,
  )},
  'memberships', ${list(
    `SELECT g.rolname AS role, one.rolname AS member, bool_or(m.admin_option) AS admin FROM pg_auth_members m
    JOIN roles g ON g.oid = m.roleid JOIN roles one ON one.oid = m.member GROUP BY 1, 2 ORDER BY 1, 2`,
  )})`

/** Password verifiers; asks only for what a superuser may read. */
export const passwordsQuery = `SELECT rolname AS name, rolpassword AS verifier FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL`
export const passwordRow = z.object({ name: z.string(), verifier: z.string() })
