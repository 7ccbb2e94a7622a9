-- Who opted out of marketing and was erased: keyed hashes of their addresses (`erasure_secrets`), so that whoever is written to under one of
-- them again is left alone still. They are kept for as long as the tenant; the person's next word, or a person of the business, goes over them.
create table kept_opt_outs (
  tenant_id uuid not null references tenants (id),
  mark bytea not null check (length(mark) = 32),
  opted_out_at timestamptz not null,
  primary key (tenant_id, mark)
);
alter table kept_opt_outs enable row level security;
alter table kept_opt_outs force row level security;
create policy tenant on kept_opt_outs to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id());
grant select on kept_opt_outs to kesher_app;
grant insert, update, delete on kept_opt_outs to kesher_privacy;

-- What nodes that serve callers tell each other: that they live, how often each caller asked them, how many streams of a tenant are open. Not logged:
-- after a crash each says it anew.
create unlogged table web_nodes (
  id uuid primary key,
  alive_until timestamptz not null,
  -- By caller: how often, and until when that counts.
  rates jsonb not null
) with (fillfactor = 50);
create unlogged table web_streams (
  tenant_id uuid not null references tenants (id),
  -- No reference: it belongs to no tenant.
  node_id uuid not null,
  streams integer not null check (streams >= 0),
  primary key (tenant_id, node_id)
);
alter table web_streams enable row level security;
alter table web_streams force row level security;
create policy platform on web_streams to kesher_platform using (true) with check (true);
create policy tenant on web_streams to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id());
grant select, insert, update, delete on web_nodes, web_streams to kesher_platform;
grant select on web_streams to kesher_app;
