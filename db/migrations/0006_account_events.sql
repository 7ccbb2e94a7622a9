-- Webhook fields that concern the account, and opt-outs, each kept whole. Meta gives them no id: the same text is the same event.
create table whatsapp_account_events (
  tenant_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  connection_id uuid,
  field text not null,
  event text not null,
  content jsonb not null,
  raw text not null,
  sha256 bytea not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, account_id, sha256),
  foreign key (tenant_id, account_id) references whatsapp_accounts (tenant_id, id),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
);
alter table whatsapp_account_events enable row level security;
alter table whatsapp_account_events force row level security;
create policy tenant on whatsapp_account_events for select to kesher_app using (tenant_id = current_tenant_id());
create policy ingest on whatsapp_account_events to kesher_ingest using (true) with check (true);
grant select on whatsapp_account_events to kesher_app;
grant select, insert on whatsapp_account_events to kesher_ingest;
