// oxlint-disable max-lines -- every limit stands here, and nowhere else (I11)
/**
 * Every limit of the program, in one place (promise I11). Names end in their unit or bound.
 * `test/limits.test.ts` drives each to its edge.
 */
export const limits = {
  /** Webhook bodies: Meta sends up to 3 MB; above this it is 413. Judged before the signature. */
  webhookBodyBytesMax: 5 * 2 ** 20,
  /** Bytes of webhook bodies that wait for their COMMIT, over all requests; above it 503. */
  webhookInFlightBytesMax: 64 * 2 ** 20,
  /** Nesting of a JSON value that is kept as it is; deeper parts are cut. */
  jsonDepthMax: 64,
  /** First part of an unreadable body that a parked update shows. */
  parkedPreviewBytesMax: 2_048,
  /** Meta's ids of messages, calls, groups, accounts and numbers; longer ones are unusable. 3 bytes each at most: still fits a btree key. */
  waIdCharsMax: 512,
  /** Names that people or templates bear, and callback data; cut there. */
  nameCharsMax: 512,
  /** Meta's own words: field, event, status, type. Cut there. */
  wordCharsMax: 128,
  /** Business-scoped user ids: Meta says `CC.` and up to 128 alphanumerics, parents `CC.ENT.`. */
  userIdCharsMax: 160,
  /** Digits of a phone as Meta writes it (E.164 has 15; test numbers and forwarding layers differ). */
  phoneDigitsMax: 32,

  /** Sessions of the database. A worker that stops in mid-transaction is cut off, so that others take over (I12). */
  idleInTransactionMsMax: 10_000,
  lockWaitMsMax: 8_000,
  statementMsMax: 30_000,
  /** How long a COMMIT may take before its outcome counts as unknown. */
  commitMsMax: 10_000,
  /** The client's own deadline lies this much after the server's. */
  deadLinkMarginMs: 3_000,
  connectMsMax: 5_000,
  keepAliveDelayMs: 5_000,
  idleConnectionMsMax: 60_000,
  /** Embedded PostgreSQL: shared buffers are a quarter of the memory, within these. */
  embeddedSharedBuffersBytesMin: 128 * 2 ** 20,
  embeddedSharedBuffersBytesMax: 2 ** 30,
  embeddedConnectionsMax: 100,
  /** Longest wait for a server that starts or recovers, and for another process that starts one. */
  embeddedRecoveryMsMax: 600_000,
  /** A living server that answers nobody for this long is ended and started again. */
  embeddedAdoptMsMax: 10_000,
  /** Children of a killed postmaster hold its shared memory for a moment; starts are retried for this long. */
  embeddedSharedMemoryMsMax: 15_000,
  /** The three steps of a stop: fast, immediate, kill; together well under 7 s. */
  embeddedStopFastMsMax: 4_000,
  embeddedStopImmediateMsMax: 1_500,
  embeddedStopKillMsMax: 500,
  embeddedWatchPollMs: 500,
  embeddedLockPollMs: 50,
  /** Between looks at a server's status file while it starts or stops. */
  embeddedStatusPollMs: 15,
  embeddedRestartsPerMinuteMax: 10,
  embeddedRestartBackoffMsMax: 5_000,
  /** `sun_path` of a unix socket, without its closing zero. */
  socketPathBytesMax: 107,
  /** One read of a base backup's copy. */
  backupChunkBytes: 2 ** 20,
  backupCopiesMax: 4,

  /** HTTP (RELIABILITY 3.9). Headers must be there, and the whole request, within these. */
  httpHeadersMsMax: 15_000,
  httpRequestMsMax: 60_000,
  httpKeepAliveMs: 72_000,
  httpConnectionsCheckMs: 5_000,
  /** How long a stop waits for answers that are under way. */
  httpCloseMsMax: 4_000,
  httpCloseSweepMs: 50,
  /** The head of a request: all its bytes, its headers, its address. Meta sends about 15 headers. */
  httpHeaderBytesMax: 16 * 2 ** 10,
  httpHeadersMax: 100,
  httpUrlBytesMax: 8 * 2 ** 10,
  /** Connections of a node; more are closed as they come. An idle one takes about 15 kB. */
  httpConnectionsMax: 8_192,
  /** A connection on which neither side gets a byte across for this long is closed. Above the longest wait of any answer. */
  httpSilenceMsMax: 120_000,
  apiBodyBytesMax: 2 ** 20,
  listLimitDefault: 50,
  listLimitMax: 200,
  /** Names, slugs, tokens and ids in requests. */
  apiTextCharsMax: 512,
  apiTokenCharsMax: 4_096,
  /** A list's cursor, as text. */
  cursorCharsMax: 512,
  /** Reactions, edits and revokes that are resolved for one page of messages. */
  messageReferencesMax: 10_000,
  timelineEntriesMax: 1_000,
  /** Results of deliveries that are looked through for the POST of one message; three times at most. */
  receivedResultsMax: 50_000,
  previewCharsMax: 200,
  /** Keys whose last look-up is remembered, and for how long: a revocation on another node works after that. */
  apiKeyCacheMax: 1_000,
  apiKeyCacheMs: 1_500,
  apiKeysPerTenantMax: 500,
  /** Requests in a minute of one key, of one person's session, and of the operator's key; what an admin may give a key at most. */
  keyRequestsPerMinuteDefault: 12_000,
  keyRequestsPerMinuteMax: 120_000,
  sessionRequestsPerMinuteMax: 1_800,
  operatorRequestsPerMinuteMax: 12_000,
  /** Failed authentications of one address in a minute, before its unknown credentials are looked up in turn: so many at a time, so many waiting. */
  failedAuthPerMinuteMax: 60,
  strangerLookUpsMax: 2,
  strangersWaitingMax: 200,
  rateWindowMs: 60_000,
  /** Keys, sessions and addresses that a node counts; and credentials of which it remembers that they worked. */
  rateKeysMax: 20_000,
  knownCredentialsMax: 5_000,
  /** Secrets that one step of the rotation wraps anew; how often it goes over all of them while others still seal with an old key. */
  rotateSecretsMax: 200,
  rotatePassesMax: 3,
  /** What an operator may set as a tenant's quota. */
  sendsPerDayMax: 100_000_000,
  appSecretsMax: 5,
  supportedTypesMax: 50,

  /** People. A session ends so long after its last use, and so long after sign-in in any case. */
  sessionIdleMsMax: 24 * 60 * 60_000,
  sessionMsMax: 30 * 24 * 60 * 60_000,
  /** Of one person; the one that was unused for longest makes room. */
  sessionsPerPersonMax: 20,
  /** Sessions whose last look-up is remembered, and for how long: what another node changed works after that. */
  sessionCacheMax: 2_000,
  sessionCacheMs: 2_000,
  /** The last use is written down at most this often. */
  sessionSeenMs: 60_000,
  peoplePerTenantMax: 1_000,
  invitationsPerTenantMax: 200,
  invitationMsMax: 7 * 24 * 60 * 60_000,
  /** To choose a new password, to make the first account, to sign in to the sandbox. */
  linkMsMax: 24 * 60 * 60_000,
  emailCharsMax: 254,
  personNameCharsMax: 100,
  passwordCharsMin: 12,
  passwordCharsMax: 128,
  /** argon2id as OWASP advises it (2025): 19 MiB, two passes. */
  passwordHashBytes: 19 * 2 ** 20,
  passwordHashPassesMin: 2,
  /** Hashes at a time, since each takes its memory and a thread; and those that may wait, beyond which the answer is 503. */
  passwordHashesMax: 2,
  passwordHashesWaitingMax: 50,
  /** Attempts to sign in, in such a time: of an account from one address, of an account, from one address. A success starts the first anew. */
  signInWindowMs: 15 * 60_000,
  signInAttemptsMax: 10,
  signInAccountAttemptsMax: 100,
  signInAddressAttemptsMax: 300,
  /** Attempts, links and sessions whose time is over that one sign-in clears away. */
  signInClearMax: 100,
  /** Updates or deliveries that one call puts back into the queue. */
  replayMax: 5_000,
  /** Deliveries that one page of a list by state looks at. */
  deliveriesLookedMax: 1_000,
  /** Activity: events of one read, events that wait for one slow reader before it goes back to the table. */
  activityPageMax: 500,
  activityBufferMax: 2_000,
  /** Conversations of which a reader of one connection remembers whether they are its own; more than one read names. */
  activityConversationsKnownMax: 10_000,
  /** How often subscribed tenants' counters are looked at, for commits of other nodes. */
  activityPollMs: 100,
  streamHeartbeatMs: 15_000,
  streamAuthorizeMs: 5_000,
  /** A reader that takes nothing for this long is let go; it resumes from its cursor. */
  streamDrainMsMax: 30_000,
  streamRetryMs: 2_000,
  streamsPerTenantMax: 200,
  /** Nodes that serve callers tell each other this often how much each caller asked, of so many callers and streams of so many tenants at a time. */
  webNodeBeatMs: 1_000,
  webNodeAliveMs: 12_000,
  webNodeLeaveMsMax: 1_000,
  webNodeRatesMax: 500,
  webNodeStreamsToldMax: 20,
  streamsMax: 2_000,

  /** Text of an error in the log; cut there. */
  logMessageCharsMax: 300,
  /** Successful webhook POSTs are summed up over this time. */
  logSummaryMs: 10_000,
  /** Lines about refused webhook POSTs between two summaries; more are only counted. */
  logRefusalsPerSummaryMax: 50,
  /** Graph: the answer to a send is below 1 kB, an error below 4 kB. */
  graphResponseBytesMax: 256 * 2 ** 10,
  /** Sandbox: messages its ledger remembers in each direction, customers it knows, bodies it reads, scripted faults that wait, status posts under way. */
  sandboxLedgerMax: 100_000,
  sandboxCustomersMax: 200_000,
  sandboxBodyBytesMax: 2 ** 20,
  sandboxFaultsMax: 1_000,
  /** One of its controls; a customer's file comes as base64. */
  sandboxControlBytesMax: 24 * 2 ** 20,
  sandboxPendingStatusesMax: 200_000,
  /** Uploads (Meta takes documents of 100 MB), and all files together. */
  sandboxUploadBytesMax: 101 * 2 ** 20,
  sandboxMediaBytesMax: 256 * 2 ** 20,
  sandboxTemplatesMax: 6_000,
  /** How often it posts a webhook that was not answered 200, how long it waits between, and how long for an answer. */
  sandboxPostAttemptsMax: 200,
  sandboxPostWaitMsMax: 5_000,
  sandboxPostsAtOnceMax: 64,
  sandboxPostMsMax: 15_000,

  /** More elements than this in one body, and it is kept as one unreadable update. Meta sends at most 1,000. */
  updatesPerBodyMax: 50_000,
  /** One group commit of the path in. */
  groupDeliveriesMax: 512,
  groupBytesMax: 4 * 2 ** 20,
  /** Updates in one row of the queue, but for a single body that holds more. */
  pendingRowUpdatesMax: 64,
  /** Parsed bodies that wait for the workers of this node. */
  deliveryCacheBytesMax: 8 * 2 ** 20,
  /** One claim of a worker. */
  claimAccountsMax: 1_000,
  claimRowsMax: 1_000,
  claimUpdatesMax: 1_000,
  /** An account with more updates than this waiting has a large backlog: others do not wait for it. */
  smallBacklogUpdatesMax: 64,
  /** One claim of an account that alone has a large backlog, while accounts with a small one were served within this time. */
  claimUpdatesSharedMax: 100,
  sharedLaneMs: 1_000,
  /** Then the longest rest of that account after its helping. */
  sharedRestMsMax: 100,
  /** How long a turn with much to do stands aside, in all, for turns with little to do. */
  giveWayMsMax: 20,
  /** Work that waits for longer may be what ends the process: it is tried with care. */
  suspiciousAfterMs: 60_000,
  /** Updates of suspicious work that are tried together at first; doubled by each success. */
  carefulUpdatesMin: 16,
  /** An update that was tried alone this often and never came to an end is parked. */
  attemptsAloneMax: 3,
  bisectRoundsMax: 20,

  /** Sending: requests to Graph under way on a node, and of one number among them. */
  sendsUnderWayMax: 512,
  sendsUnderWayPerLaneMax: 256,
  /** Of a number whose requests are not answered. */
  sendsUnderWayPerLaneMin: 4,
  /** Numbers that one claim looks at. */
  sendLanesMax: 1_000,
  /** Numbers of which a node remembers that they can send. */
  sendLanesKnownMax: 50_000,
  /** From a claim to the start of its request; later it is given back. Part of the margin before a window's end. */
  sendStartMsMax: 1_000,
  graphTimeoutMs: 20_000,
  /** A sender that has not been heard of for so long is dead; what it had under way becomes `unknown`. */
  sendNodeAliveMs: 12_000,
  sendNodeBeatMs: 2_000,
  /** For so long a claim whose COMMIT was not answered is looked for: the server may carry it out late. */
  sendLostClaimMs: 60_000,
  /** How often a sender looks for work of other nodes, and for what was put off. */
  sendPollMs: 500,
  /** Longest wait for a number's pace before it looks again. */
  sendPaceMsMax: 100,
  sendPaceMsMin: 5,
  /** Messages that one look at the timers moves, and how often it looks. */
  sendTimersMax: 1_000,
  sendTimersMs: 1_000,
  /** Outcomes written in one transaction. */
  sendOutcomesMax: 500,
  /** Access tokens are read again after this time. */
  accessTokenKeptMs: 5_000,
  accessTokensMax: 10_000,
  /** Messages of a tenant that wait to be sent; how long the count is believed, and for how many tenants. */
  sendsWaitingPerTenantMax: 1_000_000,
  sendRoomKeptMs: 10_000,
  sendRoomsKnownMax: 10_000,
  /** Calls that are stored in one transaction. */
  sendGroupMax: 64,
  /** How far ahead a message may be scheduled, and how long it may wait for the customer. */
  sendAtDaysMax: 365,
  whenTheyWriteDaysMax: 30,
  /** How long an Idempotency-Key is remembered, and its length. */
  idempotencyKeyMs: 24 * 60 * 60_000,
  idempotencyKeyCharsMax: 255,
  /** How long the route in Meta's shape waits for Graph's answer. */
  sendAnswerMsMax: 20_000,
  sendAnswerPollMs: 250,
  sendAnswersMax: 10_000,
  /** Templates that the answer `window_closed` offers. */
  windowClosedTemplatesMax: 10,
  /** Background jobs (pg-boss). A node that dies is noticed by its heartbeat; 10 s is the least that pg-boss takes. */
  jobHeartbeatMs: 10_000,
  jobMonitorMs: 3_000,
  /** How often a queue is looked at for jobs of other nodes and for retries; and by all but the first of its workers. */
  jobPollMs: 2_000,
  jobPollMsMax: 30_000,
  jobConnectionsMax: 3,
  /** A stop waits this long for jobs that run. */
  jobStopMsMax: 3_000,
  /** Finished jobs stay to be looked at; one that nobody took is given up after this. */
  jobKeptDays: 1,
  jobWaitsDaysMax: 30,

  /** Media that a node fetches at once, and that are fetched for one number over all nodes. */
  mediaFetchesMax: 8,
  mediaFetchesPerNumberMax: 4,
  /** Failed calls for media of one number within an hour, those under way included: more than 5 can block its media (360dialog). */
  mediaFailuresPerHourMax: 4,
  /** A call that began so long ago and did not end counts as failed. */
  mediaCallAbandonedAfterMs: 10 * 60_000,
  /** While the calls under way are as many as may fail; and between attempts, doubling. */
  mediaBusyWaitMs: 2_000,
  mediaRetryMsMin: 10_000,
  mediaRetryMsMax: 3_600_000,
  /** From the request to the last byte. */
  mediaFetchMsMax: 180_000,
  mediaUploadMsMax: 120_000,
  /** The URL in a webhook works for 5 minutes; Meta keeps a customer's file for 7 days and an upload for 30. */
  mediaUrlFreshMs: 4 * 60_000,
  mediaKeptByMetaMs: 7 * 86_400_000,
  mediaUploadKeptMs: 29 * 86_400_000,
  mediaCrashesMax: 3,
  /** What Meta takes, by type (PLATFORM section 8). Whatever a customer sends may have as much as a document: Meta judges that. */
  mediaBytesMax: 100 * 2 ** 20,
  mediaImageBytesMax: 5 * 2 ** 20,
  mediaVideoBytesMax: 16 * 2 ** 20,
  mediaAudioBytesMax: 16 * 2 ** 20,
  mediaStickerBytesMax: 500 * 2 ** 10,
  /** One answer to a request for a part of a file. */
  mediaPartBytesMax: 16 * 2 ** 20,
  mediaSniffMsMax: 5_000,
  /** Fields of a form beside its file; forms that a node reads at once, and of one tenant. */
  mediaFormFieldsMax: 10,
  mediaUploadsMax: 32,
  mediaUploadsPerTenantMax: 8,
  fileNameCharsMax: 120,

  /** Forwarding to tenants' endpoints. */
  endpointsPerTenantMax: 50,
  endpointUrlCharsMax: 2_048,
  endpointTopicsMax: 100,
  endpointConnectionsMax: 200,
  /** After a rotation the old secret signs beside the new one for so long. */
  endpointOldSecretMs: 24 * 60 * 60_000,
  /** One step of laying out an endpoint's log as deliveries. */
  forwardLogRowsMax: 250,
  /** Requests under way from one node, and of those what only endpoints without any may take. */
  forwardsMax: 512,
  forwardsReservedMax: 256,
  /** Conversations of one endpoint that are sent at once, over all nodes. */
  forwardsPerEndpointMax: 8,
  forwardEndpointsClaimedMax: 256,
  /** Deliveries of one conversation sent one after another in one claim, while this much time has not passed. */
  forwardRunMax: 20,
  forwardRunMs: 2_000,
  /** A request: from the look-up of the name to the end of the answer. With the run it ends before the claim does. */
  forwardRequestMsMax: 10_000,
  forwardResolveMsMax: 3_000,
  /** A claim whose node is gone or frozen is void after this. */
  forwardClaimMsMax: 15_000,
  /** Of an answer's body so much is read, and so much is shown. */
  forwardAnswerBytesMax: 16 * 2 ** 10,
  forwardAnswerShownCharsMax: 200,
  /** Waits of a conversation after failures. */
  forwardRetryMsMin: 1_000,
  forwardRetryMsMax: 60 * 60_000,
  /** Waits between two attempts at an endpoint that has failed so many rounds in a row. */
  forwardTroubleFrom: 5,
  forwardProbeMsMax: 5 * 60_000,
  forwardRetryAfterMsMax: 60 * 60_000,
  /** A delivery that fails is dead after this time, or after this many refusals (4xx): with the waits between about half a day. */
  forwardTriedMsMax: 3 * 24 * 60 * 60_000,
  forwardRefusalsMax: 24,
  /** An endpoint without a success for so long is paused. */
  forwardFailingMsMax: 4 * 24 * 60 * 60_000,
  forwardDeliveredKeptDays: 3,
  forwardDeadKeptDays: 30,
  /** Updates can be sent and replayed for so long. */
  forwardUpdatesKeptDays: 14,
  forwardPurgeRowsMax: 5_000,
  /** Of each endpoint so many deliveries are counted for the metrics. */
  forwardCountMax: 1_000,
  /** Secrets of endpoints that a node remembers. */
  forwardSecretsKeptMax: 1_000,
  /** On a stop, requests under way may end by themselves for so long. */
  forwardStopMsMax: 2_000,
  forwardPollMs: 500,

  /** Loops of the workers. */
  pollMs: 1_000,
  retryMsMin: 100,
  retryMsMax: 5_000,

  /** How long rows are kept, and how far ahead their partitions are made. */
  journalKeptDays: 14,
  statusFactsKeptDays: 90,
  activityKeptDays: 90,
  partitionsAheadDays: 4,
  partitionsAheadMonths: 3,
  upkeepMs: 60 * 60 * 1_000,

  /** Sessions with the database, per purpose. */
  appConnectionsMax: 10,
  workerConnectionsMax: 10,
  platformConnectionsMax: 4,
  authConnectionsMax: 4,
  privacyConnectionsMax: 3,

  /** Retention, exports, erasures: rows of one transaction, and bytes of raw bodies. */
  privacyRowsMax: 500,
  privacyBodiesBytesMax: 8 * 2 ** 20,
  /** Jobs of this kind under way on a node, and of one tenant over all nodes. */
  privacyJobsMax: 2,
  privacyJobsPerTenantMax: 1,
  /** Jobs of a tenant that wait or run. */
  privacyJobsWaitingMax: 100,
  /** How long an erasure waits for what was under way when it began; then its job tries again. */
  privacyWaitMsMax: 60_000,
  privacyWaitPollMs: 25,
  /** Erased people are recognised for so long: Meta delivers for 7 days, and the journal can be replayed for up to 30. */
  erasureMarkKeptDays: 35,
  /** Tenants whose key for that is remembered. */
  erasureSecretsKeptMax: 1_000,
  /** An export can be fetched for so long. */
  exportKeptDays: 7,
  /** Nothing was written to it for so long: whoever began it has ended. */
  exportUnfinishedMsMax: 24 * 60 * 60_000,
  /** Least and most that a tenant may set. Messages outlive the raw bodies, so that no replay brings one back. */
  retentionDaysMin: 8,
  retentionMessagesDaysMin: 15,
  retentionDaysMax: 3_650,
  /** The audit log's; also in db/migrations/0019. */
  retentionAuditDaysMin: 365,
  /** Full portions of a tenant before the next one's turn. */
  retentionPortionsMax: 20,
  postgresVersionMin: 180_000,
  lockRetryMs: 250,
  lockAttemptsMax: 12,
  /** Secrets of tenants' own Meta apps are read again after this time. */
  appSecretsKeptMs: 5_000,
  appSecretsKeptMax: 1_000,

  /** Contacts that one call may draw in through shared phones and ids before it is given up as poison. */
  identityContactsMax: 20_000,
  /** Steps from one contact to the next over shared addresses, likewise. */
  identityRoundsMax: 64,
  /** Messages looked at when it turns out that a phone had another owner; the latest ones. */
  rehomedMessagesMax: 20_000,
  /** Pairs of phone and user id that the status worker needs not look up again. */
  knownLinksMax: 50_000,

  intakeSlots: 10_000,
  readinessKeptMs: 500,
  backlogSampleMs: 5_000,
  /** Between not being ready and closing, so that a proxy looks elsewhere. */
  drainGraceMs: 1_000,
  /** SIGTERM: everything is gone by then. */
  stopMsMax: 9_500,

  /** Tables are analysed again when they have grown by this factor, up to a size from which autovacuum suffices. */
  statisticsGrowthFactor: 2,
  statisticsBytesMin: 64 * 2 ** 10,
  statisticsBytesMax: 2 ** 30,
  statisticsPollMs: 1_000,
  /** People and conversations that a worker need not look up again. */
  knownPeopleMax: 50_000,
  knownConversationsMax: 50_000,

  /** Advisory locks for addresses, and as many for wamids; a power of two. Both fit into a default server's lock table. */
  lockBuckets: 2_048,
  deliveryCacheKeptMs: 10_000,
  /** A webhook's body must have come by then. */
  webhookBodyMsMax: 10_000,
  /** Upkeep must not hold up the path in while it waits for its locks. */
  upkeepLockWaitMs: 300,
  /** On SIGTERM everything before the embedded database has this long. */
  stopPartsMsMax: 5_000,
  stopPartMsMin: 50,

  /** Batches of one lane under way at once on a node. */
  laneLoopsMax: 2,

  /**
   * What Meta takes in a message that is sent (developer pages as of October 2026); lengths in characters. A header or footer, a body,
   * a list's body, a caption and so on. What Meta does not bound is bounded here all the same, generously: those say "ours".
   */
  metaTextCharsMax: 4_096,
  metaCaptionCharsMax: 1_024,
  metaFilenameCharsMax: 240,
  metaBodyCharsMax: 1_024,
  metaListBodyCharsMax: 4_096,
  metaHeaderCharsMax: 60,
  metaButtonsMax: 3,
  metaButtonTitleCharsMax: 20,
  metaButtonIdCharsMax: 256,
  metaListSectionsMax: 10,
  metaListRowsMax: 10,
  metaRowIdCharsMax: 200,
  metaRowTitleCharsMax: 24,
  metaRowDescriptionCharsMax: 72,
  metaProductSectionsMax: 10,
  metaProductsMax: 30,
  metaCardsMin: 2,
  metaCardsMax: 10,
  metaCallTtlMinutesMax: 43_200,
  metaCallPayloadCharsMax: 512,
  metaCallbackCharsMax: 512,
  metaContactsMax: 257,
  metaTemplateButtonsMax: 10,
  /** The text of one parameter: Meta's bound for a template that is nothing but a body. */
  metaTemplateTextCharsMax: 32_768,
  /** Ours. */
  metaLinkCharsMax: 2_048,
  metaPlaceCharsMax: 1_000,
  metaContactEntriesMax: 50,
  metaEmojiCharsMax: 32,
  metaTemplateParametersMax: 200,
  metaTemplatePayloadCharsMax: 512,
  metaCouponCharsMax: 20,
  /** Templates as they are written here. Meta's (page "Create and manage templates", 2026-10); the example's bound is ours. */
  metaTemplateNameCharsMax: 512,
  metaTemplateBodyCharsMax: 1_024,
  metaTemplateHeaderCharsMax: 60,
  metaTemplateFooterCharsMax: 60,
  metaTemplateButtonCharsMax: 25,
  metaTemplateUrlsMax: 2,
  metaTemplatePhoneDigitsMax: 20,
  metaTemplateCouponCharsMax: 15,
  templateUrlCharsMax: 2_000,
  templateExampleCharsMax: 1_024,
  /** A field that is longer than its rule is told so; beyond this the body is refused as it stands. */
  templateDraftCharsMax: 4_096,
  /** Faults that are told of one content; more are of no help. */
  contentFaultsMax: 20,
  /** A tenant's own text of the automatic reply. */
  autoReplyTextCharsMax: 1_024,
  /** Words by which a tenant's customers opt out of marketing, or in again; of each list, and of each word. */
  optOutWordsMax: 200,
  optOutWordCharsMax: 60,
  /** Audited deeds in one seal, and seals of one call that verifies them. */
  auditSealEventsMax: 1_000,
  auditVerifySealsMax: 500,
  /** A deed is sealed once it is this old: no transaction lasts so long, so nothing comes in between any more. */
  auditSealAfterMs: 5 * 60_000,
  auditSealTenantsMax: 1_000,
  auditSealPollMs: 60_000,

  /** Templates: lines of one page of Meta's list, pages of one list, bytes of one page. Meta lets an account have 6,000. */
  templatesPerPageMax: 100,
  templatePagesMax: 100,
  templatePageBytesMax: 4 * 2 ** 20,
  /** One list of an account from its first to its last page; its lease ends with it. */
  templateSyncMsMax: 50_000,
  /** Of the 200 that Meta allows an app and a WABA. */
  templateCallsPerHourMax: 150,
  /** Lists under way at once, on a node and over all nodes for one tenant. */
  templateSyncsMax: 4,
  templateSyncsPerTenantMax: 1,
  /** Tokens that are tried when Meta calls one of them invalid. */
  templateTokensMax: 3,
  templateSyncEveryMs: 6 * 60 * 60_000,
  templateRetryMsMin: 5 * 60_000,
  /** After a webhook that says too little, so that several of them are one list. */
  templateSyncDelayMs: 10_000,
  /** Accounts whose list is due, of one look. */
  templateSweepMax: 500,

  /** The operator's look at the platform: counts stop there, lists have no more. */
  platformCountMax: 10_000,
  platformListMax: 50,
  /** What waits so long is late; so long, and somebody must act. No word of Meta's for so long is strange. */
  platformLateMs: 15_000,
  platformVeryLateMs: 2 * 60_000,
  platformSilentMs: 3 * 60 * 60_000,

  /** The inbox. A view is counted no further than this: beyond it nobody reads the number. */
  viewCountMax: 1_000,
  /** `closing_soon`: so many hours before the window's end, unless somebody asks for others. */
  closingWithinHoursDefault: 4,
  snoozeDaysMax: 365,
  /** Snoozed conversations that one look brings back, and how often it looks. */
  snoozeWakeMax: 500,
  /** Conversations that one transaction takes from somebody who was removed. */
  unassignMax: 500,
  snoozeWakeMs: 1_000,
  labelsPerTenantMax: 200,
  labelsPerConversationMax: 20,
  labelNameCharsMax: 50,
  noteCharsMax: 4_000,
  noteMentionsMax: 20,
  notesPerConversationMax: 1_000,
  cannedRepliesPerTenantMax: 1_000,
  cannedShortcutCharsMax: 40,
  cannedTextCharsMax: 4_096,
  cannedLanguagesMax: 10,

  /** Search: characters and words of a query, hits of a page. */
  searchQueryCharsMax: 200,
  searchQueryWordsMax: 10,
  searchLimitDefault: 20,
  searchLimitMax: 50,
  /** Contacts that one query looks at; the latest of them are shown. */
  searchContactsMax: 1_000,
  /** Words of one message that can be found, and the length at which each is cut. */
  searchWordsMax: 1_000,
  searchWordCharsMax: 48,
  searchSnippetCharsMax: 160,
  /** Hits that are looked at for one page: some may show no longer what was indexed. */
  searchCandidatesMax: 200,
  /** Followers of the activity (search, overview): how often they look, tenants and events of one turn, and how many times as long as a turn took they rest. */
  followPollMs: 500,
  followTenantsMax: 50,
  followEventsMax: 1_000,
  followRestFactor: 3,
  /** The same while the queue `webhooks` has work: they take a twentieth of one processor at most, and are never stopped altogether. */
  followPressedRestFactor: 20,
  /** How often they look for tenants that are new, and for messages that are to be filled in. */
  followTenantsMs: 2_000,
  /** Messages that one step of the back-fill indexes. */
  searchFillMax: 500,
  overviewDaysMax: 366,
  overviewFailuresMax: 20,

  /** Connections: one call to Graph about a number, all calls of one set-up that somebody waits for, and tries that are made by themselves. */
  connectionCallMsMax: 10_000,
  connectionSetUpMsMax: 25_000,
  connectionStepAttemptsMax: 5,
  /** A step that somebody else began so long ago has died with its node. */
  connectionStepClaimMs: 60_000,
  /** How often a number is looked at; after news; on request; after errors at most so often, since Meta allows 200 calls an hour. */
  connectionProbeEveryMs: 30 * 60_000,
  connectionProbeDelayMs: 5_000,
  connectionProbeMsMin: 10_000,
  connectionTroubleMsMin: 5 * 60_000,
  /** Looks under way at once, on a node and over all nodes for one tenant; numbers that are due, of one sweep, and over how long it spreads them. */
  connectionProbesMax: 4,
  connectionProbesPerTenantMax: 2,
  connectionSweepMax: 1_000,
  connectionSpreadMs: 4 * 60_000,
  /** Lists of Meta's: numbers of one page, pages, and entities and reasons of a health_status. */
  numbersPerPageMax: 100,
  numberPagesMax: 20,
  healthEntitiesMax: 20,
  /** From the opening of Meta's dialogue to its code. */
  signupMsMax: 60 * 60_000,
  /** A token, sealed, in base64url. */
  signupChoiceCharsMax: 16_384,
  /** Accounts that one code opens and that are asked for their numbers. */
  signupAccountsMax: 20,

  /** After a batch of fewer updates a loop waits this long before it claims again. */
  smallBatchUpdatesMax: 50,
  gatherMs: 8,
} as const;
