/** The address of Meta's dialogue, and where it comes back to. Pure. */
import type { EmbeddedSignup } from "../../../src/contract/connections.ts";

/** To be allowed in the Meta app as a redirect address of Facebook Login. */
export const returnPath = "/connect/whatsapp";
export const channelName = "kesher.connect";
/** What Meta sends back. */
export type Returned = { code: string | null; state: string; error: string | null };

/** `staysInApp`: the number is in the Business app (coexistence). */
export function dialogueUrl(signup: EmbeddedSignup, options: { redirectUri: string; staysInApp: boolean }): string {
  const extras = {
    setup: {},
    version: "v4",
    sessionInfoVersion: "3",
    ...(options.staysInApp ? { featureType: "whatsapp_business_app_onboarding" } : {}),
  };
  const url = new URL(`https://www.facebook.com/${signup.graphVersion}/dialog/oauth`);
  const query = {
    client_id: signup.appId,
    config_id: signup.configId,
    redirect_uri: options.redirectUri,
    response_type: "code",
    override_default_response_type: "true",
    display: "popup",
    state: signup.state,
    extras: JSON.stringify(extras),
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
