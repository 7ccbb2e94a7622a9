-- The outbox: one row for each message that is neither accepted nor given up. What became of it stands in its message.
create sequence whatsapp_send_ordinals;
create table whatsapp_sends (
  tenant_id uuid not null,
  message_id uuid not null,
  connection_id uuid not null,
  conversation_id uuid not null,
  -- Taken under the lock of the conversation's row: within a conversation it follows the order of commits.
  ordinal bigint not null default nextval('whatsapp_send_ordinals'),
  -- scheduled: for later; waiting: until the customer writes; behind: another message of the conversation comes first.
  state text not null check (state in ('scheduled', 'waiting', 'behind', 'queued', 'dispatching')),
  due_at timestamptz not null,
  expires_at timestamptz,
  is_freeform boolean not null,
  -- Where the caller wants it to go; else to the address of the customer's last message.
  to_phone text,
  to_user_id text,
  attempts integer not null default 0,
  -- How often Graph has refused it for now. A request that could not leave is no refusal.
  refusals integer not null default 0,
  -- Who sends it. Every later statement about this attempt names the claim, so that one that was taken away touches nothing.
  claim_id uuid,
  node_id uuid,
  created_at timestamptz not null,
  primary key (tenant_id, message_id),
  foreign key (tenant_id, message_id) references whatsapp_messages (tenant_id, id),
  foreign key (tenant_id, connection_id, conversation_id) references whatsapp_conversations (tenant_id, connection_id, id),
  check ((state = 'dispatching') = (claim_id is not null))
) with (fillfactor = 70);
create index whatsapp_sends_due on whatsapp_sends (connection_id, due_at, ordinal) where state = 'queued';
create index whatsapp_sends_order on whatsapp_sends (tenant_id, conversation_id, ordinal);
create index whatsapp_sends_claimed on whatsapp_sends (node_id) where state = 'dispatching';
create index whatsapp_sends_scheduled on whatsapp_sends (due_at) where state = 'scheduled';
create index whatsapp_sends_waiting on whatsapp_sends (expires_at) where state = 'waiting';

-- How fast a number may send, and whether it may at all. Locked for the moment of a claim, so that all nodes share one pace.
create table whatsapp_send_lanes (
  tenant_id uuid not null,
  connection_id uuid not null,
  messages_per_second integer not null default 80 check (messages_per_second > 0),
  -- When all that was claimed so far is paid for (generic cell rate algorithm).
  paid_until timestamptz not null default '-infinity',
  -- 'infinity': until a new token comes or a person resumes it.
  paused_until timestamptz,
  pause_reason text check (pause_reason in ('token', 'rate', 'person')),
  pause_code integer,
  -- When a new token came. What was claimed before says nothing about it.
  token_at timestamptz,
  -- Refusals in a row that asked for a slower pace.
  refusals integer not null default 0,
  primary key (tenant_id, connection_id),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
) with (fillfactor = 50);
create unique index whatsapp_send_lanes_connection on whatsapp_send_lanes (connection_id);

-- The same for one number and one customer.
create table whatsapp_send_pairs (
  tenant_id uuid not null,
  conversation_id uuid not null,
  paid_until timestamptz not null,
  primary key (tenant_id, conversation_id),
  foreign key (tenant_id, conversation_id) references whatsapp_conversations (tenant_id, id)
) with (fillfactor = 70);

-- Which senders live. What a dead one had under way is taken from it.
create table whatsapp_send_nodes (
  id uuid primary key,
  alive_until timestamptz not null
) with (fillfactor = 50);

-- One answer for one key, for a day.
create table idempotency_keys (
  tenant_id uuid not null references tenants (id),
  key text not null,
  request_sha256 bytea not null,
  answer json,
  created_at timestamptz not null,
  primary key (tenant_id, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);

do $$
declare
  t text;
begin
  foreach t in array array['whatsapp_sends', 'whatsapp_send_lanes', 'whatsapp_send_pairs'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
    execute format('create policy ingest on %I to kesher_ingest using (true) with check (true)', t);
  end loop;
end
$$;
alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy tenant on idempotency_keys to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id());
create policy ingest on idempotency_keys for delete to kesher_ingest using (true);
create policy ingest_age on idempotency_keys for select to kesher_ingest using (true);
create policy platform on whatsapp_send_lanes to kesher_platform using (true) with check (true);

grant usage on sequence whatsapp_send_ordinals to kesher_app, kesher_ingest;
grant select, insert, update, delete on whatsapp_sends to kesher_app, kesher_ingest;
grant select, insert, update on whatsapp_send_lanes, whatsapp_send_pairs to kesher_app, kesher_ingest;
grant select, insert, update, delete on whatsapp_send_nodes to kesher_ingest;
grant select, insert, update, delete on idempotency_keys to kesher_app;
grant select (created_at), delete on idempotency_keys to kesher_ingest;
-- A new token lets a paused number go on.
grant select, insert, update on whatsapp_send_lanes to kesher_platform;
