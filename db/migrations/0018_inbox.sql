-- What people do with conversations: answer, set aside, assign, label, note; what they look for, and what they look back on.

-- When a person, a bot or the phone last answered. An automatic reply is no answer.
alter table whatsapp_conversations add column last_answer_at timestamptz;
update whatsapp_conversations c set last_answer_at = a.at
from (
  select tenant_id, conversation_id, max(wa_timestamp) as at from whatsapp_messages
  where direction = 'outbound' and role = 'message' and origin <> 'automatic' group by tenant_id, conversation_id
) a
where c.tenant_id = a.tenant_id and c.id = a.conversation_id;

-- Done or snoozed, and as of which word of the customer: the next one opens the conversation again, whatever statement stores it.
alter table whatsapp_conversations
  add column set_aside text check (set_aside in ('done', 'snoozed')),
  add column set_aside_inbound_count bigint,
  add column set_aside_customer_message_at timestamptz,
  add column snoozed_until timestamptz,
  add check ((set_aside is not distinct from 'snoozed') = (snoozed_until is not null));
alter table whatsapp_conversations drop column state;
-- Both are kept as values, so that an update which leaves them as they are touches no index (HOT).
alter table whatsapp_conversations
  add column state text not null generated always as (
    case when set_aside is not null and set_aside_inbound_count = inbound_count
           and set_aside_customer_message_at is not distinct from last_customer_message_at then set_aside
      else 'open' end) stored,
  add column is_waiting boolean not null generated always as (
    last_customer_message_at is not null and (last_answer_at is null or last_answer_at < last_customer_message_at)) stored;

-- The views of the inbox. By the hour, as before: within the hour a new message changes no index.
drop index whatsapp_conversations_list;
create index whatsapp_conversations_list on whatsapp_conversations (tenant_id, state, last_message_hour desc) where merged_into_id is null;
create index whatsapp_conversations_assignee on whatsapp_conversations (tenant_id, assignee_id, state, last_message_hour desc)
  where merged_into_id is null;
create index whatsapp_conversations_waiting on whatsapp_conversations (tenant_id, last_message_hour desc)
  where merged_into_id is null and is_waiting and state = 'open';
create index whatsapp_conversations_snoozed on whatsapp_conversations (snoozed_until) where snoozed_until is not null;

create table labels (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text not null,
  colour text not null check (colour in ('grey', 'red', 'orange', 'amber', 'green', 'teal', 'blue', 'indigo', 'violet', 'pink')),
  created_at timestamptz not null,
  primary key (tenant_id, id)
);
create unique index labels_name on labels (tenant_id, lower(name));

create table conversation_labels (
  tenant_id uuid not null,
  conversation_id uuid not null,
  label_id uuid not null,
  created_at timestamptz not null,
  primary key (tenant_id, conversation_id, label_id),
  foreign key (tenant_id, conversation_id) references whatsapp_conversations (tenant_id, id) on delete cascade,
  foreign key (tenant_id, label_id) references labels (tenant_id, id) on delete cascade
);
create index conversation_labels_label on conversation_labels (tenant_id, label_id, conversation_id);

-- To colleagues; the customer never sees them.
create table conversation_notes (
  tenant_id uuid not null,
  id uuid not null,
  conversation_id uuid not null,
  body text not null,
  -- People, by their ids in schema auth.
  mentions uuid[] not null default '{}',
  author_kind text not null check (author_kind in ('person', 'api_key', 'operator', 'system')),
  author_id uuid,
  author_name text not null,
  created_at timestamptz not null,
  edited_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, conversation_id) references whatsapp_conversations (tenant_id, id) on delete cascade
);
create index conversation_notes_conversation on conversation_notes (tenant_id, conversation_id, id);

create table canned_replies (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  shortcut text not null,
  -- By language.
  texts jsonb not null check (jsonb_typeof(texts) = 'object'),
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id)
);
create unique index canned_replies_shortcut on canned_replies (tenant_id, lower(shortcut));

-- Followers of the activity: how far each has read. Whoever writes for a tenant holds this row, so that one at a time does.
create table follower_cursors (
  tenant_id uuid not null references tenants (id),
  follower text not null check (follower in ('search', 'overview')),
  seq bigint not null default 0,
  -- Older messages, and then contacts, are indexed downwards from here; null: all of them are.
  fill_before_id uuid,
  fill_contacts_before_id uuid,
  -- Stands before each word of the tenant in the index of all tenants.
  ordinal bigint generated always as identity,
  primary key (tenant_id, follower)
) with (fillfactor = 50);

-- What can be found: words without their order, from which no text can be read back but its words. No reference to the message, whose row
-- would be locked, and so written, for each; who deletes messages takes the follower's turn and deletes these (services/privacy).
create table search_messages (
  tenant_id uuid not null,
  message_id uuid not null,
  conversation_id uuid not null,
  at timestamptz not null,
  words tsvector not null default '',
  primary key (tenant_id, message_id)
);
create index search_messages_words on search_messages using gin (words) with (gin_pending_list_limit = 1024);
create index search_messages_at on search_messages (tenant_id, at);
create index search_messages_conversation on search_messages (tenant_id, conversation_id, at);

create table search_contacts (
  tenant_id uuid not null,
  contact_id uuid not null,
  words tsvector not null default '',
  primary key (tenant_id, contact_id),
  foreign key (tenant_id, contact_id) references whatsapp_contacts (tenant_id, id) on delete cascade
);
create index search_contacts_words on search_contacts using gin (words) with (gin_pending_list_limit = 1024);

-- The overview, by quarters of an hour, since every time zone's hours and days begin at one. Filled by a follower: whoever commits the place in
-- the activity commits its counts.
create table overview_counts (
  tenant_id uuid not null,
  at timestamptz not null,
  connection_id uuid not null,
  inbound bigint not null default 0,
  outbound bigint not null default 0,
  automatic bigint not null default 0,
  templates bigint not null default 0,
  -- Of the messages that were made in this quarter, whenever it was reported.
  sent bigint not null default 0,
  delivered bigint not null default 0,
  read bigint not null default 0,
  failed bigint not null default 0,
  primary key (tenant_id, at, connection_id),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
) with (fillfactor = 70);
create table overview_responses (
  tenant_id uuid not null,
  at timestamptz not null,
  connection_id uuid not null,
  -- The answer to the word that opened a window.
  is_first boolean not null,
  -- On a scale of times (core/response-scale.ts).
  step smallint not null,
  answers bigint not null default 0,
  primary key (tenant_id, at, connection_id, is_first, step),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
) with (fillfactor = 70);
create table overview_failures (
  tenant_id uuid not null,
  at timestamptz not null,
  connection_id uuid not null,
  -- Meta's; -1: none was told.
  code integer not null,
  failures bigint not null default 0,
  primary key (tenant_id, at, connection_id, code),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
) with (fillfactor = 70);
-- Since when a customer waits for an answer, as far as the follower has read.
create table overview_waits (
  tenant_id uuid not null,
  conversation_id uuid not null,
  since_at timestamptz not null,
  is_first boolean not null,
  primary key (tenant_id, conversation_id),
  foreign key (tenant_id, conversation_id) references whatsapp_conversations (tenant_id, id) on delete cascade
) with (fillfactor = 70);

do $$
declare
  t text;
begin
  foreach t in array array['labels', 'conversation_labels', 'conversation_notes', 'canned_replies', 'follower_cursors', 'search_messages',
                           'search_contacts', 'overview_counts', 'overview_responses', 'overview_failures', 'overview_waits'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
  end loop;
  -- The followers work for all tenants.
  foreach t in array array['follower_cursors', 'search_messages', 'search_contacts', 'overview_counts', 'overview_responses', 'overview_failures',
                           'overview_waits'] loop
    execute format('create policy ingest on %I to kesher_ingest using (true) with check (true)', t);
  end loop;
end
$$;
grant select, insert, update, delete on labels, conversation_notes, canned_replies to kesher_app;
grant select, insert, delete on conversation_labels to kesher_app;
-- An erasure takes the follower's turn, and deletes what it had indexed.
grant select, update (seq) on follower_cursors to kesher_app;
grant select, delete on search_messages, search_contacts, overview_waits to kesher_app;
grant select on overview_counts, overview_responses, overview_failures to kesher_app;
grant select, insert, update on follower_cursors, search_messages, search_contacts, overview_counts, overview_responses, overview_failures to kesher_ingest;
grant select, insert, update, delete on overview_waits to kesher_ingest;
-- What was revoked has no words left.
grant delete on search_messages to kesher_ingest;

-- Search. Under row-level security a condition that is not leakproof is not asked of an index, and that of full text (@@) is not. So two functions,
-- and nothing else, look into the two tables with the rights of a role that may do nothing else. They answer for the running tenant alone: it must be
-- named, and be the one that the transaction is bound to, and every word is looked for with the tenant's ordinal before it.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'kesher_search') then
      create role kesher_search nologin nosuperuser nobypassrls nocreatedb nocreaterole;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- made by a neighbour at this very moment
  end;
  if not pg_has_role(current_user, 'kesher_search', 'set') then
    execute 'grant kesher_search to current_user with set true, inherit false';
  end if;
end
$$;
grant usage on schema public to kesher_search;
create policy search on follower_cursors for select to kesher_search using (true);
create policy search on search_messages for select to kesher_search using (true);
create policy search on search_contacts for select to kesher_search using (true);
grant select on follower_cursors, search_messages, search_contacts to kesher_search;

-- Each element of `words` is one or more alternatives, parted by spaces; `*` behind one: any word that begins with it. Null: nothing to look for.
create function search_wish(tenant uuid, words text[]) returns tsquery
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  place text;
  wish text;
begin
  if tenant is null or tenant is distinct from public.current_tenant_id() then
    raise exception 'a search is bound to the tenant of its transaction' using errcode = 'insufficient_privilege';
  end if;
  select f.ordinal::text || ':' into place from public.follower_cursors f where f.tenant_id = tenant and f.follower = 'search';
  if place is null then return null; end if;
  select string_agg('(' || a.alternatives || ')', ' & ') into wish
  from unnest(words) w
  cross join lateral (
    select string_agg('''' || place || translate(rtrim(o, '*'), '''\', '') || '''' || case when right(o, 1) = '*' then ':*' else '' end, ' | ') as alternatives
    from string_to_table(w, ' ') o where rtrim(o, '*') <> ''
  ) a
  where a.alternatives is not null;
  return wish::tsquery;
end
$$;

-- Newest first, before (before_at, before_id). The time is looked through in growing steps, so that a word which stands everywhere costs no more than a
-- rare one. Bitmaps only, planned for the very words: whatever the statistics say, no row is read that no index has named.
create function search_messages_of(tenant uuid, words text[], conversations uuid[], before_at timestamptz, before_id uuid, wanted integer)
  returns table (message_id uuid, conversation_id uuid, at timestamptz)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off
  set plan_cache_mode = force_custom_plan
as $$
declare
  wish tsquery := public.search_wish(tenant, words);
  high timestamptz := before_at;
  low timestamptz;
  days integer;
  found_now integer;
  missing integer := wanted;
begin
  if wish is null then return; end if;
  foreach days in array array[7, 60, 400, null]::integer[] loop
    low := coalesce(least(before_at, clock_timestamp()) - days * interval '1 day', '-infinity');
    return query
      select d.message_id, d.conversation_id, d.at from public.search_messages d
      where d.tenant_id = tenant and d.words @@ wish and d.at >= low and d.at <= high and (d.at, d.message_id) < (before_at, before_id)
        and (high = before_at or d.at < high) and (conversations is null or d.conversation_id = any (conversations))
      order by d.at desc, d.message_id desc limit missing;
    get diagnostics found_now = row_count;
    missing := missing - found_now;
    exit when missing <= 0;
    high := low;
  end loop;
end
$$;

create function search_contacts_of(tenant uuid, words text[], wanted integer) returns table (contact_id uuid)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off
  set plan_cache_mode = force_custom_plan
as $$
declare
  wish tsquery := public.search_wish(tenant, words);
begin
  if wish is null then return; end if;
  return query select d.contact_id from public.search_contacts d where d.tenant_id = tenant and d.words @@ wish limit wanted;
end
$$;

revoke execute on function search_wish, search_messages_of, search_contacts_of from public;
grant execute on function search_messages_of, search_contacts_of to kesher_app;
grant create on schema public to kesher_search;
alter function search_wish owner to kesher_search;
alter function search_messages_of owner to kesher_search;
alter function search_contacts_of owner to kesher_search;
revoke create on schema public from kesher_search;
