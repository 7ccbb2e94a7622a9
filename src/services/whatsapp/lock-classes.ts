/** First halves of two-part advisory locks, so that buckets of different things do not meet. */
export const lockClasses = { addresses: 7_301, messages: 7_302, mediaContents: 7_303, mediaCalls: 7_304 } as const;
