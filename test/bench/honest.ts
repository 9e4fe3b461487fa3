// An honest agent on a thread of its own, so that what it notices is the server's doing and not the load generator's.
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import type { FleetAgent } from './fleet.ts'
import { openWire } from './wire.ts'

export type Honest = {
  /** How long each sample took to be acknowledged, in ms. */
  stop(): Promise<readonly number[]>
}

const EVERY_MS = 20

/** Resolves when it has signed in. */
export async function startHonest(port: number, agent: FleetAgent): Promise<Honest> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port, agent } })
  const said = () =>
    new Promise<readonly number[]>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  await said()
  return {
    stop: async () => {
      const took = said()
      worker.postMessage('stop')
      const found = await took
      await worker.terminate()
      return found
    },
  }
}

async function work(port: number, { agentId, token, deviceId }: FleetAgent): Promise<void> {
  const wire = await openWire(port, { clientId: 'honest', username: `agent:${agentId}`, password: token })
  const took: number[] = []
  let isOver = false
  parentPort?.once('message', () => {
    isOver = true
  })
  parentPort?.postMessage([])
  for (let seq = Date.now(); !isOver; seq += 1) {
    const sample = { kind: 'values', seq, at: Date.now(), status: 'OL', variables: { 'ups.load': 1 } }
    const sent = performance.now()
    wire.publish(deviceTopic(deviceId, 'state'), JSON.stringify(sample))
    while (wire.unacknowledged() > 0 && !wire.socket.destroyed) await pause(1)
    if (wire.socket.destroyed) throw new Error('the honest agent was cut off')
    took.push(performance.now() - sent)
    await pause(EVERY_MS)
  }
  wire.end()
  parentPort?.postMessage(took)
}

if (parentPort && workerData?.agent) await work(workerData.port, workerData.agent)
