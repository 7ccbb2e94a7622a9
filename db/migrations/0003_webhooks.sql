-- The journal: every signed body as it came, insert-only, dropped by age. Ids are uuid v7, so ranges of ids are ranges of time.
create table webhook_deliveries (
  id uuid not null,
  -- Key of the Meta app whose secret signed it; '' is the platform's.
  app_key text not null,
  received_at timestamptz not null,
  -- How many lanes of the queue it was put into; it is decoded when as many results are there.
  lanes smallint not null,
  body bytea not null,
  primary key (id)
) partition by range (id);
-- Bodies are small or already short-lived: compressing them costs more than it saves.
alter table webhook_deliveries alter column body set storage external;
create table webhook_deliveries_default partition of webhook_deliveries default;

-- What became of a delivery's updates, one row per lane of the queue.
create table webhook_results (
  delivery_id uuid not null,
  kind text not null,
  updates integer not null,
  stored integer not null,
  parked integer not null,
  duplicates integer not null,
  suppressed integer not null,
  applied_at timestamptz not null,
  primary key (delivery_id, kind)
) partition by range (delivery_id);
create table webhook_results_default partition of webhook_results default;

-- The queue `webhooks`: claimed by deleting, in the transaction that applies. A rollback or a crash puts the work back by itself.
create table webhook_pending (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('whatsapp-messages', 'whatsapp-statuses', 'whatsapp-account')),
  -- Fairness key: the first WABA id that the bodies name, or ''.
  account text not null,
  delivery_ids uuid[] not null,
  updates integer not null,
  -- Deliveries that are not counted as pending elsewhere (a delivery may stand in several lanes).
  counted_deliveries integer not null,
  -- Set when a single update is run alone: its ordinal in the one delivery.
  update_index integer,
  -- The parked update that this work would resolve.
  parked_id uuid,
  -- Applied before: only what was parked counts.
  is_replay boolean not null default false,
  created_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_threshold = 100000);
create index webhook_pending_fair on webhook_pending (kind, account, id);

-- Work of the queue that was under way when a process ended; usual work has no row. No foreign key: it is counted by a second session
-- while the worker's own holds the row of webhook_pending, and goes with that row.
create table webhook_attempts (
  pending_id bigint primary key,
  -- How often it was tried alone; 0 if only in company.
  attempts_alone smallint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- How many deliveries each node has taken in: a row per slot, so that nodes do not wait for each other.
create table webhook_intake (
  slot smallint primary key,
  deliveries bigint not null default 0
) with (fillfactor = 50);

-- Updates that could not be applied, each with what it takes to try again after the journal is gone.
create table parked_updates (
  id uuid primary key,
  delivery_id uuid not null,
  update_index integer not null,
  kind text not null,
  tenant_id uuid references tenants (id),
  app_key text not null,
  waba_id text,
  phone_number_id text,
  reason text not null check (reason in ('unreadable', 'unrouted', 'number_mismatch', 'bad_update', 'rejected_by_database', 'crashed_worker')),
  detail text not null,
  -- The located update as JSON text; null for a body that cannot be read.
  located text,
  -- The update's JSON text, or for an unreadable body its first 2 kB as a JSON string.
  update_json text not null,
  received_at timestamptz not null,
  parked_at timestamptz not null,
  resolved_at timestamptz,
  unique (delivery_id, update_index)
);
create index parked_updates_open on parked_updates (id) where resolved_at is null;
create index parked_updates_tenant on parked_updates (tenant_id, id) where resolved_at is null;
create index parked_updates_unrouted on parked_updates (waba_id, app_key) where resolved_at is null and reason = 'unrouted';
alter table parked_updates enable row level security;
alter table parked_updates force row level security;
create policy tenant on parked_updates for select to kesher_app using (tenant_id = current_tenant_id());
create policy ingest on parked_updates to kesher_ingest using (true) with check (true);
create policy platform on parked_updates to kesher_platform using (true) with check (true);

grant select, insert on webhook_deliveries to kesher_ingest;
grant select, insert, update on webhook_results to kesher_ingest;
grant select, insert, update, delete on webhook_pending, webhook_attempts to kesher_ingest;
grant select, insert, update on webhook_intake, parked_updates to kesher_ingest;
grant select on webhook_deliveries, webhook_results, webhook_intake, parked_updates to kesher_platform;
grant select, insert on webhook_pending to kesher_platform;
grant select on parked_updates to kesher_app;
