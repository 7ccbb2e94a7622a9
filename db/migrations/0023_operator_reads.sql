-- What the platform's operator sees of how it goes, over all tenants: counts, states and times; no address, no secret, and nothing that anybody wrote.
grant select on whatsapp_send_nodes to kesher_platform;
grant select (tenant_id, connection_id, check_name, state, code, since) on whatsapp_connection_checks to kesher_platform;
grant select (tenant_id, message_id, connection_id, state, due_at) on whatsapp_sends to kesher_platform;
grant select (tenant_id, id, state, paused_reason, failures, failing_since) on forward_endpoints to kesher_platform;
grant select (tenant_id, id, endpoint_id, state, created_at) on forward_deliveries to kesher_platform;

create policy platform_reads on whatsapp_sends for select to kesher_platform using (true);
create policy platform_reads on forward_endpoints for select to kesher_platform using (true);
create policy platform_reads on forward_deliveries for select to kesher_platform using (true);

-- A tenant's own Meta app can be taken back.
grant delete on meta_apps to kesher_platform;
