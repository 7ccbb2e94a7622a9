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
  previewCharsMax: 200,
  /** Keys whose last look-up is remembered, and for how long: a revocation on another node works after that. */
  apiKeyCacheMax: 1_000,
  apiKeyCacheMs: 1_500,
  apiKeysPerTenantMax: 500,
  appSecretsMax: 5,
  supportedTypesMax: 50,
  sessionsMax: 100,
  sessionMsMax: 12 * 60 * 60_000,
  /** Updates or deliveries that one call puts back into the queue. */
  replayMax: 5_000,
  /** Activity: events of one read, events that wait for one slow reader before it goes back to the table. */
  activityPageMax: 500,
  activityBufferMax: 2_000,
  /** How often subscribed tenants' counters are looked at, for commits of other nodes. */
  activityPollMs: 100,
  streamHeartbeatMs: 15_000,
  streamAuthorizeMs: 5_000,
  /** A reader that takes nothing for this long is let go; it resumes from its cursor. */
  streamDrainMsMax: 30_000,
  streamRetryMs: 2_000,
  streamsPerTenantMax: 200,
  streamsMax: 2_000,

  /** Text of an error in the log; cut there. */
  logMessageCharsMax: 300,
  /** Successful webhook POSTs are summed up over this time. */
  logSummaryMs: 10_000,
  /** Lines about refused webhook POSTs between two summaries; more are only counted. */
  logRefusalsPerSummaryMax: 50,
  /** Graph: the answer to a send is below 1 kB, an error below 4 kB. */
  graphResponseBytesMax: 256 * 2 ** 10,
  /** Sandbox: sends it remembers, customers whose window it knows, bodies it reads, scripted faults that wait, status posts under way. */
  sandboxLedgerMax: 10_000,
  sandboxCustomersMax: 10_000,
  sandboxBodyBytesMax: 2 ** 20,
  sandboxFaultsMax: 1_000,
  /** The form behind which a customer writes. */
  sandboxFormBytesMax: 64 * 2 ** 10,
  sandboxPendingStatusesMax: 30_000,
  /** How often it posts a webhook that was not answered 200, and how long it waits for an answer. */
  sandboxPostAttemptsMax: 5,
  sandboxPostMsMax: 15_000,

  /** More elements than this in one body, and it is kept as one unreadable update. Meta sends at most 1,000. */
  updatesPerBodyMax: 50_000,
  /** One group commit of the path in. */
  groupDeliveriesMax: 512,
  groupBytesMax: 4 * 2 ** 20,
  /** Updates in one row of the queue, but for a single body that holds more. */
  pendingRowUpdatesMax: 256,
  /** Parsed bodies that wait for the workers of this node. */
  deliveryCacheBytesMax: 8 * 2 ** 20,
  /** One claim of a worker. */
  claimAccountsMax: 1_000,
  claimRowsMax: 1_000,
  claimUpdatesMax: 1_000,
  /** Work that waits for longer may be what ends the process: it is tried with care. */
  suspiciousAfterMs: 60_000,
  /** A unit that was tried this often and never came to an end is parked. */
  attemptsMax: 3,
  /** From this attempt on, each update runs alone. */
  attemptsAloneFrom: 2,
  bisectRoundsMax: 20,

  /** Automatic replies. */
  dispatchesMax: 32,
  graphTimeoutMs: 20_000,
  /** Longer than any request to Graph can last. */
  dispatchAbandonedAfterMs: 45_000,
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
  knownLinksMax: 20_000,

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

  /** After a batch of fewer updates a loop waits this long before it claims again. */
  smallBatchUpdatesMax: 50,
  gatherMs: 8,
} as const;
