// What the engine keeps of sessions, queues, retained messages and wills: nothing.
//
// Sessions are clean, states are kept by retained.ts, wills never reach the engine. A store that cannot keep anything
// has no queue to leak from, none to fill, and no repeat to lose.
import { Readable } from 'node:stream'

const empty = () => Readable.from([])

/** The part of aedes-persistence's interface that Aedes 1.2 calls. */
export const noPersistence = {
  async setup(): Promise<void> {},
  async storeRetained(): Promise<void> {},
  createRetainedStreamCombi: empty,
  async addSubscriptions(): Promise<void> {},
  async removeSubscriptions(): Promise<void> {},
  async subscriptionsByClient(): Promise<readonly never[]> {
    return []
  },
  async subscriptionsByTopic(): Promise<readonly never[]> {
    return []
  },
  async cleanSubscriptions(): Promise<void> {},
  async outgoingEnqueue(): Promise<void> {},
  async outgoingEnqueueCombi(): Promise<void> {},
  async outgoingUpdate(): Promise<void> {},
  async outgoingClearMessageId(): Promise<undefined> {},
  outgoingStream: empty,
  async incomingStorePacket(): Promise<void> {},
  async incomingGetPacket(): Promise<never> {
    throw new Error('no such packet')
  },
  async incomingDelPacket(): Promise<void> {},
  async cleanIncoming(): Promise<void> {},
  async putWill(): Promise<void> {},
  async delWill(): Promise<undefined> {},
  streamWill: empty,
}
