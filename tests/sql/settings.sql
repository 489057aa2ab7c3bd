--
-- Settings
--
SELECT name, vartype, context, min_val, max_val, enumvals, boot_val FROM pg_settings WHERE name LIKE 'eventstore.%' AND name NOT IN ('eventstore.stop_point', 'eventstore.compact_always') ORDER BY name COLLATE "C";
SELECT name FROM pg_settings WHERE name LIKE 'eventstore.%' AND (short_desc IS NULL OR short_desc = '' OR short_desc !~ '\.$');
SHOW eventstore.run_pages;
\set VERBOSITY sqlstate
SET eventstore.run_pages = 0;
SET eventstore.run_pages = 129;
SET eventstore.run_pages = 'many';
\set VERBOSITY default
SET eventstore.run_pages = 1;
SHOW eventstore.run_pages;
RESET eventstore.run_pages;
-- A name that does not exist is an error, not a variable.
SET eventstore.no_such_setting = 1;
-- For developers only.
CREATE ROLE regress_user;
SET ROLE regress_user;
SET eventstore.run_pages = 1;
RESET ROLE;
DROP ROLE regress_user;
