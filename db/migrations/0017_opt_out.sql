-- What customers (and people for them) said about marketing messages: each word once, for ever. `opted_out_at` and the two columns beside
-- it on the contact are the latest of them all, of equal times `stop`; so the order in which they come is of no matter (I3).
create table whatsapp_marketing_words (
  tenant_id uuid not null,
  -- Made of what was said: the same word twice is one row.
  id uuid not null,
  contact_id uuid not null,
  said text not null check (said in ('stop', 'resume')),
  at timestamptz not null,
  source text collate "C" not null check (source in ('keyword', 'meta', 'person')),
  -- The message that said it: where that belongs to somebody else after all, so does the word.
  connection_id uuid,
  wa_message_id text collate "C",
  primary key (tenant_id, id),
  foreign key (tenant_id, contact_id) references whatsapp_contacts (tenant_id, id) on delete cascade
);
create index whatsapp_marketing_words_contact on whatsapp_marketing_words (tenant_id, contact_id, at desc);
create index whatsapp_marketing_words_message on whatsapp_marketing_words (tenant_id, connection_id, wa_message_id) where wa_message_id is not null;
alter table whatsapp_marketing_words enable row level security;
alter table whatsapp_marketing_words force row level security;
create policy tenant on whatsapp_marketing_words to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id());
create policy ingest on whatsapp_marketing_words to kesher_ingest using (true) with check (true);
-- A word is never taken back; it follows its message to another contact.
grant select, insert, update (contact_id) on whatsapp_marketing_words to kesher_app, kesher_ingest;

alter table whatsapp_contacts add column preference_source text collate "C" check (preference_source in ('keyword', 'meta', 'person'));
-- Until now Meta was the only source.
alter table whatsapp_contacts no force row level security;
alter table whatsapp_marketing_words no force row level security;
update whatsapp_contacts set preference_source = 'meta' where preference_at is not null;
insert into whatsapp_marketing_words (tenant_id, id, contact_id, said, at, source)
select tenant_id, gen_random_uuid(), id, case when opted_out_at is null then 'resume' else 'stop' end, preference_at, 'meta'
from whatsapp_contacts where preference_at is not null;
alter table whatsapp_contacts force row level security;
alter table whatsapp_marketing_words force row level security;

-- Null: ours, of all languages (core/opt-out-words.ts).
alter table tenants add column opt_out_words text[];
alter table tenants add column opt_in_words text[];
-- What a customer is told who has just opted out; null: nothing, since each such message costs money.
alter table tenants add column opt_out_reply text;
