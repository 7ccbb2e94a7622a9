-- Who did what, and when: rows are only ever added. What concerns no single tenant has the nil id, which only the operator reads.
create table audit_events (
  tenant_id uuid not null,
  id uuid not null,
  -- Past tense, dotted: api_key.created, connection.disconnected.
  action text not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
  actor_kind text not null check (actor_kind in ('person', 'api_key', 'operator', 'system')),
  actor_id uuid,
  actor_name text not null,
  ip text,
  request_id text,
  -- What it was done to; its id as text, since not everything has a uuid.
  subject_kind text,
  subject_id text,
  -- What changed. Never a secret, a token, or what customers wrote.
  data jsonb not null default '{}',
  created_at timestamptz not null,
  -- By the database's clock, which no role may set: seals go by it.
  written_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, id)
);
create index audit_events_written on audit_events (tenant_id, written_at, id);
create index audit_events_action on audit_events (tenant_id, action, id);
-- The operator's list of all tenants, newest first.
create index audit_events_all on audit_events (id);

-- Each seal is the hash of the one before it and of the rows between the two, in the order of (written_at, id): a row that is changed,
-- taken out or put in afterwards no longer gives it. Made in the background, so that no deed waits for another one's (decisions/0026).
create table audit_seals (
  tenant_id uuid not null,
  seq bigint not null,
  events integer not null check (events > 0),
  -- Of the first row and of the last one.
  from_at timestamptz not null,
  through_at timestamptz not null,
  through_id uuid not null,
  sha256 bytea not null check (length(sha256) = 32),
  sealed_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, seq)
);

do $$
declare
  t text;
begin
  foreach t in array array['audit_events', 'audit_seals'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
    execute format('create policy platform on %I to kesher_platform using (true) with check (true)', t);
  end loop;
end
$$;
-- No role may change or take out a row, nor say when it was written.
grant select, insert (tenant_id, id, action, actor_kind, actor_id, actor_name, ip, request_id, subject_kind, subject_id, data, created_at)
  on audit_events to kesher_app, kesher_platform;
grant select on audit_seals to kesher_app;
grant select, insert (tenant_id, seq, events, from_at, through_at, through_id, sha256) on audit_seals to kesher_platform;
