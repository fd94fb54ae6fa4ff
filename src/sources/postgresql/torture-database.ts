// A database with everything that dumps are known to get wrong. Tests only.

/** Roles of the cluster; run once, in any database. */
export const tortureRoles = `
CREATE ROLE app LOGIN PASSWORD 'app''s secret' VALID UNTIL '2099-12-31 23:00+00' CONNECTION LIMIT 20;
CREATE ROLE "Reader ""x"" é" NOLOGIN NOINHERIT;
CREATE ROLE alice LOGIN PASSWORD 'alice';
GRANT "Reader ""x"" é" TO alice WITH ADMIN OPTION;
CREATE ROLE nobody_here LOGIN;
ALTER ROLE app SET search_path = "$user", public, "we, ird";
ALTER ROLE app SET "custom.value" = 'it''s \\ here';`

/** Run in the database itself. */
export const torture = `
SET client_min_messages = warning;
CREATE SCHEMA app AUTHORIZATION app;
CREATE SCHEMA "We""ird -schema é";
CREATE EXTENSION citext; CREATE EXTENSION hstore WITH SCHEMA app; CREATE EXTENSION pg_trgm;
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'très ''happy''');
CREATE TYPE app.pair AS (a int, b text);
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
CREATE TYPE app.spans AS RANGE (subtype = float8);
CREATE FUNCTION app.twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION app.body() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RETURN 'quotes '' and \\ and $$ here'; END $f$;
CREATE AGGREGATE app.product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = '1');
CREATE TABLE app.values (
  id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 7) PRIMARY KEY, n int, doubled int GENERATED ALWAYS AS (app.twice(n)) STORED,
  f8 float8, f4 real, num numeric, d date, ts timestamptz, t text COLLATE "C", b bytea, j jsonb, x xml, a text[], m app.mood, p app.pair,
  pos app.positive, r int4range, s app.spans, ci citext, h app.hstore, u uuid, i inet, iv interval, bits bit varying, poly polygon, v tsvector);
INSERT INTO app.values (n, f8, f4, num, d, ts, t, b, j, x, a, m, p, pos, r, s, ci, h, u, i, iv, bits, poly, v) VALUES
  (1, 1.5e300, 1.1754944e-38, 'NaN', 'infinity', '-infinity', E'tab\\t newline\\n return\\r back\\\\slash \\\\. end', decode('00ff0a0d5c27', 'hex'),
   '{"a": [1, null, "é\\u2028"]}', '<a b="c">&amp;</a>', ARRAY['x', NULL, '', 'a,b', '"q"', '{}'], 'très ''happy''', ROW(1, 'x,y"z'), 5,
   '[1,)', '[1.5,2.5]', 'CaSe', 'a=>1, b=>NULL', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '::1/64', '1 year -2 days 03:04:05.678', B'10110',
   '((0,0),(1,1.1),(2,0))', 'the:1A fat:2B'),
  (2, 'NaN', 'Infinity', 123456789012345678901234567890.123456789, '4713-01-01 BC', 'infinity', 'héhé 日本 🎉', '', '"\\\\u0041"', NULL, '{}', 'sad',
   ROW(NULL, NULL), 1, 'empty', NULL, '', '', NULL, '10.0.0.1', '-178000000 years', B'', NULL, NULL),
  (-1073741824, '-Infinity', 0.1, 'Infinity', '-infinity', '0044-03-15 12:00 BC', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 5e-324, NULL, 1e-300, '5874897-12-31', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE app.every_byte AS SELECT g AS n, decode(lpad(to_hex(g), 2, '0'), 'hex') AS byte, chr(g + 1) AS c FROM generate_series(0, 255) g;
CREATE TABLE public."We""ird -table é" ("Co""l -é" int PRIMARY KEY, "select" text DEFAULT 'it''s', CHECK ("Co""l -é" <> 13));
INSERT INTO public."We""ird -table é" SELECT g FROM generate_series(20, 40) g;
CREATE TABLE "We""ird -schema é"."from" (k int REFERENCES public."We""ird -table é" ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO "We""ird -schema é"."from" VALUES (20), (21);
CREATE TABLE public.parted (day date NOT NULL, n int) PARTITION BY RANGE (day);
CREATE TABLE public.parted_a PARTITION OF public.parted FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE public.parted_b PARTITION OF public.parted FOR VALUES FROM ('2020-01-01') TO (MAXVALUE) PARTITION BY LIST (n);
CREATE TABLE public.parted_b1 PARTITION OF public.parted_b DEFAULT;
CREATE INDEX ON public.parted (n);
INSERT INTO public.parted SELECT '2019-12-20'::date + g, g FROM generate_series(1, 40) g;
CREATE TABLE public.parent (a int); CREATE TABLE public.child (b text) INHERITS (public.parent);
INSERT INTO public.parent VALUES (1); INSERT INTO public.child VALUES (2, 'child');
CREATE TABLE public.no_columns (); INSERT INTO public.no_columns DEFAULT VALUES;
CREATE UNLOGGED TABLE public.fast (n int); INSERT INTO public.fast VALUES (1);
CREATE TABLE public.bigger AS SELECT g AS id, md5(g::text) AS h, repeat(md5(g::text), g % 50) AS long FROM generate_series(1, 5000) g;
CREATE UNIQUE INDEX bigger_trgm ON public.bigger (id) WHERE id > 10; CREATE INDEX ON public.bigger USING gin (h gin_trgm_ops);
CREATE SEQUENCE public.odd AS smallint INCREMENT -3 MAXVALUE 100 MINVALUE -100 START 50 CYCLE; SELECT nextval('public.odd'), nextval('public.odd');
SELECT setval('app.values_id_seq', 4711);
CREATE VIEW app.view AS SELECT id, doubled FROM app.values WHERE n > 0 WITH CHECK OPTION;
CREATE MATERIALIZED VIEW app.material AS SELECT count(*) AS c, max(n) AS m FROM app.values;
CREATE MATERIALIZED VIEW app.unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE RECURSIVE VIEW app.counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 3;
CREATE RULE quiet AS ON INSERT TO app.view DO INSTEAD NOTHING;
CREATE STATISTICS public.together ON id, h FROM public.bigger;
CREATE TABLE app.audit (what text, at int DEFAULT 0);
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.audit VALUES (TG_OP); RETURN NEW; END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON public.bigger FOR EACH ROW WHEN (NEW.id > 4990) EXECUTE FUNCTION app.note();
CREATE TRIGGER off BEFORE DELETE ON public.bigger FOR EACH STATEMENT EXECUTE FUNCTION app.note(); ALTER TABLE public.bigger DISABLE TRIGGER off;
INSERT INTO public.bigger VALUES (6000, 'h', '');
CREATE FUNCTION app.watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.audit VALUES ('ddl ' || TG_TAG); END $$;
CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION app.watch();
CREATE TABLE app.secured (owner name, secret text); ALTER TABLE app.secured ENABLE ROW LEVEL SECURITY; ALTER TABLE app.secured FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON app.secured FOR ALL TO app, "Reader ""x"" é" USING (owner = current_user) WITH CHECK (secret <> '');
INSERT INTO app.secured VALUES ('app', 'one'), ('alice', 'two');
CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere OPTIONS (host 'it''s'); CREATE FOREIGN TABLE app.distant (n int) SERVER far;
CREATE USER MAPPING FOR alice SERVER far OPTIONS (password 'p');
CREATE PUBLICATION news FOR TABLE public.bigger;
CREATE TEXT SEARCH CONFIGURATION app.plain (COPY = simple);
CREATE COLLATION app.numbers (provider = icu, locale = 'en-u-kn-true');
CREATE TABLE app.sorted (t text COLLATE app.numbers); INSERT INTO app.sorted VALUES ('a10'), ('a9'), ('A1');
CREATE INDEX ON app.sorted (t);
ALTER TABLE app.values OWNER TO app; ALTER TABLE app.sorted OWNER TO app; ALTER FUNCTION app.twice OWNER TO app;
GRANT USAGE ON SCHEMA app TO "Reader ""x"" é"; GRANT SELECT, UPDATE (n) ON app.values TO "Reader ""x"" é" WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION app.body() FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.body() TO alice; GRANT USAGE ON SEQUENCE public.odd TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app GRANT SELECT ON TABLES TO "Reader ""x"" é";
ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO app;
COMMENT ON TABLE app.values IS 'it''s a "comment" \\ with
two lines'; COMMENT ON COLUMN app.values.n IS 'é';
SELECT lo_from_bytea(70001, decode('00ff5c', 'hex')), lo_from_bytea(70002, convert_to(repeat('big ', 100000), 'UTF8')), lo_create(70003);
ALTER LARGE OBJECT 70001 OWNER TO app; GRANT SELECT ON LARGE OBJECT 70002 TO alice; COMMENT ON LARGE OBJECT 70003 IS 'empty';`

/** Of the database itself; `NAME` stands for its name, quoted. */
export const tortureProperties = `
ALTER DATABASE NAME OWNER TO app;
REVOKE CONNECT ON DATABASE NAME FROM PUBLIC; GRANT CONNECT ON DATABASE NAME TO alice WITH GRANT OPTION; GRANT CREATE, TEMPORARY ON DATABASE NAME TO "Reader ""x"" é";
ALTER DATABASE NAME SET search_path = app, public, "we, ird"; ALTER DATABASE NAME SET "custom.setting" = 'a:b \\ ''c'''; ALTER DATABASE NAME SET DateStyle = 'SQL, DMY';
ALTER DATABASE NAME SET statement_timeout = '20ms'; ALTER DATABASE NAME SET default_transaction_read_only = on;
ALTER ROLE alice IN DATABASE NAME SET work_mem = '8MB'; ALTER DATABASE NAME CONNECTION LIMIT 30; COMMENT ON DATABASE NAME IS 'the ''base'' \\ :db';`
