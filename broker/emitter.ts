// The engine's message queue: none. Subscriptions are kept in router.ts, messages are handed out by deliver.ts.

/**
 * The part of mqemitter's interface that Aedes 1.2 calls. What it tells itself (`$SYS/{id}/new/clients` and the like, by which
 * somebody could have others disconnected) reaches nobody. `done` is called at once where the engine books a subscription in
 * it: an UNSUBSCRIBE booked later than the SUBSCRIBE that follows it would end that one.
 */
export const noEmitter = {
  concurrency: 0,
  current: 0,
  on(_filter: string, _listener: unknown, done?: () => void) {
    done?.()
    return this
  },
  removeListener(_filter: string, _listener: unknown, done?: () => void) {
    done?.()
    return this
  },
  emit(_message: unknown, done?: () => void) {
    if (done) setImmediate(done)
    return this
  },
  close(done?: () => void) {
    if (done) setImmediate(done)
    return this
  },
}
