-- API keys: for one connection only, with a rate of their own, and who made them.
alter table api_keys
  add column connection_id uuid,
  -- Null: the default.
  add column requests_per_minute integer check (requests_per_minute > 0),
  add column made_by_kind text check (made_by_kind in ('person', 'api_key', 'operator', 'system')),
  add column made_by_id uuid,
  add column made_by_name text,
  add foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id),
  -- Whoever administers a tenant could make itself a key for all of it.
  add check (connection_id is null or not scopes && array['admin']);
grant update (requests_per_minute) on api_keys to kesher_app;

-- What the operator lets a tenant have, and what it has had today. One row for each tenant: a new day begins at 0.
create table tenant_quotas (
  tenant_id uuid not null references tenants (id),
  -- Null: as many as the program takes.
  sends_per_day integer check (sends_per_day >= 0),
  -- On each node.
  open_streams integer check (open_streams >= 0),
  -- In UTC.
  day date not null default '-infinity',
  sends integer not null default 0,
  primary key (tenant_id)
) with (fillfactor = 50);

alter table tenant_quotas enable row level security;
alter table tenant_quotas force row level security;
create policy tenant on tenant_quotas to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id());
create policy platform on tenant_quotas to kesher_platform using (true) with check (true);
-- Its use a tenant counts itself; its quotas are the operator's.
grant select, insert (tenant_id, day, sends), update (day, sends) on tenant_quotas to kesher_app;
grant select, insert (tenant_id, sends_per_day, open_streams), update (sends_per_day, open_streams) on tenant_quotas to kesher_platform;

-- kesher_keys wraps stored secrets with another encryption key: all tenants, and nothing but the sealed columns.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'kesher_keys') then
      create role kesher_keys nologin nosuperuser nobypassrls nocreatedb nocreaterole;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- made by a neighbour at this very moment
  end;
  if not pg_has_role(current_user, 'kesher_keys', 'set') then
    execute 'grant kesher_keys to current_user with set true, inherit false';
  end if;
end
$$;
grant usage on schema public to kesher_keys;
create policy keys on whatsapp_connections to kesher_keys using (true) with check (true);
create policy keys on meta_apps to kesher_keys using (true) with check (true);
create policy keys on forward_endpoints to kesher_keys using (true) with check (true);
grant select (tenant_id, id, access_token), update (access_token) on whatsapp_connections to kesher_keys;
grant select (tenant_id, id, app_secrets, verify_token), update (app_secrets, verify_token) on meta_apps to kesher_keys;
grant select (tenant_id, id, secret, previous_secret), update (secret, previous_secret) on forward_endpoints to kesher_keys;
