-- pg-boss keeps its jobs in a schema of its own, made and migrated by pg-boss itself (queue/jobs.ts). The role that runs it owns that
-- schema and has rights on nothing else; what the other roles need to enqueue is granted there.
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'kesher_jobs') then
      create role kesher_jobs nologin nosuperuser nobypassrls nocreatedb nocreaterole;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- made by a neighbour at this very moment
  end;
  if not pg_has_role(current_user, 'kesher_jobs', 'set') then
    grant kesher_jobs to current_user with set true, inherit false;
  end if;
end
$$;
create schema pgboss authorization kesher_jobs;
set local role kesher_jobs;
grant usage on schema pgboss to kesher_app, kesher_ingest, kesher_platform, session_user;
reset role;

-- Files of messages: what customers sent, fetched from Meta, and what tenants uploaded to send. The bytes lie in the media store
-- under (tenant, sha256).
create table whatsapp_media (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  -- Of an upload: for which number, when the uploader said so.
  connection_id uuid,
  -- Whose file it is; null for an upload.
  message_id uuid,
  -- inbound: fetched from Meta (a customer's, or sent from the business's own phone); outbound: uploaded here.
  direction text not null check (direction in ('inbound', 'outbound')),
  kind text check (kind in ('image', 'video', 'audio', 'document', 'sticker')),
  -- Meta's id; of an upload one of our own making that looks like Meta's.
  wa_media_id text collate "C" not null,
  -- From the webhook, and until when it works.
  url text,
  url_expires_at timestamptz,
  -- What Meta or the uploader said it is.
  declared_mime_type text,
  -- What the bytes are; null where they do not tell.
  mime_type text,
  file_name text,
  -- As Meta wrote it.
  declared_sha256 text,
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  -- The bytes were not those that Meta announced, even when they were fetched a second time.
  is_sha256_different boolean not null default false,
  bytes bigint,
  state text not null check (state in ('pending', 'stored', 'failed', 'expired', 'refused')),
  error_code integer,
  error_reason text,
  attempts integer not null default 0,
  -- An attempt that has begun and not ended, and how often one never did: the file may be what ends the process.
  started_at timestamptz,
  crashes integer not null default 0,
  -- When Meta told of it: it keeps the file for 7 days.
  received_at timestamptz not null,
  stored_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, message_id, wa_media_id),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id),
  -- The echo of a send makes room for it, whatever it showed.
  foreign key (tenant_id, message_id) references whatsapp_messages (tenant_id, id) on delete cascade,
  check (state <> 'stored' or (sha256 is not null and bytes is not null and stored_at is not null)),
  check ((direction = 'inbound') = (message_id is not null))
) with (fillfactor = 80);
create index whatsapp_media_wa_id on whatsapp_media (tenant_id, wa_media_id);
create index whatsapp_media_content on whatsapp_media (tenant_id, sha256) where sha256 is not null;

-- Meta's ids of our files, one for each number that sends them. Meta keeps an upload for 30 days.
create table whatsapp_media_uploads (
  tenant_id uuid not null,
  media_id uuid not null,
  connection_id uuid not null,
  wa_media_id text not null,
  expires_at timestamptz not null,
  primary key (tenant_id, media_id, connection_id),
  foreign key (tenant_id, media_id) references whatsapp_media (tenant_id, id) on delete cascade,
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
);

-- Calls for media that are under way or have failed within the last hour: after too many failed ones Meta blocks the number's media.
create table whatsapp_media_calls (
  tenant_id uuid not null,
  connection_id uuid not null,
  id uuid not null,
  begun_at timestamptz not null,
  failed_at timestamptz,
  primary key (tenant_id, connection_id, id),
  foreign key (tenant_id, connection_id) references whatsapp_connections (tenant_id, id)
);

do $$
declare
  t text;
begin
  foreach t in array array['whatsapp_media', 'whatsapp_media_uploads', 'whatsapp_media_calls'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy tenant on %I to kesher_app using (tenant_id = current_tenant_id()) with check (tenant_id = current_tenant_id())', t);
  end loop;
end
$$;
create policy ingest on whatsapp_media for insert to kesher_ingest with check (true);

grant select, insert, update, delete on whatsapp_media, whatsapp_media_uploads, whatsapp_media_calls to kesher_app;
grant insert on whatsapp_media to kesher_ingest;
