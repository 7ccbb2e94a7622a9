-- A tenant that is closed holds its accounts and numbers no longer: whoever proves them next has them. The rows stay, as its messages point at them.
alter table whatsapp_accounts
  add column released_at timestamptz,
  -- Another tenant had the account until then: what was received before it is not this one's, whoever sends it again.
  add column held_from timestamptz;
alter table whatsapp_accounts drop constraint whatsapp_accounts_waba_id_key;
create unique index whatsapp_accounts_waba_id on whatsapp_accounts (waba_id) where released_at is null;
create index whatsapp_accounts_released on whatsapp_accounts (waba_id, released_at) where released_at is not null;

alter table whatsapp_connections add column released_at timestamptz;
alter table whatsapp_connections drop constraint whatsapp_connections_phone_number_id_key;
create unique index whatsapp_connections_phone_number_id on whatsapp_connections (phone_number_id) where released_at is null;
-- Routing asks for the numbers of an account, too.
create index whatsapp_connections_account on whatsapp_connections (account_id);
grant select (released_at) on whatsapp_connections to kesher_ingest;

-- Of tenants that are closed already.
alter table tenants no force row level security;
alter table whatsapp_accounts no force row level security;
alter table whatsapp_connections no force row level security;
update whatsapp_accounts a set released_at = t.closed_at from tenants t where t.id = a.tenant_id and t.closed_at is not null;
update whatsapp_connections c set released_at = t.closed_at from tenants t where t.id = c.tenant_id and t.closed_at is not null;
alter table tenants force row level security;
alter table whatsapp_accounts force row level security;
alter table whatsapp_connections force row level security;
