-- How long a tenant keeps its audit log; null: for ever. Never less than a year.
alter table retention_settings add column audit_days integer check (audit_days >= 365);

-- Removed by upkeep, which runs as the owner of the tables: no role of the program may, and younger rows nobody.
create policy expiry_reads on audit_events for select to current_user using (written_at < clock_timestamp() - interval '365 days');
create policy expiry on audit_events for delete to current_user using (written_at < clock_timestamp() - interval '365 days');
create policy expiry_reads on audit_seals for select to current_user using (true);
create policy expiry_reads on retention_settings for select to current_user using (true);
