/** Meta's own words and HTTP statuses for its errors (its page of error codes, read 2026-09); a code that is missing here gets plain ones. */
export type ErrorText = { title: string; details: string; status: number; isTransient: boolean };

type Row = [title: string, status: number, details?: string];

const rows = new Map<number, Row>([
  [0, ["AuthException", 401, "We were unable to authenticate the app user."]],
  [1, ["API Unknown", 400, "Invalid request or possible server error."]],
  [2, ["API Service", 503, "Temporary due to downtime or due to being overloaded."]],
  [3, ["API Method", 500, "Capability or permissions issue."]],
  [4, ["API Too Many Calls", 429, "The app has reached its API call rate limit."]],
  [10, ["API Permission Denied", 403, "Permission is either not granted or has been removed."]],
  [33, ["Parameter value is not valid", 400, "The business phone number has been deleted."]],
  [100, ["Invalid parameter", 400]],
  [190, ["Access token has expired", 401]],
  [200, ["API Permission", 403]],
  [368, ["Temporarily blocked for policies violations", 403]],
  [80_007, ["Rate limit issues", 429, "The WhatsApp Business Account has reached its rate limit."]],
  [130_403, ["User is blocked by the business", 403]],
  [
    130_429,
    [
      "Rate limit hit",
      429,
      "Message failed to send because there were too many messages sent from this phone number in a short period of time.",
    ],
  ],
  [130_472, ["User's number is part of an experiment", 400]],
  [130_497, ["Business account is restricted from messaging users in this country.", 403]],
  [131_000, ["Something went wrong", 500, "Message failed to send due to an unknown error."]],
  [131_005, ["Access denied", 403]],
  [131_008, ["Required parameter is missing", 400]],
  [131_009, ["Parameter value is not valid", 400]],
  [131_016, ["Service unavailable", 500, "A service is temporarily unavailable."]],
  [131_021, ["Recipient cannot be sender", 400, "Sender and recipient phone number is the same."]],
  [131_026, ["Message undeliverable", 400, "Message Undeliverable."]],
  [131_030, ["Recipient phone number not in allowed list", 400]],
  [131_031, ["Account has been locked", 403]],
  [131_042, ["Business eligibility payment issue", 400]],
  [131_045, ["Incorrect certificate", 500]],
  [
    131_047,
    [
      "Re-engagement message",
      400,
      "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ],
  ],
  [131_048, ["Spam Rate limit hit", 429]],
  [131_049, ["Meta chose not to deliver.", 400, "This message was not delivered to maintain healthy ecosystem engagement."]],
  [131_050, ["User has stopped marketing messages", 400]],
  [131_051, ["Unsupported message type", 400]],
  [131_052, ["Media download error", 400]],
  [131_053, ["Media upload error", 400]],
  [
    131_056,
    [
      "(Business Account, Consumer Account) pair rate limit hit",
      429,
      "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time.",
    ],
  ],
  [131_057, ["Account in maintenance mode", 500]],
  [131_062, ["Business-scoped user ids are not supported here", 400]],
  [132_000, ["Number of parameters does not match the expected number of params", 400]],
  [132_001, ["Template name does not exist in the translation", 404]],
  [132_005, ["Translated text too long", 400]],
  [132_007, ["Template format character policy violated", 400]],
  [132_012, ["Parameter format does not match format in the created template", 400]],
  [132_015, ["Template is paused", 400, "Template is paused due to low quality so it cannot be sent in a template message."]],
  [132_016, ["Template is disabled", 400, "Template has been paused too many times due to low quality and is now permanently disabled."]],
  [133_005, ["Two step verification PIN mismatch", 400, "The two-step verification PIN is incorrect."]],
  [133_010, ["Account not registered", 400, "The phone number is not registered on the WhatsApp Business Platform."]],
  [133_016, ["Account register or deregister rate limit exceeded", 400, "More than 10 attempts in 72 hours."]],
  [135_000, ["Generic user error", 400]],
]);

const transient: ReadonlySet<number> = new Set([2, 131_000, 131_016, 131_057]);

export function errorText(code: number): ErrorText {
  const [title, status, details] = rows.get(code) ?? ["Something went wrong", 400];
  return { title, status, details: details ?? title, isTransient: transient.has(code) };
}
