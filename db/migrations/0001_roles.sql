-- Roles are cluster-wide, so they may exist already: another database of the same cluster made them.
-- kesher_app      serves one tenant at a time; row-level security binds it to `app.tenant_id`
-- kesher_ingest   the path in: all tenants, only the tables it writes, never secrets or people
-- kesher_platform the operator's scope: set-up, deliveries, parked updates of all tenants
do $$
declare
  wanted text;
begin
  foreach wanted in array array['kesher_app', 'kesher_ingest', 'kesher_platform'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin nosuperuser nobypassrls nocreatedb nocreaterole', wanted);
      end if;
    exception when duplicate_object or unique_violation then
      null; -- made by a neighbour at this very moment
    end;
    if not pg_has_role(current_user, wanted, 'set') then
      execute format('grant %I to current_user with set true, inherit false', wanted);
    end if;
  end loop;
end
$$;

-- The tenant of the running transaction; null outside of one, so that policies then match nothing.
create function current_tenant_id() returns uuid
  language sql stable parallel safe
  as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;

grant usage on schema public to kesher_app, kesher_ingest, kesher_platform;
