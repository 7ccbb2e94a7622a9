create table tenants (
  id uuid primary key,
  name text not null,
  slug text not null unique,
  locale text not null default 'he',
  time_zone text not null default 'Asia/Jerusalem',
  -- Types that the tenant's people or bots can handle; for others the customer gets the automatic reply.
  supported_types text[] not null default '{text,image}',
  auto_reply_enabled boolean not null default true,
  auto_reply_interval_seconds integer not null default 86400 check (auto_reply_interval_seconds > 0),
  -- Grows whenever people that were known are joined or parted, so that nodes forget what they remember of them.
  identity_version bigint not null default 0,
  -- Its rows stay; it takes in and sends nothing any more.
  closed_at timestamptz,
  created_at timestamptz not null default now()
);
alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_reads on tenants for select to kesher_app using (id = current_tenant_id());
create policy ingest_reads on tenants for select to kesher_ingest using (true);
create policy tenant_versions on tenants for update to kesher_app using (id = current_tenant_id()) with check (id = current_tenant_id());
create policy ingest_versions on tenants for update to kesher_ingest using (true) with check (true);
create policy platform on tenants to kesher_platform using (true) with check (true);
grant select, update (identity_version) on tenants to kesher_app, kesher_ingest;
grant select, insert, update on tenants to kesher_platform;

create table api_keys (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text not null,
  secret_sha256 bytea not null unique check (length(secret_sha256) = 32),
  scopes text[] not null check (scopes <@ array['read', 'send', 'manage', 'admin']),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);
alter table api_keys enable row level security;
alter table api_keys force row level security;
create policy tenant on api_keys to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id());
create policy platform on api_keys to kesher_platform using (true) with check (true);
grant select, insert on api_keys to kesher_app;
grant update (revoked_at, name) on api_keys to kesher_app;
grant select, insert, update (revoked_at) on api_keys to kesher_platform;
-- A key is looked up before its tenant is known: only the platform role can, and it may note the last use.
grant update (last_used_at) on api_keys to kesher_platform;

-- A tenant's own Meta app; the platform's app has no row and the key ''.
create table meta_apps (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  app_key text not null unique check (app_key <> ''),
  app_id text not null,
  -- Encrypted; a list while a secret is being rotated.
  app_secrets bytea not null,
  verify_token bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);
alter table meta_apps enable row level security;
alter table meta_apps force row level security;
create policy tenant on meta_apps for select to kesher_app using (tenant_id = current_tenant_id());
create policy platform on meta_apps to kesher_platform using (true) with check (true);
grant select (tenant_id, id, app_key, app_id, created_at) on meta_apps to kesher_app;
grant select, insert, update on meta_apps to kesher_platform;
