-- The append-only account of what happened. seq has no gaps and follows the order of commits within a tenant.
create table activity_events (
  -- No foreign key: the tenant is that of the counter row which gave the number, and a check per event costs more than the insert.
  tenant_id uuid not null,
  seq bigint not null,
  type text not null,
  conversation_id uuid,
  message_id uuid,
  data json not null,
  created_at timestamptz not null,
  primary key (tenant_id, seq, created_at)
) partition by range (created_at);
create table activity_events_default partition of activity_events default;

-- One row per tenant, locked last in every transaction that appends: that lock is what makes seq follow the commits.
-- The nil uuid stands for updates that belong to no tenant. Not a foreign key, so that the nil row may exist.
create table activity_counters (
  tenant_id uuid primary key,
  seq bigint not null default 0,
  stored bigint not null default 0,
  parked bigint not null default 0,
  duplicates bigint not null default 0,
  suppressed bigint not null default 0
) with (fillfactor = 20);

do $$
declare
  t text;
begin
  foreach t in array array['activity_events', 'activity_counters'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
    execute format('create policy ingest on %I to kesher_ingest using (true) with check (true)', t);
  end loop;
end
$$;
alter table activity_events_default enable row level security;
alter table activity_events_default force row level security;
-- Set-up changes what a tenant sees (connections), so it appends too.
create policy platform on activity_events for insert to kesher_platform with check (true);
create policy platform on activity_counters to kesher_platform using (true) with check (true);

grant select, insert on activity_events to kesher_ingest;
grant select, insert, update on activity_counters to kesher_app, kesher_ingest;
grant select, insert on activity_events to kesher_app;
grant insert on activity_events to kesher_platform;
grant select, insert, update on activity_counters to kesher_platform;
