/** First halves of two-part advisory locks, so that buckets of different things do not meet. */
export const lockClasses = { addresses: 7_301, messages: 7_302 } as const;
