/** Every limit has the test that drives it to its edge. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { limits } from "../src/limits.ts";

type Limit = keyof typeof limits;

/** Per file of tests: what each test, known by words of its name, drives to the edge. */
const edges: Readonly<Record<string, Readonly<Record<string, readonly Limit[]>>>> = {
  "deliveries-filter": { "The operator sees the deliveries of a state": ["deliveriesLookedMax"] },
  "limits-http": {
    "Lists give their default": ["listLimitDefault", "listLimitMax"],
    "Texts, tokens, secrets and lists": ["apiTextCharsMax", "apiTokenCharsMax", "appSecretsMax", "supportedTypesMax", "cursorCharsMax"],
    "A tenant has as many keys": ["apiKeysPerTenantMax"],
    "Keys that were looked up are remembered": ["apiKeyCacheMax", "apiKeyCacheMs"],
    "The secrets of tenants' apps are remembered": ["appSecretsKeptMs", "appSecretsKeptMax"],
    "A page of messages resolves references": ["messageReferencesMax", "timelineEntriesMax"],
    "One call replays as many parked updates": ["replayMax"],
    "Readiness is asked of the database": ["readinessKeptMs"],
    "A command to the sandbox takes": ["sandboxControlBytesMax"],
    "A webhook's body that does not come": ["webhookBodyMsMax"],
    "A caller that does not end its headers": ["httpHeadersMsMax", "httpConnectionsCheckMs"],
  },
  edge: {
    "a head is taken up to its bytes": ["httpHeaderBytesMax", "httpHeadersMax", "httpUrlBytesMax"],
  },
  "edge-connections": {
    "a node takes as many connections as it may": ["httpConnectionsMax"],
    "a connection on which nothing moves": ["httpSilenceMsMax"],
    "a request has httpRequestMsMax": ["httpRequestMsMax", "httpKeepAliveMs", "keepAliveDelayMs"],
  },
  "people-session": {
    "A session ends when it was idle for too long": ["sessionIdleMsMax", "sessionMsMax", "sessionSeenMs"],
    "A person has so many sessions": ["sessionsPerPersonMax"],
    "Sessions that were looked up are remembered": ["sessionCacheMax", "sessionCacheMs"],
  },
  "people-sign-in": {
    "A link to the first account": ["linkMsMax"],
    "Passwords are hashed with their own salt": ["passwordHashBytes", "passwordHashPassesMin"],
    "So many hashes run at a time": ["passwordHashesMax", "passwordHashesWaitingMax"],
    "After so many attempts an account is closed to that address": ["signInAttemptsMax", "signInWindowMs"],
    "An account is closed after so many attempts from anywhere": ["signInAccountAttemptsMax", "signInAddressAttemptsMax", "signInClearMax"],
    "A changed password ends all other sessions": ["passwordCharsMin", "passwordCharsMax"],
  },
  "people-roles": {
    "An invitation that is revoked, replaced, too old": ["invitationMsMax"],
    "A tenant has so many open invitations": ["invitationsPerTenantMax", "peoplePerTenantMax"],
    "Names and addresses have a most": ["emailCharsMax", "personNameCharsMax"],
  },
  "api-keys": {
    "a key for one connection cannot have admin": ["keyRequestsPerMinuteMax"],
    "a reader of one connection knows": ["activityConversationsKnownMax"],
  },
  "api-keys-rates": {
    "each caller has its own count": [
      "keyRequestsPerMinuteDefault",
      "sessionRequestsPerMinuteMax",
      "operatorRequestsPerMinuteMax",
      "rateKeysMax",
    ],
    "wrong keys of an address get to wait": ["failedAuthPerMinuteMax", "rateWindowMs"],
    "from an address with many failures": ["knownCredentialsMax", "strangerLookUpsMax", "strangersWaitingMax"],
    "the operator sets a tenant's quotas": ["sendsPerDayMax"],
    "a node tells of itself once in a beat": [
      "webNodeAliveMs",
      "webNodeBeatMs",
      "webNodeLeaveMsMax",
      "webNodeRatesMax",
      "webNodeStreamsToldMax",
    ],
  },
  "secrets-rotation": {
    "All secrets of all columns": ["rotateSecretsMax"],
    "While others still seal": ["rotatePassesMax"],
  },
  "send-groups": {
    "a hundred calls at once are a few transactions": ["sendGroupMax"],
    "a tenant that has as much waiting as it may": ["sendsWaitingPerTenantMax"],
  },
  privacy: {
    "An export is asked for": ["privacyRowsMax", "exportKeptDays", "exportUnfinishedMsMax"],
    "As many exports and erasures": ["privacyJobsWaitingMax"],
    "Days are taken within their bounds": ["retentionDaysMin", "retentionMessagesDaysMin", "retentionAuditDaysMin", "retentionDaysMax"],
  },
  retention: { "Tenants take turns": ["retentionPortionsMax"] },
  erasure: {
    "What is kept to recognise": ["erasureMarkKeptDays"],
    "The journal is rewritten in portions": ["privacyBodiesBytesMax"],
  },
  fairness: {
    "beside a flood the loops of a lane never work on one account together": ["laneLoopsMax", "smallBacklogUpdatesMax"],
    "while small backlogs are served a large one gets small helpings": ["claimUpdatesSharedMax", "sharedLaneMs", "sharedRestMsMax"],
    "a turn with much to do stands aside": ["giveWayMsMax"],
  },
  "limits-database": {
    "A group is committed with at most": ["groupDeliveriesMax", "groupBytesMax"],
    "A row of the queue holds at most": ["pendingRowUpdatesMax"],
    "A claim takes at most its rows": ["claimRowsMax", "claimAccountsMax", "claimUpdatesMax"],
    "Partitions are made as far ahead": [
      "journalKeptDays",
      "statusFactsKeptDays",
      "activityKeptDays",
      "partitionsAheadDays",
      "partitionsAheadMonths",
    ],
    "Upkeep gives up a lock": ["upkeepLockWaitMs"],
    "Every session has the time limits": ["statementMsMax", "lockWaitMsMax", "idleInTransactionMsMax"],
    "Each pool opens its number of sessions": [
      "appConnectionsMax",
      "workerConnectionsMax",
      "platformConnectionsMax",
      "authConnectionsMax",
      "embeddedConnectionsMax",
      "privacyConnectionsMax",
    ],
    "A second program on the same database": ["lockAttemptsMax", "lockRetryMs"],
    "A table is analysed": ["statisticsBytesMin", "statisticsGrowthFactor"],
    "A link that is dead is given up": ["connectMsMax", "deadLinkMarginMs", "commitMsMax"],
  },
  "limits-memory": {
    "A body of the most updates": ["updatesPerBodyMax"],
    "A name of the most characters": ["nameCharsMax"],
    "The cache of deliveries takes bodies": ["deliveryCacheBytesMax"],
    "A full cache of deliveries makes room": ["deliveryCacheKeptMs"],
    "The caches of people and links": ["knownLinksMax", "knownPeopleMax"],
    "A loop with nothing to do": ["pollMs", "retryMsMin", "retryMsMax"],
    "Stored webhooks are summed up": ["logSummaryMs"],
    "The text of an error is cut": ["logMessageCharsMax"],
    "The sandbox takes as many scripted faults": ["sandboxFaultsMax"],
    "The sandbox reads bodies": ["sandboxBodyBytesMax"],
    "Whoever waits for Graph's answer": ["sendAnswerPollMs", "sendAnswersMax"],
    "The embedded server gets a quarter": ["embeddedSharedBuffersBytesMin", "embeddedSharedBuffersBytesMax"],
    "A table that was analysed is so again": ["statisticsBytesMax"],
    "The sandbox remembers its most": ["sandboxLedgerMax", "sandboxCustomersMax", "sandboxTemplatesMax", "sandboxPendingStatusesMax"],
    "The sandbox holds its most bytes": ["sandboxMediaBytesMax"],
    "The sandbox reads uploads": ["sandboxUploadBytesMax"],
  },
  "outgoing-content": {
    "Each text, list and number is taken at Meta's limit": [
      "metaTextCharsMax",
      "metaCaptionCharsMax",
      "metaFilenameCharsMax",
      "metaLinkCharsMax",
      "metaPlaceCharsMax",
      "metaContactsMax",
      "metaContactEntriesMax",
      "metaEmojiCharsMax",
      "metaBodyCharsMax",
      "metaListBodyCharsMax",
      "metaHeaderCharsMax",
      "metaButtonsMax",
      "metaButtonTitleCharsMax",
      "metaButtonIdCharsMax",
      "metaListSectionsMax",
      "metaListRowsMax",
      "metaRowIdCharsMax",
      "metaRowTitleCharsMax",
      "metaRowDescriptionCharsMax",
      "metaProductSectionsMax",
      "metaProductsMax",
      "metaCardsMin",
      "metaCardsMax",
      "metaCallTtlMinutesMax",
      "metaCallPayloadCharsMax",
      "metaTemplateButtonsMax",
      "metaTemplateTextCharsMax",
      "metaTemplateParametersMax",
      "metaTemplatePayloadCharsMax",
      "metaCouponCharsMax",
    ],
    "Of a content with any number of faults": ["contentFaultsMax"],
  },
  "parse-outgoing": { "A caller's own value may have 512 characters": ["metaCallbackCharsMax"] },
  "auto-reply-texts": { "A tenant's key changes what the automatic reply says": ["autoReplyTextCharsMax"] },
  audit: { "A deed is sealed once it is as old": ["auditSealAfterMs", "auditSealEventsMax", "auditVerifySealsMax"] },
  "opt-out-api": { "A tenant changes its words": ["optOutWordsMax", "optOutWordCharsMax"] },
  webhook: {
    "a body of 5 MB is taken": ["webhookBodyBytesMax"],
    "bodies in memory have a common limit": ["webhookInFlightBytesMax"],
  },
  decode: {
    "nesting of 200,000 levels anywhere": ["jsonDepthMax"],
    "ids, phones, user ids, names and words are taken to their limit": ["waIdCharsMax", "wordCharsMax", "userIdCharsMax", "phoneDigitsMax"],
    "a preview is the first 2 kB": ["parkedPreviewBytesMax"],
  },
  "api-operations": {
    "Counts and lists of the operator's look stop": ["platformCountMax", "platformListMax"],
    "bad bodies, types, sizes and texts are problems": ["apiBodyBytesMax"],
  },
  "api-reading": { "a preview is one bounded line": ["previewCharsMax"] },
  "inbox-conversations": {
    "what was snoozed comes back by itself": ["snoozeDaysMax"],
    "one look wakes at most snoozeWakeMax": ["snoozeWakeMax"],
    "who is removed has no conversations any more, however many they had": ["unassignMax"],
    "views list what they say": ["closingWithinHoursDefault"],
  },
  "inbox-views": { "counting reads no more than viewCountMax": ["viewCountMax"] },
  "inbox-api": {
    "labels are unique by name": ["labelNameCharsMax"],
    "a note is for colleagues": ["noteCharsMax", "noteMentionsMax"],
    "canned replies have a text for each language": ["cannedShortcutCharsMax", "cannedTextCharsMax", "cannedLanguagesMax"],
    "a tenant has at most labelsPerTenantMax labels": [
      "labelsPerTenantMax",
      "labelsPerConversationMax",
      "notesPerConversationMax",
      "cannedRepliesPerTenantMax",
    ],
    "a search takes at most searchQueryCharsMax characters": ["searchQueryCharsMax", "searchLimitMax"],
  },
  "search-text": {
    "a query of at most searchQueryWordsMax words": ["searchQueryWordsMax", "searchWordCharsMax", "searchWordsMax"],
    "a snippet is one line of at most searchSnippetCharsMax": ["searchSnippetCharsMax"],
  },
  search: {
    "what was there before the search is filled in": ["searchFillMax", "searchLimitDefault"],
    "one turn takes at most followEventsMax": ["followEventsMax", "followTenantsMax"],
    "what the index still names": ["searchCandidatesMax"],
  },
  overview: { "at most overviewDaysMax days": ["overviewDaysMax", "overviewFailuresMax"] },
  activity: {
    "readers from any cursor get every event once": ["activityPageMax"],
    "a reader whose buffer overflows": ["activityBufferMax"],
    "a stream ends soon after its key is revoked": ["streamAuthorizeMs"],
    "streams are bounded per tenant": ["streamsPerTenantMax"],
    "a stop ends streams with a hint": ["httpCloseMsMax", "streamRetryMs"],
  },
  forward: {
    "an endpoint for events gets the activity": ["endpointOldSecretMs"],
    "an endpoint that keeps silent holds up": ["forwardsPerEndpointMax"],
    "a claim whose node sleeps": ["forwardClaimMsMax"],
    "a time is sent again": ["forwardDeliveredKeptDays", "forwardDeadKeptDays", "forwardUpdatesKeptDays"],
    "a log is laid out in portions": ["forwardLogRowsMax", "forwardRunMax"],
    "what a node has left of requests": ["forwardsReservedMax"],
  },
  "forward-verdict": {
    "trouble is waited out": ["forwardTriedMsMax", "forwardRefusalsMax"],
    "a conversation's waits double": ["forwardRetryMsMin", "forwardRetryMsMax"],
    "an endpoint that has failed so many rounds": ["forwardTroubleFrom", "forwardProbeMsMax"],
    "an endpoint is paused at once": ["forwardFailingMsMax"],
    "Retry-After is seconds or a date": ["forwardRetryAfterMsMax"],
  },
  "forward-api": {
    "outside of the sandbox an endpoint is https": ["endpointUrlCharsMax", "endpointTopicsMax", "endpointConnectionsMax"],
    "another tenant's connection is none": ["endpointsPerTenantMax"],
  },
  ssrf: {
    "a redirect to the metadata service": ["forwardAnswerShownCharsMax"],
    "an answer without end is cut": ["forwardAnswerBytesMax"],
  },
  "outbox-nodes": {
    "nothing new is claimed while outcomes": ["sendsUnderWayPerLaneMax"],
    "a claim that was given up for lost": ["sendLostClaimMs"],
  },
  outbox: { "a request that cannot start within": ["sendStartMsMax"] },
  "send-api": { "a key whose call was rejected is free": ["idempotencyKeyMs", "idempotencyKeyCharsMax"] },
  "outbox-review": { "a number that comes after sendLanesMax": ["sendLanesMax"] },
  "send-limits": {
    "A node has at most so many requests under way": ["sendsUnderWayMax", "sendOutcomesMax"],
    "A number whose requests are not answered": ["sendsUnderWayPerLaneMin"],
    "A sender lives for so long": ["sendNodeAliveMs"],
    "One look at the timers moves": ["sendTimersMax"],
    "A message is scheduled and waits": ["sendAtDaysMax", "whenTheyWriteDaysMax"],
    "A closed window offers": ["windowClosedTemplatesMax"],
    "For a number's pace": ["sendPaceMsMax", "sendPaceMsMin"],
  },
  telemetry: { "Refused webhooks are logged up to the limit": ["logRefusalsPerSummaryMax"] },
  templates: {
    "A list is read page by page by its cursor": ["templatesPerPageMax"],
    "A page of more than templatePageBytesMax": ["templatePageBytesMax", "templatePagesMax"],
    "A token that Meta calls invalid": ["templateTokensMax"],
    "Meta's refusal for too many calls": ["templateCallsPerHourMax"],
    "One list of an account at a time": ["templateSyncMsMax"],
    "A list that breaks off": ["templateRetryMsMin"],
  },
  "platform-findings": { "Where all is well nothing is told": ["platformLateMs", "platformVeryLateMs", "platformSilentMs"] },
  "templates-write": {
    "Each of Meta's bounds on a template": [
      "metaTemplateNameCharsMax",
      "metaTemplateBodyCharsMax",
      "metaTemplateHeaderCharsMax",
      "metaTemplateFooterCharsMax",
      "metaTemplateButtonCharsMax",
      "metaTemplateUrlsMax",
      "metaTemplatePhoneDigitsMax",
      "metaTemplateCouponCharsMax",
    ],
    "A draft that is longer than any rule": ["templateUrlCharsMax", "templateExampleCharsMax", "templateDraftCharsMax"],
  },
  "templates-webhook": {
    "A list is asked for when a number is connected": ["templateSyncEveryMs", "templateSyncDelayMs"],
  },
  "media-core": {
    "A name of the most characters": ["fileNameCharsMax"],
    "An upload is judged by its bytes": ["mediaImageBytesMax", "mediaVideoBytesMax", "mediaAudioBytesMax", "mediaStickerBytesMax"],
  },
  media: {
    "An address that works no longer": ["mediaUrlFreshMs"],
    "A file over the cap": ["mediaBytesMax"],
    "At most four calls": ["mediaFailuresPerHourMax"],
    "Calls under way count": ["mediaBusyWaitMs", "mediaCallAbandonedAfterMs"],
    "After seven days": ["mediaKeptByMetaMs"],
    "Waits between attempts": ["mediaRetryMsMin", "mediaRetryMsMax"],
    "Whoever was taken for dead": ["mediaCrashesMax"],
    "A file that does not come whole": ["mediaFetchMsMax"],
  },
  "media-api": {
    "Parts of a file": ["mediaPartBytesMax"],
    "A form without a file": ["mediaFormFieldsMax"],
    "Uploads that come slowly": ["mediaUploadsMax", "mediaUploadsPerTenantMax"],
    "A file goes to Meta once": ["mediaUploadKeptMs"],
  },
  connections: {
    "The operator is believed": ["connectionProbeMsMin"],
    "A step that cannot be done": ["connectionStepAttemptsMax"],
  },
  "connections-signup": {
    "A dialogue is ended by who began it": ["signupMsMax"],
    "An account with more numbers than one page": ["numbersPerPageMax", "numberPagesMax"],
    "Of several numbers one is chosen": ["signupChoiceCharsMax"],
    "Of a code that opens more accounts": ["signupAccountsMax"],
  },
  "connections-jobs": {
    "What Meta tells of a number": ["connectionProbeDelayMs"],
    "A refused token or an account's trouble": ["connectionTroubleMsMin"],
    "Numbers are looked at every half hour": ["connectionProbeEveryMs", "connectionSweepMax", "connectionSpreadMs"],
    "A step that died with its node": ["connectionStepClaimMs"],
  },
  jobs: {
    "A job that was enqueued": ["jobPollMs"],
    "A job that this program enqueues": ["jobKeptDays", "jobWaitsDaysMax"],
    "One number has at most": ["mediaFetchesMax", "mediaFetchesPerNumberMax"],
    "The job of a killed node": ["jobHeartbeatMs", "jobMonitorMs"],
    "A stop waits": ["jobStopMsMax"],
    "Of each kind of job a node has": [
      "templateSyncsMax",
      "templateSyncsPerTenantMax",
      "connectionProbesMax",
      "connectionProbesPerTenantMax",
      "privacyJobsMax",
      "privacyJobsPerTenantMax",
      "jobConnectionsMax",
    ],
  },
  "graph-client": { "A reset, a cut answer and an endless one": ["graphResponseBytesMax"] },
  "batch-careful": {
    "an update at which the process ended three times": ["attemptsAloneMax"],
    "suspicious work is tried in small groups": ["carefulUpdatesMin"],
  },
  batch: {
    "a lock that is not given up in time": ["suspiciousAfterMs"],
    "of a thousand updates of many tenants": ["bisectRoundsMax"],
  },
  embedded: {
    "A data folder with a path too long": ["socketPathBytesMax"],
    "A frozen server is stopped": ["embeddedStopFastMsMax", "embeddedStopImmediateMsMax", "embeddedStopKillMsMax"],
  },
  "limits-waits": {
    "A node looks every activityPollMs": ["activityPollMs"],
    "A sender looks for work every sendPollMs": ["sendPollMs", "sendTimersMs", "sendNodeBeatMs"],
    "How much a tenant has waiting": ["sendRoomKeptMs"],
    "Forwarding looks every forwardPollMs": ["forwardPollMs"],
    "The followers look every followPollMs": ["followPollMs", "followTenantsMs", "snoozeWakeMs"],
    "The metrics' numbers are read": ["backlogSampleMs", "statisticsPollMs", "upkeepMs", "auditSealPollMs"],
    "A session that is idle": ["idleConnectionMsMax"],
    "An erasure looks every privacyWaitPollMs": ["privacyWaitPollMs", "privacyWaitMsMax"],
    "A stream says every": ["streamHeartbeatMs", "streamDrainMsMax"],
    "A number's token is read again": ["accessTokenKeptMs"],
    "After a turn with more to do": ["followRestFactor", "followPressedRestFactor"],
    "After a batch of fewer than": ["gatherMs", "smallBatchUpdatesMax"],
    "A call to Graph about a number": ["connectionCallMsMax", "connectionSetUpMsMax"],
  },
  "limits-outside": {
    "A call to Graph ends": ["graphTimeoutMs", "mediaUploadMsMax"],
    "Of a health_status": ["healthEntitiesMax"],
    "A request to an endpoint ends": ["forwardRequestMsMax"],
    "Deliveries of one conversation follow": ["forwardRunMs"],
    "The sandbox has sandboxPostsAtOnceMax": ["sandboxPostsAtOnceMax", "sandboxPostMsMax"],
    "A webhook that is not taken": ["sandboxPostAttemptsMax", "sandboxPostWaitMsMax"],
    "A server that another program started": ["embeddedWatchPollMs", "embeddedRestartBackoffMsMax", "embeddedRestartsPerMinuteMax"],
    "The start's lock is tried": ["embeddedLockPollMs", "embeddedRecoveryMsMax"],
    "A server that is stopped is looked at": ["embeddedStatusPollMs"],
    "A living server that answers nobody": ["embeddedAdoptMsMax"],
    "A start that the old server's shared memory": ["embeddedSharedMemoryMsMax"],
    "A backup copies backupCopiesMax": ["backupCopiesMax", "backupChunkBytes"],
    "A name server that is silent": ["forwardResolveMsMax"],
    "Parts that hang": ["stopMsMax", "stopPartsMsMax", "stopPartMsMin"],
    "A file whose reading": ["mediaSniffMsMax"],
  },
  "limits-rows": {
    "For the POST that brought a message": ["receivedResultsMax"],
    "However many addresses or wamids": ["lockBuckets"],
    "A server older than postgresVersionMin": ["postgresVersionMin"],
    "As many conversations are remembered": ["knownConversationsMax"],
    "Of the tenants whose deeds": ["auditSealTenantsMax", "erasureSecretsKeptMax"],
    "One look for accounts whose templates": ["templateSweepMax"],
    "One claim looks at forwardEndpointsClaimedMax": ["forwardEndpointsClaimedMax", "forwardsMax", "forwardStopMsMax"],
    "Of an endpoint forwardCountMax": ["forwardCountMax", "forwardPurgeRowsMax", "forwardSecretsKeptMax"],
    "Whether tenants have room": ["sendRoomsKnownMax"],
    "A node has streamsMax": ["streamsMax"],
    "Addresses that hang together": ["identityContactsMax", "identityRoundsMax"],
    "Of a phone that had another owner": ["rehomedMessagesMax"],
  },
  "faults-shutdown": {
    "a rolling restart of two nodes": ["drainGraceMs"],
  },
};

/** Honest: nothing drives these to their edge. Why not is said of each; the list shall only become shorter. */
const untested: readonly { why: string; keys: readonly Limit[] }[] = [
  {
    why: "ten thousand tokens or numbers would have to be read or made one by one: tens of seconds",
    keys: ["accessTokensMax", "sendLanesKnownMax"],
  },
  {
    why: "pg-boss keeps the second worker's rhythm to itself; a job of another node waits for the first one's in any case",
    keys: ["jobPollMsMax"],
  },
  {
    why: "only spreads the nodes of one database over rows of a count; two on one row would count right all the same",
    keys: ["intakeSlots"],
  },
  { why: "its default is wired in the HTTP server; the tests of the route give it a shorter one", keys: ["sendAnswerMsMax"] },
  { why: "a stop is quick or is not: with or without the sweep no test sees a difference but in time", keys: ["httpCloseSweepMs"] },
  { why: "a thousand contacts in the index of the search", keys: ["searchContactsMax"] },
];

const all = Object.keys(limits);
const driven = Object.values(edges).flatMap((tests) => Object.values(tests).flat());
const open = untested.flatMap(({ keys }) => keys);

test("Every limit is driven to its edge by a test, or is told to be untested, and none is both", () => {
  const known = [...driven, ...open];
  assert.deepEqual(
    all.filter((key) => !known.some((each) => each === key)),
    [],
    "limits without a test",
  );
  assert.deepEqual(
    known.filter((key, index) => known.indexOf(key) !== index),
    [],
    "limits that are listed twice",
  );
  assert.deepEqual(
    known.filter((key) => !all.includes(key)),
    [],
    "limits that are gone",
  );
});

test("The tests that drive them are there, and speak of the limits they drive", async () => {
  const faults: string[] = [];
  for (const [file, tests] of Object.entries(edges)) {
    const text = await readFile(new URL(`${file}.test.ts`, import.meta.url), "utf8");
    for (const [name, keys] of Object.entries(tests)) {
      const start = text.search(new RegExp(`test\\(\\s*["\`]${RegExp.escape(name)}`));
      if (start < 0) faults.push(`${file}: no test is called "${name}…"`);
      for (const key of keys) if (!text.includes(key) && !spokenFor.has(key)) faults.push(`${file}: nothing is said about ${key}`);
    }
  }
  assert.deepEqual(faults, []);
});

/** Driven by behaviour that the test sees from outside, without naming the number. */
const spokenFor: ReadonlySet<string> = new Set([
  "bisectRoundsMax",
  "embeddedStopFastMsMax",
  "embeddedStopImmediateMsMax",
  "embeddedStopKillMsMax",
  "socketPathBytesMax",
]);

test("Every limit is a whole number above zero, and its name ends in its unit or bound", () => {
  for (const [key, value] of Object.entries(limits)) {
    assert.ok(Number.isSafeInteger(value) && value > 0, key);
    assert.match(key, /(Max|Min|Ms|Bytes|Days|Months|Default|Factor|Slots|Buckets|From)$/, key);
  }
});
