-- A tenant's own endpoints: where its updates are sent on to, in Meta's shape or as events.
create table forward_endpoints (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text not null,
  url text not null,
  form text not null check (form in ('meta', 'events')),
  -- Types of events, or Meta's fields; null: all.
  topics text[],
  -- Null: all of the tenant's.
  connection_ids uuid[],
  state text not null default 'active' check (state in ('active', 'paused')),
  paused_reason text check (paused_reason in ('asked', 'failing', 'gone')),
  -- Sealed. The previous one signs too until its time is over.
  secret bytea not null,
  previous_secret bytea,
  previous_secret_until timestamptz,
  -- Grows with every change of url and secrets, so that nodes forget what they remember of them.
  version integer not null default 1,
  -- Up to here the log has been laid out as deliveries: a seq of the activity, or an id of forward_updates.
  read_seq bigint not null default 0,
  -- Rounds of attempts without a success between them.
  failures integer not null default 0,
  failing_since timestamptz,
  retry_at timestamptz,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  last_error text,
  created_at timestamptz not null,
  primary key (tenant_id, id)
) with (fillfactor = 70);
create index forward_endpoints_active on forward_endpoints (tenant_id, id) where state = 'active';

-- Whether updates are kept for forwarding. It stands in the row that every transaction of the path in locks last, so whoever
-- comes after the endpoint in the order of commits sees it, at no cost.
alter table activity_counters add column keeps_updates boolean not null default false;

-- What tenants with an endpoint in Meta's shape have received, as it will be sent. An id is drawn while the tenant's counter row is
-- locked until COMMIT: within a tenant ids follow the order of commits.
create table forward_updates (
  tenant_id uuid not null,
  id bigint generated always as identity,
  connection_id uuid,
  -- What must stay in order: the conversation, or what stands for it.
  lane text not null,
  field text not null,
  body text not null,
  created_at timestamptz not null,
  primary key (tenant_id, id)
);
create index forward_updates_age on forward_updates (created_at);

-- One update or event for one endpoint. Ids are made of the time, the endpoint and the place in the log: the same again is the same row.
create table forward_deliveries (
  tenant_id uuid not null,
  id uuid not null,
  endpoint_id uuid not null,
  log_seq bigint not null,
  lane text not null,
  state text not null check (state in ('pending', 'delivered', 'dead')),
  attempts integer not null default 0,
  status integer,
  error text,
  first_attempt_at timestamptz,
  last_attempt_at timestamptz,
  -- Of the event or update.
  created_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, endpoint_id) references forward_endpoints (tenant_id, id) on delete cascade
) with (fillfactor = 80);
create index forward_deliveries_next on forward_deliveries (tenant_id, endpoint_id, lane, log_seq) where state = 'pending';
create index forward_deliveries_list on forward_deliveries (tenant_id, endpoint_id, state, id);

-- One row for each endpoint and conversation with something pending: who claims it sends its deliveries one after another.
-- Changed only while the row of the endpoint is locked.
create table forward_lanes (
  tenant_id uuid not null,
  endpoint_id uuid not null,
  lane text not null,
  -- When it may be claimed; of a claimed one, when the claim is void.
  due_at timestamptz not null,
  claim_id uuid,
  failures integer not null default 0,
  primary key (tenant_id, endpoint_id, lane),
  foreign key (tenant_id, endpoint_id) references forward_endpoints (tenant_id, id) on delete cascade
) with (fillfactor = 70);
create index forward_lanes_due on forward_lanes (tenant_id, endpoint_id, due_at);
create index forward_lanes_claimed on forward_lanes (tenant_id, endpoint_id) where claim_id is not null;

do $$
declare
  t text;
begin
  foreach t in array array['forward_endpoints', 'forward_updates', 'forward_deliveries', 'forward_lanes'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
    execute format('create policy ingest on %I to kesher_ingest using (true) with check (true)', t);
  end loop;
end
$$;

grant select, insert, update, delete on forward_endpoints to kesher_app;
grant select on forward_updates to kesher_app;
grant select, insert, update on forward_deliveries, forward_lanes to kesher_app;
-- Neither where it is sent, which may hold a key of the receiver's, nor what it is signed with.
grant select (tenant_id, id, form, topics, connection_ids, state, paused_reason, version, read_seq, failures, failing_since, retry_at, last_success_at,
    last_failure_at, last_error),
  update (state, paused_reason, read_seq, failures, failing_since, retry_at, last_success_at, last_failure_at, last_error)
  on forward_endpoints to kesher_ingest;
grant select, insert, delete on forward_updates to kesher_ingest;
grant select, insert, update, delete on forward_deliveries, forward_lanes to kesher_ingest;
