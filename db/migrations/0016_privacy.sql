-- kesher_privacy carries out retention, exports and erasures, as jobs: what kesher_app may do for the running tenant, and besides to delete
-- what nobody else deletes and to rewrite what nobody else rewrites. No request is served with it.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'kesher_privacy') then
      create role kesher_privacy nologin nosuperuser nobypassrls nocreatedb nocreaterole;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- made by a neighbour at this very moment
  end;
  if not pg_has_role(current_user, 'kesher_privacy', 'set') then
    execute 'grant kesher_privacy to current_user with set true, inherit false';
  end if;
  if not pg_has_role('kesher_privacy', 'kesher_app', 'usage') then
    execute 'grant kesher_app to kesher_privacy with set false, inherit true';
  end if;
end
$$;
grant usage on schema public to kesher_privacy;

-- Until when updates of erased people may still come in; null: nobody was erased. Routing reads it with the tenant, so that who erases nobody pays nothing.
alter table tenants add column erasures_until timestamptz;
grant update (erasures_until) on tenants to kesher_privacy;

-- The key under which a tenant's erased people are recognised. Sealed.
create table erasure_secrets (
  tenant_id uuid not null references tenants (id),
  secret bytea not null,
  primary key (tenant_id)
);

-- Addresses and messages of erased people, as keyed hashes: what names one and is dated between since and until is left out.
create table erasure_marks (
  tenant_id uuid not null references tenants (id),
  mark bytea not null check (length(mark) = 32),
  since timestamptz not null,
  until timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant_id, mark)
);
create index erasure_marks_age on erasure_marks (expires_at);

-- Exports and erasures. Ids only: the person stands in no column.
create table privacy_jobs (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  kind text not null check (kind in ('export', 'erasure')),
  -- The canonical contact when it was asked for. No reference: an erasure outlives it.
  contact_id uuid not null,
  -- With all that were merged into it; and their conversations.
  contact_ids uuid[] not null default '{}',
  conversation_ids uuid[] not null default '{}',
  -- Files that were uploaded to be sent, as far as they were sent to this person.
  upload_ids uuid[] not null default '{}',
  state text not null check (state in ('queued', 'running', 'done', 'failed')),
  -- How far it is: work goes on behind this.
  step text not null default '',
  cursor text not null default '',
  -- From which moment on the person is a stranger.
  erased_at timestamptz,
  counts jsonb not null default '{}',
  error text,
  -- Of an export.
  bytes bigint,
  expires_at timestamptz,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  primary key (tenant_id, id)
);
create unique index privacy_jobs_open on privacy_jobs (tenant_id, kind, contact_id) where state in ('queued', 'running');
create index privacy_jobs_expiry on privacy_jobs (expires_at) where expires_at is not null;

-- How long a tenant keeps what, in days; null: as long as the platform does.
create table retention_settings (
  tenant_id uuid not null references tenants (id),
  messages_days integer check (messages_days > 0),
  media_days integer check (media_days > 0),
  activity_days integer check (activity_days > 0),
  statuses_days integer check (statuses_days > 0),
  parked_days integer check (parked_days > 0),
  account_events_days integer check (account_events_days > 0),
  forwarding_days integer check (forwarding_days > 0),
  -- When all that was too old was gone for the last time.
  enforced_at timestamptz,
  primary key (tenant_id)
);

do $$
declare
  t text;
begin
  foreach t in array array['erasure_secrets', 'erasure_marks', 'privacy_jobs', 'retention_settings'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
  end loop;
end
$$;
-- The path in asks whom it must leave out.
create policy ingest on erasure_secrets for select to kesher_ingest using (true);
create policy ingest on erasure_marks for select to kesher_ingest using (true);
grant select on erasure_secrets, erasure_marks to kesher_ingest;
grant select on erasure_secrets, erasure_marks to kesher_app;
-- The rotation of encryption keys.
create policy keys on erasure_secrets to kesher_keys using (true) with check (true);
grant select (tenant_id, secret), update (secret) on erasure_secrets to kesher_keys;
grant insert on erasure_secrets to kesher_privacy;
grant insert, update, delete on erasure_marks to kesher_privacy;
grant select, insert on privacy_jobs to kesher_app;
grant update, delete on privacy_jobs to kesher_privacy;
grant select, insert, update on retention_settings to kesher_app;

-- Whose turn it is, over all tenants: upkeep asks without a tenant.
create policy sweep on retention_settings for select to kesher_privacy using (true);
create policy sweep on erasure_marks for select to kesher_privacy using (true);
create policy sweep_age on erasure_marks for delete to kesher_privacy using (expires_at < now());
create policy sweep on privacy_jobs for select to kesher_privacy using (true);
create policy sweep_reads on tenants for select to kesher_privacy using (true);
create policy sweep_versions on tenants for update to kesher_privacy using (true) with check (true);

grant delete on whatsapp_contacts, whatsapp_contact_addresses, whatsapp_contact_bonds, whatsapp_contact_ties, whatsapp_contact_departures,
  whatsapp_conversations, whatsapp_message_statuses, whatsapp_send_pairs, activity_events, forward_deliveries, forward_lanes, forward_updates
  to kesher_privacy;
grant update (data) on activity_events to kesher_privacy;
grant update (body) on forward_updates to kesher_privacy;
create policy privacy on whatsapp_account_events to kesher_privacy using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id());
grant update (content, raw), delete on whatsapp_account_events to kesher_privacy;
-- What is parked for nobody may be about this tenant's account all the same.
create policy privacy on parked_updates to kesher_privacy using (tenant_id = current_tenant_id() or tenant_id is null)
  with check (tenant_id = current_tenant_id() or tenant_id is null);
grant update, delete on parked_updates to kesher_privacy;
-- Bodies hold updates of several tenants: only the person's are taken out of them.
grant select, update (body) on webhook_deliveries to kesher_privacy;
grant select, update on webhook_results to kesher_privacy;
create policy privacy on activity_counters to kesher_privacy using (tenant_id = current_tenant_id() or tenant_id = '00000000-0000-0000-0000-000000000000')
  with check (tenant_id = current_tenant_id() or tenant_id = '00000000-0000-0000-0000-000000000000');

-- What a conversation has heard that is not kept any more, so that it can still be counted again from its messages.
alter table whatsapp_conversations
  add column expired_inbound_count bigint not null default 0,
  add column expired_outbound_count bigint not null default 0,
  add column expired_customer_message_at timestamptz,
  add column expired_last_message_at timestamptz;

-- The other half of what a foreign key of the messages would do (decisions/0021): there is a role now that deletes conversations.
create function check_conversation_left() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (select from whatsapp_messages m where m.tenant_id = old.tenant_id and m.conversation_id = old.id) then
    raise exception 'a conversation that still has messages' using errcode = 'foreign_key_violation';
  end if;
  return null;
end
$$;
create trigger check_left after delete on whatsapp_conversations for each row execute function check_conversation_left();
