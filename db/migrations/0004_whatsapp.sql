create table whatsapp_accounts (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  waba_id text not null unique,
  -- The business portfolio scopes user ids (BSUIDs); until it is known the account does.
  portfolio_id text,
  -- Only deliveries signed for this Meta app may touch the account.
  app_key text not null default '',
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);

create table whatsapp_connections (
  tenant_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  phone_number_id text not null unique,
  display_phone_number text,
  state text not null check (state in ('discovered', 'connected', 'disconnected')),
  access_token bytea,
  verified_name text,
  quality text,
  messaging_limit text,
  last_seen_at timestamptz,
  last_error text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, account_id) references whatsapp_accounts (tenant_id, id)
);

create table whatsapp_contacts (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  profile_name text,
  username text,
  -- Which message the two names come from: the greatest (time, wamid) wins.
  profile_at timestamptz not null,
  profile_wa_message_id text collate "C" not null,
  -- The same of this contact's own addresses alone; the two above count those of the contacts merged into it, too.
  own_profile_name text,
  own_username text,
  own_profile_at timestamptz not null default to_timestamp(0),
  own_profile_wa_message_id text collate "C" not null default '',
  locale text,
  opted_out_at timestamptz,
  -- The latest word about marketing messages, so that an earlier one that arrives late changes nothing.
  preference_at timestamptz,
  merged_into_id uuid,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, merged_into_id) references whatsapp_contacts (tenant_id, id)
) with (fillfactor = 70);
create index whatsapp_contacts_merged on whatsapp_contacts (tenant_id, merged_into_id) where merged_into_id is not null;

-- How a contact is known. A phone has one row for each user id that was seen with it (claimant), because numbers are given to
-- other people: at Meta's time t it belongs to the claimant with the greatest from_at that is not after t, else to the first.
create table whatsapp_contact_addresses (
  tenant_id uuid not null,
  kind text not null check (kind in ('phone', 'user_id', 'parent_user_id')),
  scope text not null,
  value text collate "C" not null,
  claimant text collate "C" not null default '',
  contact_id uuid not null,
  from_at timestamptz not null,
  until_at timestamptz,
  primary key (tenant_id, kind, value, scope, claimant),
  foreign key (tenant_id, contact_id) references whatsapp_contacts (tenant_id, id)
);
create index whatsapp_contact_addresses_contact on whatsapp_contact_addresses (tenant_id, contact_id);

-- Two contacts that are certainly one person; with undone_at, two that a person has parted, whose direct ties no longer count.
create table whatsapp_contact_bonds (
  tenant_id uuid not null,
  contact_id uuid not null,
  other_id uuid not null,
  undone_at timestamptz,
  primary key (tenant_id, contact_id, other_id),
  check (contact_id < other_id),
  foreign key (tenant_id, contact_id) references whatsapp_contacts (tenant_id, id),
  foreign key (tenant_id, other_id) references whatsapp_contacts (tenant_id, id)
);
create index whatsapp_contact_bonds_other on whatsapp_contact_bonds (tenant_id, other_id);

-- Whoever owned the phone at that time is the same person as the user id, or as whoever owned the other phone at the other time.
-- Who that was is computed when it is needed, since late updates can change it. Found by the phone, or from the contact.
create table whatsapp_contact_ties (
  tenant_id uuid not null,
  phone text collate "C" not null,
  at timestamptz not null,
  other_kind text not null check (other_kind in ('phone', 'user_id')),
  other_scope text not null,
  other_value text collate "C" not null,
  -- Of a phone; a user id has no such time and carries that of the row.
  other_at timestamptz not null,
  contact_id uuid not null,
  primary key (tenant_id, phone, at, other_kind, other_value, other_scope, other_at),
  foreign key (tenant_id, contact_id) references whatsapp_contacts (tenant_id, id)
);
create index whatsapp_contact_ties_contact on whatsapp_contact_ties (tenant_id, contact_id);

-- The owner of the phone until then has another number since.
create table whatsapp_contact_departures (
  tenant_id uuid not null references tenants (id),
  phone text collate "C" not null,
  at timestamptz not null,
  primary key (tenant_id, phone, at)
);

create table whatsapp_conversations (
  tenant_id uuid not null,
  id uuid not null,
  connection_id uuid not null,
  contact_id uuid,
  group_id text collate "C",
  group_subject text,
  last_customer_message_at timestamptz,
  -- Of messages at one time the greatest is the last: a reply goes to whoever sent it.
  last_customer_wa_message_id text collate "C",
  refused_at timestamptz,
  free_entry_point_expires_at timestamptz,
  -- Address of the last inbound message: where a reply goes.
  reply_phone text,
  reply_user_id text,
  last_message_at timestamptz,
  last_message_wa_message_id text collate "C",
  last_message_id uuid,
  -- last_message_at to the hour, for the list's index: within the hour a new message changes no index (HOT).
  last_message_hour bigint not null default 0,
  inbound_count bigint not null default 0,
  outbound_count bigint not null default 0,
  unread_count bigint not null default 0,
  state text not null default 'open' check (state in ('open', 'closed')),
  assignee_id uuid,
  auto_replied_at timestamptz,
  merged_into_id uuid,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, connection_id, id),
  unique (tenant_id, connection_id, contact_id),
  unique (tenant_id, connection_id, group_id),
  check ((contact_id is null) <> (group_id is null)),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id),
  foreign key (tenant_id, contact_id) references whatsapp_contacts (tenant_id, id),
  foreign key (tenant_id, merged_into_id) references whatsapp_conversations (tenant_id, id)
) with (fillfactor = 60);
create index whatsapp_conversations_list on whatsapp_conversations (tenant_id, last_message_hour desc) where merged_into_id is null;
create index whatsapp_conversations_contact on whatsapp_conversations (tenant_id, contact_id);
create index whatsapp_conversations_merged on whatsapp_conversations (tenant_id, merged_into_id) where merged_into_id is not null;

create table whatsapp_messages (
  tenant_id uuid not null,
  id uuid not null,
  connection_id uuid not null,
  conversation_id uuid not null,
  wa_message_id text collate "C",
  direction text not null check (direction in ('inbound', 'outbound')),
  origin text not null check (origin in ('customer', 'phone', 'api', 'inbox', 'automatic')),
  type text not null,
  role text not null check (role in ('message', 'system', 'reaction', 'edit', 'revoke', 'call')),
  content jsonb not null,
  -- The update as it came, as JSON text; decides which of two contents for one wamid is kept.
  raw text collate "C",
  status text not null check (status in ('received', 'pending', 'unknown', 'accepted', 'sent', 'failed', 'delivered', 'read', 'played', 'cancelled')),
  -- Meta's time; for what we send, ours until Meta's is known.
  wa_timestamp timestamptz not null,
  sender_phone text collate "C",
  sender_user_id text collate "C",
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  played_at timestamptz,
  failed_at timestamptz,
  error_code integer,
  error_title text,
  error_details text,
  pricing json,
  pricing_at timestamptz,
  target_wa_message_id text collate "C",
  is_standby boolean not null default false,
  -- The caller's own word for what it sends, given back with every status: Meta's biz_opaque_callback_data carries our id.
  callback text,
  -- Of a message that was sent anew by a person: the one before.
  resend_of uuid,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, connection_id, wa_message_id),
  -- Bound through the conversation to one connection of the same tenant. By the triggers below.
  foreign key (tenant_id, connection_id, conversation_id) references whatsapp_conversations (tenant_id, connection_id, id) not enforced
) with (fillfactor = 85);
create index whatsapp_messages_thread on whatsapp_messages (tenant_id, conversation_id, wa_timestamp, id);
create index whatsapp_messages_target on whatsapp_messages (tenant_id, connection_id, target_wa_message_id)
  where role in ('reaction', 'edit', 'revoke');

-- Every distinct status that Meta reported, also before its message is known. Partitioned by Meta's time, which is part of the key.
create table whatsapp_message_statuses (
  tenant_id uuid not null,
  connection_id uuid not null,
  wa_message_id text collate "C" not null,
  status text collate "C" not null,
  participant text collate "C" not null,
  at timestamptz not null,
  error_code integer not null default 0,
  error_title text,
  error_details text,
  pricing json,
  free_entry_point_expires_at timestamptz,
  callback text,
  created_at timestamptz not null,
  primary key (tenant_id, connection_id, wa_message_id, status, participant, at, error_code),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id) not enforced
) partition by range (at);
create table whatsapp_message_statuses_default partition of whatsapp_message_statuses default;

-- What the foreign keys that are not enforced say, held once for a statement instead of once for a row: checking each row took a fifth of
-- its insert. As strong here (decisions/0021): nobody but the owner may delete
-- conversations or connections, and their keys are held by the last two triggers. `pg_temp` is named last: left out it would come first,
-- and a temporary table named like one of ours would be asked instead.
create function check_message_places() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (
    select from (select distinct tenant_id, connection_id, conversation_id from written) w
    where not exists (
      select from whatsapp_conversations c where c.tenant_id = w.tenant_id and c.connection_id = w.connection_id and c.id = w.conversation_id)
  ) then
    raise exception 'a message of a conversation that its tenant and connection do not have' using errcode = 'foreign_key_violation';
  end if;
  return null;
end
$$;
create function check_status_places() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (
    select from (select distinct tenant_id, connection_id from written) w
    where not exists (select from whatsapp_connections c where c.tenant_id = w.tenant_id and c.id = w.connection_id)
  ) then
    raise exception 'a status of a connection that its tenant does not have' using errcode = 'foreign_key_violation';
  end if;
  return null;
end
$$;
create trigger check_inserted after insert on whatsapp_messages referencing new table as written
  for each statement execute function check_message_places();
create trigger check_inserted after insert on whatsapp_message_statuses referencing new table as written
  for each statement execute function check_status_places();

-- These cost nothing to whoever does not set such a column.
create function check_message_place() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if not exists (
    select from whatsapp_conversations c
    where c.tenant_id = new.tenant_id and c.connection_id = new.connection_id and c.id = new.conversation_id)
  then
    raise exception 'a message of a conversation that its tenant and connection do not have' using errcode = 'foreign_key_violation';
  end if;
  return null;
end
$$;
create trigger check_moved after update of tenant_id, connection_id, conversation_id on whatsapp_messages
  for each row execute function check_message_place();
create function refuse_new_key() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  raise exception 'the key of a row that others point to is for ever' using errcode = 'foreign_key_violation';
end
$$;
create trigger hold_key before update of tenant_id, id, connection_id on whatsapp_conversations
  for each row when ((old.tenant_id, old.id, old.connection_id) is distinct from (new.tenant_id, new.id, new.connection_id))
  execute function refuse_new_key();
create trigger hold_key before update of tenant_id, id on whatsapp_connections
  for each row when ((old.tenant_id, old.id) is distinct from (new.tenant_id, new.id)) execute function refuse_new_key();
create trigger hold_key before update of tenant_id, connection_id on whatsapp_message_statuses
  for each row when ((old.tenant_id, old.connection_id) is distinct from (new.tenant_id, new.connection_id)) execute function refuse_new_key();

do $$
declare
  t text;
begin
  foreach t in array array['whatsapp_accounts', 'whatsapp_connections', 'whatsapp_contacts', 'whatsapp_contact_addresses',
                           'whatsapp_contact_bonds', 'whatsapp_contact_ties', 'whatsapp_contact_departures',
                           'whatsapp_conversations', 'whatsapp_messages', 'whatsapp_message_statuses'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
    execute format('create policy ingest on %I to kesher_ingest using (true) with check (true)', t);
  end loop;
end
$$;
-- Partitions are reached through their parent only: row-level security without a policy shuts the side door.
alter table whatsapp_message_statuses_default enable row level security;
alter table whatsapp_message_statuses_default force row level security;
create policy platform on whatsapp_accounts to kesher_platform using (true) with check (true);
create policy platform on whatsapp_connections to kesher_platform using (true) with check (true);

grant select on whatsapp_accounts, whatsapp_message_statuses to kesher_app;
grant select, update on whatsapp_connections to kesher_app;
-- A message to a new number makes a contact, and people undo merges.
grant select, insert, update on whatsapp_contacts, whatsapp_contact_addresses, whatsapp_contact_bonds to kesher_app;
grant select, insert on whatsapp_contact_ties, whatsapp_contact_departures to kesher_app;
grant select, insert, update on whatsapp_conversations, whatsapp_messages to kesher_app;
-- A send takes the place of its own echo.
grant delete on whatsapp_messages to kesher_app, kesher_ingest;

grant select on whatsapp_accounts to kesher_ingest;
-- Not the access token.
grant select (tenant_id, id, account_id, phone_number_id, display_phone_number, state, quality, messaging_limit, last_seen_at, last_error, created_at),
  insert (tenant_id, id, account_id, phone_number_id, display_phone_number, state, last_seen_at),
  update (display_phone_number, last_seen_at) on whatsapp_connections to kesher_ingest;
grant select, insert, update on whatsapp_contacts, whatsapp_contact_addresses, whatsapp_conversations, whatsapp_messages to kesher_ingest;
grant select, insert on whatsapp_contact_bonds, whatsapp_contact_ties, whatsapp_contact_departures to kesher_ingest;
-- A fact that comes again with more in it takes that in.
grant select, insert, update on whatsapp_message_statuses to kesher_ingest;

grant select, insert, update on whatsapp_accounts, whatsapp_connections to kesher_platform;
