-- How a number was connected, and how it is.
alter table whatsapp_connections
  -- Two-step verification PIN of its registration. Encrypted, and never shown.
  add column pin bytea,
  -- The number is used in the WhatsApp Business app, too: it is not registered, and sends fewer messages a second.
  add column is_coexistence boolean not null default false,
  -- When it got its present token, or went through Meta's dialogue.
  add column connected_at timestamptz,
  add column probed_at timestamptz,
  add column probe_due_at timestamptz,
  -- How often it is heard of in each hour of the week (core/connection-rhythm.ts).
  add column rhythm jsonb;
create index whatsapp_connections_probe on whatsapp_connections (probe_due_at nulls first) where state = 'connected';
-- The sweep that asks for probes.
grant select (probe_due_at), update (probe_due_at) on whatsapp_connections to kesher_ingest;

grant select (pin), update (pin) on whatsapp_connections to kesher_keys;

-- One verdict for each thing that is looked at.
create table whatsapp_connection_checks (
  tenant_id uuid not null,
  connection_id uuid not null,
  check_name text not null,
  state text not null check (state in ('ok', 'warning', 'problem', 'unknown')),
  -- What is wrong; null where nothing is.
  code text,
  -- As of when the state and the code are what they are.
  since timestamptz not null,
  checked_at timestamptz not null,
  data jsonb not null,
  primary key (tenant_id, connection_id, check_name),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
);

-- What is done once for a number at Meta. pending: not yet; failed: somebody must act.
create table whatsapp_connection_steps (
  tenant_id uuid not null,
  connection_id uuid not null,
  step text not null check (step in ('token', 'subscribe', 'register', 'contacts', 'history')),
  state text not null check (state in ('pending', 'done', 'skipped', 'failed')),
  code text,
  meta_code integer,
  detail text,
  attempts integer not null default 0,
  -- Somebody is at it since then.
  started_at timestamptz,
  updated_at timestamptz not null,
  primary key (tenant_id, connection_id, step),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
);

do $$
declare
  t text;
begin
  foreach t in array array['whatsapp_connection_checks', 'whatsapp_connection_steps'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
    execute format('create policy platform on %I to kesher_platform using (true) with check (true)', t);
  end loop;
end
$$;
grant select, insert, update, delete on whatsapp_connection_checks, whatsapp_connection_steps to kesher_app;
-- A number that the operator connects.
grant select, insert, update on whatsapp_connection_steps to kesher_platform;
