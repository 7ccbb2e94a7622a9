/** Deeds by the words of the reader's language; one that this version does not know shows as it is stored. */
import type { Values } from "../app/text.tsx";
import type { TextKey } from "../texts/keys.ts";

const keys = {
  "tenant.created": "act_tenant_created",
  "tenant.changed": "act_tenant_changed",
  "tenant.closed": "act_tenant_closed",
  "tenant.quotas_changed": "act_tenant_quotas_changed",
  "api_key.created": "act_api_key_created",
  "api_key.changed": "act_api_key_changed",
  "api_key.revoked": "act_api_key_revoked",
  "meta_app.secrets_replaced": "act_meta_app_secrets_replaced",
  "person.first_account": "act_person_first_account",
  "person.joined": "act_person_joined",
  "person.removed": "act_person_removed",
  "person.role_changed": "act_person_role_changed",
  "person.password_changed": "act_person_password_changed",
  "person.password_reset": "act_person_password_reset",
  "person.reset_link_made": "act_person_reset_link_made",
  "invitation.created": "act_invitation_created",
  "invitation.accepted": "act_invitation_accepted",
  "invitation.revoked": "act_invitation_revoked",
  "session.created": "act_session_created",
  "session.ended": "act_session_ended",
  "session.refused": "act_session_refused",
  "connection.connected": "act_connection_connected",
  "connection.disconnected": "act_connection_disconnected",
  "connection.token_replaced": "act_connection_token_replaced",
  "connection.sending_changed": "act_connection_sending_changed",
  "connection.setup_continued": "act_connection_setup_continued",
  "contact.opted_out": "act_contact_opted_out",
  "contact.opted_in": "act_contact_opted_in",
  "contact.exported": "act_contact_exported",
  "contact.erased": "act_contact_erased",
  "contact.erasure_completed": "act_contact_erasure_completed",
  "export.fetched": "act_export_fetched",
  "retention.changed": "act_retention_changed",
  "endpoint.created": "act_endpoint_created",
  "endpoint.changed": "act_endpoint_changed",
  "endpoint.paused": "act_endpoint_paused",
  "endpoint.resumed": "act_endpoint_resumed",
  "endpoint.deleted": "act_endpoint_deleted",
  "endpoint.secret_rotated": "act_endpoint_secret_rotated",
  "endpoint.replayed": "act_endpoint_replayed",
  "label.created": "act_label_created",
  "label.changed": "act_label_changed",
  "label.deleted": "act_label_deleted",
  "canned_reply.created": "act_canned_reply_created",
  "canned_reply.changed": "act_canned_reply_changed",
  "canned_reply.deleted": "act_canned_reply_deleted",
  "message.resent": "act_message_resent",
  "message.cancelled": "act_message_cancelled",
  "message.marked_failed": "act_message_marked_failed",
  "media.fetched_again": "act_media_fetched_again",
  "parked.replayed": "act_parked_replayed",
  "parked.range_replayed": "act_parked_range_replayed",
  "delivery.replayed": "act_delivery_replayed",
  "delivery.range_replayed": "act_delivery_range_replayed",
} as const satisfies Readonly<Record<string, TextKey>>;

export const auditActions: readonly string[] = Object.keys(keys);

export function actionText(text: (key: TextKey, values?: Values) => string, action: string): string {
  const key = new Map<string, TextKey>(Object.entries(keys)).get(action);
  return key === undefined ? action : text(key);
}
