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
  /** The three steps of a stop: fast, immediate, kill; together under 7 s. */
  embeddedStopFastMsMax: 4_500,
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
} as const;
