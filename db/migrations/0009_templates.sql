-- Templates as Meta last described them. Meta's key is the name and the language; a new template may take the place of a deleted one.
create table whatsapp_templates (
  tenant_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  name text collate "C" not null,
  -- As in `en_US`; Meta also writes `en-US`.
  language text collate "C" not null,
  -- What is known, in groups that each have the time of their word (core/template-state.ts). The columns below are read out of it.
  state jsonb not null default '{}',
  wa_template_id text collate "C",
  status text not null default 'unknown' check (status in ('unknown', 'pending', 'approved', 'flagged', 'locked', 'limit_exceeded', 'rejected',
    'in_appeal', 'paused', 'archived', 'disabled', 'pending_deletion', 'deleted')),
  category text,
  quality text,
  body text,
  -- Its parts are known, and Meta takes messages of it.
  is_offered boolean not null default false,
  -- Start of the last list that showed it.
  synced_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, account_id, name, language),
  foreign key (tenant_id, account_id) references whatsapp_accounts (tenant_id, id)
);
create index whatsapp_templates_list on whatsapp_templates (tenant_id, name, language, id);
create index whatsapp_templates_meta on whatsapp_templates (tenant_id, account_id, wa_template_id);

-- One row an account: who lists its templates now, when the next list is due, and how many calls of the last hour are spent.
create table whatsapp_template_syncs (
  tenant_id uuid not null,
  account_id uuid not null,
  due_at timestamptz not null,
  started_at timestamptz,
  -- Whoever started has it until then; null when nobody is at it.
  leased_until timestamptz,
  succeeded_at timestamptz,
  failures integer not null default 0,
  error text,
  calls_from timestamptz not null default to_timestamp(0),
  calls integer not null default 0,
  primary key (tenant_id, account_id),
  foreign key (tenant_id, account_id) references whatsapp_accounts (tenant_id, id)
);

do $$
declare
  t text;
begin
  foreach t in array array['whatsapp_templates', 'whatsapp_template_syncs'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
    execute format('create policy ingest on %I to kesher_ingest using (true) with check (true)', t);
  end loop;
end
$$;

grant select, insert, update on whatsapp_templates, whatsapp_template_syncs to kesher_app;
grant select, insert, update on whatsapp_templates to kesher_ingest;
-- To find whose list is due.
grant select on whatsapp_template_syncs to kesher_ingest;
