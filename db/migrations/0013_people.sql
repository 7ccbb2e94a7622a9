-- People: who they are, what proves it, where they are signed in, and which tenants they belong to. The schema `auth` is seen by one
-- role only, kesher_auth, which owns nothing and of the tenants' own tables sees what a person is shown of a tenant.
-- The tables `people`, `credentials`, `sessions`, `verifications`, `members`, `invitations` and the view `organizations` are those of
-- better-auth and its organization plugin (names mapped in src/people/identity.ts; a test asks the library whether it misses anything).
do $$
begin
  begin
    if not exists (select from pg_roles where rolname = 'kesher_auth') then
      create role kesher_auth nologin nosuperuser nobypassrls nocreatedb nocreaterole;
    end if;
  exception when duplicate_object or unique_violation then
    null; -- made by a neighbour at this very moment
  end;
  if not pg_has_role(current_user, 'kesher_auth', 'set') then
    grant kesher_auth to current_user with set true, inherit false;
  end if;
end
$$;
create schema auth;
grant usage on schema public, auth to kesher_auth;

create policy people_read on tenants for select to kesher_auth using (true);
grant select (id, name, slug, locale, time_zone, closed_at, created_at) on tenants to kesher_auth;
-- What a person did, and what others see of it, is written in the transaction of the deed.
create policy people_append on audit_events for insert to kesher_auth with check (true);
grant insert (tenant_id, id, action, actor_kind, actor_id, actor_name, ip, request_id, subject_kind, subject_id, data, created_at) on audit_events to kesher_auth;
create policy people_append on activity_events for insert to kesher_auth with check (true);
grant insert on activity_events to kesher_auth;
create policy people_count on activity_counters to kesher_auth using (true) with check (true);
grant select, insert, update on activity_counters to kesher_auth;

create table auth.people (
  id uuid primary key,
  name text not null,
  -- Lower case, as whoever invited spelt it.
  email text not null unique check (email = lower(email)),
  -- Proven by the identity provider, or made from the console's link. An invitation proves nothing: its inviter saw the link, too.
  email_verified boolean not null default false,
  image text,
  -- Of the whole platform: all tenants.
  is_operator boolean not null default false,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- What proves a person: a password's hash (provider 'credential'), or the subject at the identity provider. No token of the latter is kept.
create table auth.credentials (
  id uuid primary key,
  person_id uuid not null references auth.people (id) on delete cascade,
  provider_id text not null,
  account_id text not null,
  password text check (password is null or password like '$argon2id$%'),
  access_token text check (access_token is null),
  refresh_token text check (refresh_token is null),
  id_token text check (id_token is null),
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (provider_id, account_id),
  unique (person_id, provider_id)
);

create table auth.sessions (
  id uuid primary key,
  person_id uuid not null references auth.people (id) on delete cascade,
  -- SHA-256 of the cookie's value, base64url: what is read here signs nobody in.
  token_sha256 text not null unique check (length(token_sha256) = 43),
  active_tenant_id uuid references tenants (id),
  -- The absolute end; the idle end follows from the last use.
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  created_at timestamptz not null,
  -- The last use, to the minute.
  updated_at timestamptz not null
);
create index sessions_of_person on auth.sessions (person_id);
create index sessions_by_end on auth.sessions (expires_at);

-- Sign-ins by the identity provider that are under way; the identifier is kept as a hash.
create table auth.verifications (
  id uuid primary key,
  identifier text not null unique,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index verifications_by_end on auth.verifications (expires_at);

-- Tenants, in the library's words: in step by being the same rows. A closed tenant is not there.
create view auth.organizations with (security_invoker = true) as
  select id, name, slug, null::text as logo, null::text as metadata, created_at from public.tenants where closed_at is null;

create table auth.members (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  person_id uuid not null references auth.people (id) on delete cascade,
  role text not null check (role in ('viewer', 'agent', 'admin', 'owner')),
  last_seen_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, person_id)
);
create index members_of_person on auth.members (person_id);

create table auth.invitations (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  email text not null check (email = lower(email)),
  role text not null check (role in ('viewer', 'agent', 'admin', 'owner')),
  status text not null default 'pending' check (status in ('pending', 'accepted', 'rejected', 'canceled')),
  -- Null: the operator's key, or an API key.
  inviter_id uuid references auth.people (id) on delete set null,
  inviter_name text not null,
  -- SHA-256 of what the link carries.
  token_sha256 bytea not null unique check (length(token_sha256) = 32),
  expires_at timestamptz not null,
  created_at timestamptz not null,
  primary key (tenant_id, id)
);
create unique index invitations_pending on auth.invitations (tenant_id, email) where status = 'pending';
create index invitations_by_email on auth.invitations (email) where status = 'pending';

-- Other links that work once: to choose a new password, to make the first account, to sign in to the sandbox.
create table auth.links (
  token_sha256 bytea primary key check (length(token_sha256) = 32),
  purpose text not null check (purpose in ('reset', 'first_account', 'sign_in')),
  person_id uuid references auth.people (id) on delete cascade,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  check ((person_id is null) = (purpose = 'first_account'))
);
create index links_of_person on auth.links (person_id);

-- Attempts to sign in, per key (hash of account and address, of account, of address) and window.
create table auth.sign_in_attempts (
  key_sha256 bytea primary key check (length(key_sha256) = 32),
  attempts integer not null,
  until timestamptz not null
);
create index sign_in_attempts_by_end on auth.sign_in_attempts (until);

do $$
declare
  t text;
begin
  foreach t in array array['members', 'invitations'] loop
    execute format('alter table auth.%I enable row level security', t);
    execute format('alter table auth.%I force row level security', t);
    -- A person's tenants are not known before the person is: the role sees all, and every statement names tenant or person.
    execute format('create policy people on auth.%I to kesher_auth using (true) with check (true)', t);
  end loop;
end
$$;
grant select, insert, update, delete on auth.people, auth.credentials, auth.sessions, auth.verifications, auth.members, auth.links,
  auth.sign_in_attempts to kesher_auth;
grant select, insert, update on auth.invitations to kesher_auth;
grant select on auth.organizations to kesher_auth;
