// A process that publishes on one `live` topic as fast as its socket takes it. Forked by fair.ts.
import { once } from 'node:events'
import { publish } from '../fuzz/bytes.ts'
import { openWire } from './wire.ts'

export type FirehoseOrder = {
  readonly port: number
  readonly agentId: string
  readonly token: string
  readonly topic: string
  readonly bytes: number
}

const AT_ONCE = 200

process.once('message', async (order: FirehoseOrder) => {
  const { port, agentId, token, topic, bytes } = order
  const { socket } = await openWire(port, { clientId: 'firehose', username: `agent:${agentId}`, password: token })
  socket.on('error', () => {})
  let sent = 0
  process.once('message', () => process.send?.(sent, () => process.exit(0)))
  process.once('disconnect', () => process.exit(1))
  const batch = Buffer.concat(Array<Buffer>(AT_ONCE).fill(publish(topic, Buffer.alloc(bytes, 0x61))))
  process.send?.('ready')
  while (socket.writable) {
    const isRoom = socket.write(batch)
    sent += AT_ONCE
    if (isRoom) await new Promise((resolve) => setImmediate(resolve))
    else await once(socket, 'drain')
  }
})
